import HubCore
import HubProtocol
import OverlayCrypto
import OverlayWire
import PosternModel
import Testing
import TrustCore

@Suite struct HubRegistrationTests {
    @Test func `a node is told its self-certifying address, which is the same at every hub (R1)`() {
        var one = HubWorld()
        var other = HubWorld()
        let answer = one.ask(.register(contacts: []), from: alice).answer.document
        #expect(answer["address"]?.string == alice.key.personalAddress.description)
        #expect(other.ask(.register(contacts: []), from: alice).answer.document["address"] == answer["address"])
    }

    @Test func `registration and deregistration are audited, repeated or with other contact cards they are not (R11)`()
    {
        var world = HubWorld()
        let first = audited(world.ask(.register(contacts: []), from: alice).actions)
        #expect(first.map(\.action) == [.registered] && first.first?.actor == alice.key)
        #expect(audited(world.ask(.register(contacts: []), from: alice).actions).isEmpty)
        let cards = HubRequest.register(contacts: [RecordID(ofBytes: [1])])
        #expect(audited(world.ask(cards, from: alice).actions).isEmpty)
        #expect(audited(world.ask(.deregister, from: alice).actions).map(\.action) == [.deregistered])
        #expect(audited(world.ask(.deregister, from: alice).actions).isEmpty)
    }

    @Test func `a full registry takes known nodes and no new ones`() {
        var settings = HubSettings.defaults
        settings.nodeCount = 1
        var world = HubWorld(settings)
        #expect(world.ask(.register(contacts: []), from: alice).answer.isGood)
        #expect(world.ask(.register(contacts: []), from: bob).answer == HubAnswer.refused(.full))
        #expect(world.ask(.register(contacts: []), from: alice).answer.isGood)
    }

    @Test(arguments: [
        "{}", #"{"do":"list"}"#, #"{"do":"register","contacts":["!"]}"#, #"{"do":"deposit","to":"x","sealed":"AA"}"#,
        "[]", "3",
        #"{"do":"resolve","to":"did:key:z"}"#, #"{"do":"acknowledge","ids":["!"]}"#, #"{"do":"release","channel":-1}"#,
        "{", "",
    ])
    func `what is not a request is answered and changes nothing`(text: String) throws {
        var world = HubWorld()
        let (answer, actions) = world.ask(text: text, from: alice)
        #expect(answer.isInvalid)
        #expect(actions.count == 1)
    }

    @Test func `a node that asks too often is told so, and others are not held up`() {
        var settings = HubSettings.defaults
        settings.requests = RateLimit(burst: 2, perMinute: 60)
        var world = HubWorld(settings)
        let answers = (0..<3).map { _ in world.ask(.register(contacts: []), from: alice).answer }
        #expect(answers[1].isGood && answers[2] == HubAnswer.refused(.overLimit))
        #expect(world.ask(.register(contacts: []), from: bob).answer.isGood)
        world.pass(1)
        #expect(world.ask(.register(contacts: []), from: alice).answer.isGood)
    }

    @Test func `a closed hub registers whom its operator names, and serves whoever was let in by one of those (N16)`() {
        var world = HubWorld()
        _ = world.hub.admit(by: HubAdmission(allowed: [bob.key]))
        world.join(bob)
        #expect(world.ask(.register(contacts: []), from: alice).answer == .refused(.closed))
        #expect(world.ask(.visit(), from: alice).answer == .refused(.closed))
        _ = world.watch(alice)
        let lookUp = HubRequest.resolve(target: bob.key, grant: bobsGrant)
        #expect(world.ask(lookUp, from: alice).answer.isOnline)
    }

    @Test func `who is banned is told only that, and loses its channels at once`() {
        var world = HubWorld()
        world.join(alice, bob)
        let lookUp = HubRequest.resolve(target: bob.key, grant: bobsGrant)
        #expect(world.ask(lookUp, from: alice).answer.isOnline)
        let actions = world.hub.admit(by: HubAdmission(banned: [alice.key]))
        #expect(pushes(actions, to: bob) == [.closed(RelayChannel(1))])
        #expect(actions.last == .endWatch(alice.key))
        #expect(world.ask(lookUp, from: alice).answer == .refused(.closed))
        #expect(world.watch(alice) == [.endWatch(alice.key)])
        _ = world.hub.admit(by: HubAdmission())
        _ = world.watch(alice)
        #expect(world.ask(lookUp, from: alice).answer.isOnline)
    }
}
