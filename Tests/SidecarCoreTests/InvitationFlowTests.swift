import HubCore
import HubProtocol
import OverlayCrypto
import OverlayWire
import PosternModel
import TestSupport
import Testing

@testable import SidecarCore
@testable import TrustCore

@Suite struct InvitationFlowTests {
    var world = World()
    let direct = [Endpoint("192.0.2.1:4000")!]

    mutating func invite(
        _ key: NodeKey,
        uses: Int = 1,
        seconds: Int64 = 3_600,
        services: ServiceSet = .all
    ) throws -> Invitation {
        let invite = CreateInvitation(uses: uses, expiresMs: seconds * 1_000, services: services)
        return try world.answer(invite, at: key).invitation
    }

    @Test(arguments: [true, false], [true, false])
    mutating func `an invitation makes a trust in one step, with a hub and without (R9)`(
        inviterHub: Bool,
        guestHub: Bool
    ) throws {
        let alice = world.add(1, "alice", withHub: inviterHub, advertised: direct)
        let bob = world.add(2, "bob", withHub: guestHub)
        let token = try invite(alice, services: .names(["planner"]))
        let answer = try world.answer(JoinInvitation(invitation: token), at: bob)
        #expect(answer.state == "trusted" && answer.name == "alice" && answer.offers == .names(["planner"]))
        #expect(world.isTrusted(alice, bob) && world.isTrusted(bob, alice))
        #expect(world.nodes[alice]!.admitted[bob] == world.nodes[bob]!.admitted[alice])
    }

    @Test mutating func `an invitation through the hub alone works, and its guest key never meets anybody`() throws {
        let alice = world.add(1, "alice")
        let bob = world.add(2, "bob", withHub: false)
        let token = try invite(alice)
        _ = try world.answer(JoinInvitation(invitation: token), at: bob)
        #expect(world.isTrusted(alice, bob) && world.isTrusted(bob, alice))
    }

    @Test mutating func `an invitation is used up after its uses`() throws {
        let alice = world.add(1, "alice", advertised: direct)
        let token = try invite(alice, uses: 2)
        let guests = [world.add(2, "b"), world.add(3, "c"), world.add(4, "d")]
        for guest in guests { world.perform(JoinInvitation(invitation: token), at: guest) }
        #expect(guests.map { world.isTrusted(alice, $0) } == [true, true, false])
        #expect(!world.isTrusted(guests[2], alice))
        let failures = world.nodes[guests[2]]!.failures.values
        #expect(failures.map(\.code) == ["bad-invitation"])
        #expect(failures.first?.message.contains("as often as it may be") == true)
        world.jump(.seconds(3_600 + 86_400))
        #expect(world.nodes[alice]!.admitted.keys.allSatisfy { guests.contains($0) }, "the guest key is gone")
    }

    @Test(arguments: [true, false])
    mutating func `the holder of an invitation that ended is told at once why, and may ask again`(
        withHub: Bool
    ) throws {
        // Each of the two ways alone: mail, and the address in the invitation.
        let alice = world.add(1, "alice", withHub: withHub, advertised: withHub ? [] : direct)
        let (bob, carol) = (world.add(2, "bob", withHub: withHub), world.add(3, "carol", withHub: withHub))
        let token = try invite(alice)
        _ = try world.answer(JoinInvitation(invitation: token), at: bob)
        for _ in 0..<2 {
            let refused = world.failure(JoinInvitation(invitation: token), at: carol)
            #expect(refused == .refusedInvitation(.usedUp))
        }
        if withHub {
            _ = try world.answer(RevokeTrust(peer: PeerName(bob)), at: alice)
            #expect(world.failure(JoinInvitation(invitation: token), at: bob) == .refusedInvitation(.withdrawn))
        }
        world.restart(alice)
        world.pass(40)
        #expect(world.failure(JoinInvitation(invitation: token), at: carol) == .refusedInvitation(.usedUp))
        #expect(!world.isTrusted(alice, carol) && !world.isTrusted(carol, alice))
    }

    @Test(arguments: [true, false])
    mutating func `an invitation that expired by the inviter's clock alone is refused with that reason`(
        withHub: Bool
    ) throws {
        let alice = world.add(1, "alice", withHub: withHub, advertised: withHub ? [] : direct)
        let bob = world.add(2, "bob", withHub: withHub)
        let token = try invite(alice, seconds: 10)
        world.pass(20)
        world.clockLag[bob] = .seconds(15)
        #expect(world.failure(JoinInvitation(invitation: token), at: bob) == .refusedInvitation(.expired))
        #expect(!world.isTrusted(alice, bob) && !world.isTrusted(bob, alice))
    }

    @Test mutating func `an inviter that is away is waited for`() throws {
        let alice = world.add(1, "alice", advertised: direct)
        let bob = world.add(2, "bob")
        let token = try invite(alice)
        world.nodes[alice]!.isRunning = false
        world.hubDown(alice)
        world.perform(JoinInvitation(invitation: token), at: bob)
        world.pass(19)
        #expect(world.nodes[bob]!.failures.isEmpty)
        world.pass(1)
        #expect(world.nodes[bob]!.failures.values.map(\.code) == ["no-answer"])
    }

    @Test mutating func `every join of one invitation gets its answer`() throws {
        let alice = world.add(1, "alice")
        let bob = world.add(2, "bob")
        let token = try invite(alice)
        world.nodes[alice]!.isRunning = false
        let joins = [
            world.perform(JoinInvitation(invitation: token), at: bob),
            world.perform(JoinInvitation(invitation: token), at: bob),
        ]
        world.pass(25)
        #expect(joins.map { world.nodes[bob]!.failures[$0]?.code } == ["no-answer", "no-answer"])
    }

    @Test mutating func `a refusal counts only from the inviter and for our own claim`() throws {
        let alice = world.add(1, "alice")
        let (bob, mallory) = (world.add(2, "bob"), world.add(3, "mallory"))
        let token = try invite(alice)
        world.nodes[alice]!.isRunning = false
        world.hubDown(alice)
        world.perform(JoinInvitation(invitation: token), at: bob)
        let joining = world.nodes[bob]!.sidecar.compactedFacts(at: world.now.wall).compactMap { fact in
            if case .joining(_, let claim, _) = fact { claim.id } else { nil }
        }
        let id = try #require(joining.first)
        let forged = TrustRejection(from: world.nodes[mallory]!.identity, to: bob, answering: id, because: .usedUp)
        let other = TrustRejection(
            from: world.nodes[alice]!.identity,
            to: bob,
            answering: RecordID(ofBytes: [1]),
            because: .usedUp
        )
        for rejection in [forged, other] {
            let sealed = try Mail.rejection(rejection).sealed()
            let hub = world.hubURL.key
            world.input(bob) {
                $0.receive(.mail(id: RecordID(ofBytes: sealed), sealed: sealed, as: .known), from: hub, at: $1)
            }
        }
        #expect(world.nodes[bob]!.failures.isEmpty)
    }

    @Test mutating func `a claim is refused without a trace, and unproved it gets no answer at all`() throws {
        let alice = world.add(1, "alice", advertised: direct)
        let (bob, carol) = (world.add(2, "bob"), world.add(3, "carol"))
        let token = try invite(alice)
        _ = try world.answer(JoinInvitation(invitation: token), at: bob)
        let journal = world.nodes[alice]!.journal
        let invitation = token
        let identity = world.nodes[carol]!.identity
        let grant = Grant(from: identity, to: alice, services: .all, issued: world.now.wall.inMilliseconds)
        let claim = InvitationClaim(from: identity, invitation: invitation, name: "c", grant: grant, hubs: [])
        var members = try #require(claim.document.object)
        members["mac"] = .string(Base64URL.encode(Array(repeating: 0, count: 32)))
        for added in ["signature", "by", "type"] { members[added] = nil }
        let unproved = SignedRecord(.claim, members, signedBy: identity).document
        for (claim, answers) in [(claim, 1), (try InvitationClaim(verifying: unproved), 0)] {
            let sealed = try Mail.claim(claim).sealed()
            let hub = world.hubURL.key
            let before = world.mailSeen.count
            world.input(alice) {
                $0.receive(.mail(id: RecordID(ofBytes: sealed), sealed: sealed, as: .known), from: hub, at: $1)
            }
            #expect(world.mailSeen.count == before + answers)
        }
        #expect(world.nodes[alice]!.journal == journal)
    }

    @Test mutating func `who redeemed already gets the same answer again and costs no use`() throws {
        let alice = world.add(1, "alice", withHub: false, advertised: direct)
        let bob = world.add(2, "bob", withHub: false)
        let token = try invite(alice, uses: 2)
        _ = try world.answer(JoinInvitation(invitation: token), at: bob)
        let secret = world.nodes[alice]!.admitted[bob]
        world.nodes[bob]!.journal = []
        world.restart(bob)
        #expect(!world.isTrusted(bob, alice))
        _ = try world.answer(JoinInvitation(invitation: token), at: bob)
        #expect(world.isTrusted(bob, alice) && world.nodes[bob]!.admitted[alice] == secret)
        let carol = world.add(3, "carol", withHub: false)
        _ = try world.answer(JoinInvitation(invitation: token), at: carol)
        #expect(world.isTrusted(alice, carol))
    }

    @Test mutating func `an expired invitation opens nothing, and its guest key goes in the end`() throws {
        let alice = world.add(1, "alice", advertised: direct)
        let bob = world.add(2, "bob")
        let token = try invite(alice, seconds: 10)
        world.pass(11)
        #expect(world.failure(JoinInvitation(invitation: token), at: bob)?.code == "bad-invitation")
        let guest = try NodeIdentity(seed: token.secret.guestSeed).key
        #expect(world.nodes[alice]!.admitted[guest] != nil, "the guest is told why")
        world.jump(.seconds(86_400))
        #expect(world.nodes[alice]!.admitted[guest] == nil)
        world.clockLag[bob] = .seconds(86_410)
        world.perform(JoinInvitation(invitation: token), at: bob)
        #expect(!world.isTrusted(alice, bob) && !world.isTrusted(bob, alice))
    }

    @Test mutating func `a redeemer that was revoked cannot redeem again`() throws {
        let alice = world.add(1, "alice", advertised: direct)
        let bob = world.add(2, "bob")
        let token = try invite(alice, uses: 5)
        _ = try world.answer(JoinInvitation(invitation: token), at: bob)
        _ = try world.answer(RevokeTrust(peer: PeerName(bob)), at: alice)
        world.perform(JoinInvitation(invitation: token), at: bob)
        #expect(!world.isTrusted(alice, bob) && !world.isTrusted(bob, alice))
    }

    @Test mutating func `a withdrawn invitation opens nothing, and whoever redeemed it stays`() throws {
        let alice = world.add(1, "alice", advertised: direct)
        let (bob, carol) = (world.add(2, "bob"), world.add(3, "carol"))
        let token = try invite(alice, uses: 5)
        _ = try world.answer(JoinInvitation(invitation: token), at: bob)
        let listed = try world.answer(ListInvitations(), at: alice)
        #expect(listed.map(\.state) == [.open] && listed.first?.redeemers == [bob])
        let id = String(token.id.description.prefix(6))
        #expect(try world.answer(RevokeInvitation(id: id), at: alice).state == .revoked)
        #expect(world.failure(JoinInvitation(invitation: token), at: carol) == .refusedInvitation(.revoked))
        #expect(world.isTrusted(alice, bob) && !world.isTrusted(alice, carol))
        world.restart(
            alice,
            journal: [TrustJournal.content(world.nodes[alice]!.sidecar.compactedFacts(at: world.now.wall))]
        )
        #expect(try world.answer(ListInvitations(), at: alice).map(\.state) == [.revoked])
        #expect(world.failure(JoinInvitation(invitation: token), at: carol) == .refusedInvitation(.revoked))
        #expect(world.failure(RevokeInvitation(id: "none"), at: alice)?.code == "no-such-invitation")
    }

    @Test mutating func `revoking a peer that came by a link offers to withdraw the link, or does it (S3)`() throws {
        let alice = world.add(1, "alice", advertised: direct)
        let (bob, carol) = (world.add(2, "bob"), world.add(3, "carol"))
        let again = world.add(4, "bob again")
        let token = try invite(alice, uses: 5)
        for guest in [bob, carol] { _ = try world.answer(JoinInvitation(invitation: token), at: guest) }
        let offered = try world.answer(RevokeTrust(peer: PeerName(bob)), at: alice)
        #expect(offered.invitations.map(\.state) == [.open])
        #expect(offered.hint?.contains("postern invite revoke \(token.id)") == true)
        let done = try world.answer(RevokeTrust(peer: PeerName(carol), invitations: true), at: alice)
        #expect(done.invitations.map(\.state) == [.revoked] && done.hint == nil)
        #expect(world.failure(JoinInvitation(invitation: token), at: again) == .refusedInvitation(.revoked))
        let alone = try invite(alice)
        _ = try world.answer(JoinInvitation(invitation: alone), at: again)
        let plain = try world.answer(RevokeTrust(peer: PeerName(again)), at: alice)
        #expect(plain.invitations.isEmpty && plain.hint == nil, "a link that is used up lets nobody in")
    }

    @Test mutating func `a link does not let in again whom the operator has put out since, a new one does`() throws {
        let alice = world.add(1, "alice", advertised: direct)
        let bob = world.add(2, "bob")
        let link = try invite(alice, uses: 5)
        try world.befriend(bob, alice)
        world.pass(1)
        _ = try world.answer(RevokeTrust(peer: PeerName(bob)), at: alice)
        #expect(world.failure(JoinInvitation(invitation: link), at: bob) == .refusedInvitation(.withdrawn))
        #expect(!world.isTrusted(alice, bob))
        world.clockLag[alice] = .seconds(3_000)
        let fresh = try invite(alice)
        _ = try world.answer(JoinInvitation(invitation: fresh), at: bob)
        #expect(world.isTrusted(alice, bob) && world.isTrusted(bob, alice))
    }

    @Test mutating func `an invitation gives what it names and takes nothing away`() throws {
        let alice = world.add(1, "alice", advertised: direct)
        let bob = world.add(2, "bob")
        let first = try invite(alice, services: .names(["planner"]))
        _ = try world.answer(JoinInvitation(invitation: first), at: bob)
        let second = try invite(alice, services: .names(["clock"]))
        let both = try world.answer(JoinInvitation(invitation: second), at: bob)
        #expect(both.offers == .names(["clock", "planner"]))
        let narrow = try invite(alice, services: .names(["clock"]))
        #expect(try world.answer(JoinInvitation(invitation: narrow), at: bob).offers == .names(["clock", "planner"]))
        #expect(try world.answer(ListInvitations(), at: alice).last?.redeemers == [], "nothing had to be redeemed")
    }

    @Test mutating func `an answer that comes after the invitation has expired here still counts`() throws {
        let alice = world.add(1, "alice")
        let bob = world.add(2, "bob")
        let token = try invite(alice, seconds: 100)
        world.nodes[alice]!.isRunning = false
        world.hubDown(alice)
        world.perform(JoinInvitation(invitation: token), at: bob)
        world.hubDown(bob)
        world.nodes[bob]!.isRunning = false
        world.nodes[alice]!.isRunning = true
        world.restart(alice)
        world.pass(5)
        #expect(world.isTrusted(alice, bob))
        // The answer waits at the hub when bob's clock jumps past the end of the invitation.
        world.nodes[bob]!.isRunning = true
        world.clockLag[bob] = .seconds(-1_000)
        let facts = world.nodes[bob]!.sidecar.compactedFacts(at: world.now.wall + .seconds(1_000))
        world.restart(bob, journal: [TrustJournal.content(facts)])
        world.pass(60)
        #expect(world.isTrusted(alice, bob) == world.isTrusted(bob, alice))
        #expect(world.isTrusted(bob, alice))
    }

    @Test mutating func `a guest can redeem and nothing else (R8)`() throws {
        let rule = ExposedRule(service: Service(name: "planner", port: VirtualPort(80), kind: .a2a), allow: [.trusted])
        let alice = world.add(1, "alice", exposed: [rule], advertised: direct)
        let invitation = try invite(alice)
        let guest = try NodeIdentity(seed: invitation.secret.guestSeed).key
        #expect(world.nodes[alice]!.admitted[guest] == invitation.secret.guestSecret)
        #expect(world.ask(alice, as: guest, .services) == .refused)
        #expect(world.ask(alice, as: guest, .redeem(claim: [0, 0, 0])) == .refused)
        #expect(
            !world.nodes[alice]!.sidecar.decide(guest, VirtualPort(80), at: world.now).isAdmitted
        )
        #expect(!world.isTrusted(alice, guest))
    }

    @Test mutating func `an invitation survives a restart of both sides`() throws {
        let alice = world.add(1, "alice", advertised: direct)
        let bob = world.add(2, "bob")
        let token = try invite(alice)
        world.nodes[alice]!.isRunning = false
        world.hubDown(alice)
        world.perform(JoinInvitation(invitation: token), at: bob)
        world.restart(bob)
        world.nodes[alice]!.isRunning = true
        world.restart(alice)
        world.pass(5)
        #expect(world.isTrusted(alice, bob) && world.isTrusted(bob, alice))
    }

    @Test mutating func `our own, damaged and unusable invitations are told apart`() throws {
        let alice = world.add(1, "alice")
        let token = try invite(alice)
        #expect(world.failure(JoinInvitation(invitation: token), at: alice)?.message.contains("our own") == true)
        #expect(throws: Problem.badInvitation("the text holds none")) { try Invitation(text: "hello") }
        #expect(throws: Problem.badInvitation("the text is damaged or incomplete")) {
            try Invitation(text: String(token.token.dropLast()))
        }
        #expect(
            world.failure(CreateInvitation(uses: 0, expiresMs: 5 * 1_000, services: .all), at: alice)?.code
                == "bad-invitation"
        )
    }
}
