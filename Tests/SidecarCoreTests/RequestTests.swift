import HubCore
import HubProtocol
import OverlayCrypto
import PosternModel
import SidecarCore
import TestSupport
import Testing
import TrustCore

@Suite struct RequestTests {
    var world = World()
    let alice: NodeKey
    let bob: NodeKey

    init() {
        alice = world.add(1, "alice")
        bob = world.add(2, "bob")
    }

    @Test mutating func `a request reaches its target at once, and approval makes a trust with a session (R9, W9)`()
        throws
    {
        let asked = try world.answer(
            RequestTrust(peer: bob, services: .names(["planner"]), note: "hi"),
            at: alice
        )
        #expect(asked.state == .sent)
        let list = try world.answer(ListTrust(), at: bob)
        let pending = try #require(list.pending.first)
        #expect(pending.did == alice && pending.note == "hi" && pending.services == .names(["planner"]))
        #expect(!world.isTrusted(alice, bob) && !world.isTrusted(bob, alice))
        _ = try world.answer(ApproveRequest(id: pending.id.description), at: bob)
        #expect(world.isTrusted(alice, bob) && world.isTrusted(bob, alice))
        #expect(world.nodes[alice]!.sessions.contains(bob))
        #expect(world.nodes[alice]!.admitted[bob] == world.nodes[bob]!.admitted[alice])
    }

    @Test mutating func `a request alone opens nothing on either side (R8, W1)`() throws {
        _ = try world.answer(RequestTrust(peer: bob, services: .all, note: ""), at: alice)
        for (one, other) in [(alice, bob), (bob, alice)] {
            #expect(!world.isTrusted(one, other))
            #expect(world.nodes[one]!.admitted[other] == nil)
            #expect(
                world.nodes[one]!.sidecar.decide(other, VirtualPort(80), at: world.now).isAdmitted == false
            )
        }
    }

    @Test mutating func `a target that is away gets the request when it comes (R9)`() throws {
        world.nodes[bob]!.isRunning = false
        world.hubDown(bob)
        _ = try world.answer(RequestTrust(peer: bob, services: .all, note: ""), at: alice)
        world.nodes[bob]!.isRunning = true
        world.restart(bob)
        #expect(world.nodes[bob]!.sidecar.pendingCount == 1)
    }

    @Test mutating func `a request is delivered when the hub comes back`() throws {
        world.isHubUp = false
        world.hubDown(alice)
        #expect(
            try world.answer(RequestTrust(peer: bob, services: .all, note: ""), at: alice).state == .queued
        )
        world.restart(alice)
        world.isHubUp = true
        world.pass(40)
        #expect(world.nodes[bob]!.sidecar.pendingCount == 1)
    }

    @Test mutating func `approval can be for less than was asked (S3)`() throws {
        let asked = try world.answer(RequestTrust(peer: bob, services: .all, note: ""), at: alice)
        _ = try world.answer(ApproveRequest(id: asked.id!.description, services: .names(["clock"])), at: bob)
        let list = try world.answer(ListTrust(), at: alice)
        #expect(list.trusted.first?.offers == .names(["clock"]))
    }

    @Test mutating func `a rejection ends the request, and a replay of it is not asked again`() throws {
        let asked = try world.answer(RequestTrust(peer: bob, services: .all, note: ""), at: alice)
        _ = try world.answer(RejectRequest(id: asked.id!.description), at: bob)
        #expect(try world.answer(ListTrust(), at: alice).outgoing.isEmpty)
        let replayed = world.mailSeen.filter { $0.0 == bob }.map(\.1)
        let hub = world.hubURL.key
        for event in replayed { world.input(bob) { $0.receive(event, from: hub, at: $1) } }
        #expect(world.nodes[bob]!.sidecar.pendingCount == 0)
        world.restart(bob)
        for event in replayed { world.input(bob) { $0.receive(event, from: hub, at: $1) } }
        #expect(world.nodes[bob]!.sidecar.pendingCount == 0, "also after a restart")
    }

    @Test mutating func `a request that has expired, or comes from far in the future, is ignored`() throws {
        _ = try world.answer(RequestTrust(peer: bob, services: .all, note: ""), at: alice)
        let mail = try #require(world.mailSeen.first { if case .mail = $0.1 { true } else { false } })
        let carol = world.add(3, "carol")
        let hub = world.hubURL.key
        world.input(carol) { $0.receive(mail.1, from: hub, at: $1) }
        #expect(world.nodes[carol]!.sidecar.pendingCount == 0, "it is for somebody else")
        for shift in [Interval.seconds(15 * 86_400), .seconds(-3 * 86_400)] {
            var late = World()
            let copy = late.add(2, "bob")
            late.now.wall = late.now.wall + shift
            late.input(copy) { $0.receive(mail.1, from: hub, at: $1) }
            #expect(late.nodes[copy]!.sidecar.pendingCount == 0)
        }
    }

    @Test mutating func `requests that cross make one trust with one secret`() throws {
        world.isHubUp = false
        world.hubDown(alice)
        world.hubDown(bob)
        _ = try world.answer(RequestTrust(peer: bob, services: .all, note: ""), at: alice)
        _ = try world.answer(RequestTrust(peer: alice, services: .all, note: ""), at: bob)
        world.isHubUp = true
        world.pass(90)
        #expect(world.isTrusted(alice, bob) && world.isTrusted(bob, alice))
        #expect(world.nodes[alice]!.admitted[bob] == world.nodes[bob]!.admitted[alice])
        #expect(world.nodes[alice]!.sidecar.pendingCount == 0 && world.nodes[bob]!.sidecar.pendingCount == 0)
    }

    @Test mutating func `an acceptance that nobody asked for makes no trust (S3, W1)`() throws {
        let identity = world.nodes[bob]!.identity
        let acceptance = try TrustAcceptance(
            from: identity,
            answering: RecordID(ofBytes: [1]),
            name: "bob",
            grant: Grant(from: identity, to: alice, services: .all, issued: world.now.wall),
            secret: PreSharedKey(from: RandomSource(seed: Array(repeating: 1, count: 32))),
            hubs: [],
            candidates: []
        )
        let event = HubEvent.mail(
            id: RecordID(ofBytes: [2]),
            sealed: try Mail.acceptance(acceptance).sealed(),
            as: .known
        )
        let hub = world.hubURL.key
        world.input(alice) { $0.receive(event, from: hub, at: $1) }
        #expect(!world.isTrusted(alice, bob))
        #expect(world.nodes[alice]!.admitted[bob] == nil)
    }

    @Test mutating func `somebody else cannot answer a request (S1)`() throws {
        let asked = try world.answer(RequestTrust(peer: bob, services: .all, note: ""), at: alice)
        let mallory = try NodeIdentity(seed: Array(repeating: 66, count: 32))
        let acceptance = try TrustAcceptance(
            from: mallory,
            answering: RecordID(asked.id!.description)!,
            name: "bob",
            grant: Grant(from: mallory, to: alice, services: .all, issued: world.now.wall),
            secret: PreSharedKey(from: RandomSource(seed: Array(repeating: 1, count: 32))),
            hubs: [],
            candidates: []
        )
        let event = HubEvent.mail(
            id: RecordID(ofBytes: [2]),
            sealed: try Mail.acceptance(acceptance).sealed(),
            as: .known
        )
        let hub = world.hubURL.key
        world.input(alice) { $0.receive(event, from: hub, at: $1) }
        #expect(!world.isTrusted(alice, mallory.key) && !world.isTrusted(alice, bob))
    }

    @Test mutating func `requests that wait are bounded, one for each asker`() throws {
        var settings = SidecarSettings.defaults
        settings.pendingCount = 2
        let identity = try NodeIdentity(seed: Array(repeating: 40, count: 32))
        let profile = SidecarProfile(name: "x", hubs: [world.hubURL], exposed: [])
        let random = RandomSource(seed: Array(repeating: 4, count: 32))
        var sidecar = Sidecar(identity: identity, profile: profile, random: random, settings: settings)
        _ = sidecar.start(at: world.now)
        for number in UInt8(50)...55 {
            let asker = try NodeIdentity(seed: Array(repeating: number, count: 32))
            for nonce in UInt8(0)...2 {
                let grant = Grant(from: asker, to: identity.key, services: .all, issued: world.now.wall)
                let terms = TrustRequest.Terms(
                    name: "n",
                    note: "",
                    services: .all,
                    hubs: [],
                    issued: world.now.wall,
                    expires: world.now.wall + .seconds(100),
                    nonce: Array(repeating: nonce, count: 16)
                )
                let request = TrustRequest(from: asker, terms: terms, grant: grant)
                let event = HubEvent.mail(id: request.id, sealed: try Mail.request(request).sealed(), as: .known)
                _ = sidecar.receive(event, from: world.hubURL.key, at: world.now)
            }
        }
        #expect(sidecar.pendingCount == 2)
    }

    @Test mutating func `a request that nobody decided is gone on both sides when it is too old`() throws {
        _ = try world.answer(RequestTrust(peer: bob, services: .all, note: ""), at: alice)
        world.now.wall = world.now.wall + .seconds(15 * 86_400)
        for key in [alice, bob] { world.input(key) { $0.advance(to: $1) } }
        #expect(world.nodes[bob]!.sidecar.pendingCount == 0)
        #expect(try world.answer(ListTrust(), at: alice).outgoing.isEmpty)
    }

    @Test mutating func `asking for more services keeps the secret, and so the running streams`() throws {
        try world.befriend(alice, bob, services: .names(["clock"]))
        let secret = world.nodes[alice]!.admitted[bob]
        try world.befriend(alice, bob, services: .names(["clock", "planner"]))
        #expect(world.nodes[alice]!.admitted[bob] == secret && world.nodes[bob]!.admitted[alice] == secret)
        #expect(world.nodes[alice]!.ended.isEmpty && world.nodes[alice]!.sessions.contains(bob))
        #expect(try world.answer(ListTrust(), at: alice).trusted.first?.offers == .names(["clock", "planner"]))
    }

    @Test mutating func `a registration that the hub had no time for is made later`() throws {
        let hub = world.hubURL.key
        var sidecar = world.nodes[alice]!.sidecar
        var actions = sidecar.hubSession(hub, isUp: true, at: world.now)
        guard case .hubRequest(let id, hub, .register)? = actions.first else { throw RecordError.malformed }
        _ = sidecar.hubAnswered(id, .refused(.overLimit), at: world.now)
        world.pass(31)
        actions = sidecar.advance(to: world.now)
        #expect(actions.contains { if case .hubRequest(_, hub, .register) = $0 { true } else { false } })
    }

    @Test mutating func `a hub that the configuration no longer names is left`() throws {
        var profile = world.nodes[alice]!.profile
        profile.hubs = []
        world.input(alice) { $0.reconfigure(profile, at: $1) }
        #expect(!world.hubSessions.contains(alice))
        #expect(world.nodes[alice]!.events.last?.action == .reconfigured)
    }

    @Test mutating func `commands that cannot be done say what is wrong`() throws {
        #expect(world.failure(ApproveRequest(id: "nothing", services: nil), at: alice)?.code == "no-such-request")
        #expect(world.failure(RevokeTrust(peer: "nobody"), at: alice)?.code == "unknown-peer")
        #expect(
            world.failure(RequestTrust(peer: alice, services: .all, note: ""), at: alice)?.code == "unknown-peer"
        )
        let lonely = world.add(5, "lonely", withHub: false)
        #expect(world.failure(RequestTrust(peer: bob, services: .all, note: ""), at: lonely)?.code == "no-hub")
        #expect(
            world.failure(CreateInvitation(uses: 1, expiresMs: 60 * 1_000, services: .all), at: lonely)?.code
                == "no-hub"
        )
    }

    @Test mutating func `every step of a trust is in the audit trail of both sides (R11)`() throws {
        try world.befriend(alice, bob)
        _ = try world.answer(RevokeTrust(peer: PeerName(bob)), at: alice)
        #expect(world.nodes[alice]!.events.map(\.action) == [.started, .trustAsked, .trustGiven, .trustRevoked])
        #expect(world.nodes[bob]!.events.map(\.action) == [.started, .trustAsked, .trustGiven, .trustRevoked])
        #expect(world.nodes[alice]!.events.map(\.actor) == [alice, alice, bob, alice])
    }
}
