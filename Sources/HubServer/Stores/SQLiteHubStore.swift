import Foundation
import GRDB
package import HubCore
import Synchronization

/// A hub's store in one SQLite file.
///
/// The journal is a write-ahead log and `synchronous` is FULL, so that a deposit or a revocation that was answered
/// survives a power failure. A transaction takes a whole batch, so a busy hub pays for few of them. The lock on the
/// state directory keeps other hubs away from the file, so one decision for each transaction is enough.
package final class SQLiteHubStore: HubStore {
    private let queue: DatabaseQueue
    private let counts: Mutex<Counts>

    /// Rows that would take too long to count each time.
    struct Counts: Sendable {
        var nodes = 0
        var mail = 0
    }

    /// Opens or makes the file at `path`; `:memory:` is a store that nothing survives. Throws GRDB's `DatabaseError`.
    package init(path: String) throws {
        var configuration = Configuration()
        configuration.label = "postern hub store"
        configuration.prepareDatabase { database in
            try database.execute(sql: "PRAGMA journal_mode = WAL")
            try database.execute(sql: "PRAGMA synchronous = FULL")
        }
        queue = try DatabaseQueue(path: path, configuration: configuration)
        try Self.migrations.migrate(queue)
        counts = Mutex(
            try queue.read { database in
                Counts(
                    nodes: try Int.fetchOne(database, sql: "SELECT count(*) FROM node") ?? 0,
                    mail: try Int.fetchOne(database, sql: "SELECT count(*) FROM mail") ?? 0
                )
            }
        )
    }

    package func transaction(_ reads: HubReads, _ decide: (HubFacts) -> [HubWrite]) throws {
        try counts.withLock { counts in
            var access = SQLiteHubAccess(counts: counts)
            try queue.writeWithoutTransaction { database in
                // A batch that only reads takes no lock for writing.
                try database.inTransaction(.deferred) {
                    let facts = try access.fetch(reads, from: database)
                    for write in decide(facts) { try access.apply(write, to: database) }
                    return .commit
                }
            }
            counts = access.counts
        }
    }

    private static var migrations: DatabaseMigrator {
        var migrator = DatabaseMigrator()
        migrator.registerMigration("1") { database in
            try database.execute(
                sql: """
                    CREATE TABLE node (
                        key BLOB PRIMARY KEY, name TEXT NOT NULL, registered INTEGER NOT NULL
                    ) WITHOUT ROWID;
                    CREATE TABLE mail (
                        sequence INTEGER PRIMARY KEY AUTOINCREMENT, target BLOB NOT NULL, id TEXT NOT NULL,
                        sealed BLOB NOT NULL, deposited INTEGER NOT NULL, UNIQUE (target, id)
                    );
                    CREATE INDEX mail_target ON mail (target, sequence);
                    CREATE INDEX mail_deposited ON mail (deposited);
                    CREATE TABLE revocation (
                        giver BLOB NOT NULL, subject BLOB NOT NULL, until INTEGER NOT NULL, PRIMARY KEY (giver, subject)
                    ) WITHOUT ROWID;
                    """
            )
        }
        // Names of nodes are nobody's business here; contact cards are.
        migrator.registerMigration("2") { database in
            try database.execute(
                sql: """
                    ALTER TABLE node ADD COLUMN contacts TEXT NOT NULL DEFAULT '';
                    ALTER TABLE node DROP COLUMN name;
                    """
            )
        }
        return migrator
    }
}
