import HubProtocol
import OverlayCrypto
import PosternModel
import SidecarCore
import Testing
import TrustCore

/// A node changes its key (RULES N11).
@Suite struct KeyChangeTests {
    private var world = World()
    private let alice: NodeKey
    private let bob: NodeKey
    private let first: NodeChain
    private let old: NodeIdentity

    init() throws {
        alice = world.add(1, "alice")
        bob = world.add(2, "bob")
        old = world.nodes[alice]!.identity
        first = NodeChain(beginning: NodeRecord(of: old, committingTo: Self.identity(31).key, at: world.now.wall))
        world.nodes[alice]!.records = first
        world.restart(alice)
        try world.befriend(alice, bob)
    }

    private static func identity(_ number: UInt8) -> NodeIdentity {
        try! NodeIdentity(seed: Array(repeating: number, count: 32))
    }

    /// Alice stops, changes her key to that of seed 31, and starts.
    private mutating func change() throws {
        let next = Self.identity(31)
        let changed = first.changed(
            to: next,
            handingOver: old,
            committingTo: Self.identity(32).key,
            at: world.now.wall
        )
        let records = try #require(changed)
        world.nodes[alice]!.records = records
        world.nodes[alice]!.identity = try #require(records.identity(next, former: [old]))
        world.restart(alice)
        world.pass(5)
    }

    /// What a thief of the first key makes.
    private func forged() throws -> NodeChain {
        let begun = NodeChain(beginning: NodeRecord(of: old, committingTo: Self.identity(41).key, at: world.now.wall))
        let forged = begun.changed(
            to: Self.identity(41),
            handingOver: old,
            committingTo: Self.identity(42).key,
            at: world.now.wall
        )
        return try #require(forged)
    }

    private func changes(at node: NodeKey) -> [AuditEvent] {
        world.nodes[node]!.events.filter { $0.action == .keyChanged }
    }

    private func knows(_ node: NodeKey, _ key: NodeKey) -> Bool { world.nodes[node]!.handshakeKeys[alice] == key }

    @Test mutating func `a peer that is there hears of it from the hub, and the two go on`() throws {
        try change()
        #expect(knows(bob, Self.identity(31).key))
        #expect(world.nodes[bob]!.sessions.contains(alice))
        for node in [alice, bob] {
            let event = try #require(changes(at: node).first)
            #expect(event.subject == alice.did && event.old["key"] == .string(alice.did))
            #expect(event.new["key"] == .string(Self.identity(31).key.did))
        }
        world.restart(alice)
        #expect(changes(at: alice).isEmpty, "it is recorded once")
        world.restart(bob)
        world.pass(5)
        #expect(knows(bob, Self.identity(31).key), "the journal keeps it")
        let facts = world.nodes[bob]!.sidecar.compactedFacts(at: world.now.wall)
        for fact in facts { #expect(try TrustFact(fact.document) == fact) }
        // What Alice signs now counts.
        _ = try world.answer(RevokeTrust(peer: PeerName(bob)), at: alice)
        world.pass(5)
        #expect(world.nodes[bob]!.admitted[alice] == nil)
        try world.befriend(alice, bob)
        #expect(!world.nodes[bob]!.events.contains { $0.action == .keyContradicted })
    }

    @Test(arguments: [true, false])
    mutating func `a peer that was away for a month goes on, whoever calls first`(callsBob: Bool) throws {
        world.nodes[bob]!.isRunning = false
        world.hubDown(bob)
        try change()
        world.jump(.seconds(86_400 * 31))
        world.restart(bob)
        world.pass(30)
        let (caller, other) = callsBob ? (bob, alice) : (alice, bob)
        world.input(caller) { $0.want(other, at: $1) }
        world.pass(30)
        #expect(knows(bob, Self.identity(31).key) && world.nodes[bob]!.sessions.contains(alice))
    }

    @Test mutating func `a peer without a hub hears of it in the session that it begins with the old key`() throws {
        world.isHubUp = false
        world.hubDown(alice)
        world.hubDown(bob)
        try change()
        #expect(knows(bob, alice))
        world.input(bob) { $0.want(alice, at: $1) }
        world.pass(5)
        #expect(knows(bob, Self.identity(31).key) && world.nodes[bob]!.sessions.contains(alice))
    }

    @Test mutating func `a fellow member without a grant holds a node to what it has told in a session`() throws {
        let carol = world.add(3, "carol")
        world.pass(2)
        _ = try world.answer(CreateNetwork(name: "acme"), at: alice)
        let link = try world.answer(InviteToNetwork(name: "acme"), at: alice).invitation
        _ = try world.answer(JoinNetwork(invitation: link), at: carol)
        world.input(carol) { $0.want(alice, at: $1) }
        world.pass(5)
        #expect(world.nodes[carol]!.sessions.contains(alice))
        let keys = try forged()
        world.input(carol) { $0.receive(.keys(keys), id: PeerRequestID(901), from: alice, at: $1) }
        #expect(world.nodes[carol]!.handshakeKeys[alice] == alice)
        #expect(world.nodes[carol]!.events.contains { $0.action == .keyContradicted })
        try change()
        world.input(carol) { $0.want(alice, at: $1) }
        world.pass(5)
        #expect(knows(carol, Self.identity(31).key) && world.nodes[carol]!.sessions.contains(alice))
    }

    @Test mutating func `whoever has the old key alone is not heard, and cannot name another`() throws {
        try change()
        let random = RandomSource(seed: Array(repeating: 77, count: 32))
        let revocation = Revocation(from: old, to: bob, issued: world.now.wall)
        let sealed = try Mail.revocation(revocation).sealed(using: random)
        let hub = world.hubURL.key
        let event = HubEvent.mail(id: RecordID(ofBytes: sealed), sealed: sealed, as: .known)
        world.input(bob) { $0.receive(event, from: hub, at: $1) }
        #expect(world.nodes[bob]!.admitted[alice] != nil)
        let keys = try forged()
        world.input(bob) { $0.receive(.keys(keys), id: PeerRequestID(900), from: alice, at: $1) }
        #expect(knows(bob, Self.identity(31).key))
        #expect(world.nodes[bob]!.events.contains { $0.action == .keyContradicted })
        #expect(try world.answer(ShowStatus(), at: bob).contradictions == [alice])
    }
}
