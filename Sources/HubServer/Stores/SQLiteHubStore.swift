import Foundation
import GRDB
package import HubCore

/// A hub's store in one SQLite file.
///
/// The journal is a write-ahead log and `synchronous` is FULL, so that a deposit or a revocation that was answered
/// survives a power failure. A transaction takes a whole batch, so a busy hub pays for few of them. The lock on the
/// state directory keeps other hubs away from the file, so one decision for each transaction is enough. What would take
/// too long to count each time is counted by triggers, in the same transaction.
package final class SQLiteHubStore: HubStore {
    private let queue: DatabaseQueue

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
    }

    package func transaction(_ reads: HubReads, _ decide: (HubFacts) -> [HubWrite]) throws {
        try queue.writeWithoutTransaction { database in
            // A batch that only reads takes no lock for writing.
            try database.inTransaction(.deferred) {
                let facts = try SQLiteHubReader(database: database).facts(for: reads)
                let writer = SQLiteHubWriter(database: database)
                for write in decide(facts) { try writer.apply(write) }
                return .commit
            }
        }
    }

    private static var migrations: DatabaseMigrator {
        var migrator = DatabaseMigrator()
        for (name, sql) in SQLiteHubSchema.versions {
            migrator.registerMigration(name) { database in try database.execute(sql: sql) }
        }
        return migrator
    }
}
