import HubCore
import HubProtocol
import OverlayCrypto
import OverlayWire
import PosternModel
import SidecarCore
import TestSupport
import Testing
import TrustCore

@Suite struct AccessTests {
    var world = World()
    let alice: NodeKey
    let bob: NodeKey
    let carol: NodeKey
    let planner = VirtualPort(80)

    init() throws {
        let rules = [
            ExposedRule(service: Service(name: "planner", port: planner, kind: .a2a), allow: [.trusted]),
            ExposedRule(service: Service(name: "clock", port: VirtualPort(81), kind: .mcp), allow: [.peer("bob")]),
            ExposedRule(service: Service(name: "closed", port: VirtualPort(82), kind: .http), allow: []),
        ]
        alice = world.add(1, "alice", exposed: rules)
        bob = world.add(2, "bob")
        carol = world.add(3, "carol")
        try world.befriend(bob, alice)
        try world.befriend(carol, alice, services: .names(["clock", "closed"]))
        _ = try world.answer(NamePeer(peer: PeerName(bob), name: "bob"), at: alice)
        _ = try world.answer(NamePeer(peer: PeerName(alice), name: "alice"), at: bob)
    }

    func access(_ port: UInt16, _ peer: NodeKey) -> Access {
        world.nodes[alice]!.sidecar.decide(peer, VirtualPort(port), at: world.now)
    }

    @Test func `a service is open only where the grant and the allow rule both say so (R7, R8, S5)`() {
        #expect(access(80, bob) == .admitted(Service(name: "planner", port: planner, kind: .a2a), .grant))
        #expect(access(81, bob).isAdmitted)
        #expect(access(80, carol) == .refused(.notGranted), "her grant does not name it")
        #expect(access(81, carol) == .refused(.notAllowed), "the rule names another peer")
        for peer in [bob, carol] { #expect(access(82, peer) == .refused(.notAllowed)) }
        #expect(access(83, bob) == .refused(.noSuchService))
        #expect(access(80, world.hubURL.key) == .refused(.notTrusted))
    }

    @Test mutating func `a peer is told of the services that it may use, and of no others (R8)`() throws {
        guard case .services(let shown, _) = world.ask(alice, as: bob, .services) else { throw RecordError.malformed }
        #expect(shown.map(\.name) == ["planner", "clock"])
        #expect(world.ask(alice, as: carol, .services) == .services([]))
        #expect(
            world.ask(alice, as: NodeKey(bytes: Array(repeating: 1, count: 32))!, .services) == .refused
        )
        let services = try world.answer(ListServices(peer: "alice"), at: bob)
        #expect(services.map(\.name) == ["planner", "clock"] && services.first?.kind == .a2a)
    }

    @Test mutating func `a peer is found by did, address, name, overlay name and agent URI (R1)`() {
        let spellings = [
            bob.did, bob.personalAddress.description, "bob", "BOB", "bob.postern.alt", "agent://bob/",
            "agent://bob/card?x=1",
        ]
        for text in spellings {
            #expect(world.nodes[alice]!.sidecar.find(PeerName(text)!, at: world.now) == .reachable(bob), "\(text)")
        }
        guard case .unknown = world.nodes[alice]!.sidecar.find("nobody", at: world.now) else {
            Issue.record("nobody has this name")
            return
        }
    }

    @Test mutating func `a later peer cannot take the name of an earlier one (S3)`() throws {
        let impostor = world.add(4, "bob")
        try world.befriend(impostor, alice)
        #expect(world.nodes[alice]!.sidecar.find("bob", at: world.now) == .reachable(bob))
        #expect(world.nodes[alice]!.sidecar.name(of: impostor) == nil)
        #expect(!access(81, impostor).isAdmitted)
        let taken = world.failure(NamePeer(peer: PeerName(impostor), name: "bob"), at: alice)
        #expect(taken?.code == "invalid-name" && taken?.message.contains(bob.did) == true)
    }

    @Test mutating func `a peer that has not answered is named with what to do next`() throws {
        let dave = world.add(5, "dave")
        _ = try world.answer(RequestTrust(peer: dave, services: .all, note: ""), at: alice)
        guard case .notTrusted(dave, let hint) = world.nodes[alice]!.sidecar.find(PeerName(dave), at: world.now) else {
            Issue.record("not trusted yet")
            return
        }
        #expect(hint.contains("has not answered"))
    }

    @Test mutating func `a trusted pair meets through the hub, and direct addresses outlive it (R4)`() {
        let relay = world.nodes[bob]!.relays[alice]
        #expect(relay != nil && world.bridgeCount >= 1)
        let address = [Endpoint("192.0.2.7:9")!]
        let friend = alice
        world.input(bob) { sidecar, _ in sidecar.learned(address, of: friend) }
        world.isHubUp = false
        world.hubDown(bob)
        world.restart(bob)
        #expect(world.nodes[bob]!.sidecar.memoryDocument[alice.did]?["candidates"] == ["192.0.2.7:9"])
        #expect(world.nodes[bob]!.sessions.contains(alice), "a restarted sidecar greets its peers at once")
    }

    @Test mutating func `the relay that a hub closes is taken back from the node`() throws {
        let hub = world.hubURL.key
        let channel = try #require(world.nodes[bob]?.relays[alice])
        var sidecar = try #require(world.nodes[bob]).sidecar
        let actions = sidecar.receive(.closed(channel), from: hub, at: world.now)
        guard case .clearRelay(alice, hub, channel)? = actions.first else {
            Issue.record("\(actions)")
            return
        }
        let again = sidecar.receive(.closed(channel), from: hub, at: world.now)
        #expect(!again.contains { if case .clearRelay = $0 { true } else { false } }, "it is closed already")
    }

    @Test mutating func `a relayed conversation that ends is asked for again while it is needed`() throws {
        world.endSession(bob, alice)
        world.hubDown(alice)
        world.pass(40)
        #expect(world.nodes[bob]!.sessions.contains(alice))
        #expect(world.bridgeCount >= 1)
    }

    @Test mutating func `a conversation with somebody who is not trusted is released (R8)`() {
        let stranger = NodeKey(bytes: Array(repeating: 9, count: 32))!
        let hub = world.hubURL.key
        var sidecar = world.nodes[alice]!.sidecar
        let actions = sidecar.receive(.channel(RelayChannel(44), peer: stranger), from: hub, at: world.now)
        guard case .hubRequest(_, hub, .release(RelayChannel(44)))? = actions.first, actions.count == 1 else {
            Issue.record("\(actions)")
            return
        }
    }

    @Test mutating func `a refusal is recorded once a minute, with its reason (R11, S5)`() {
        func refusals() -> [AuditEvent] { world.nodes[alice]!.events.filter { $0.action == .accessRefused } }
        for seconds: Int64 in [0, 1, 58, 2] {
            world.pass(seconds)
            let carol = carol
            world.input(alice) { $0.noteRefused(carol, VirtualPort(80), because: .notGranted, at: $1) }
        }
        #expect(refusals().count == 2)
        #expect(refusals().first?.actor == carol && refusals().first?.new == ["reason": "not-granted"])
    }

    @Test mutating func `a route is known at once when the peer has offered the service before`() {
        let target = ServiceTarget.name("planner")
        let first = route(to: "alice", target)
        #expect(first.route == .asking && !first.actions.isEmpty)
        let service = Service(name: "planner", port: planner, kind: .a2a)
        #expect(world.nodes[bob]!.routes[RouteID(1)] == .ready(alice, service))
        let second = route(to: "alice", target)
        #expect(second.route == .ready(alice, service) && second.actions.isEmpty)
        guard case .unavailable(let problem) = route(to: "nobody", target).route else {
            Issue.record("nobody is known by that name")
            return
        }
        #expect(problem.code == "peer-unknown")
        _ = route(to: "alice", .name("shell"))
        #expect(world.nodes[bob]!.routes[RouteID(1)].map { if case .unavailable = $0 { true } else { false } } == true)
    }

    @Test mutating func `what a peer offers is remembered over restarts, and asked for anew`() {
        _ = route(to: "alice", .name("planner"))
        world.restart(bob)
        let again = route(to: "alice", .name("planner"))
        #expect(again.route == .ready(alice, Service(name: "planner", port: planner, kind: .a2a)))
        #expect(again.actions.contains { if case .peerRequest = $0 { true } else { false } })
    }

    private mutating func route(to peer: PeerName, _ target: ServiceTarget) -> (route: Route, actions: [SidecarAction])
    {
        var result: (Route, [SidecarAction]) = (.asking, [])
        world.input(bob) { sidecar, now in
            let step = sidecar.route(to: peer, target, id: RouteID(1), at: now)
            result = (step.route, step.actions)
            return step.actions
        }
        return result
    }
}
