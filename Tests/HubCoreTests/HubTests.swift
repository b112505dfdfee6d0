import HubCore
import HubProtocol
import OverlayCrypto
import OverlayWire
import PosternModel
import Testing
import TrustCore

func identity(_ number: UInt8) -> NodeIdentity {
    try! NodeIdentity(seed: Array(repeating: number, count: 32))
}

func time(_ seconds: Int64) -> Timestamp { Timestamp(seconds: 1_795_000_000 + seconds) }

let alice = identity(1)
let bob = identity(2)
let carol = identity(3)

/// A hub with memory, driven by hand.
struct HubWorld {
    var hub: Hub<MemoryHubStore>
    var now = Clocks(wall: time(0), instant: Instant(nanoseconds: 0))
    private var last: UInt64 = 0

    init(_ settings: HubSettings = .defaults) {
        hub = Hub(key: identity(9).key, store: MemoryHubStore(), settings: settings)
    }

    mutating func pass(_ seconds: Int64) {
        now.wall = now.wall + .seconds(seconds)
        now.instant = now.instant + .seconds(seconds)
    }

    mutating func ask(_ request: HubRequest, from node: NodeIdentity) -> (answer: JSONValue, actions: [HubAction]) {
        ask(request.document, from: node)
    }

    mutating func ask(_ document: JSONValue, from node: NodeIdentity) -> (answer: JSONValue, actions: [HubAction]) {
        last += 1
        let id = HubRequestID(last)
        let actions = try! hub.receive(document, id: id, from: node.key, at: now)
        let answers = actions.compactMap { action -> JSONValue? in
            guard case .answer(id, let answer) = action else { return nil }
            return answer
        }
        precondition(answers.count == 1, "a request has one answer")
        return (answers[0], actions)
    }

    mutating func watch(_ node: NodeIdentity) -> [HubAction] { try! hub.watchOpened(by: node.key, at: now.wall) }

    /// Registers and watches.
    mutating func join(_ nodes: NodeIdentity...) {
        for node in nodes {
            _ = ask(.register(name: "n"), from: node)
            _ = watch(node)
        }
    }
}

func pushes(_ actions: [HubAction], to node: NodeIdentity) -> [HubEvent] {
    actions.compactMap { action in
        guard case .push(node.key, let event) = action else { return nil }
        return event
    }
}

let bobsGrant = Grant(from: bob, to: alice.key, services: .all, issued: time(0), expires: time(1_000))

@Suite struct HubRegistrationTests {
    @Test func `a node is told its self-certifying address, which is the same at every hub (R1)`() {
        var one = HubWorld()
        var other = HubWorld()
        let answer = one.ask(.register(name: "alice"), from: alice).answer
        #expect(answer["address"]?.string == alice.key.personalAddress.description)
        #expect(other.ask(.register(name: "x"), from: alice).answer["address"] == answer["address"])
    }

    @Test func `registration, renaming and deregistration are audited, a repeated registration is not (R11)`() {
        var world = HubWorld()
        func events(_ actions: [HubAction]) -> [AuditEvent] {
            actions.compactMap { if case .audit(let event) = $0 { event } else { nil } }
        }
        let first = events(world.ask(.register(name: "a"), from: alice).actions)
        #expect(first.map(\.action) == [.registered] && first.first?.actor == alice.key)
        #expect(events(world.ask(.register(name: "a"), from: alice).actions).isEmpty)
        let renamed = events(world.ask(.register(name: "b"), from: alice).actions)
        #expect(renamed.first?.old == ["name": "a"] && renamed.first?.new["name"] == "b")
        #expect(events(world.ask(.deregister, from: alice).actions).map(\.action) == [.deregistered])
        #expect(events(world.ask(.deregister, from: alice).actions).isEmpty)
    }

    @Test func `a full registry takes known nodes and no new ones`() {
        var settings = HubSettings.defaults
        settings.nodeCount = 1
        var world = HubWorld(settings)
        #expect(world.ask(.register(name: "a"), from: alice).answer["ok"] == true)
        #expect(world.ask(.register(name: "b"), from: bob).answer == HubAnswer.overLimit)
        #expect(world.ask(.register(name: "c"), from: alice).answer["ok"] == true)
    }

    @Test(arguments: [
        "{}", #"{"do":"list"}"#, #"{"do":"register"}"#, #"{"do":"deposit","to":"x","sealed":"AA"}"#, "[]", "3",
        #"{"do":"resolve","to":"did:key:z"}"#, #"{"do":"acknowledge","ids":["!"]}"#, #"{"do":"release","channel":-1}"#,
    ])
    func `a request that is none is answered and changes nothing`(text: String) throws {
        var world = HubWorld()
        let (answer, actions) = world.ask(try JSONValue(parsing: text), from: alice)
        #expect(answer["error"]?["code"] == "invalid")
        #expect(actions.count == 1)
    }

    @Test func `a node that asks too often is told so, and others are not held up`() {
        var settings = HubSettings.defaults
        settings.requests = RateLimit(burst: 2, perMinute: 60)
        var world = HubWorld(settings)
        let answers = (0..<3).map { _ in world.ask(.register(name: "a"), from: alice).answer }
        #expect(answers[1]["ok"] == true && answers[2] == HubAnswer.overLimit)
        #expect(world.ask(.register(name: "b"), from: bob).answer["ok"] == true)
        world.pass(1)
        #expect(world.ask(.register(name: "a"), from: alice).answer["ok"] == true)
    }
}

@Suite struct HubMailTests {
    func deposit(_ byte: UInt8, to target: NodeIdentity = bob) -> HubRequest {
        .deposit(target: target.key, sealed: Array(repeating: byte, count: 40))
    }

    @Test func `the answer to mail is the same bytes for known, unknown, full and absent targets (R8, R9)`() {
        var settings = HubSettings.defaults
        settings.mailboxCount = 2
        var world = HubWorld(settings)
        world.join(bob)
        let present = world.ask(deposit(1), from: alice).answer
        let unknown = world.ask(deposit(1, to: carol), from: alice).answer
        _ = world.ask(deposit(2), from: alice)
        let full = world.ask(deposit(3), from: alice).answer
        let repeated = world.ask(deposit(1), from: alice).answer
        _ = world.hub.watchClosed(by: bob.key)
        let away = world.ask(deposit(4), from: alice).answer
        for answer in [unknown, full, repeated, away] { #expect(answer.compactBytes == present.compactBytes) }
        #expect(world.hub.store.mail(for: bob.key).count == 2)
    }

    @Test func `mail for a node that has never been seen waits until it comes (R9)`() throws {
        var world = HubWorld()
        _ = world.ask(deposit(1), from: alice)
        let events = pushes(world.watch(bob), to: bob)
        guard case .mail(let id, let sealed)? = events.first else { throw RecordError.malformed }
        #expect(sealed == Array(repeating: 1, count: 40) && events.last == .ready)
        _ = world.hub.watchClosed(by: bob.key)
        #expect(pushes(world.watch(bob), to: bob).count == 2, "mail stays until it is acknowledged")
        _ = world.ask(.acknowledge([id]), from: carol)
        #expect(world.hub.store.mail(for: bob.key).count == 1, "nobody else can remove it")
        _ = world.ask(.acknowledge([id]), from: bob)
        #expect(pushes(world.watch(bob), to: bob) == [.ready])
    }

    @Test func `mail for a node that watches is pushed at once, and only to it`() {
        var world = HubWorld()
        world.join(bob, carol)
        let actions = world.ask(deposit(1), from: alice).actions
        #expect(pushes(actions, to: bob).count == 1 && pushes(actions, to: carol).isEmpty)
        #expect(pushes(world.ask(deposit(1), from: alice).actions, to: bob).isEmpty, "the same box is one mail")
    }

    @Test func `one sender cannot fill mailboxes faster than its rate`() {
        var settings = HubSettings.defaults
        settings.deposits = RateLimit(burst: 3, perMinute: 1)
        var world = HubWorld(settings)
        let answers = (0..<5).map { world.ask(deposit(UInt8($0)), from: alice).answer }
        #expect(answers.filter { $0 == HubAnswer.done }.count == 3)
        #expect(world.hub.store.mail(for: bob.key).count == 3)
        #expect(world.ask(deposit(9), from: carol).answer == HubAnswer.done)
    }

    @Test func `mail at the size limit is taken and beyond it is refused`() {
        var world = HubWorld()
        let largest = HubRequest.deposit(target: bob.key, sealed: Array(repeating: 1, count: RecordLimits.sealed))
        let larger = HubRequest.deposit(target: bob.key, sealed: Array(repeating: 1, count: RecordLimits.sealed + 1))
        #expect(world.ask(largest, from: alice).answer == HubAnswer.done)
        #expect(world.ask(larger, from: alice).answer["error"]?["code"] == "invalid")
    }

    @Test func `all mail together and its age are bounded`() throws {
        var settings = HubSettings.defaults
        settings.mailCount = 2
        var world = HubWorld(settings)
        for target in [alice, bob, carol] { _ = world.ask(deposit(1, to: target), from: alice) }
        #expect(world.hub.store.mail(for: carol.key).isEmpty)
        world.pass(14 * 86_400 + 1)
        try world.hub.tidy(at: world.now.wall)
        #expect(world.hub.store.mail(for: alice.key).isEmpty)
        #expect(world.ask(deposit(1, to: carol), from: alice).answer == HubAnswer.done)
        #expect(world.hub.store.mail(for: carol.key).count == 1)
    }
}

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
        #expect(world.hub.bridgeCount == 1)
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
            #expect(answer.compactBytes == nobody.answer.compactBytes)
            #expect(actions.allSatisfy { if case .push = $0 { false } else { true } }, "the target hears nothing")
        }
        #expect(world.hub.bridgeCount == 0)
        var forged = bobsGrant.document.object!
        forged["services"] = ["planner"]
        let document: JSONValue = ["do": "resolve", "to": .string(bob.key.did), "grant": .object(forged)]
        #expect(world.ask(document, from: alice).answer["error"]?["code"] == "invalid")
    }

    @Test func `a grant shown by somebody else opens nothing (S1)`() {
        var world = HubWorld()
        world.join(alice, bob, carol)
        #expect(world.ask(resolve(), from: carol).answer == HubAnswer.unknown)
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
        #expect(world.ask(resolve(), from: alice).answer == HubAnswer.unknown)
        let renewed = Grant(from: bob, to: alice.key, services: .all, issued: time(6))
        #expect(world.ask(resolve(renewed), from: alice).answer["online"] == true)
    }

    @Test func `nobody can revoke in another's name (S1)`() {
        var world = HubWorld()
        world.join(alice, bob, carol)
        _ = world.ask(resolve(), from: alice)
        let revocation = Revocation(from: bob, to: alice.key, issued: time(5))
        #expect(world.ask(.revoke(revocation), from: carol).answer["error"]?["code"] == "invalid")
        #expect(world.hub.bridgeCount == 1)
    }

    @Test func `whoever waits for an absent peer is connected when it comes, unless it was revoked meanwhile`() {
        var world = HubWorld()
        world.join(alice, bob)
        _ = world.hub.watchClosed(by: bob.key)
        #expect(world.ask(resolve(), from: alice).answer == HubAnswer.offline)
        let events = world.watch(bob)
        #expect(pushes(events, to: alice) == [.channel(RelayChannel(1), peer: bob.key)])
        #expect(pushes(events, to: bob) == [.ready, .channel(RelayChannel(1), peer: alice.key)])
        _ = world.hub.watchClosed(by: bob.key)
        _ = world.ask(resolve(), from: alice)
        _ = world.ask(.revoke(Revocation(from: bob, to: alice.key, issued: time(9))), from: bob)
        #expect(pushes(world.watch(bob), to: alice).isEmpty)
    }

    @Test func `a node that leaves or comes anew ends its conversations, and the other ends are told`() {
        var world = HubWorld()
        world.join(alice, bob)
        _ = world.ask(resolve(), from: alice)
        #expect(pushes(world.watch(bob), to: alice) == [.closed(RelayChannel(1))])
        _ = world.ask(resolve(), from: alice)
        #expect(pushes(world.hub.watchClosed(by: alice.key), to: bob) == [.closed(RelayChannel(2))])
        #expect(world.hub.bridgeCount == 0)
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
        #expect(world.ask(.resolve(target: carol.key, grant: second), from: alice).answer == HubAnswer.overLimit)
        _ = world.ask(.release(RelayChannel(1)), from: alice)
        #expect(world.ask(.resolve(target: carol.key, grant: second), from: alice).answer["online"] == true)
    }

    @Test func `a node can release only its own conversations`() {
        var world = HubWorld()
        world.join(alice, bob, carol)
        _ = world.ask(resolve(), from: alice)
        #expect(world.ask(.release(RelayChannel(1)), from: carol).answer == HubAnswer.done)
        #expect(world.hub.bridgeCount == 1)
    }

    @Test func `a look-up without an open event stream is refused`() {
        var world = HubWorld()
        world.join(bob)
        #expect(world.ask(resolve(), from: alice).answer == HubAnswer.notWatching)
    }
}

@Suite struct HubEventTests {
    @Test func `events come back from their documents`() throws {
        let events: [HubEvent] = [
            .ready, .closed(RelayChannel(7)), .channel(RelayChannel(.max), peer: alice.key),
            .mail(id: RecordID(ofBytes: [1]), sealed: [1, 2, 3]),
        ]
        for event in events { #expect(try HubEvent(event.document) == event) }
        #expect(throws: RecordError.self) { try HubEvent(["event": "closed", "channel": 4_294_967_296]) }
        #expect(throws: RecordError.self) { try HubEvent(["event": "other"]) }
    }
}
