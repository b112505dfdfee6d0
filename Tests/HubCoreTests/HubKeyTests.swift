import HubCore
import HubProtocol
import OverlayCrypto
import OverlayWire
import PosternModel
import Testing
import TrustCore

/// Nodes that change their keys (RULES N11).
@Suite struct HubKeyTests {
    private let next = identity(31)
    private let first: NodeChain
    private let changed: NodeChain
    private let node: NodeIdentity

    init() throws {
        first = NodeChain(beginning: NodeRecord(of: bob, committingTo: next.key, at: time(0)))
        let last = first.changed(to: next, handingOver: bob, committingTo: identity(32).key, at: time(1))
        changed = try #require(last)
        node = try #require(changed.identity(next, former: [bob]))
    }

    /// What the hub takes for the session with the current key.
    private func ask(_ request: HubRequest, in world: inout HubWorld) -> HubAnswer {
        world.ask(request, from: next).answer
    }

    @Test func `whoever shows that its key is the next one is the node that it was`() throws {
        var world = HubWorld()
        world.join(alice)
        #expect(world.ask(.register(contacts: [], keys: first), from: bob).answer.isGood)
        _ = world.watch(bob)
        let answer = ask(.register(contacts: [], keys: changed), in: &world)
        guard case .registered(bob.key, _, _, _) = answer else { throw RecordError.malformed }
        let arrived = world.watch(next)
        #expect(arrived.contains(.push(next.key, .ready)))
        // Who looks it up by a grant of the time before is told, and so is whoever it looks up.
        let grant = Grant(from: bob, to: alice.key, services: .all, issued: time(0))
        let (found, actions) = world.ask(.resolve(target: bob.key, grant: grant), from: alice)
        #expect(found == .online(RelayChannel(1), keys: changed))
        #expect(actions.contains(.bridge(alice.key, RelayChannel(1), next.key, RelayChannel(1))))
        #expect(actions.contains(.push(next.key, .channel(RelayChannel(1), peer: alice.key))))
        _ = world.leave(alice)
        _ = world.watch(alice)
        let back = Grant(from: alice, to: bob.key, services: .all, issued: time(0))
        let (_, told) = world.ask(.resolve(target: alice.key, grant: back), from: next)
        let channel = HubAction.push(alice.key, .channel(RelayChannel(1), peer: bob.key, keys: changed))
        #expect(told.contains(channel))
    }

    @Test func `the former key is nobody's from then on, also after a restart of the hub`() throws {
        var world = HubWorld()
        #expect(world.ask(.register(contacts: [], keys: first), from: bob).answer.isGood)
        _ = world.watch(bob)
        let ended = world.ask(.register(contacts: [], keys: changed), from: next).actions
        #expect(ended.contains(.endWatch(bob.key)))
        for isRestarted in [false, true] {
            if isRestarted { world.hub = Hub(identity: hubIdentity) }
            for request: HubRequest in [
                .register(contacts: []), .register(contacts: [], keys: first), .register(contacts: [], keys: changed),
                .visit(), .deregister, .acknowledge([RecordID(ofBytes: [1])]), .release(RelayChannel(1)),
            ] {
                #expect(world.ask(request, from: bob).answer == .refused(.superseded), "\(request)")
            }
            #expect(world.watch(bob) == [.endWatch(bob.key)])
        }
        #expect(ask(.register(contacts: [], keys: changed), in: &world).isGood)
    }

    @Test func `a thief with the former key cannot name another one`() throws {
        var world = HubWorld()
        #expect(world.ask(.register(contacts: [], keys: first), from: bob).answer.isGood)
        let (own, other) = (identity(41), identity(42))
        let begun = NodeChain(beginning: NodeRecord(of: bob, committingTo: own.key, at: time(2)))
        let forged = try #require(begun.changed(to: own, handingOver: bob, committingTo: other.key, at: time(3)))
        #expect(world.ask(.register(contacts: [], keys: begun), from: bob).answer == .refused(.superseded))
        #expect(world.ask(.register(contacts: [], keys: forged), from: own).answer == .refused(.superseded))
        #expect(ask(.register(contacts: [], keys: changed), in: &world).isGood)
    }

    @Test func `its mail counts as that of the node that its peers know`() throws {
        var world = HubWorld()
        world.join(alice)
        #expect(ask(.register(contacts: [], keys: changed), in: &world).isGood)
        let grant = Grant(from: alice, to: bob.key, services: .all, issued: time(0))
        let deposit = HubRequest.deposit(target: alice.key, sealed: [1, 2, 3], evidence: .grant(grant))
        #expect(ask(deposit, in: &world) == .done)
        #expect(world.ask(deposit, from: bob).answer == .refused(.superseded))
    }

    @Test func `a revocation that was signed with another key than the first is given back`() throws {
        var world = HubWorld()
        world.join(alice)
        #expect(ask(.register(contacts: [], keys: changed), in: &world).isGood)
        let revocation = Revocation(from: node, to: alice.key, issued: time(5))
        #expect(ask(.revoke(revocation), in: &world) == .done)
        #expect(world.ask(.recall([bob.key]), from: alice).answer == .revocations([revocation]))
    }
}
