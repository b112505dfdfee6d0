import OverlayCrypto
import OverlayWire
import PosternModel
import SidecarCore
import TestSupport
import Testing
import TrustCore

/// Names mean the keys that the operator bound to them, whatever peers call themselves (RULES A).
@Suite struct PetnameTests {
    var world = World()
    let alice: NodeKey
    let direct = [Endpoint("192.0.2.1:4000")!]

    init() {
        let rule = ExposedRule(
            service: Service(name: "planner", port: VirtualPort(80), kind: .a2a),
            allow: [.peer("research")]
        )
        alice = world.add(1, "alice", exposed: [rule], advertised: direct)
    }

    private mutating func invitation(of key: NodeKey, name: String? = nil) throws -> Invitation {
        try world.answer(CreateInvitation(name: name), at: key).invitation
    }

    private func finding(_ name: PeerName) -> PeerFinding { world.nodes[alice]!.sidecar.find(name, at: world.now) }

    private func isAdmitted(_ peer: NodeKey) -> Bool {
        world.nodes[alice]!.sidecar.decide(peer, VirtualPort(80), at: world.now).isAdmitted
    }

    private mutating func listed(_ peer: NodeKey) throws -> TrustDocument {
        try #require(try world.answer(ListTrust(), at: alice).trusted.first { $0.did == peer })
    }

    @Test mutating func `who claims the name in the configuration gets neither requests nor access (S3)`() throws {
        let stranger = world.add(2, "research")
        let invited = try invitation(of: alice)
        _ = try world.answer(JoinInvitation(invitation: invited), at: stranger)
        guard case .unknown(let hint) = finding("research") else {
            Issue.record("a claim is no name")
            return
        }
        #expect(hint.contains(stranger.did) && hint.contains("proves nothing"))
        #expect(!isAdmitted(stranger))
        let shown = try listed(stranger)
        #expect(shown.name == nil && shown.claims == "research")
        #expect(world.nodes[alice]!.sidecar.name(of: stranger) == nil, "the agent is told no name")
        let status = try world.answer(ShowStatus(), at: alice)
        #expect(status.unbound.map(\.name) == ["research"])
        #expect(status.unbound.first?.uses == ["allow on planner"] && status.unbound.first?.claimedBy == [stranger])

        // The real one comes second and is who the operator says.
        let research = world.add(3, "research")
        let named = try invitation(of: alice, name: "research")
        _ = try world.answer(JoinInvitation(invitation: named), at: research)
        #expect(finding("research") == .reachable(research))
        #expect(isAdmitted(research) && !isAdmitted(stranger))
        #expect(try world.answer(ShowStatus(), at: alice).unbound.isEmpty)
        #expect(try listed(research).activates == ["allow on planner"])
    }

    @Test mutating func `joining binds the inviter's name if it is free, and what it activates is told`() throws {
        let research = world.add(2, "Research", advertised: direct)
        let invited = try invitation(of: research)
        let joined = try world.answer(JoinInvitation(invitation: invited), at: alice)
        #expect(joined.name == "research" && joined.claims == "Research")
        #expect(joined.activates == ["allow on planner"] && isAdmitted(research))

        let second = world.add(3, "research", advertised: direct)
        let later = try invitation(of: second)
        let unnamed = try world.answer(JoinInvitation(invitation: later), at: alice)
        #expect(unnamed.name == nil && unnamed.claims == "research" && unnamed.activates.isEmpty)
        #expect(finding("research") == .reachable(research) && !isAdmitted(second))
        #expect(world.failure(JoinInvitation(invitation: later, name: "research"), at: alice)?.code == "invalid-name")
        let other = try world.answer(JoinInvitation(invitation: later, name: "lab"), at: alice)
        #expect(other.name == "lab" && finding("lab") == .reachable(second))
    }

    @Test mutating func `joining binds the name that the operator chose, or none`() throws {
        let research = world.add(2, "research", advertised: direct)
        let invited = try invitation(of: research)
        #expect(try world.answer(JoinInvitation(invitation: invited, name: "lab"), at: alice).name == "lab")
        #expect(finding("lab") == .reachable(research) && !isAdmitted(research))
        let other = world.add(3, "other", advertised: direct)
        let another = try invitation(of: other)
        #expect(try world.answer(JoinInvitation(invitation: another, unnamed: true), at: alice).name == nil)
        #expect(world.nodes[alice]!.sidecar.name(of: other) == nil)
    }

    @Test mutating func `an invitation binds no name before its inviter has answered`() throws {
        let research = world.add(2, "research", advertised: direct)
        let invited = try invitation(of: research)
        world.nodes[research]!.isRunning = false
        world.hubDown(research)
        world.perform(JoinInvitation(invitation: invited), at: alice)
        #expect(world.nodes[alice]!.sidecar.name(of: research) == nil)
        _ = try world.answer(NamePeer(peer: PeerName(world.add(3, "third")), name: "research"), at: alice)
        world.nodes[research]!.isRunning = true
        world.restart(research)
        world.pass(60)
        #expect(world.isTrusted(alice, research))
        #expect(world.nodes[alice]!.sidecar.name(of: research) == nil, "the name went to another one meanwhile")
    }

    @Test mutating func `approving and asking bind the name that is given with them`() throws {
        let (bob, carol) = (world.add(2, "bob"), world.add(3, "carol"))
        let asked = try world.answer(RequestTrust(peer: alice), at: bob)
        #expect(finding("bob") != .reachable(bob), "the name of a request means nobody")
        let pending = try #require(try world.answer(ListTrust(), at: alice).pending.first)
        #expect(pending.name == nil && pending.claims == "bob")
        let approved = try world.answer(ApproveRequest(id: asked.id!.description, name: "research"), at: alice)
        #expect(approved.name == "research" && approved.activates == ["allow on planner"])
        #expect(finding("research") == .reachable(bob) && isAdmitted(bob))
        _ = try world.answer(RequestTrust(peer: .peer(PeerName(carol)), name: "lab"), at: alice)
        #expect(try world.answer(ListTrust(), at: alice).outgoing.map(\.name) == ["lab"])
        let taken = world.failure(RequestTrust(peer: .peer(PeerName(carol)), name: "research"), at: alice)
        #expect(taken?.code == "invalid-name")
    }

    @Test(arguments: ["trusted", "Bob", "a.b", "-a", "", "did:key:z", String(repeating: "a", count: 64)])
    mutating func `what means something else, or is no label, is refused as a name`(name: String) throws {
        let bob = world.add(2, "bob")
        #expect(world.failure(NamePeer(peer: PeerName(bob), name: name), at: alice)?.code == "invalid-name")
        #expect(world.failure(CreateInvitation(name: name), at: alice)?.code == "invalid-name")
    }

    @Test mutating func `a name stays bound over restarts, renewals and the end of the trust`() throws {
        let bob = world.add(2, "bob")
        try world.befriend(bob, alice)
        _ = try world.answer(NamePeer(peer: PeerName(bob), name: "research"), at: alice)
        _ = try world.answer(RevokeTrust(peer: "research"), at: alice)
        let facts = world.nodes[alice]!.sidecar.compactedFacts(at: world.now.wall)
        world.restart(alice, journal: [TrustJournal.content(facts)])
        #expect(world.nodes[alice]!.sidecar.name(of: bob) == "research")
        let impostor = world.add(3, "research", advertised: direct)
        let invited = try invitation(of: impostor)
        #expect(try world.answer(JoinInvitation(invitation: invited), at: alice).name == nil)
        world.pass(5)
        try world.befriend(bob, alice)
        #expect(finding("research") == .reachable(bob))
    }

    @Test mutating func `a name is for one peer, so an invitation with one has one use`() throws {
        #expect(world.failure(CreateInvitation(uses: 2, name: "bob"), at: alice)?.code == "bad-invitation")
        let (bob, carol) = (world.add(2, "x"), world.add(3, "y"))
        let invitations = [try invitation(of: alice, name: "bob"), try invitation(of: alice, name: "bob")]
        _ = try world.answer(JoinInvitation(invitation: invitations[0]), at: bob)
        _ = try world.answer(JoinInvitation(invitation: invitations[1]), at: carol)
        #expect(finding("bob") == .reachable(bob) && world.isTrusted(alice, carol))
        #expect(world.nodes[alice]!.sidecar.name(of: carol) == nil)
    }
}
