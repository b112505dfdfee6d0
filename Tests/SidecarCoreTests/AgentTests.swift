import PosternModel
import SidecarCore
import TestSupport
import Testing
import TrustCore

/// Who asked is recorded, and what the agent asks for gives nothing (S3, R11).
@Suite struct AgentTests {
    var world = World()
    let alice: NodeKey
    let bob: NodeKey

    init() throws {
        let rule = ExposedRule(service: Service(name: "planner", port: VirtualPort(80), kind: .a2a), allow: [.trusted])
        alice = world.add(1, "alice", exposed: [rule])
        bob = world.add(2, "bob")
    }

    @Test mutating func `what the agent has done says so beside what was done, and what the operator has does not`()
        throws
    {
        world.perform(CreateInvitation(), at: alice)
        world.perform(CreateInvitation(), at: alice, by: .agent("claude\n"))
        let invited = world.events(of: alice).filter { $0.action == .invited }
        #expect(invited.map(\.via) == [nil, "agent claude "])
    }

    @Test mutating func `what is recorded later has the question before it, and what only looks has nothing`() throws {
        let count = world.events(of: alice).count
        world.perform(ListTrust(), at: alice, by: .agent("claude"))
        world.perform(ConnectPeer(peer: "nobody"), at: alice, by: .agent("claude"))
        #expect(world.events(of: alice).count == count)
        world.perform(CreateNetwork(name: "acme"), at: alice, by: .agent("claude"))
        let events = world.events(of: alice).dropFirst(count)
        #expect(events.contains { $0.via == "agent claude" })
    }

    @Test mutating func `a trust that the agent asked for gives the peer nothing, and takes nothing away`() throws {
        try world.befriend(alice, bob, services: .names(["some"]))
        let before = try #require(try world.answer(ListTrust(), at: alice).trusted.first)
        #expect(before.services == .all)
        let asked = RequestTrust(peer: .peer(PeerName(bob)), services: .names(["more"])).givingNothing
        world.perform(asked, at: alice, by: .agent("claude"))
        let request = try #require(try world.answer(ListTrust(), at: bob).pending.first)
        _ = try world.answer(ApproveRequest(id: request.id.description), at: bob)
        #expect(try world.answer(ListTrust(), at: alice).trusted.first?.services == .all)
        #expect(world.isTrusted(alice, bob))
    }

    @Test mutating func `what the agent may not have is recorded once in a while`() {
        let count = world.events(of: alice).count
        for _ in 0..<5 { world.refuseAgent("approve_request", at: alice) }
        let events = world.events(of: alice).dropFirst(count)
        #expect(events.map(\.action) == [.agentRefused] && events.first?.subject == "approve_request")
    }
}

extension World {
    fileprivate func events(of key: NodeKey) -> [AuditEvent] { nodes[key]?.events ?? [] }

    fileprivate mutating func perform(_ operation: some Operation, at key: NodeKey, by requester: Requester) {
        input(key) { $0.perform(operation, by: requester, id: CommandID(1 << 40), at: $1, seeing: Unseen()) }
    }

    fileprivate mutating func refuseAgent(_ tool: String, at key: NodeKey) {
        input(key) { $0.noteAgentRefused(tool, by: .agent("claude"), at: $1) }
    }
}
