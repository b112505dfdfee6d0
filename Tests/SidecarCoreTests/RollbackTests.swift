import OverlayCrypto
import OverlayWire
import PosternModel
import SidecarCore
import Testing
import TrustCore

/// An old copy of a state directory (RULES N19).
@Suite struct RollbackTests {
    /// Alice trusts Bob and Carol, and has revoked Bob since her journal was copied.
    private struct Copied {
        var world = World()
        let (alice, bob, carol): (NodeKey, NodeKey, NodeKey)
        var copy: [[UInt8]] = []

        init(withHub: Bool = true) throws {
            world.hasMarks = true
            alice = world.add(1, "alice", withHub: withHub, advertised: [Endpoint("192.0.2.1:4000")!])
            (bob, carol) = (world.add(2, "bob", withHub: withHub), world.add(3, "carol", withHub: withHub))
            for other in [bob, carol] {
                let invitation = try world.answer(CreateInvitation(), at: alice).invitation
                _ = try world.answer(JoinInvitation(invitation: invitation), at: other)
            }
            world.pass(60)
            copy = world.nodes[alice]!.journal
        }

        /// Bob is revoked, time passes, and the old copy is put in place.
        mutating func revokeAndRestore() throws {
            _ = try world.answer(RevokeTrust(peer: PeerName(bob)), at: alice)
            world.pass(60)
            world.restart(alice, journal: copy)
        }

        var status: StatusDocument.Outdated? {
            mutating get throws { try world.answer(ShowStatus(), at: alice).outdated }
        }

        func isAdmitted(_ peer: NodeKey) -> Bool { world.nodes[alice]!.admitted[peer] != nil }
    }

    @Test func `a hub tells, and nobody is trusted until the revocations are fetched`() throws {
        var it = try Copied()
        let known = it.world.heads(of: it.alice).count
        try it.revokeAndRestore()
        let outdated = try #require(try it.status)
        #expect(outdated.known > known && outdated.sequence < outdated.known)
        #expect(!it.isAdmitted(it.bob) && !it.isAdmitted(it.carol))
        #expect(!it.world.isTrusted(it.alice, it.carol))
        #expect(it.world.nodes[it.alice]!.events.map(\.action).contains(.outdated))
        let why = try it.world.answer(
            ExplainAccess(peer: PeerName(it.carol), service: ServiceTarget("x")!),
            at: it.alice
        )
        #expect(!why.admitted)

        let answer = try it.world.answer(RecoverTrust(), at: it.alice)
        #expect(answer.state == .recovered && answer.revoked == [it.bob] && answer.hubs == [it.world.hubURL])
        #expect(it.isAdmitted(it.carol) && !it.isAdmitted(it.bob))
        #expect(try it.status == nil)
        #expect(it.world.heads(of: it.alice).last!.sequence > outdated.known)
        for _ in 0..<2 {
            it.world.pass(60)
            it.world.restart(it.alice)
            #expect(try it.status == nil, "the new state is the node's")
            #expect(it.world.isTrusted(it.alice, it.carol) && !it.world.isTrusted(it.alice, it.bob))
        }
        #expect(try it.world.answer(RecoverTrust(), at: it.alice).state == .current)
    }

    @Test func `a peer tells where no hub does`() throws {
        var it = try Copied()
        _ = try it.world.answer(RevokeTrust(peer: PeerName(it.bob)), at: it.alice)
        it.world.pass(120)
        it.world.hubDown(it.alice)
        it.world.isHubUp = false
        it.world.restart(it.alice, journal: it.copy)
        it.world.input(it.alice) { [carol = it.carol] in $0.want(carol, at: $1) }
        #expect(try it.status != nil && !it.isAdmitted(it.carol) && !it.isAdmitted(it.bob))
        let failure = it.world.failure(RecoverTrust(), at: it.alice)
        #expect(failure?.code == "not-recovered")
        #expect(try it.world.answer(RecoverTrust(confirm: true), at: it.alice).state == .confirmed)
        #expect(it.isAdmitted(it.carol) && it.isAdmitted(it.bob), "nobody who was asked knew")
    }

    @Test func `what gives trust waits, what takes it away does not`() throws {
        var it = try Copied()
        let asked = try it.world.answer(RequestTrust(peer: it.bob), at: it.carol)
        try it.revokeAndRestore()
        let invitation = try it.world.answer(CreateInvitation(), at: it.carol).invitation
        for failure in [
            it.world.failure(CreateInvitation(), at: it.alice),
            it.world.failure(JoinInvitation(invitation: invitation), at: it.alice),
            it.world.failure(RequestTrust(peer: it.bob), at: it.alice),
            it.world.failure(ApproveRequest(id: asked.id!.description), at: it.alice),
        ] { #expect(failure?.code == "state-outdated" && failure?.hint?.contains("trust recover") == true) }
        #expect(try it.world.answer(RevokeTrust(peer: PeerName(it.carol)), at: it.alice).state == "revoked")
        #expect(try it.world.answer(BlockPeer(peer: PeerName(it.bob)), at: it.alice).blocked)
        #expect(try it.world.answer(ListTrust(), at: it.alice).trusted.isEmpty)
        _ = try it.world.answer(RecoverTrust(), at: it.alice)
        #expect(!it.isAdmitted(it.carol) && !it.isAdmitted(it.bob))
    }

    @Test func `open invitations of an old state are withdrawn, and mail waits at the hub until it counts`() throws {
        var it = try Copied()
        let open = try it.world.answer(CreateInvitation(), at: it.alice).invitation
        it.world.pass(60)
        it.copy = it.world.nodes[it.alice]!.journal
        let dave = it.world.add(4, "dave")
        try it.revokeAndRestore()
        _ = it.world.perform(JoinInvitation(invitation: open), at: dave)
        let erin = it.world.add(5, "erin")
        _ = try it.world.answer(RequestTrust(peer: it.alice), at: erin)
        it.world.pass(60)
        #expect(!it.world.isTrusted(dave, it.alice))
        #expect(try it.world.answer(ListTrust(), at: it.alice).pending.isEmpty)
        #expect(try it.world.answer(RecoverTrust(), at: it.alice).withdrawn == [open.id])
        it.world.pass(120)
        #expect(!it.world.isTrusted(dave, it.alice) && !it.world.isTrusted(it.alice, dave))
        #expect(try it.world.answer(ListTrust(), at: it.alice).pending.map(\.did) == [erin])
    }

    @Test func `an old state stays old over restarts and compaction`() throws {
        var it = try Copied()
        try it.revokeAndRestore()
        it.world.isHubUp = false
        it.world.restart(it.alice)
        #expect(try it.status != nil && !it.isAdmitted(it.carol))
        #expect(it.world.nodes[it.alice]!.events.map(\.action).contains(.outdated), "each start says so")
        let facts = it.world.nodes[it.alice]!.sidecar.compactedFacts(at: it.world.now.wall)
        it.world.restart(it.alice, journal: [TrustJournal.content(facts)])
        #expect(try it.status != nil && !it.isAdmitted(it.carol))
    }

    @Test func `a copy that was written to is noticed by another line under the same number`() throws {
        var it = try Copied()
        _ = try it.world.answer(RevokeTrust(peer: PeerName(it.bob)), at: it.alice)
        it.world.pass(60)
        it.world.hubDown(it.alice)
        it.world.isHubUp = false
        it.world.nodes[it.bob]?.isRunning = false
        it.world.nodes[it.carol]?.isRunning = false
        it.world.restart(it.alice, journal: it.copy)
        for number in 0..<9 {
            _ = try it.world.answer(NamePeer(peer: PeerName(it.carol), name: "name-\(number)"), at: it.alice)
        }
        #expect(try it.status == nil, "nobody has told yet")
        it.world.isHubUp = true
        it.world.pass(60)
        #expect(try it.status != nil)
    }

    @Test func `only our own signature counts`() throws {
        var it = try Copied()
        let high = ChainHead(sequence: 1_000, hash: ChainHead.empty.hash)
        let (alice, bob) = (it.alice, it.bob)
        let foreign = StateMark(of: it.world.nodes[bob]!.identity, at: high)
        it.world.input(alice) { sidecar, now in
            sidecar.peerSession(bob, isUp: false, at: now)
                + sidecar.peerSession(bob, isUp: true, at: now).map { action in
                    guard case .peerRequest(let id, bob, _) = action else { return action }
                    return .peerRequest(id, peer: bob, .mark(foreign))
                }
        }
        #expect(try it.status == nil)
        #expect(it.world.ask(it.carol, as: bob, .mark(foreign)) == .refused, "a stranger leaves nothing")
        let kept = it.world.ask(alice, as: bob, .mark(StateMark(of: it.world.nodes[alice]!.identity, at: high)))
        #expect(kept != .refused)
        #expect(it.world.ask(alice, as: bob, .mark(foreign)) == kept, "another's mark is not kept as theirs")
    }

    @Test func `a peer keeps the newest mark, in its cache too, and gives back the one of before`() throws {
        var it = try Copied()
        let (alice, bob) = (it.alice, it.bob)
        func mark(_ sequence: Int64) -> StateMark {
            StateMark(of: it.world.nodes[bob]!.identity, at: ChainHead(sequence: sequence, hash: ChainHead.empty.hash))
        }
        let (high, low, higher) = (mark(500), mark(400), mark(600))
        _ = it.world.ask(alice, as: bob, .mark(high))
        #expect(it.world.ask(alice, as: bob, .mark(low)) == .marked(high))
        it.world.nodes[bob]?.isRunning = false
        it.world.restart(alice)
        #expect(it.world.ask(alice, as: bob, .mark(higher)) == .marked(high))
        #expect(it.world.ask(alice, as: bob, .mark(low)) == .marked(higher))
    }

    @Test func `a hub that was not told of a revocation has no mark of after it`() throws {
        var it = try Copied()
        it.world.isHubUp = false
        it.world.hubDown(it.alice)
        _ = try it.world.answer(RevokeTrust(peer: PeerName(it.bob)), at: it.alice)
        it.world.pass(120)
        // Carol has heard of it, the hub has not.
        it.world.restart(it.alice, journal: it.copy)
        it.world.input(it.alice) { [carol = it.carol] in $0.want(carol, at: $1) }
        #expect(try it.status != nil)
        it.world.isHubUp = true
        it.world.pass(60)
        #expect(it.world.failure(RecoverTrust(), at: it.alice)?.code == "not-recovered")
        #expect(try it.world.answer(RecoverTrust(confirm: true), at: it.alice).revoked.isEmpty)
    }

    @Test func `hubs and peers are not told more often than they may be`() throws {
        var it = try Copied()
        let before = it.world.marksLeft
        for number in 0..<20 {
            _ = try it.world.answer(NamePeer(peer: PeerName(it.carol), name: "name-\(number)"), at: it.alice)
        }
        it.world.pass(9)
        #expect(it.world.marksLeft - before <= 3, "one each, at most")
        it.world.pass(120)
        #expect(it.world.marksLeft - before <= 6)
    }
}
