import HubCore
import HubProtocol
import OverlayCrypto
import PosternModel
import SidecarCore
import Testing
import TrustCore

/// What a sidecar does where a hub has no room, or asks for work.
@Suite struct HubRoomTests {

    private func world(_ settings: HubSettings) -> World {
        var world = World()
        world.hub = Hub(identity: hubIdentity, settings: settings)
        return world
    }

    private func status(_ world: inout World, at node: NodeKey) throws -> StatusDocument {
        try world.answer(ShowStatus(), at: node)
    }

    @Test func `a node for which its hub has no room says so, until there is room`() throws {
        var settings = HubSettings.defaults
        settings.nodeCount = 1
        var world = world(settings)
        let alice = world.add(1, "alice")
        let bob = world.add(2, "bob")
        let (first, second) = (try status(&world, at: alice), try status(&world, at: bob))
        #expect(first.hubs.map(\.full) == [false] && second.hubs.map(\.full) == [true])
        #expect(world.nodes[alice]?.sidecar.isAtOwnHub == true)
        #expect(world.nodes[bob]?.sidecar.isAtOwnHub == false)
        world.hubStore.transaction(HubReads()) { _ in [.deregister(alice)] }
        world.pass(61)
        #expect(try status(&world, at: bob).hubs.map(\.full) == [false])
        #expect(world.nodes[bob]?.sidecar.isAtOwnHub == true)
    }

    @Test func `a stranger's request arrives when the work for it is done, and an answer needs none`() throws {
        var settings = HubSettings.defaults
        settings.strangerPrice = StrangerPrice(least: 6, most: 6)
        var world = world(settings)
        let alice = world.add(1, "alice")
        let bob = world.add(2, "bob")
        try world.befriend(alice, bob)
        let classes = world.mailSeen.compactMap { _, event in
            if case .mail(_, _, let mailClass) = event { mailClass } else { nil }
        }
        #expect(classes.count == 2 && classes.first?.origin != nil && classes.last == .known)
    }

    @Test func `more work than a hub may ask for is not done, and the request is kept`() throws {
        var settings = HubSettings.defaults
        settings.strangerPrice = StrangerPrice(least: 40, most: 40)
        var world = world(settings)
        let alice = world.add(1, "alice")
        let bob = world.add(2, "bob")
        _ = try world.answer(RequestTrust(peer: bob), at: alice)
        #expect(world.mailSeen.allSatisfy { if case .mail = $0.1 { false } else { true } })
        #expect(try world.answer(ListTrust(), at: alice).outgoing.map(\.taken) == [false])
        world.hub = Hub(identity: hubIdentity, settings: .defaults)
        for node in [alice, bob] { world.hubDown(node) }
        world.pass(61)
        #expect(try world.answer(ListTrust(), at: bob).pending.map(\.did) == [alice])
        #expect(try world.answer(ListTrust(), at: alice).outgoing.map(\.taken) == [true])
    }

    @Test func `a claim that comes by a hub shows the invitation's card and finds room`() throws {
        var world = World()
        let alice = world.add(1, "alice")
        let bob = world.add(2, "bob")
        let invited = try world.answer(CreateInvitation(expiresMs: 60_000), at: alice)
        _ = world.perform(JoinInvitation(invitation: invited.invitation), at: bob)
        world.pass(5)
        #expect(world.isTrusted(alice, bob) && world.isTrusted(bob, alice))
        let classes = world.mailSeen.compactMap { _, event in
            if case .mail(_, _, let mailClass) = event { mailClass } else { nil }
        }
        #expect(!classes.isEmpty)
        let areStrangers = classes.contains { if case .stranger = $0 { true } else { false } }
        #expect(!areStrangers)
    }
}
