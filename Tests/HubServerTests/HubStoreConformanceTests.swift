import HubCore
import OverlayCrypto
import PosternModel
import Testing
import TrustCore

@testable import HubServer

/// Of the hub whose stores these are.
let tags = HubTags(of: identity(9))

/// The stores that there are. A new one is a case here.
enum StoreKind: CaseIterable {
    case memory
    case sqlite
    case postgresql

    /// PostgreSQL where it is installed; that it is not, `PostgreSQLHubStoreTests` says.
    static var allCases: [StoreKind] {
        TestDatabase.shared == nil ? [.memory, .sqlite] : [.memory, .sqlite, .postgresql]
    }

    func open() throws -> any HubStore {
        switch self {
        case .memory: MemoryHubStore()
        case .sqlite: try SQLiteHubStore(path: ":memory:", of: identity(9))
        case .postgresql: try PostgreSQLHubStore.open(try #require(TestDatabase.shared).fresh())
        }
    }
}

/// A network with a log that a test writes.
struct FoundedNetwork {
    private(set) var state: NetworkState
    let genesis: NetworkEntry
    private let founder: NodeIdentity
    private let key: ContentKey
    private let now: Timestamp
    private let random = RandomSource(seed: Array(repeating: 3, count: 32))

    init(by founder: NodeIdentity, at now: Timestamp) {
        let found = NetworkAuthor.found(by: founder, name: "acme", label: nil, hubs: [], at: now, using: random)
        (genesis, key) = (found.genesis, found.key)
        (self.founder, self.now) = (founder, now)
        state = try! NetworkState(genesis)
    }

    mutating func write(_ change: NetworkChange) throws -> NetworkEntry {
        var author = NetworkAuthor(founder, after: state, key: key, at: now)
        let entry = author.write(change, [:], using: random)
        try state.apply(entry)
        return entry
    }
}

/// What every store does, in the words of ``HubCore/HubReads``, ``HubCore/HubFacts`` and ``HubCore/HubWrite``.
@Suite struct HubStoreConformanceTests {
    let alice = identity(1).key
    let bob = identity(2).key
    let carol = identity(3).key
    let now = Timestamp(seconds: 1_795_000_000)

    func mail(_ byte: UInt8, _ kind: MailStanding.Kind = .known, from network: UInt64 = 0, work: Int = 0) -> StoredMail
    {
        let sealed = Array(repeating: byte, count: 20)
        return StoredMail(
            id: RecordID(ofBytes: sealed),
            sealed: sealed,
            deposited: now + .seconds(Int64(byte)),
            standing: MailStanding(kind: kind, sender: UInt64(byte), network: network, work: work)
        )
    }

    /// What one of these costs its pool.
    let cost = 20 + MailHeader.overhead

    /// Everything that the store holds of the tests' nodes.
    func facts(_ store: inout any HubStore) throws -> HubFacts {
        let nodes = [alice, bob, carol]
        var reads = HubReads()
        reads.registrations = Set(nodes)
        reads.mailboxes = Set(nodes)
        reads.headers = Set(nodes)
        reads.mail = Set(nodes.flatMap { node in (0..<10).map { MailKey(target: node, id: mail($0).id) } })
        reads.revocations = Set(nodes.flatMap { giver in nodes.map { tags.revocation(by: giver, of: $0) } })
        var found = HubFacts()
        try store.transaction(reads) { facts in
            found = facts
            return []
        }
        return found
    }

    /// What is kept of a revocation of `seconds` after now.
    func revoked(after seconds: Int) -> StoredRevocation {
        let signature = Array(repeating: UInt8(seconds), count: 64)
        return StoredRevocation(issued: now + .seconds(Int64(seconds)), signature: signature)
    }

    @Test(arguments: StoreKind.allCases)
    func `the mark of a registered node is kept, replaced, and goes with it (N19)`(kind: StoreKind) throws {
        var store = try kind.open()
        func mark(_ sequence: Int64) -> StateMark {
            StateMark(of: identity(1), at: ChainHead(sequence: sequence, hash: ChainHead.empty.hash))
        }
        let registration = Registration(key: alice, contacts: [], registered: now, seen: now)
        try write(.mark(mark(1)), to: &store)
        #expect(try facts(&store).registrations[alice] == nil)
        try write(.register(registration), .mark(mark(2)), to: &store)
        #expect(try facts(&store).registrations[alice]?.mark == mark(2))
        try write(.register(registration), .mark(mark(3)), .register(registration), to: &store)
        #expect(try facts(&store).registrations[alice]?.mark == mark(3), "registering again leaves it")
        try write(.deregister(alice), .register(registration), to: &store)
        #expect(try facts(&store).registrations[alice]?.mark == nil)
    }

    @Test(arguments: StoreKind.allCases)
    func `of each reader the newest box is kept, and what a log has come to is read anew after each change`(
        kind: StoreKind
    ) throws {
        var store = try kind.open()
        var network = FoundedNetwork(by: identity(1), at: now)
        let id = network.state.id
        let (first, second) = (network.state.key, NetworkHash(bytes: Array(repeating: 1, count: 32))!)
        func read(_ key: NetworkHash, _ readers: [NodeKey]) throws -> (NetworkState?, [NodeKey: [UInt8]], Set<NodeKey>)
        {
            var reads = HubReads()
            reads.networks = [id]
            let (boxes, boxed) = (
                HubReads.Boxes(network: id, readers: readers), HubReads.Boxed(network: id, key: key)
            )
            (reads.boxes, reads.boxed) = ([boxes], [boxed])
            var found = HubFacts()
            try store.transaction(reads) { facts in
                found = facts
                return []
            }
            return (found.networks[id], found.boxes[boxes] ?? [:], found.boxed[boxed] ?? [])
        }
        try write(.extend(network.state, [network.genesis]), .keepBoxes(id, first, [alice: [1], bob: [2]]), to: &store)
        #expect(try read(first, [alice, carol]) == (network.state, [alice: [1]], [alice, bob]))
        let entry = try network.write(.add(bob, expires: nil))
        try write(.extend(network.state, [entry]), .keepBoxes(id, second, [alice: [3]]), to: &store)
        #expect(try read(second, [alice, bob]) == (network.state, [alice: [3], bob: [2]], [alice]))
        #expect(try read(second, []).0 == network.state, "read again, it is the same")
        try write(.removeBoxes(id, of: [alice, carol]), to: &store)
        #expect(try read(first, [alice, bob]) == (network.state, [bob: [2]], [bob]))
    }

    @Test(arguments: StoreKind.allCases)
    func `a log grows in its order, and is read behind what a reader has (N3, N16)`(kind: StoreKind) throws {
        var store = try kind.open()
        let random = RandomSource(seed: Array(repeating: 3, count: 32))
        let (genesis, key) = NetworkAuthor.found(
            by: identity(1),
            name: "acme",
            label: nil,
            hubs: [],
            at: now,
            using: random
        )
        var state = try NetworkState(genesis)
        var author = NetworkAuthor(identity(1), after: state, key: key, at: now)
        let entries = try (0..<4).map { _ in
            let entry = author.write(.policy(critical: []), [:], using: random)
            try state.apply(entry)
            return entry
        }
        try write(.extend(try NetworkState(genesis), [genesis]), .extend(state, entries), to: &store)
        func read(_ locator: [NetworkHash], byteCount: Int = 100_000) throws -> HubFacts {
            var reads = HubReads()
            reads.networks = [state.id]
            let part = HubReads.Entries(network: state.id, locator: locator, byteCount: byteCount)
            reads.entries = [part]
            var found = HubFacts()
            try store.transaction(reads) { facts in
                found = facts
                return []
            }
            return found
        }
        #expect(try read([]).networks == [state.id: state])
        #expect(try read([]).entries.values.first == [genesis] + entries)
        #expect(try read([genesis.hash, entries[1].hash]).entries.values.first == Array(entries[2...]))
        #expect(try read([entries[3].hash]).entries.values.first == [])
        #expect(try read([], byteCount: 1).entries.values.first == [genesis], "one entry at least")
        var other = HubReads()
        other.networks = [NetworkID(entries[0].hash)]
        try store.transaction(other) { facts in
            #expect(facts.networks.isEmpty)
            return []
        }
    }

    func write(_ writes: HubWrite..., to store: inout any HubStore) throws {
        try store.transaction(HubReads()) { _ in writes }
    }

    @Test(arguments: StoreKind.allCases)
    func `a registration is added, replaced and removed, and counted once`(kind: StoreKind) throws {
        var store = try kind.open()
        try write(.register(Registration(key: alice, contacts: [], registered: now, seen: now)), to: &store)
        let renamed = Registration(
            key: alice,
            contacts: [RecordID(ofBytes: [1])],
            registered: now,
            seen: now,
            homes: [bob, carol]
        )
        try write(
            .register(renamed),
            .register(Registration(key: bob, contacts: [], registered: now, seen: now)),
            to: &store
        )
        #expect(try facts(&store).registrations[alice] == renamed)
        #expect(try facts(&store).nodeCount == 2)
        try write(.deregister(alice), .deregister(alice), .deregister(carol), to: &store)
        #expect(try facts(&store).registrations.keys.sorted { $0.did < $1.did } == [bob])
        #expect(try facts(&store).nodeCount == 1)
    }

    @Test(arguments: StoreKind.allCases)
    func `mail waits in the order of its deposit, for each node apart`(kind: StoreKind) throws {
        var store = try kind.open()
        try write(
            .deposit(mail(3), for: bob),
            .deposit(mail(1), for: bob),
            .deposit(mail(3), for: carol),
            to: &store
        )
        let facts = try facts(&store)
        #expect(facts.mailboxes == [alice: [], bob: [mail(3), mail(1)], carol: [mail(3)]])
        #expect(facts.headers == facts.mailboxes.mapValues { $0.map(\.header) })
        let there = [(bob, 3), (bob, 1), (carol, 3)].map { MailKey(target: $0, id: mail($1).id) }
        #expect(facts.mail == Set(there))
        #expect(facts.pools == [.known: 3 * cost])
    }

    @Test(arguments: StoreKind.allCases)
    func `mail is removed by its name for one node, and by its age for all`(kind: StoreKind) throws {
        var store = try kind.open()
        for byte in UInt8(1)...4 { try write(.deposit(mail(byte), for: bob), to: &store) }
        try write(.deposit(mail(1), for: carol), to: &store)
        try write(.removeMail([mail(1).id, mail(9).id], of: bob), .removeMail([mail(2).id], of: alice), to: &store)
        #expect(try facts(&store).mailboxes[bob] == [mail(2), mail(3), mail(4)])
        #expect(try facts(&store).pools == [.known: 4 * cost])
        try write(.removeMailDeposited(before: now + .seconds(4)), to: &store)
        #expect(try facts(&store).mailboxes == [alice: [], bob: [mail(4)], carol: []])
        #expect(try facts(&store).pools == [.known: cost])
    }

    @Test(arguments: StoreKind.allCases)
    func `the latest revocation of a pair counts, in one direction`(kind: StoreKind) throws {
        var store = try kind.open()
        let key = tags.revocation(by: alice, of: bob)
        for seconds in [2, 5, 3] { try write(.revoke(key, revoked(after: seconds), limit: 9), to: &store) }
        #expect(try facts(&store).revocations == [key: revoked(after: 5)])
    }

    @Test(arguments: StoreKind.allCases)
    func `what was read is what the last write made of it, however often it was read before`(kind: StoreKind) throws {
        var store = try kind.open()
        let (first, second) = (tags.revocation(by: alice, of: bob), tags.revocation(by: alice, of: carol))
        let steps: [([HubWrite], nodes: Set<NodeKey>, revoked: Set<RevocationKey>, cost: Int)] = [
            ([], [], [], 0),
            ([.register(Registration(key: alice, contacts: [], registered: now, seen: now))], [alice], [], 0),
            ([.revoke(first, revoked(after: 1), limit: 1)], [alice], [first], 0),
            ([.deposit(mail(1), for: bob)], [alice], [first], cost),
            ([.revoke(second, revoked(after: 2), limit: 1)], [alice], [second], cost),
            ([.removeMail([mail(1).id], of: bob), .deregister(alice)], [], [second], 0),
        ]
        for (writes, nodes, revoked, cost) in steps {
            try store.transaction(HubReads()) { _ in writes }
            for _ in 0..<2 {
                let facts = try facts(&store)
                #expect(Set(facts.registrations.keys) == nodes && facts.nodeCount == nodes.count)
                #expect(Set(facts.revocations.keys) == revoked)
                #expect(facts.pools[.known, default: 0] == cost)
            }
        }
    }

    @Test(arguments: StoreKind.allCases)
    func `beyond the limit of one giver its earliest revocation is dropped`(kind: StoreKind) throws {
        var store = try kind.open()
        let others = tags.revocation(by: bob, of: alice)
        try write(.revoke(others, revoked(after: 0), limit: 2), to: &store)
        for (subject, seconds) in [(bob, 7), (carol, 8), (identity(4).key, 9)] {
            try write(.revoke(tags.revocation(by: alice, of: subject), revoked(after: seconds), limit: 2), to: &store)
        }
        let kept = tags.revocation(by: alice, of: carol)
        #expect(try facts(&store).revocations == [others: revoked(after: 0), kept: revoked(after: 8)])
    }

    @Test(arguments: StoreKind.allCases)
    func `a decision sees the facts from before its own writes, and the next one those after`(kind: StoreKind) throws {
        var store = try kind.open()
        var reads = HubReads()
        reads.headers = [bob]
        var seen: [Int?] = []
        for byte in UInt8(1)...3 {
            try store.transaction(reads) { facts in
                seen.append(facts.headers[bob]?.count)
                return [.deposit(mail(byte), for: bob)]
            }
        }
        #expect(seen == [0, 1, 2])
    }

    @Test(arguments: StoreKind.allCases)
    func `each class has its pool, and where one is full the network with most mails makes way`(kind: StoreKind) throws
    {
        var store = try kind.open()
        try write(
            .deposit(mail(1, .stranger, from: 7, work: 20), for: bob),
            .deposit(mail(2, .stranger, from: .max, work: 16), for: bob),
            .deposit(mail(3, .stranger, from: 7, work: 18), for: carol),
            .deposit(mail(4, .stranger, from: 7, work: 18), for: alice),
            .deposit(mail(5, .contact, from: 7), for: bob),
            .deposit(mail(6), for: bob),
            to: &store
        )
        #expect(try facts(&store).pools == [.known: cost, .contact: cost, .stranger: 4 * cost])
        // Of three mails from one network the one with the least work, of these the oldest.
        try write(.trimMail(.stranger, cost: 3 * cost), to: &store)
        #expect(try facts(&store).mailboxes[carol] == [])
        // The next of the same network; then two have one each, and the tag that is smaller with its sign loses.
        try write(.trimMail(.stranger, cost: 2 * cost + 1), to: &store)
        #expect(try facts(&store).mailboxes[alice] == [])
        try write(.trimMail(.stranger, cost: cost), to: &store)
        let left = [mail(1, .stranger, from: 7, work: 20), mail(5, .contact, from: 7), mail(6)]
        #expect(try facts(&store).mailboxes[bob] == left)
        try write(.trimMail(.stranger, cost: 0), .trimMail(.contact, cost: 0), to: &store)
        #expect(try facts(&store).mailboxes[bob] == [mail(6)])
        #expect(try facts(&store).pools == [.known: cost])
    }

    @Test(arguments: StoreKind.allCases)
    func `registrations are found by how long their nodes have not been seen`(kind: StoreKind) throws {
        var store = try kind.open()
        for (key, seconds) in [(alice, 3), (bob, 1), (carol, 2)] {
            let seen = now + .seconds(Int64(seconds))
            try write(.register(Registration(key: key, contacts: [], registered: now, seen: seen)), to: &store)
        }
        func unseen(before seconds: Int64, limit: Int) throws -> [NodeKey] {
            var reads = HubReads()
            reads.unseen = HubReads.Unseen(since: now + .seconds(seconds), limit: limit)
            var found: [NodeKey] = []
            try store.transaction(reads) { facts in
                found = facts.unseen.map(\.key)
                return []
            }
            return found
        }
        #expect(try unseen(before: 3, limit: 9) == [bob, carol])
        #expect(try unseen(before: 9, limit: 1) == [bob])
        #expect(try unseen(before: 1, limit: 9) == [])
    }
}
