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
    }

    func mayReach(_ service: ServiceName, _ port: UInt16, _ peer: NodeKey) -> Bool {
        world.nodes[alice]!.sidecar.mayReach(service: service, port: VirtualPort(port), peer: peer, at: world.now)
    }

    @Test func `a service is open only where the grant and the allow rule both say so (R7, R8, S5)`() {
        #expect(mayReach("planner", 80, bob))
        #expect(mayReach("clock", 81, bob))
        #expect(!mayReach("planner", 80, carol), "her grant does not name it")
        #expect(!mayReach("clock", 81, carol), "the rule names another peer")
        for peer in [bob, carol] { #expect(!mayReach("closed", 82, peer)) }
        #expect(!mayReach("planner", 81, bob), "another port")
    }

    @Test mutating func `a peer is told of the services that it may use, and of no others (R8)`() throws {
        guard case .services(let shown) = world.ask(alice, as: bob, .services) else { throw RecordError.malformed }
        #expect(shown.map(\.name) == ["planner", "clock"])
        #expect(world.ask(alice, as: carol, .services) == .services([]))
        #expect(
            world.ask(alice, as: NodeKey(bytes: Array(repeating: 1, count: 32))!, .services) == .refused
        )
        let id = CommandID(900)
        let name: PeerName = "alice"
        world.input(bob) { $0.askServices(of: name, id: id, at: $1) }
        #expect(world.nodes[bob]!.answers[id]?.array?.first?["kind"] == "a2a")
    }

    @Test mutating func `a peer is found by did, address, name, overlay name and agent URI (R1)`() {
        let spellings = [
            bob.did, bob.personalAddress.description, "bob", "BOB", "bob.postern.alt", "agent://bob/",
            "agent://bob/card?x=1",
        ]
        for text in spellings {
            #expect(world.nodes[alice]!.sidecar.find(PeerName(text)!, at: world.now) == .trusted(bob), "\(text)")
        }
        #expect(world.nodes[alice]!.sidecar.find("nobody", at: world.now) == .unknown)
    }

    @Test mutating func `a later peer cannot take the name of an earlier one (S3)`() throws {
        let impostor = world.add(4, "bob")
        try world.befriend(impostor, alice)
        #expect(world.nodes[alice]!.sidecar.find("bob", at: world.now) == .trusted(bob))
        #expect(world.nodes[alice]!.sidecar.find("bob-2", at: world.now) == .trusted(impostor))
        #expect(!mayReach("clock", 81, impostor))
        #expect(world.failure(.rename(peer: "bob-2", name: "bob"), at: alice)?.code == "invalid-name")
    }

    @Test mutating func `a peer that has not answered is named with what to do next`() throws {
        let dave = world.add(5, "dave")
        _ = try world.answer(.request(peer: PeerName(dave), services: .all, note: ""), at: alice)
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
}
