import OverlayCrypto
import OverlayWire
import PosternModel
import SidecarCore
import TestSupport
import Testing
import TrustCore

/// Shutting peers out, and the reason of each decision (RULES X).
@Suite struct BlockTests {
    var world = World()
    let alice: NodeKey
    let bob: NodeKey

    init() throws {
        let rules = [
            ExposedRule(service: Service(name: "planner", port: VirtualPort(80), kind: .a2a), allow: [.trusted]),
            ExposedRule(service: Service(name: "clock", port: VirtualPort(81), kind: .mcp), allow: [.peer("research")]),
        ]
        alice = world.add(1, "alice", exposed: rules, advertised: [Endpoint("192.0.2.1:4000")!])
        bob = world.add(2, "research")
    }

    private mutating func why(_ peer: NodeKey, _ service: ServiceTarget) throws -> ExplainAccess.Answer {
        try world.answer(ExplainAccess(peer: PeerName(peer), service: service), at: alice)
    }

    @Test mutating func `who is shut out has no session and is not heard, and all is as before when let in again`()
        throws
    {
        try world.befriend(bob, alice)
        let secret = world.nodes[alice]!.admitted[bob]
        #expect(secret != nil && world.nodes[alice]!.sessions.contains(bob))
        #expect(try world.answer(BlockPeer(peer: PeerName(bob)), at: alice).blocked)
        #expect(world.nodes[alice]!.admitted[bob] == nil && !world.nodes[alice]!.sessions.contains(bob))
        #expect(world.nodes[alice]!.ended == [bob], "its streams end")
        let list = try world.answer(ListTrust(), at: alice)
        #expect(list.trusted.isEmpty && list.blocked == [bob])
        #expect(!world.nodes[alice]!.sidecar.decide(bob, VirtualPort(80), at: world.now).isAdmitted)
        guard case .notTrusted(bob, let hint) = world.nodes[alice]!.sidecar.find(PeerName(bob), at: world.now) else {
            Issue.record("a peer that is shut out is not reached")
            return
        }
        #expect(hint.contains("postern block --remove"))
        world.pass(1)
        world.perform(RequestTrust(peer: alice, services: .names(["planner"])), at: bob)
        #expect(try world.answer(ListTrust(), at: alice).pending.isEmpty)
        let invited = try world.answer(CreateInvitation(), at: alice).invitation
        world.perform(JoinInvitation(invitation: invited), at: bob)
        #expect(try world.answer(ListInvitations(), at: alice).map(\.redeemers) == [[]])

        let facts = world.nodes[alice]!.sidecar.compactedFacts(at: world.now.wall)
        world.restart(alice, journal: [TrustJournal.content(facts)])
        #expect(!world.isTrusted(alice, bob), "also after a restart")
        #expect(try !world.answer(BlockPeer(peer: PeerName(bob), remove: true), at: alice).blocked)
        #expect(world.isTrusted(alice, bob) && world.nodes[alice]!.admitted[bob] == secret)
        let actions = world.nodes[alice]!.events.map(\.action)
        #expect(actions.contains(.unblocked))
    }

    @Test mutating func `a peer that is shut out can still end the trust`() throws {
        try world.befriend(bob, alice)
        _ = try world.answer(BlockPeer(peer: PeerName(bob)), at: alice)
        _ = try world.answer(RevokeTrust(peer: PeerName(alice)), at: bob)
        _ = try world.answer(BlockPeer(peer: PeerName(bob), remove: true), at: alice)
        #expect(!world.isTrusted(alice, bob) && world.nodes[alice]!.admitted[bob] == nil)
    }

    @Test mutating func `nothing is begun with who is shut out`() throws {
        _ = try world.answer(BlockPeer(peer: PeerName(bob)), at: alice)
        #expect(world.failure(RequestTrust(peer: bob), at: alice)?.code == "blocked")
        let invited = try world.answer(CreateInvitation(), at: bob).invitation
        #expect(world.failure(JoinInvitation(invitation: invited), at: alice)?.code == "blocked")
    }

    @Test mutating func `each decision names its rule or what it fails for`() throws {
        #expect(try why(bob, .name("planner")).reason == "not-trusted")
        let asked = try world.answer(RequestTrust(peer: alice, services: .names(["clock"])), at: bob)
        _ = try world.answer(ApproveRequest(id: asked.id!.description), at: alice)
        let notGranted = try why(bob, .name("planner"))
        #expect(notGranted.reason == "not-granted" && notGranted.hint?.contains("--for planner") == true)
        let notAllowed = try why(bob, .port(VirtualPort(81)))
        #expect(notAllowed.reason == "not-allowed" && notAllowed.service == "clock")
        #expect(notAllowed.hint?.contains("claims to be research") == true)
        _ = try world.answer(NamePeer(peer: PeerName(bob), name: "research"), at: alice)
        let admitted = try why(bob, .name("clock"))
        #expect(admitted.admitted && admitted.reason == "grant" && admitted.explanation.contains("research"))
        #expect(admitted.hint == nil)
        #expect(try why(bob, .name("nothing")).reason == "no-such-service")
        _ = try world.answer(BlockPeer(peer: "research"), at: alice)
        #expect(try why(bob, .name("clock")).reason == "blocked")
        for target in [ServiceTarget.name("planner"), .name("clock")] {
            let port = try #require(try why(bob, target).port)
            let decided = world.nodes[alice]!.sidecar.decide(bob, port, at: world.now)
            #expect(try why(bob, target).admitted == decided.isAdmitted, "it is the decision itself")
        }
    }
}
