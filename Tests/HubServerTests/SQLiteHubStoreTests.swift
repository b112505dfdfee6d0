import Foundation
import GRDB
import HubCore
import HubServer
import OverlayCrypto
import PosternModel
import Testing
import TrustCore

func identity(_ number: UInt8) -> NodeIdentity {
    try! NodeIdentity(seed: Array(repeating: number, count: 32))
}

/// A directory of its own, gone with the value.
final class TemporaryDirectory {
    let path: String

    init() {
        let url = FileManager.default.temporaryDirectory.appending(path: "postern-test-\(UUID().uuidString)")
        try! FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
        path = url.path
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }
}

@Suite struct SQLiteHubStoreTests {
    let directory = TemporaryDirectory()
    var path: String { directory.path + "/hub.sqlite" }
    let alice = identity(1).key
    let bob = identity(2).key
    let now = Timestamp(seconds: 1_795_000_000)

    let revocation = StoredRevocation(issued: Timestamp(seconds: 1_795_000_000), signature: Array(1...64))

    func mail(_ byte: UInt8) -> StoredMail {
        let sealed = Array(repeating: byte, count: 20)
        return StoredMail(
            id: RecordID(ofBytes: sealed),
            sealed: sealed,
            deposited: now + .seconds(Int64(byte)),
            standing: MailStanding(kind: .known, sender: 0, network: 0)
        )
    }

    /// What the store holds of `alice`, and of `bob`'s mail.
    func facts(_ store: SQLiteHubStore) throws -> HubFacts {
        var reads = HubReads()
        reads.registrations = [alice]
        reads.mailboxes = [bob]
        reads.revocations = [tags.revocation(by: alice, of: bob)]
        var found = HubFacts()
        try store.transaction(reads) { facts in
            found = facts
            return []
        }
        return found
    }

    @Test func `what was committed survives the end of the process at any moment`() throws {
        let store = try SQLiteHubStore(path: path, of: identity(9))
        try store.transaction(HubReads()) { _ in
            [
                .register(Registration(key: alice, contacts: [], registered: now, seen: now)),
                .deposit(mail(1), for: bob),
                .revoke(tags.revocation(by: alice, of: bob), revocation, limit: 9),
            ]
        }
        // What a killed process leaves: the files as they are, its log not merged.
        let crashed = directory.path + "/crashed.sqlite"
        for suffix in ["", "-wal"] {
            try FileManager.default.copyItem(atPath: path + suffix, toPath: crashed + suffix)
        }
        let expected = try facts(store)
        #expect(
            expected.nodeCount == 1 && expected.pools == [.known: 20 + MailHeader.overhead]
                && expected.revocations.count == 1
        )
        #expect(expected.mailboxes == [bob: [mail(1)]])
        #expect(try facts(try SQLiteHubStore(path: crashed, of: identity(9))) == expected)
    }

    @Test func `a transaction that fails leaves rows and counts as they were`() throws {
        let store = try SQLiteHubStore(path: path, of: identity(9))
        try store.transaction(HubReads()) { _ in [.deposit(mail(1), for: bob)] }
        let before = try facts(store)
        // The same mail a second time violates the store's own uniqueness.
        #expect(throws: (any Error).self) {
            try store.transaction(HubReads()) { _ in
                [
                    .register(Registration(key: alice, contacts: [], registered: now, seen: now)),
                    .deposit(mail(1), for: bob),
                ]
            }
        }
        #expect(try facts(store) == before)
        #expect(before.nodeCount == 0 && before.pools == [.known: 20 + MailHeader.overhead])
    }

    @Test func `logs of a database without boxes are read, and written on`() throws {
        var network = FoundedNetwork(by: identity(1), at: now)
        var store: SQLiteHubStore? = try SQLiteHubStore(path: path, of: identity(9))
        try store?.transaction(HubReads()) { _ in [.extend(network.state, [network.genesis])] }
        store = nil
        let old = try DatabaseQueue(path: path)
        try old.write { database in
            try database.execute(
                sql: """
                    DROP TABLE box;
                    ALTER TABLE log DROP COLUMN edition;
                    DELETE FROM grdb_migrations WHERE identifier = '7';
                    """
            )
        }
        try old.close()
        let new = try SQLiteHubStore(path: path, of: identity(9))
        var reads = HubReads()
        reads.networks = [network.state.id]
        for _ in 0..<3 {
            var found: NetworkState?
            try new.transaction(reads) { facts in
                found = facts.networks[network.state.id]
                return []
            }
            #expect(found == network.state)
            let entry = try network.write(.policy(critical: []))
            try new.transaction(HubReads()) { _ in [.extend(network.state, [entry])] }
        }
    }

    @Test func `a database of the first version keeps its nodes, their mail and what is revoked`() throws {
        let old = try DatabaseQueue(path: path)
        try old.write { database in
            try database.execute(
                sql: """
                    CREATE TABLE grdb_migrations (identifier TEXT NOT NULL PRIMARY KEY);
                    INSERT INTO grdb_migrations VALUES ('1');
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
            try database.execute(
                sql: "INSERT INTO node VALUES (?, 'alice', ?)",
                arguments: [Data(alice.bytes), now.nanoseconds]
            )
            try database.execute(
                sql: "INSERT INTO revocation VALUES (?, ?, ?)",
                arguments: [Data(alice.bytes), Data(bob.bytes), now.nanoseconds]
            )
            let waiting = mail(1)
            try database.execute(
                sql: "INSERT INTO mail (target, id, sealed, deposited) VALUES (?, ?, ?, ?)",
                arguments: [
                    Data(bob.bytes), waiting.id.description, Data(waiting.sealed), waiting.deposited.nanoseconds,
                ]
            )
        }
        try old.close()
        let found = try facts(try SQLiteHubStore(path: path, of: identity(9)))
        let registration = try #require(found.registrations[alice])
        #expect(registration.registered == now && registration.contacts.isEmpty)
        // It counts as seen when the database was made new, or the first tidying would remove it.
        #expect(registration.seen.nanoseconds > 0)
        #expect(found.mailboxes == [bob: [mail(1)]] && found.nodeCount == 1)
        #expect(found.pools == [.known: 20 + MailHeader.overhead])
        let revoked = StoredRevocation(issued: now, signature: [])
        #expect(found.revocations == [tags.revocation(by: alice, of: bob): revoked])
    }

    @Test func `the file of a hub does not say whose trust has ended (N14)`() throws {
        let store = try SQLiteHubStore(path: path, of: identity(9))
        try store.transaction(HubReads()) { _ in [.revoke(tags.revocation(by: alice, of: bob), revocation, limit: 9)] }
        for suffix in ["", "-wal"] {
            let bytes = try Data(contentsOf: URL(filePath: path + suffix))
            for key in [alice, bob] { #expect(bytes.firstRange(of: Data(key.bytes)) == nil) }
        }
    }
}
