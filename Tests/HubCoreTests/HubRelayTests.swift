import HubCore
import HubProtocol
import OverlayCrypto
import OverlayWire
import PosternModel
import Testing
import TrustCore

@Suite struct HubRelayTests {
    func resolve(_ grant: Grant = bobsGrant, target: NodeKey = bob.key) -> HubRequest {
        .resolve(target: target, grant: grant)
    }

    @Test func `whoever holds the target's grant gets a relayed conversation, told to both ends (R4)`() {
        var world = HubWorld()
        world.join(alice, bob)
        let (answer, actions) = world.ask(resolve(), from: alice)
        #expect(answer == HubAnswer.online(RelayChannel(1)))
        #expect(pushes(actions, to: bob) == [.channel(RelayChannel(1), peer: alice.key)])
        #expect(actions.contains(.bridge(alice.key, RelayChannel(1), bob.key, RelayChannel(1))))
        #expect(world.ask(resolve(), from: alice).answer == answer, "asking again opens no second one")
        #expect(world.bridges.count == 1)
    }

    @Test func `every look-up without a valid grant has the answer for a node that does not exist (R8, W12)`() throws {
        var world = HubWorld()
        world.join(alice, bob, carol)
        let stranger = identity(77)
        let nobody = world.ask(
            resolve(Grant(from: stranger, to: alice.key, services: .all, issued: time(0)), target: stranger.key),
            from: alice
        )
        let own = Grant(from: alice, to: bob.key, services: .all, issued: time(0))
        let expired = Grant(from: bob, to: alice.key, services: .all, issued: time(-9), expires: time(0))
        let forCarol = Grant(from: bob, to: carol.key, services: .all, issued: time(0))
        for grant in [own, expired, forCarol] {
            let (answer, actions) = world.ask(resolve(grant), from: alice)
            #expect(answer.document.compactBytes == nobody.answer.document.compactBytes)
            #expect(actions.allSatisfy { if case .push = $0 { false } else { true } }, "the target hears nothing")
        }
        #expect(world.bridges.count == 0)
        var forged = bobsGrant.document.object!
        forged["services"] = ["planner"]
        let document: JSONValue = ["do": "resolve", "to": .string(bob.key.did), "grant": .object(forged)]
        #expect(world.ask(text: document.compactText, from: alice).answer.isInvalid)
    }

    @Test func `a grant shown by somebody else opens nothing (S1)`() {
        var world = HubWorld()
        world.join(alice, bob, carol)
        #expect(world.ask(resolve(), from: carol).answer == HubAnswer.refused(.unknown))
    }

    @Test func `a revocation closes the conversation at once and refuses older grants (R8, W2)`() throws {
        var world = HubWorld()
        world.join(alice, bob)
        _ = world.ask(resolve(), from: alice)
        let revocation = Revocation(from: bob, to: alice.key, issued: time(5))
        let (answer, actions) = world.ask(.revoke(revocation), from: bob)
        #expect(answer == HubAnswer.done)
        #expect(actions.contains(.unbridge(bob.key, RelayChannel(1))))
        #expect(pushes(actions, to: alice) == [.closed(RelayChannel(1))])
        #expect(world.ask(resolve(), from: alice).answer == HubAnswer.refused(.unknown))
        let renewed = Grant(from: bob, to: alice.key, services: .all, issued: time(6))
        #expect(world.ask(resolve(renewed), from: alice).answer.isOnline)
    }

    @Test func `nobody can revoke in another's name (S1)`() {
        var world = HubWorld()
        world.join(alice, bob, carol)
        _ = world.ask(resolve(), from: alice)
        let revocation = Revocation(from: bob, to: alice.key, issued: time(5))
        #expect(world.ask(.revoke(revocation), from: carol).answer.isInvalid)
        #expect(world.bridges.count == 1)
    }

    @Test func `whoever waits for an absent peer is connected when it comes, unless it was revoked meanwhile`() {
        var world = HubWorld()
        world.join(alice, bob)
        _ = world.leave(bob)
        #expect(world.ask(resolve(), from: alice).answer == HubAnswer.offline)
        let events = world.watch(bob)
        #expect(pushes(events, to: alice) == [.channel(RelayChannel(1), peer: bob.key)])
        #expect(pushes(events, to: bob) == [.ready, .channel(RelayChannel(1), peer: alice.key)])
        _ = world.leave(bob)
        _ = world.ask(resolve(), from: alice)
        _ = world.ask(.revoke(Revocation(from: bob, to: alice.key, issued: time(9))), from: bob)
        #expect(pushes(world.watch(bob), to: alice).isEmpty)
    }

    @Test func `a grant that was revoked at another hub connects nobody when its giver comes (R8, N16)`() {
        var world = HubWorld()
        world.join(alice, bob)
        _ = world.leave(bob)
        #expect(world.ask(resolve(), from: alice).answer == .offline)
        let key = HubTags(of: hubIdentity).revocation(by: bob.key, of: alice.key)
        let revoked = StoredRevocation(issued: time(0), signature: [])
        world.store.transaction(HubReads()) { _ in [.revoke(key, revoked, limit: 9)] }
        #expect(pushes(world.watch(bob), to: alice).isEmpty)
    }

    @Test func `a grant that expires while its giver is away connects nobody when it comes`() {
        var world = HubWorld()
        world.join(alice, bob)
        _ = world.leave(bob)
        #expect(world.ask(resolve(), from: alice).answer == .offline)
        world.pass(1_000)
        #expect(pushes(world.watch(bob), to: alice).isEmpty)
    }

    @Test func `a node that deregisters loses its channels, and is not found any more`() {
        var world = HubWorld()
        world.join(alice, bob)
        _ = world.ask(resolve(), from: alice)
        let actions = world.ask(.deregister, from: bob).actions
        #expect(pushes(actions, to: alice) == [.closed(RelayChannel(1))])
        #expect(world.bridges.isEmpty)
        #expect(world.ask(resolve(), from: alice).answer == .refused(.unknown))
    }

    @Test func `a node that leaves or comes anew ends its conversations, and the other ends are told`() {
        var world = HubWorld()
        world.join(alice, bob)
        _ = world.ask(resolve(), from: alice)
        #expect(pushes(world.watch(bob), to: alice) == [.closed(RelayChannel(1))])
        _ = world.ask(resolve(), from: alice)
        #expect(pushes(world.leave(alice), to: bob) == [.closed(RelayChannel(2))])
        #expect(world.bridges.count == 0)
    }

    @Test func `channel numbers of one node tell nothing about others`() {
        var world = HubWorld()
        world.join(alice, bob, carol)
        let busy = Grant(from: carol, to: bob.key, services: .all, issued: time(0))
        #expect(
            world.ask(.resolve(target: carol.key, grant: busy), from: bob).answer == HubAnswer.online(RelayChannel(1))
        )
        #expect(world.ask(resolve(), from: alice).answer == HubAnswer.online(RelayChannel(1)))
    }

    @Test func `conversations are bounded, for one node and altogether`() {
        var settings = HubSettings.defaults
        settings.channelCount = 1
        var world = HubWorld(settings)
        world.join(alice, bob, carol)
        _ = world.ask(resolve(), from: alice)
        let second = Grant(from: carol, to: alice.key, services: .all, issued: time(0))
        #expect(
            world.ask(.resolve(target: carol.key, grant: second), from: alice).answer == HubAnswer.refused(.overLimit)
        )
        _ = world.ask(.release(RelayChannel(1)), from: alice)
        #expect(world.ask(.resolve(target: carol.key, grant: second), from: alice).answer.isOnline)
    }

    @Test func `a node can release only its own conversations`() {
        var world = HubWorld()
        world.join(alice, bob, carol)
        _ = world.ask(resolve(), from: alice)
        #expect(world.ask(.release(RelayChannel(1)), from: carol).answer == HubAnswer.done)
        #expect(world.bridges.count == 1)
    }

    @Test func `a look-up without an open event stream is refused`() {
        var world = HubWorld()
        world.join(bob)
        #expect(world.ask(resolve(), from: alice).answer == HubAnswer.refused(.notWatching))
    }
}
