import OverlayCrypto
import PosternModel
import SidecarCore
import Testing
import TrustCore

/// What peers say of the key that comes after theirs (RULES N11).
@Suite struct NextKeyTests {
    private var world = World()
    private let alice: NodeKey
    private let bob: NodeKey
    private let first = KeyCommitment(to: Self.key(31), after: 0)
    private let other = KeyCommitment(to: Self.key(32), after: 0)

    init() {
        alice = world.add(1, "alice", commitment: first)
        bob = world.add(2, "bob")
    }

    private static func key(_ number: UInt8) -> NodeKey {
        try! NodeIdentity(seed: Array(repeating: number, count: 32)).key
    }

    /// What Bob's audit trail says about next keys.
    private var told: [AuditEvent] {
        world.nodes[bob]!.events.filter { $0.action == .keyCommitted || $0.action == .keyContradicted }
    }

    /// Alice, or whoever has her key, starts with another next key, ends the trust and asks again.
    private mutating func trustAgain(as commitment: KeyCommitment?) throws {
        world.nodes[alice]!.commitment = commitment
        world.restart(alice)
        world.pass(10)
        _ = try world.answer(RevokeTrust(peer: PeerName(bob)), at: alice)
        world.pass(10)
        try world.befriend(alice, bob)
    }

    @Test mutating func `the first word of a peer is remembered and recorded`() throws {
        try world.befriend(alice, bob)
        #expect(told.map(\.action) == [.keyCommitted])
        #expect(told.first?.actor == alice && told.first?.new == first.json)
        #expect(try world.answer(ShowStatus(), at: bob).contradictions.isEmpty)
        // Bob has committed to nothing, of which nothing is said.
        #expect(!world.nodes[alice]!.events.contains { $0.action == .keyCommitted })
    }

    @Test mutating func `another word is told and not followed, also after a restart`() throws {
        try world.befriend(alice, bob)
        try trustAgain(as: other)
        #expect(told.map(\.action) == [.keyCommitted, .keyContradicted])
        #expect(told.last?.old == first.json && told.last?.new == other.json)
        world.restart(bob)
        #expect(try world.answer(ShowStatus(), at: bob).contradictions == [alice])
        // The same again is no news, and the first word is none either.
        try trustAgain(as: other)
        try trustAgain(as: first)
        #expect(told.isEmpty)
    }

    @Test mutating func `a word that is missing contradicts nothing`() throws {
        try world.befriend(alice, bob)
        try trustAgain(as: nil)
        #expect(told.map(\.action) == [.keyCommitted])
    }

    @Test mutating func `a compacted journal keeps the first word and what contradicts it`() throws {
        try world.befriend(alice, bob)
        try trustAgain(as: other)
        let facts = world.nodes[bob]!.sidecar.compactedFacts(at: world.now.wall)
        #expect(facts.contains(.committed(first, by: alice)) && facts.contains(.contradicted(other, by: alice)))
        for fact in facts { #expect(try TrustFact(fact.document) == fact) }
    }
}
