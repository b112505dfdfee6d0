import HubCore
import HubProtocol
import OverlayCrypto
import PosternModel
import SidecarCore
import TestSupport
import Testing
import TrustCore

private let planner = Service(name: "planner", port: VirtualPort(80), kind: .a2a)

/// Words of owners and administrators, and what shows by them (RULES N5, N6).
@Suite struct FreshnessTests {
    private var world = World()
    private let owner: NodeKey
    private let second: NodeKey
    private let third: NodeKey

    init() throws {
        let rules = [ExposedRule(service: planner, allow: [.network("acme")])]
        owner = world.add(1, "owner", exposed: rules)
        second = world.add(2, "second", exposed: rules)
        third = world.add(3, "third", exposed: rules)
        world.pass(2)
        _ = try world.answer(CreateNetwork(name: "acme"), at: owner)
        let link = try world.answer(InviteToNetwork(name: "acme", uses: 2), at: owner).invitation
        for key in [second, third] { _ = try world.answer(JoinNetwork(invitation: link), at: key) }
        world.pass(3)
    }

    private func show(_ key: NodeKey) throws -> NetworkDocument {
        var world = world
        return try world.answer(ShowNetwork(name: "acme"), at: key)
    }

    private func told(_ key: NodeKey, _ action: AuditEvent.Action) -> AuditEvent? {
        world.nodes[key]?.events.last { $0.action == action }
    }

    @Test mutating func `a network is fresh while its owner is heard of, and stale a day after (N5)`() throws {
        for key in [owner, second, third] { #expect(try show(key).fresh) }
        world.nodes[owner]?.isRunning = false
        world.jump(.seconds(86_000))
        #expect(try show(second).fresh)
        world.jump(.seconds(500))
        #expect(try !show(second).fresh && show(second).problem != nil)
        #expect(told(second, .networkFreshness)?.old == "fresh")
        world.restart(owner)
        world.pass(5)
        for key in [owner, second, third] { #expect(try show(key).fresh) }
        #expect(told(second, .networkFreshness)?.new == "fresh")
    }

    @Test mutating func `a hub that starts again, and a newcomer, learn of words from the members`() throws {
        world.hub = Hub(identity: hubIdentity)
        for key in [owner, second, third] { world.hubDown(key) }
        world.nodes[owner]?.isRunning = false
        world.pass(5)
        let fourth = world.add(4, "fourth")
        world.pass(2)
        world.nodes[owner]?.isRunning = true
        world.restart(owner)
        world.pass(2)
        let link = try world.answer(InviteToNetwork(name: "acme"), at: owner).invitation
        world.nodes[owner]?.isRunning = false
        _ = try world.answer(JoinNetwork(invitation: link), at: fourth)
        world.pass(2)
        #expect(try show(fourth).fresh)
    }

    @Test mutating func `a clock that was ahead and is right again leaves nothing behind`() throws {
        world.clockLag[owner] = .seconds(-864_000)
        world.input(owner) { $0.advance(to: $1) }
        let refused = world.failure(SetGroup(name: "acme", group: "ops", peer: "second"), at: owner)
        #expect(refused?.code == "hub-refused" && refused?.message.contains("clock") == true)
        world.clockLag[owner] = nil
        for isRestarted in [false, true] {
            if isRestarted { world.restart(owner) }
            world.pass(3)
            let shown = try show(owner)
            #expect(shown.fresh && shown.heard.map { $0 <= world.now.wall } == true)
        }
        world.jump(.seconds(4_000))
        #expect(try show(second).heard.map { world.now.wall - $0 < .seconds(600) } == true, "its words go on")
    }

    @Test mutating func `who leads speaks as often as the freshness of the network needs (N5)`() throws {
        let strict: JSONValue = ["freshness": ["warn": "2m", "refuse": "4m"]]
        _ = try world.answer(SetPolicy(name: "acme", policy: strict), at: owner)
        for _ in 0..<6 {
            world.pass(60)
            #expect(try show(second).fresh && show(third).fresh)
        }
    }

    @Test mutating func `a policy is replaced as a whole, and freshness in it by owners alone (N12)`() throws {
        let services: JSONValue = ["*": ["planner"]]
        let strict: JSONValue = ["freshness": ["warn": "1h", "refuse": "2h"], "services": services]
        var shown = try world.answer(SetPolicy(name: "acme", policy: strict), at: owner)
        #expect(shown.freshness == ["warn": 3_600_000, "refuse": 7_200_000])
        _ = try world.answer(SetRole(name: "acme", peer: "second", role: "admin"), at: owner)
        shown = try world.answer(SetPolicy(name: "acme", policy: ["services": ["ops": ["*"]]]), at: second)
        #expect(shown.freshness["warn"] == 3_600_000, "an administrator does not touch it")
        shown = try world.answer(SetPolicy(name: "acme", policy: ["services": services]), at: owner)
        #expect(shown.freshness == NetworkFreshness.defaults.document && shown.policy["services"] == services)
        shown = try world.answer(SetPolicy(name: "acme", policy: ["freshness": ["warn": "1h"]]), at: owner)
        #expect(shown.policy["services"] == nil && shown.freshness["warn"] == 3_600_000)
    }

    @Test mutating func `what is stale for too long admits nobody, where the network says so (N5)`() throws {
        let strict: JSONValue = ["freshness": ["warn": "1h", "refuse": "2h"]]
        #expect(world.failure(SetPolicy(name: "acme", policy: strict), at: second)?.code == "not-allowed")
        for text in ["soon", "5x", "-1h", "5s"] {
            let bad: JSONValue = ["freshness": ["warn": .string(text)]]
            #expect(world.failure(SetPolicy(name: "acme", policy: bad), at: owner)?.code == "bad-policy")
        }
        let shown = try world.answer(SetPolicy(name: "acme", policy: strict), at: owner)
        #expect(shown.freshness == ["warn": 3_600_000, "refuse": 7_200_000] && shown.policy == .null)
        world.pass(3)
        func decision() throws -> Access {
            try #require(world.nodes[second]).sidecar.decide(third, planner.port, at: world.now)
        }
        #expect(try decision().isAdmitted)
        world.nodes[owner]?.isRunning = false
        world.jump(.seconds(3_700))
        #expect(try decision().isAdmitted && !show(second).fresh)
        world.jump(.seconds(3_700))
        #expect(try decision() == .refused(.stale))
        let why = try world.answer(ExplainAccess(peer: "third.acme", service: .name("planner")), at: second)
        #expect(!why.admitted && why.reason == "stale" && why.hint != nil)
    }

    @Test mutating func `a word about what no hub shows is told as withheld (N6)`() throws {
        let state = try show(owner)
        let identity = try #require(world.nodes[owner]).identity
        let network = try #require(NetworkID(state.id))
        let head = NetworkHead(sequence: 9, hash: try #require(NetworkHash(bytes: Array(repeating: 7, count: 32))))
        let time = world.now.wall + .seconds(1)
        let beat = NetworkBeat(of: identity, for: network, at: head, time: time)
        world.input(second) { $0.receive(.beat(beat), from: hubIdentity.key, at: $1) }
        #expect(try show(second).fresh == false || told(second, .networkWithheld) == nil)
        world.pass(20)
        #expect(told(second, .networkWithheld)?.new["sequence"] == 9)
        #expect(try !show(second).fresh)
        let status = try world.answer(ShowStatus(), at: second)
        #expect(status.networks.first?.problem?.contains("entry 9") == true)
        // Whoever holds one history alone never sees what a heal has ended.
        var reads = HubReads()
        reads.networks = [network]
        let healed = world.now.wall
        world.hubStore.transaction(reads) { facts in
            let random = RandomSource(seed: Array(repeating: 1, count: 32))
            guard var state = facts.networks[network] else { return [] }
            var author = NetworkAuthor(identity, after: state, key: ContentKey(using: random), at: healed)
            let heal = author.write(.heal([head.hash]), using: random)
            guard (try? state.apply(heal)) != nil else { return [] }
            return [.extend(state, [heal])]
        }
        _ = try world.answer(SetGroup(name: "acme", group: "ops", peer: "third"), at: owner)
        world.pass(3)
        #expect(try show(second).fresh, "what a heal has ended is not missing")
    }

    @Test mutating func `words of whoever leads nothing count for nothing`() throws {
        let state = try show(owner)
        let network = try #require(NetworkID(state.id))
        let head = NetworkHead(sequence: 9, hash: try #require(NetworkHash(bytes: Array(repeating: 7, count: 32))))
        let identity = try #require(world.nodes[third]).identity
        let beat = NetworkBeat(of: identity, for: network, at: head, time: world.now.wall)
        world.input(second) { $0.receive(.beat(beat), from: hubIdentity.key, at: $1) }
        world.pass(30)
        #expect(try show(second).fresh && told(second, .networkWithheld) == nil)
    }

    @Test mutating func `a hub that shows less than it has signed is told (N3)`() throws {
        let copy = world.hubStore
        _ = try world.answer(SetGroup(name: "acme", group: "ops", peer: "second"), at: owner)
        world.hubStore = copy
        world.hub = Hub(identity: hubIdentity)
        world.hubDown(owner)
        world.pass(5)
        let event = told(owner, .networkRolledBack)
        #expect(event?.actor == hubIdentity.key && event?.old["sequence"] == 4)
        // And it is given the log again.
        world.hubDown(second)
        world.pass(5)
        #expect(try show(second).head == show(owner).head)
    }

    @Test mutating func `a hub that goes back again and again is given the log again at a bounded pace (N3)`() throws {
        let copy = world.hubStore
        _ = try world.answer(SetGroup(name: "acme", group: "ops", peer: "second"), at: owner)
        func tellings() -> Int {
            world.nodes[owner]?.events.filter { $0.action == .networkRolledBack }.count ?? 0
        }
        func rollBack() {
            world.hubStore = copy
            world.hub = Hub(identity: hubIdentity)
            world.hubDown(owner)
            world.pass(1)
        }
        for _ in 0..<40 { rollBack() }
        #expect((8...12).contains(tellings()), "\(tellings())")
        // Once it holds still it has the log after a while.
        world.pass(120)
        world.hubDown(second)
        world.pass(5)
        #expect(try show(second).head == show(owner).head)
    }
}
