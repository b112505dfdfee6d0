import Foundation
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

    func mail(_ byte: UInt8) -> StoredMail {
        let sealed = Array(repeating: byte, count: 20)
        return StoredMail(id: RecordID(ofBytes: sealed), sealed: sealed, deposited: now + .seconds(Int64(byte)))
    }

    /// The same questions to a store in memory and to one in a file.
    @Test func `it answers as a store in memory does`() throws {
        let file = try SQLiteHubStore(path: path)
        var memory = MemoryHubStore()
        func both<Value: Equatable>(_ ask: (inout any HubStore) throws -> Value) throws -> Value {
            var first: any HubStore = memory
            let expected = try ask(&first)
            memory = first as! MemoryHubStore
            var second: any HubStore = file
            let actual = try file.transaction { try ask(&second) }
            #expect(actual == expected)
            return actual
        }
        for name in ["a", "b"] {
            _ = try both { try $0.register(Registration(key: alice, name: name, registered: now)) }
        }
        #expect(try both { try $0.registrationCount() } == 1)
        _ = try both { try $0.registration(of: alice) }
        for (byte, target) in [(1, bob), (2, bob), (1, bob), (3, bob), (4, alice), (5, alice)] as [(UInt8, NodeKey)] {
            _ = try both { try $0.deposit(mail(byte), for: target, limit: 2, total: 3) }
        }
        _ = try both { try $0.mail(for: bob) }
        _ = try both {
            try $0.removeMail([mail(1).id, mail(9).id], of: bob)
            return 0
        }
        _ = try both { try $0.deposit(mail(6), for: bob, limit: 2, total: 3) }
        _ = try both {
            try $0.removeMail(before: now + .seconds(4))
            return 0
        }
        #expect(try both { try $0.mail(for: bob) } == [mail(6)])
        _ = try both { try $0.deposit(mail(7), for: bob, limit: 5, total: 3) }
        for until in [now, now + .seconds(5), now + .seconds(3)] {
            _ = try both {
                try $0.revoke(giver: alice, subject: bob, until: until, limit: 2)
                return 0
            }
        }
        #expect(try both { try $0.voidUntil(giver: alice, subject: bob) } == now + .seconds(5))
        for number in UInt8(10)...13 {
            let until = now + .seconds(Int64(number))
            _ = try both {
                try $0.revoke(giver: alice, subject: identity(number).key, until: until, limit: 2)
                return 0
            }
        }
        #expect(try both { try $0.voidUntil(giver: alice, subject: bob) } == nil, "the oldest is forgotten")
        _ = try both { try $0.deregister(alice) }
        #expect(try both { try $0.registrationCount() } == 0)
    }

    @Test func `what was committed survives the end of the process at any moment, and what was not is gone`() throws {
        struct Failure: Error {}
        let store = try SQLiteHubStore(path: path)
        try store.transaction {
            _ = try store.register(Registration(key: alice, name: "alice", registered: now))
            _ = try store.deposit(mail(1), for: bob, limit: 9, total: 9)
            try store.revoke(giver: alice, subject: bob, until: now, limit: 9)
        }
        #expect(throws: Failure.self) {
            try store.transaction {
                _ = try store.deposit(mail(2), for: bob, limit: 9, total: 9)
                throw Failure()
            }
        }
        // What a killed process leaves: the files as they are, its log not merged.
        let crashed = directory.path + "/crashed.sqlite"
        for suffix in ["", "-wal"] {
            try FileManager.default.copyItem(atPath: path + suffix, toPath: crashed + suffix)
        }
        let reopened = try SQLiteHubStore(path: crashed)
        #expect(try reopened.transaction { try reopened.mail(for: bob) } == [mail(1)])
        #expect(try reopened.transaction { try reopened.registration(of: alice)?.name } == "alice")
        #expect(try reopened.transaction { try reopened.voidUntil(giver: alice, subject: bob) } == now)
        #expect(try reopened.transaction { try reopened.registrationCount() } == 1)
    }

    @Test func `counters are right again after a transaction that failed`() throws {
        struct Failure: Error {}
        let store = try SQLiteHubStore(path: path)
        #expect(throws: Failure.self) {
            try store.transaction {
                _ = try store.register(Registration(key: alice, name: "a", registered: now))
                throw Failure()
            }
        }
        #expect(try store.transaction { try store.registrationCount() } == 0)
    }
}
