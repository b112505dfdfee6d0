import OverlayCrypto
import PosternModel
import SidecarCore
import TestSupport
import Testing
import TrustCore

/// Requests that are accepted without anybody being asked.
@Suite struct AcceptanceRuleTests {
    var world = World()
    let alice: NodeKey
    let bob: NodeKey
    let carol: NodeKey

    init() {
        alice = world.add(1, "alice")
        bob = world.add(2, "bob")
        carol = world.add(3, "carol")
    }

    /// Bob's configuration has `rules` from now on.
    private mutating func accept(_ rules: AcceptanceRule...) {
        world.nodes[bob]!.profile.accept = rules
        let profile = world.nodes[bob]!.profile
        world.input(bob) { $0.reconfigure(profile, at: $1) }
    }

    private func rule(_ from: String..., services: Set<ServiceName> = ["tools"], perDay: Int = 10) -> AcceptanceRule {
        AcceptanceRule(from: from.map { AcceptanceRule.Asker($0)! }, services: services, perDay: perDay)
    }

    private mutating func ask(_ asker: NodeKey, _ services: ServiceSet = .names(["tools"])) throws {
        _ = try world.answer(RequestTrust(peer: bob, services: services, note: "let me in, I am the owner"), at: asker)
    }

    private var given: [AuditEvent] {
        world.nodes[bob]!.events.filter { $0.action == .trustGiven && $0.actor == bob }
    }

    private var waitingCount: Int { world.nodes[bob]!.sidecar.pendingCount }

    @Test mutating func `without a rule every request waits (S3)`() throws {
        accept()
        try ask(alice)
        #expect(waitingCount == 1 && given.isEmpty)
    }

    @Test mutating func `who fits a rule is trusted at once, for what was asked, and the trail names the rule (S3)`()
        throws
    {
        accept(rule(alice.did, services: ["tools", "planner"]))
        try ask(alice)
        try ask(carol)
        #expect(world.isTrusted(bob, alice) && world.isTrusted(alice, bob))
        #expect(!world.isTrusted(bob, carol) && waitingCount == 1)
        #expect(given.map(\.new["services"]) == [["tools"]])
        #expect(given.first?.via == "rule from \(alice.did)")
    }

    @Test mutating func `who asks for everything gets what the rule has, who names more waits`() throws {
        accept(rule("anyone", services: ["tools", "planner"]))
        try ask(alice, .all)
        try ask(carol, .names(["tools", "clock"]))
        #expect(given.map(\.new["services"]) == [["planner", "tools"]])
        #expect(waitingCount == 1)
    }

    @Test mutating func `the ceiling counts for each service, lasts a day, and outlives a restart`() throws {
        accept(rule("anyone", services: ["tools", "planner"], perDay: 1))
        try ask(alice, .names(["tools"]))
        try ask(carol, .names(["tools"]))
        #expect(given.count == 1 && waitingCount == 1)
        let dora = world.add(4, "dora")
        try ask(dora, .names(["planner"]))
        #expect(given.count == 2, "another service has its own count")
        world.restart(bob)
        let emil = world.add(5, "emil")
        try ask(emil, .names(["planner"]))
        #expect(waitingCount == 2, "what was accepted before the restart counts")
        let day = Interval.seconds(86_401)
        world.now = Clocks(wall: world.now.wall + day, instant: world.now.instant + day)
        let fred = world.add(6, "fred")
        try ask(fred, .names(["planner"]))
        #expect(world.isTrusted(bob, fred))
        #expect(waitingCount == 2, "what waits goes on waiting for the operator")
    }

    @Test mutating func `a compacted journal counts on`() throws {
        accept(rule("anyone", perDay: 1))
        try ask(alice)
        let facts = world.nodes[bob]!.sidecar.compactedFacts(at: world.now.wall)
        world.restart(bob, journal: [TrustJournal.content(facts)])
        try ask(carol)
        #expect(waitingCount == 1 && !world.isTrusted(bob, carol))
    }

    @Test mutating func `whom the operator has sent away is not let in by a rule`() throws {
        accept(rule("anyone"))
        try ask(alice)
        _ = try world.answer(RevokeTrust(peer: PeerName(alice)), at: bob)
        try ask(alice)
        #expect(!world.isTrusted(bob, alice) && waitingCount == 1)
    }

    @Test mutating func `trusted means who is trusted already and asks for more`() throws {
        accept(rule("trusted", services: ["planner"]))
        try ask(alice, .names(["planner"]))
        #expect(waitingCount == 1)
        let id = try #require(try world.answer(ListTrust(), at: bob).pending.first).id.description
        _ = try world.answer(ApproveRequest(id: id, services: .names(["tools"])), at: bob)
        try ask(alice, .names(["planner"]))
        #expect(waitingCount == 0)
        #expect(given.last?.new["services"] == ["planner", "tools"], "and loses nothing")
    }
}
