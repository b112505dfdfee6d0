import HubCore
import HubProtocol
import OverlayCrypto
import PosternModel
import Testing
import TrustCore

/// What nodes leave with a hub, so that an old copy of their state is noticed (RULES N19).
@Suite struct HubMarkTests {
    private func mark(_ sequence: Int64) -> StateMark {
        StateMark(of: alice, at: ChainHead(sequence: sequence, hash: ChainHead.empty.hash))
    }

    private func registered(_ world: inout HubWorld) -> StateMark? {
        guard case .registered(_, _, _, let mark) = world.ask(.register(contacts: []), from: alice).answer else {
            return nil
        }
        return mark
    }

    @Test func `a node gets its latest mark back when it registers, and no other does`() {
        var world = HubWorld()
        #expect(registered(&world) == nil)
        for sequence: Int64 in [3, 7, 5] { #expect(world.ask(.mark(mark(sequence)), from: alice).answer == .done) }
        #expect(registered(&world) == mark(7), "an older one does not take its place")
        guard case .registered(_, _, _, mark: nil) = world.ask(.register(contacts: []), from: bob).answer else {
            Issue.record("a mark is told to somebody else")
            return
        }
        world.pass(100_000)
        #expect(registered(&world) == mark(7), "it stays when the node is seen again")
        _ = world.ask(.deregister, from: alice)
        #expect(registered(&world) == nil)
    }

    @Test func `a mark is its own node's, and that of a registered one`() {
        var world = HubWorld()
        #expect(world.ask(.mark(mark(1)), from: alice).answer == .refused(.unknown))
        world.join(alice, bob)
        #expect(world.ask(.mark(mark(1)), from: bob).answer.isInvalid)
        var forged = mark(9).document.object!
        forged["sequence"] = 99
        let request: JSONValue = ["do": "mark", "mark": .object(forged)]
        let text = request.compactText
        #expect(world.ask(text: text, from: alice).answer.isInvalid)
        #expect(registered(&world) == nil)
    }

    @Test func `marks within one batch are compared with each other`() {
        var world = HubWorld()
        world.join(alice)
        let inputs = [9, 4].map { sequence in
            HubInput.request(.mark(mark(sequence)), id: world.nextID(), from: alice.key, at: world.now)
        }
        _ = world.hub.process(inputs, in: &world.store)
        #expect(registered(&world) == mark(9))
    }

    @Test func `who has ended a trust, and whose trust was ended, can ask for the signed revocation again`() {
        var world = HubWorld()
        world.join(alice, bob, carol)
        let given = Revocation(from: alice, to: bob.key, issued: time(5))
        let received = Revocation(from: carol, to: alice.key, issued: time(6))
        #expect(world.ask(.revoke(given), from: alice).answer == .done)
        #expect(world.ask(.revoke(received), from: carol).answer == .done)
        #expect(world.ask(.recall([bob.key, carol.key]), from: alice).answer == .revocations([given, received]))
        #expect(world.ask(.recall([alice.key]), from: bob).answer == .revocations([given]))
        #expect(world.ask(.recall([bob.key, hubIdentity.key]), from: carol).answer == .revocations([]), "not theirs")
    }

    @Test func `a revocation that a former version has kept voids grants and cannot be shown`() {
        var world = HubWorld()
        world.join(alice, bob)
        let key = HubTags(of: hubIdentity).revocation(by: bob.key, of: alice.key)
        let former = StoredRevocation(issued: time(5), signature: [])
        world.store.transaction(HubReads()) { _ in [.revoke(key, former, limit: 9)] }
        #expect(world.ask(.recall([bob.key]), from: alice).answer == .revocations([]))
        #expect(world.ask(.resolve(target: bob.key, grant: bobsGrant), from: alice).answer == .refused(.unknown))
    }

    @Test func `a hub's trail and its keys of revocations name no subject (N14)`() {
        var world = HubWorld()
        world.join(alice, bob)
        let event = audited(
            world.ask(.revoke(Revocation(from: alice, to: bob.key, issued: time(5))), from: alice).actions
        )
        #expect(event.map(\.action) == [.trustRevoked] && event[0].actor == alice.key)
        #expect(!event[0].subject.contains(bob.key.did) && !"\(event[0].new)".contains(bob.key.did))
        let tags = HubTags(of: hubIdentity)
        let keys = [
            tags.revocation(by: alice.key, of: bob.key), tags.revocation(by: bob.key, of: alice.key),
            tags.revocation(by: alice.key, of: carol.key), HubTags(of: carol).revocation(by: alice.key, of: bob.key),
        ]
        #expect(Set(keys.map(\.pair)).count == 4)
    }

    @Test func `more marks than a node's changes allow are refused`() {
        var settings = HubSettings.defaults
        settings.changes = RateLimit(burst: 3, perMinute: 3)
        var world = HubWorld(settings)
        world.join(alice)
        let answers = (1...4).map { world.ask(.mark(mark($0)), from: alice).answer }
        #expect(answers == [.done, .done, .refused(.overLimit), .refused(.overLimit)])
        #expect(registered(&world) == mark(2))
    }
}
