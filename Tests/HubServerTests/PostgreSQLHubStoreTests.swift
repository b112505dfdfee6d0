import Dispatch
import OverlayCrypto
import PosternModel
import Testing
import TrustCore

@testable import HubCore
@testable import HubServer

@Suite(.enabled(if: TestDatabase.shared != nil, TestDatabase.absence))
struct PostgreSQLHubStoreTests {
    let alice = identity(1).key
    let bob = identity(2).key
    let now = Timestamp(seconds: 1_795_000_000)
    let url: String

    init() throws {
        url = try #require(TestDatabase.shared).fresh()
    }

    func registration(_ key: NodeKey, seen seconds: Int64 = 0) -> HubWrite {
        .register(Registration(key: key, contacts: [], registered: now, seen: now + .seconds(seconds)))
    }

    /// The transaction needs something to read, or it would need no database.
    func reads(_ keys: NodeKey...) -> HubReads {
        var reads = HubReads()
        reads.registrations = Set(keys)
        return reads
    }

    @Test func `hubs that begin together on an empty database make its tables once`() throws {
        let url = url
        let results = Guarded<[String]>([])
        DispatchQueue.concurrentPerform(iterations: 3) { index in
            do {
                _ = try PostgreSQLHubStore.open(url, hub: UInt8(index + 20))
            } catch {
                results.append("\(error)")
            }
        }
        #expect(results.value == [])
        let version = try TestDatabase.connection(to: url).run("SELECT number FROM postern.version")
        #expect(version.map { $0.integer(0) } == [Int64(PostgreSQLHubSchema.versions.count)])
    }

    @Test func `tables of a newer version are refused, and so is a hub with another secret`() throws {
        _ = try PostgreSQLHubStore.open(url)
        let place = try #require(PostgresPlace(url))
        #expect(throws: HubDatabaseFailure.secret) {
            _ = try PostgreSQLHubStore(place, of: alice, tags: HubTags(secret: [1]))
        }
        _ = try TestDatabase.connection(to: url).run("UPDATE postern.version SET number = 99")
        #expect(throws: HubDatabaseFailure.newer(version: 99)) {
            _ = try PostgreSQLHubStore(place, of: alice, tags: tags)
        }
    }

    @Test func `what another hub changed meanwhile is decided again, over what stands then (N3)`() throws {
        let (first, second) = (try PostgreSQLHubStore.open(url), try PostgreSQLHubStore.open(url, hub: 8))
        try first.transaction(reads(alice)) { _ in [registration(alice)] }
        var seen: [Timestamp?] = []
        try first.transaction(reads(alice)) { facts in
            seen.append(facts.registrations[alice]?.seen)
            if seen.count == 1 { try? second.transaction(reads(alice)) { _ in [registration(alice, seen: 5)] } }
            return [registration(alice, seen: 7)]
        }
        #expect(seen == [now, now + .seconds(5)])
        #expect(try second.facts(reads(alice)).registrations[alice]?.seen == now + .seconds(7))
    }

    @Test func `hubs that write side by side lose nothing, and count together`() throws {
        let url = url
        let results = Guarded<[String]>([])
        DispatchQueue.concurrentPerform(iterations: 3) { index in
            do {
                let store = try PostgreSQLHubStore.open(url, hub: UInt8(index + 20))
                for number in UInt8(0)..<20 {
                    let own = identity(UInt8(index * 40 + 30) + number).key
                    // One row that all of them change, and one of its own.
                    try store.transaction(reads(own, alice)) { facts in
                        let earlier = facts.registrations[alice]?.seen ?? now
                        let next = Registration(
                            key: alice,
                            contacts: [],
                            registered: now,
                            seen: earlier + .seconds(1)
                        )
                        return [.register(next), registration(own)]
                    }
                }
            } catch {
                results.append("\(error)")
            }
        }
        #expect(results.value == [])
        let facts = try PostgreSQLHubStore.open(url).facts(reads(alice))
        #expect(facts.nodeCount == 61)
        #expect(facts.registrations[alice]?.seen == now + .seconds(60), "no change was lost")
    }

    @Test func `a connection that the server ended is replaced, and the batch is taken`() throws {
        let store = try PostgreSQLHubStore.open(url)
        let ending = """
            SELECT pg_terminate_backend(pid) FROM pg_stat_activity
            WHERE pid <> pg_backend_pid() AND datname = current_database()
            """
        let other = try TestDatabase.connection(to: url)
        _ = try other.run(ending)
        try store.transaction(reads(alice)) { _ in [registration(alice)] }
        #expect(try store.facts(reads(alice)).nodeCount == 1)
        // In the middle of a transaction too.
        var count = 0
        try store.transaction(reads(bob)) { _ in
            count += 1
            if count == 1 { _ = try? other.run(ending) }
            return [registration(bob)]
        }
        #expect(try store.facts(reads(bob)).nodeCount == 2 && count == 2)
    }

    @Test func `a transaction that fails leaves rows and counts as they were`() throws {
        let store = try PostgreSQLHubStore.open(url)
        let sealed: [UInt8] = [1, 2, 3]
        let standing = MailStanding(kind: .known, sender: 0, network: 0)
        let mail = StoredMail(id: RecordID(ofBytes: sealed), sealed: sealed, deposited: now, standing: standing)
        #expect(throws: (any Error).self) {
            try store.transaction(reads(alice)) { _ in
                [registration(alice), .deposit(mail, for: bob), .deposit(mail, for: bob)]
            }
        }
        let facts = try store.facts(reads(alice))
        #expect(facts.nodeCount == 0 && facts.registrations.isEmpty && facts.pools.isEmpty)
    }

    @Test func `no message tells the password of a URL`() throws {
        let place = try #require(PostgresPlace("postgresql://me:secret@127.0.0.1:1/db"))
        #expect(place.description == "postgresql://me@127.0.0.1:1/db" && place.hasPassword)
        #expect(throws: HubDatabaseFailure.self) {
            do {
                _ = try PostgreSQLHubStore(place, of: alice, tags: tags)
            } catch {
                #expect(!"\(error)".contains("secret"))
                throw error
            }
        }
        #expect(PostgresPlace("mysql://x/y") == nil && PostgresPlace("postgresql://[h/d") == nil)
    }
}

/// A value behind a lock.
final class Guarded<Value: Sendable>: @unchecked Sendable {
    // Unchecked: `queue` orders all accesses.
    private let queue = DispatchQueue(label: "value")
    private var stored: Value

    init(_ value: Value) { stored = value }

    var value: Value { queue.sync { stored } }
}

extension Guarded where Value == [String] {
    func append(_ text: String) { queue.sync { stored.append(text) } }
}
