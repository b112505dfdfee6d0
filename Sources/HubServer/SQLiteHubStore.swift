import Foundation
import GRDB
package import HubCore
package import PosternModel
package import TrustCore

/// A hub's store in one SQLite file.
///
/// The journal is a write-ahead log and `synchronous` is FULL: what a node was answered, a deposit or a revocation,
/// survives a power failure. Batches share one transaction, so a busy hub pays for few of them.
///
/// The methods of ``HubCore/HubStore`` run inside ``transaction(_:completion:)`` and nowhere else. State is confined to
/// the queue on which GRDB runs one access after another, hence the unchecked conformance.
package final class SQLiteHubStore: HubStore, @unchecked Sendable {
    private let queue: DatabaseQueue
    private var database: Database?
    private var counts = Counts()

    /// Rows that would take too long to count each time.
    private struct Counts {
        var nodes = 0
        var mail = 0
    }

    /// Opens or makes the file at `path`; `:memory:` is a store that nothing survives. Throws GRDB's `DatabaseError`.
    package init(path: String) throws {
        var configuration = Configuration()
        configuration.label = "postern hub"
        configuration.prepareDatabase { database in
            try database.execute(sql: "PRAGMA journal_mode = WAL")
            try database.execute(sql: "PRAGMA synchronous = FULL")
        }
        queue = try DatabaseQueue(path: path, configuration: configuration)
        try Self.migrations.migrate(queue)
        try queue.read { database in try count(database) }
    }

    /// Runs `body` in one durable transaction on the store's own queue, then `completion` there with its result. When
    /// either the body or the commit throws, nothing in the store has changed.
    func transaction<Result: Sendable>(
        _ body: @escaping @Sendable () throws -> Result,
        completion: @escaping @Sendable (Swift.Result<Result, any Error>) -> Void
    ) {
        queue.asyncWrite { database in
            self.database = database
            defer { self.database = nil }
            return try body()
        } completion: { database, result in
            if case .failure = result { try? self.count(database) }
            completion(result)
        }
    }

    /// The same, at once: for tests and for start and end.
    package func transaction<Result>(_ body: () throws -> Result) throws -> Result {
        do {
            return try queue.write { database in
                self.database = database
                defer { self.database = nil }
                return try body()
            }
        } catch {
            try queue.read { try count($0) }
            throw error
        }
    }

    /// Closes the file; the store cannot be used afterwards.
    package func close() throws {
        try queue.close()
    }

    private func count(_ database: Database) throws {
        counts.nodes = try Int.fetchOne(database, sql: "SELECT count(*) FROM node") ?? 0
        counts.mail = try Int.fetchOne(database, sql: "SELECT count(*) FROM mail") ?? 0
    }

    private var current: Database {
        guard let database else { preconditionFailure("the hub's store is used inside its transactions only") }
        return database
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
        return migrator
    }
}

// Nodes.
extension SQLiteHubStore {
    package func register(_ registration: Registration) throws -> Registration? {
        let known = try self.registration(of: registration.key)
        let statement = try current.cachedStatement(
            sql: """
                INSERT INTO node (key, name, registered) VALUES (?, ?, ?)
                ON CONFLICT (key) DO UPDATE SET name = excluded.name, registered = excluded.registered
                """
        )
        try statement.execute(
            arguments: [registration.key.blob, registration.name, registration.registered.nanoseconds]
        )
        if known == nil { counts.nodes += 1 }
        return known
    }

    package func deregister(_ key: NodeKey) throws -> Registration? {
        guard let known = try registration(of: key) else { return nil }
        try current.cachedStatement(sql: "DELETE FROM node WHERE key = ?").execute(arguments: [key.blob])
        counts.nodes -= 1
        return known
    }

    package func registration(of key: NodeKey) throws -> Registration? {
        let statement = try current.cachedStatement(sql: "SELECT name, registered FROM node WHERE key = ?")
        guard let row = try Row.fetchOne(statement, arguments: [key.blob]) else { return nil }
        return Registration(key: key, name: row[0], registered: Timestamp(nanoseconds: row[1]))
    }

    package func registrationCount() throws -> Int { counts.nodes }
}

// Mail.
extension SQLiteHubStore {
    package func deposit(_ mail: StoredMail, for target: NodeKey, limit: Int, total: Int) throws -> Bool {
        let waiting = try Int.fetchOne(
            try current.cachedStatement(sql: "SELECT count(*) FROM mail WHERE target = ?"),
            arguments: [target.blob]
        )
        guard (waiting ?? 0) < limit, counts.mail < total else { return false }
        let statement = try current.cachedStatement(
            sql: "INSERT OR IGNORE INTO mail (target, id, sealed, deposited) VALUES (?, ?, ?, ?)"
        )
        let id = mail.id.description
        try statement.execute(arguments: [target.blob, id, Data(mail.sealed), mail.deposited.nanoseconds])
        let isNew = current.changesCount == 1
        if isNew { counts.mail += 1 }
        return isNew
    }

    package func mail(for target: NodeKey) throws -> [StoredMail] {
        let statement = try current.cachedStatement(
            sql: "SELECT id, sealed, deposited FROM mail WHERE target = ? ORDER BY sequence"
        )
        return try Row.fetchAll(statement, arguments: [target.blob]).compactMap { row in
            let id: String = row[0]
            let sealed: Data = row[1]
            return RecordID(id).map {
                StoredMail(id: $0, sealed: [UInt8](sealed), deposited: Timestamp(nanoseconds: row[2]))
            }
        }
    }

    package func removeMail(_ ids: [RecordID], of target: NodeKey) throws {
        let statement = try current.cachedStatement(sql: "DELETE FROM mail WHERE target = ? AND id = ?")
        for id in ids {
            try statement.execute(arguments: [target.blob, id.description])
            counts.mail -= current.changesCount
        }
    }

    package func removeMail(before time: Timestamp) throws {
        try current.execute(sql: "DELETE FROM mail WHERE deposited < ?", arguments: [time.nanoseconds])
        counts.mail -= current.changesCount
    }
}

// Revocations.
extension SQLiteHubStore {
    package func revoke(giver: NodeKey, subject: NodeKey, until: Timestamp, limit: Int) throws {
        let statement = try current.cachedStatement(
            sql: """
                INSERT INTO revocation (giver, subject, until) VALUES (?, ?, ?)
                ON CONFLICT (giver, subject) DO UPDATE SET until = max(until, excluded.until)
                """
        )
        try statement.execute(arguments: [giver.blob, subject.blob, until.nanoseconds])
        let count = try Int.fetchOne(
            try current.cachedStatement(sql: "SELECT count(*) FROM revocation WHERE giver = ?"),
            arguments: [giver.blob]
        )
        guard (count ?? 0) > limit else { return }
        try current.execute(
            sql: """
                DELETE FROM revocation WHERE giver = ?1 AND subject =
                    (SELECT subject FROM revocation WHERE giver = ?1 ORDER BY until LIMIT 1)
                """,
            arguments: [giver.blob]
        )
    }

    package func voidUntil(giver: NodeKey, subject: NodeKey) throws -> Timestamp? {
        let statement = try current.cachedStatement(
            sql: "SELECT until FROM revocation WHERE giver = ? AND subject = ?"
        )
        return try Int64.fetchOne(statement, arguments: [giver.blob, subject.blob]).map(Timestamp.init(nanoseconds:))
    }
}

extension NodeKey {
    fileprivate var blob: Data { Data(bytes) }
}
