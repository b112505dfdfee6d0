import HubCore
import HubProtocol
import OverlayCrypto
import PosternModel
import Testing
import TrustCore

/// Logs of networks at a hub (RULES N1, N3, N6; R10).
@Suite struct HubNetworkTests {
    private var world = HubWorld()
    private let random = RandomSource(seed: Array(repeating: 7, count: 32))
    private let key: ContentKey
    private var state: NetworkState
    private let guest = identity(77)

    init() throws {
        world.join(alice, bob, carol)
        let (genesis, key) = NetworkAuthor.found(
            by: alice,
            name: "acme",
            label: "alice",
            hubs: [],
            at: time(0),
            using: random
        )
        self.key = key
        state = try NetworkState(genesis)
        #expect(world.ask(.append(state.id, [genesis]), from: alice).answer.isGood)
        try append(.open(guest: guest.key, uses: 1, expires: time(100)), by: alice, keyFor: [guest.key])
        try append(joining(bob), ["label": "bob"], by: bob)
    }

    private func joining(_ node: NodeIdentity) -> NetworkChange {
        let proof = NetworkProof(of: guest, for: node.key, joining: state.id)
        return .join(guest: guest.key, proof: proof.signature)
    }

    private mutating func entry(
        _ change: NetworkChange,
        _ content: JSONValue? = nil,
        by author: NodeIdentity,
        keyFor guests: [NodeKey] = []
    ) -> NetworkEntry {
        var writer = NetworkAuthor(author, after: state, key: key, at: world.now.wall)
        return writer.write(change, content, keyFor: guests, using: random)
    }

    @discardableResult
    private mutating func append(
        _ change: NetworkChange,
        _ content: JSONValue? = nil,
        by author: NodeIdentity,
        keyFor guests: [NodeKey] = []
    ) throws -> [HubAction] {
        let entry = entry(change, content, by: author, keyFor: guests)
        let (answer, actions) = world.ask(.append(state.id, [entry]), from: author)
        guard case .appended(let receipt) = answer else { throw HubRefusal.unknown }
        try state.apply(entry)
        #expect(receipt.hub == hubIdentity.key && receipt.head == state.head)
        return actions
    }

    private mutating func read(from node: NodeIdentity, proof: NetworkProof? = nil) -> HubAnswer {
        world.ask(.read(state.id, after: [], proof: proof), from: node).answer
    }

    @Test mutating func `what a role does not allow the hub does not take, and a race has one winner (N3, N9)`() throws
    {
        let late = entry(.name(bob.key), ["label": "late"], by: alice)
        #expect(world.ask(.append(state.id, [entry(.policy(critical: []), [:], by: bob)]), from: bob).answer.isInvalid)
        let first = entry(.name(bob.key), ["label": "first"], by: alice)
        #expect(world.ask(.append(state.id, [first]), from: alice).answer.isGood)
        #expect(world.ask(.append(state.id, [late]), from: alice).answer == .refused(.behind))
        let again = world.ask(.append(state.id, [first]), from: alice).answer
        #expect(again.isGood, "a repeated request gets its receipt again")
    }

    @Test mutating func `members are told of each entry, and given boxes of their own alone`() throws {
        let actions = try append(.rekey(state.key.successor), ["former": ""], by: alice, keyFor: [alice.key, bob.key])
        #expect(pushes(actions, to: bob) == [.network(state.id, state.head)])
        #expect(pushes(actions, to: carol).isEmpty)
        let (entries, head) = try #require(read(from: bob).told)
        #expect(entries.count == 4 && head == state.head && Set(entries[3].boxes.keys) == [bob.key])
    }

    @Test mutating func `boxes are kept of readers alone, from owners and admins, and given to each its own`() throws {
        let box: [UInt8] = Array(repeating: 5, count: 80)
        func give(_ boxes: [NodeKey: [UInt8]], of key: NetworkHash? = nil, by node: NodeIdentity) -> HubAnswer {
            world.ask(.box(state.id, key: key ?? state.key, boxes), from: node).answer
        }
        #expect(give([:], by: alice) == .boxed(lacking: [bob.key]), "the invitation is used up")
        #expect(give([:], by: bob).isInvalid)
        #expect(give([:], by: carol) == .refused(.unknown))
        #expect(give([:], of: state.head.hash, by: alice) == .refused(.behind))
        let (answer, actions) = world.ask(.box(state.id, key: state.key, [bob.key: box, carol.key: box]), from: alice)
        #expect(answer == .boxed(lacking: []) && pushes(actions, to: bob) == [.network(state.id, state.head)])
        #expect(pushes(actions, to: carol).isEmpty)
        guard case .entries(_, _, [bob.key: box]) = read(from: bob) else { throw HubRefusal.unknown }
        guard case .entries(_, _, [:]) = read(from: alice) else { throw HubRefusal.unknown }
        // An entry's own count, those of a former key do not, and an end takes them.
        let other = identity(78).key
        try append(.open(guest: other, uses: 1, expires: time(100)), by: alice, keyFor: [other])
        #expect(give([:], by: alice) == .boxed(lacking: []))
        try append(.rekey(state.key.successor), ["former": ""], by: alice, keyFor: [alice.key])
        let lacking = [bob.key, other].sorted()
        let start = lacking.firstIndex { alice.key < $0 } ?? 0
        #expect(give([:], by: alice) == .boxed(lacking: Array(lacking[start...] + lacking[..<start])))
        #expect(give([bob.key: box, other: box], by: alice) == .boxed(lacking: []))
        try append(.remove(bob.key, from: .member), by: alice)
        guard case .entries(_, _, [:]) = read(from: bob) else { throw HubRefusal.unknown }
    }

    @Test mutating func `a network is answered like none to whoever is not in it (R10)`() throws {
        let nowhere = NetworkID(state.head.hash)
        let entry = entry(.policy(critical: []), [:], by: carol)
        let proof = NetworkProof(of: guest, for: carol.key, joining: state.id)
        let pairs: [(HubRequest, HubRequest)] = [
            (.read(state.id, after: [], proof: nil), .read(nowhere, after: [], proof: nil)),
            (.read(state.id, after: [], proof: proof), .read(nowhere, after: [], proof: proof)),
            (.append(state.id, [entry]), .append(nowhere, [entry])),
            (.meet(target: bob.key, in: state.id), .meet(target: bob.key, in: nowhere)),
            (.beat(state.id, []), .beat(nowhere, [])),
            (.box(state.id, key: state.key, [:]), .box(nowhere, key: state.key, [:])),
        ]
        // The first refusal is recorded, the others are counted.
        _ = world.ask(.meet(target: bob.key, in: nowhere), from: carol)
        for (here, there) in pairs {
            let (mine, none) = (world.ask(here, from: carol), world.ask(there, from: carol))
            #expect(mine.answer == .refused(.unknown) && mine.answer == none.answer)
            #expect(mine.answer.document.compactBytes == none.answer.document.compactBytes)
            #expect(mine.actions.count == none.actions.count)
        }
    }

    @Test mutating func `members meet through the relay, and nobody else meets them by the network (N6)`() throws {
        #expect(world.ask(.meet(target: alice.key, in: state.id), from: bob).answer.isOnline)
        #expect(!world.ask(.meet(target: carol.key, in: state.id), from: bob).answer.isOnline)
        _ = world.leave(alice)
        #expect(world.ask(.meet(target: alice.key, in: state.id), from: bob).answer == .offline)
        let actions = world.watch(alice)
        #expect(pushes(actions, to: bob).contains { if case .channel(_, alice.key, _, _) = $0 { true } else { false } })
    }

    @Test mutating func `words of owners and admins are kept and passed on, and nobody else's (N5)`() throws {
        func beat(_ node: NodeIdentity, _ seconds: Int64) -> NetworkBeat {
            NetworkBeat(of: node, for: state.id, at: state.head, time: time(seconds))
        }
        let told = world.ask(.beat(state.id, [beat(alice, 5), beat(bob, 5)]), from: bob)
        #expect(told.answer == .done && pushes(told.actions, to: alice) == [.beat(beat(alice, 5))])
        #expect(pushes(world.ask(.beat(state.id, [beat(alice, 4)]), from: alice).actions, to: bob).isEmpty)
        // Whoever asks is told what it lacks.
        let lacking = world.ask(.beat(state.id, []), from: bob)
        #expect(pushes(lacking.actions, to: bob) == [.beat(beat(alice, 5))])
        let late = world.ask(.beat(state.id, [beat(alice, 200_000)]), from: alice)
        #expect(pushes(late.actions, to: bob).isEmpty, "what is signed ahead of the clock is not kept")
    }

    @Test mutating func `a membership that has ended by itself gives nothing at the hub, and its channels close (N6)`()
        throws
    {
        try append(.add(carol.key, expires: time(50)), ["label": nil], by: alice, keyFor: [carol.key])
        #expect(world.ask(.meet(target: bob.key, in: state.id), from: carol).answer.isOnline)
        #expect(read(from: carol).told != nil && world.bridges.count == 1)
        world.pass(51)
        #expect(read(from: carol) == .refused(.unknown))
        #expect(world.ask(.meet(target: bob.key, in: state.id), from: carol).answer == .refused(.unknown))
        world.tidy()
        #expect(world.bridges.isEmpty)
        try append(.expiry(carol.key, from: time(50), to: nil), by: alice)
        #expect(read(from: carol).told != nil)
    }

    @Test mutating func `a removed member reads up to its removal and meets nobody (N6)`() throws {
        try append(.remove(bob.key, from: .member), by: alice)
        let removal = state.head
        try append(.policy(critical: []), [:], by: alice)
        let (entries, head) = try #require(read(from: bob).told)
        #expect(entries.last?.place == removal && head == removal)
        #expect(world.ask(.meet(target: alice.key, in: state.id), from: bob).answer == .refused(.unknown))
        #expect(world.ask(.append(state.id, [entry(.leave, by: bob)]), from: bob).answer == .refused(.unknown))
    }

    @Test mutating func `the holder of a link reads until it is used up or over (N7)`() throws {
        let other = identity(78)
        try append(.open(guest: other.key, uses: 1, expires: time(100)), by: alice, keyFor: [other.key])
        let proof = NetworkProof(of: other, for: carol.key, joining: state.id)
        let (entries, _) = try #require(read(from: carol, proof: proof).told)
        #expect(entries.last?.boxes.keys.first == other.key)
        let foreign = NetworkProof(of: other, for: bob.key, joining: state.id)
        #expect(read(from: carol, proof: foreign) == .refused(.unknown))
        world.pass(101)
        #expect(read(from: carol, proof: proof) == .refused(.unknown))
    }

    @Test mutating func `a network that writes too much is told so, and another one does not notice (N18)`() throws {
        var settings = HubSettings.defaults
        settings.appends = RateLimit(burst: 2, perMinute: 1)
        var busy = HubNetworkTests.founded(by: alice, settings)
        let (genesis, key) = NetworkAuthor.found(
            by: bob,
            name: "calm",
            label: nil,
            hubs: [],
            at: time(0),
            using: random
        )
        var answers: [HubAnswer] = []
        for _ in 0..<3 { answers.append(busy.write(random)) }
        #expect(answers.last == .refused(.overLimit))
        _ = key
        #expect(busy.world.ask(.append(NetworkID(genesis.hash), [genesis]), from: bob).answer.isGood)
    }

    @Test mutating func `a network that asks too much is told so, and no stranger uses that up (N18)`() throws {
        var settings = HubSettings.defaults
        settings.questions = RateLimit(burst: 2, perMinute: 1)
        var busy = HubNetworkTests.founded(by: alice, settings)
        let question = HubRequest.read(busy.state.id, after: [], proof: nil)
        for _ in 0..<3 { #expect(busy.world.ask(question, from: bob).answer == .refused(.unknown)) }
        let answers = (0..<3).map { _ in busy.world.ask(question, from: alice).answer }
        #expect(answers[0].isGood && answers[1].isGood && answers[2] == .refused(.overLimit))
        // A quota that is raised holds at once; what was taken counts.
        settings.questions = RateLimit(burst: 3, perMinute: 1)
        busy.world.hub.limit(by: settings)
        #expect(busy.world.ask(question, from: alice).answer.isGood)
        #expect(busy.world.ask(question, from: alice).answer == .refused(.overLimit))
    }

    /// A network of one, at a hub of its own.
    private struct Founded {
        var world: HubWorld
        var state: NetworkState
        let key: ContentKey

        mutating func write(_ random: RandomSource) -> HubAnswer {
            var author = NetworkAuthor(alice, after: state, key: key, at: time(0))
            let entry = author.write(.policy(critical: []), [:], using: random)
            let answer = world.ask(.append(state.id, [entry]), from: alice).answer
            if case .appended = answer { try? state.apply(entry) }
            return answer
        }
    }

    private static func founded(by node: NodeIdentity, _ settings: HubSettings) -> Founded {
        let random = RandomSource(seed: Array(repeating: 8, count: 32))
        let (genesis, key) = NetworkAuthor.found(
            by: node,
            name: "busy",
            label: nil,
            hubs: [],
            at: time(0),
            using: random
        )
        var world = HubWorld(settings)
        world.join(alice, bob)
        let state = try! NetworkState(genesis)
        _ = world.ask(.append(state.id, [genesis]), from: node)
        return Founded(world: world, state: state, key: key)
    }
}

extension HubAnswer {
    /// The entries that it tells, and how far the log has come.
    fileprivate var told: ([NetworkEntry], NetworkHead)? {
        if case .entries(let entries, let head, _) = self { (entries, head) } else { nil }
    }
}

extension NetworkHash {
    /// Another hash.
    fileprivate var successor: NetworkHash { NetworkHash(bytes: bytes.map { $0 ^ 1 })! }
}
