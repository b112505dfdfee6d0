import Foundation
import GRDB
package import HubCore
package import OverlayCrypto
import PosternModel
import Synchronization

/// A hub's store in one SQLite file.
///
/// The journal is a write-ahead log and `synchronous` is FULL, so that a deposit or a revocation that was answered
/// survives a power failure. A transaction takes a whole batch, so a busy hub pays for few of them. The lock on the
/// state directory keeps other hubs away from the file, so one decision for each transaction is enough, nothing changes
/// between reading and writing, and what was read last need not be read again. What would take too long to count each
/// time is counted by triggers, in the same transaction.
package final class SQLiteHubStore: HubStore {
    private let queue: DatabaseQueue
    private let states = NetworkStateCache()
    private let recent = Mutex(RecentRows())

    /// Opens or makes the file at `path` of the hub with `identity`; `:memory:` is a store that nothing survives.
    /// Throws GRDB's `DatabaseError`.
    package init(path: String, of identity: NodeIdentity) throws {
        var configuration = Configuration()
        configuration.label = "postern hub store"
        configuration.prepareDatabase { database in
            try database.execute(sql: "PRAGMA journal_mode = WAL")
            try database.execute(sql: "PRAGMA synchronous = FULL")
        }
        queue = try DatabaseQueue(path: path, configuration: configuration)
        try Self.migrations(HubTags(of: identity)).migrate(queue)
    }

    /// Copies the file at `path`, whose hub may be running, to a new file at `copy`. Throws GRDB's `DatabaseError`.
    package static func backUp(_ path: String, to copy: String) throws {
        try DatabaseQueue(path: path).vacuum(into: copy)
    }

    package func transaction(_ reads: HubReads, _ decide: (HubFacts) -> [HubWrite]) throws {
        try queue.writeWithoutTransaction { database in
            try recent.withLock { recent in
                let facts = try SQLiteHubReader(database: database, states: states).facts(for: reads, &recent)
                let writes = decide(facts)
                // A batch that only reads needs no transaction.
                guard !writes.isEmpty else { return }
                recent.forget(writes)
                try SQLiteHubWriter(database: database).transaction(writes)
            }
        }
    }

    private static func migrations(_ tags: HubTags) -> DatabaseMigrator {
        var migrator = DatabaseMigrator()
        for (name, sql) in SQLiteHubSchema.versions {
            migrator.registerMigration(name) { database in try database.execute(sql: sql) }
        }
        migrator.registerMigration("4: revocations by keyed hashes") { try hideRevocations(in: $0, by: tags) }
        return migrator
    }

    /// Moves the revocations of former versions, which named both keys and kept no signature.
    private static func hideRevocations(in database: Database, by tags: HubTags) throws {
        let writer = SQLiteHubWriter(database: database)
        for row in try Row.fetchAll(database, sql: "SELECT giver, subject, until FROM revocation") {
            let (giver, subject): (Data, Data) = (row[0], row[1])
            guard let giver = NodeKey(bytes: [UInt8](giver)), let subject = NodeKey(bytes: [UInt8](subject)) else {
                continue
            }
            let revocation = StoredRevocation(issued: Timestamp(nanoseconds: row[2]), signature: [])
            try writer.apply(.revoke(tags.revocation(by: giver, of: subject), revocation, limit: .max))
        }
        try database.execute(sql: "DROP TABLE revocation")
    }
}
