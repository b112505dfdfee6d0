import HubCore
import PosternModel
import SidecarCore
import Testing
import TrustCore

@Suite struct RevocationTests {
    var world = World()
    let alice: NodeKey
    let bob: NodeKey

    init() throws {
        alice = world.add(1, "alice")
        bob = world.add(2, "bob")
        try world.befriend(alice, bob)
    }

    @Test(arguments: [true, false])
    mutating func `revoking cuts the session at once on both sides, whoever revokes (R8, W2)`(byAsker: Bool) throws {
        let (one, other) = byAsker ? (alice, bob) : (bob, alice)
        #expect(world.nodes[one]!.sessions.contains(other))
        _ = try world.answer(RevokeTrust(peer: PeerName(other)), at: one)
        for (mine, theirs) in [(one, other), (other, one)] {
            #expect(!world.isTrusted(mine, theirs))
            #expect(world.nodes[mine]!.sessions.isEmpty)
            #expect(world.nodes[mine]!.admitted[theirs] == nil)
            #expect(world.nodes[mine]!.ended == [theirs])
        }
        #expect(world.bridgeCount == 0)
    }

    @Test mutating func `a revoked trust stays revoked after a restart of either side`() throws {
        _ = try world.answer(RevokeTrust(peer: PeerName(bob)), at: alice)
        world.restart(alice)
        world.restart(bob)
        #expect(!world.isTrusted(alice, bob) && !world.isTrusted(bob, alice))
        #expect(world.nodes[alice]!.admitted.isEmpty && world.nodes[bob]!.admitted.isEmpty)
    }

    @Test mutating func `nothing that was ever mailed brings a revoked trust back (replay)`() throws {
        _ = try world.answer(RevokeTrust(peer: PeerName(bob)), at: alice)
        let hub = world.hubURL.key
        for _ in 0..<2 {
            for (node, event) in world.mailSeen { world.input(node) { $0.receive(event, from: hub, at: $1) } }
            world.restart(alice)
            world.restart(bob)
        }
        #expect(!world.isTrusted(alice, bob) && !world.isTrusted(bob, alice))
        #expect(world.nodes[bob]!.sidecar.pendingCount == 0)
    }

    @Test mutating func `a peer that is away learns of the revocation when it comes back`() throws {
        world.hubDown(bob)
        world.nodes[bob]!.isRunning = false
        _ = try world.answer(RevokeTrust(peer: PeerName(bob)), at: alice)
        world.nodes[bob]!.isRunning = true
        #expect(world.isTrusted(bob, alice), "it cannot know yet")
        world.restart(bob)
        world.pass(2)
        #expect(!world.isTrusted(bob, alice))
    }

    @Test mutating func `a revocation is told to hubs that were down, after a restart too`() throws {
        world.isHubUp = false
        world.hubDown(alice)
        _ = try world.answer(RevokeTrust(peer: PeerName(bob)), at: alice)
        world.restart(alice)
        world.isHubUp = true
        world.pass(40)
        #expect(world.isRevokedAtHub(giver: alice, subject: bob))
        #expect(!world.isTrusted(bob, alice))
    }

    @Test mutating func `trust can be given again after it was revoked`() throws {
        _ = try world.answer(RevokeTrust(peer: PeerName(bob)), at: alice)
        try world.befriend(bob, alice)
        #expect(world.nodes[alice]!.sessions.contains(bob))
        let last = try world.answer(RevokeTrust(peer: PeerName(alice)), at: bob)
        #expect(last.state == "revoked")
        try world.befriend(alice, bob)
    }

    @Test mutating func `a revocation that overtakes the acceptance still counts`() throws {
        let carol = world.add(3, "carol")
        world.isHubUp = true
        let asked = try world.answer(RequestTrust(peer: carol, services: .all, note: ""), at: alice)
        world.nodes[alice]!.isRunning = false
        _ = try world.answer(ApproveRequest(id: asked.id!.description, services: nil), at: carol)
        _ = try world.answer(RevokeTrust(peer: PeerName(alice)), at: carol)
        world.nodes[alice]!.isRunning = true
        let hub = world.hubURL.key
        for (node, event) in world.mailSeen.reversed() where node == alice {
            world.input(alice) { $0.receive(event, from: hub, at: $1) }
        }
        #expect(!world.isTrusted(alice, carol))
        #expect(world.nodes[alice]!.admitted[carol] == nil)
    }
}
