import HubCore
import HubProtocol
import OverlayCrypto
import PosternModel
import SidecarCore
import TestSupport
import Testing
import TrustCore

private let planner = Service(name: "planner", port: VirtualPort(80), kind: .a2a)
private let clock = Service(name: "clock", port: VirtualPort(81), kind: .mcp)

/// Networks of sidecars at one hub (RULES N, X; R2, R10).
@Suite struct NetworkTests {
    private var world = World()
    private let owner: NodeKey
    private let second: NodeKey
    private let third: NodeKey
    private let outsider: NodeKey

    init() throws {
        func exposed(_ rules: [AllowRule]) -> [ExposedRule] {
            [ExposedRule(service: planner, allow: rules), ExposedRule(service: clock, allow: rules)]
        }
        owner = world.add(1, "owner", exposed: exposed([.network("acme")]))
        second = world.add(2, "second", exposed: exposed([.group("ops", network: "acme")]))
        third = world.add(3, "third", exposed: exposed([.trusted]))
        outsider = world.add(4, "outsider", exposed: exposed([.network("other")]))
        world.pass(2)
        _ = try world.answer(CreateNetwork(name: "acme"), at: owner)
        let link = try world.answer(InviteToNetwork(name: "acme", uses: 2), at: owner).invitation
        _ = try world.answer(JoinNetwork(invitation: link), at: second)
        _ = try world.answer(JoinNetwork(invitation: link), at: third)
    }

    private func show(_ key: NodeKey, _ name: String = "acme") throws -> NetworkDocument {
        var world = world
        return try world.answer(ShowNetwork(name: name), at: key)
    }

    private func decide(_ peer: NodeKey, _ port: VirtualPort, at key: NodeKey) throws -> Access {
        try #require(world.nodes[key]).sidecar.decide(peer, port, at: world.now)
    }

    @Test func `all members have the same log, names and addresses, and nobody else hears of it (R10)`() throws {
        let mine = try show(owner)
        #expect(mine.members.count == 3 && mine.role == "owner" && mine.fresh && !mine.forked)
        for key in [second, third] {
            let theirs = try show(key)
            #expect(theirs.head == mine.head && theirs.members == mine.members && theirs.role == "member")
            #expect(Set(theirs.members.compactMap(\.name)) == ["owner", "second", "third"])
        }
        #expect(mine.members.allSatisfy { $0.addresses.count == 1 && $0.addresses[0] != $0.address })
        var world = world
        #expect(world.failure(ShowNetwork(name: "acme"), at: outsider)?.code == "no-such-network")
        #expect(try world.answer(ListPeers(), at: outsider).isEmpty)
    }

    @Test mutating func `what no hub takes is not founded, and that of which nothing comes is not joined`() throws {
        world.isHubFull = true
        let founding = world.perform(CreateNetwork(name: "new"), at: owner)
        world.pass(20)
        let refused = world.nodes[owner]?.failures[founding]
        #expect(refused?.code == "hub-refused" && refused?.message.contains("cannot store") == true)
        #expect(try world.answer(ListNetworks(), at: owner).map(\.name) == ["acme"])
        #expect(world.failure(CreateNetwork(name: "acme"), at: owner)?.hint?.contains("--as") == false)
        world.isHubFull = false
        _ = try world.answer(CreateNetwork(name: "new"), at: owner)
        let link = try world.answer(InviteToNetwork(name: "new"), at: owner).invitation
        world.isHubUp = false
        world.hubDown(outsider)
        let joining = world.perform(JoinNetwork(invitation: link), at: outsider)
        world.pass(20)
        #expect(world.nodes[outsider]?.failures[joining]?.code == "network-away")
        world.isHubUp = true
        world.pass(120)
        #expect(try world.answer(ListNetworks(), at: outsider).isEmpty)
        #expect(try world.answer(JoinNetwork(invitation: link), at: outsider).role == "member")
    }

    @Test mutating func `what a network does not take is refused by name and size, and not silently`() throws {
        let id = try #require(try show(owner).members.first { $0.did == second }?.did)
        for label in ["trusted", "Third", "third"] {
            let change = NameMember(name: "acme", peer: PeerName(id), label: label)
            #expect(world.failure(change, at: owner)?.code == "invalid-name")
        }
        var services = JSONObject()
        for number in 0..<900 { services["group-\(number)"] = ["planner"] }
        let policy: JSONValue = ["services": .object(services)]
        #expect(world.failure(SetPolicy(name: "acme", policy: policy), at: owner)?.code == "too-large")
    }

    @Test mutating func `a fellow member that is shut out keeps its name`() throws {
        _ = try world.answer(BlockPeer(peer: "third.acme"), at: second)
        let why = try world.answer(ExplainAccess(peer: "third.acme", service: .name("planner")), at: second)
        #expect(!why.admitted && why.reason == "blocked")
    }

    @Test mutating func `what is said of an end names what goes on`() throws {
        try world.befriend(owner, second)
        let ended = try world.answer(RevokeTrust(peer: PeerName(second), invitations: nil), at: owner)
        #expect(ended.networks == ["acme"])
        let why = try world.answer(ExplainAccess(peer: "third.acme", service: .name("planner")), at: second)
        #expect(!why.admitted && why.hint?.contains("trusted") == false)
        #expect(why.hint?.contains("postern network group acme ops") == true)
    }

    @Test mutating func `members talk without an invitation between them, and find each other by name (R2)`() throws {
        let name: PeerName = "third.acme"
        #expect(world.nodes[second]?.sidecar.find(name, at: world.now) == .reachable(third))
        world.input(second) { $0.want(self.third, at: $1) }
        #expect(world.nodes[second]?.sessions == [third])
        #expect(world.nodes[second]?.relays[third] != nil, "the hub relays between members")
        #expect(try world.answer(ListPeers(), at: second).map(\.networks) == [["acme"], ["acme"]])
        #expect(world.nodes[second]?.sidecar.find(PeerName(outsider), at: world.now) != .reachable(outsider))
    }

    @Test mutating func `allow decides for members by network and group, and trusted never means them (X)`() throws {
        #expect(try decide(second, planner.port, at: owner) == .admitted(planner, .network("acme")))
        #expect(try decide(owner, planner.port, at: second) == .refused(.notAllowed))
        #expect(try decide(owner, planner.port, at: third) == .refused(.notAllowed))
        #expect(try decide(outsider, planner.port, at: owner) == .refused(.notTrusted))
        _ = try world.answer(SetGroup(name: "acme", group: "ops", peer: "owner"), at: owner)
        #expect(try decide(owner, planner.port, at: second) == .admitted(planner, .network("acme")))
        #expect(try decide(third, planner.port, at: second) == .refused(.notAllowed))
        let document = try show(second)
        #expect(document.members.first { $0.did == owner }?.addresses.map(\.group) == [0, 1])
        let why = try world.answer(ExplainAccess(peer: "second.acme", service: .name("planner")), at: owner)
        #expect(why.admitted && why.reason == "network" && why.name == "second.acme")
        func call(_ method: String, of service: ServiceTarget) throws -> ExplainAccess.Answer {
            try world.answer(ExplainAccess(peer: "second.acme", service: service, method: method), at: owner)
        }
        let refused = try call("tools/call:delete", of: .name("planner"))
        #expect(!refused.admitted && refused.reason == "method-refused" && refused.hint != nil)
        #expect(try call("tools/list", of: .name("planner")).reason == "network")
        #expect(try call("tools/call:delete", of: .name("clock")).admitted)
    }

    @Test mutating func `a policy narrows what allow gives, and its tests are checked before it is signed (N12)`()
        throws
    {
        let policy: JSONValue = [
            "services": ["*": ["clock"]], "tests": [["from": "second", "to": "planner", "expect": true]],
        ]
        #expect(world.failure(SetPolicy(name: "acme", policy: policy), at: owner)?.code == "bad-policy")
        let good: JSONValue = [
            "services": ["*": ["clock"]], "tests": [["from": "second", "to": "planner", "expect": false]],
        ]
        let reviews = world.nodes[owner]?.reviews ?? 0
        _ = try world.answer(SetPolicy(name: "acme", policy: good), at: owner)
        #expect(try decide(second, planner.port, at: owner) == .refused(.notPermitted))
        #expect(try decide(second, clock.port, at: owner) == .admitted(clock, .network("acme")))
        #expect(try #require(world.nodes[owner]).reviews > reviews, "streams are decided again")
        #expect(world.failure(SetPolicy(name: "acme", policy: ["hours": 1]), at: owner)?.code == "bad-policy")
        #expect(world.failure(SetPolicy(name: "acme", policy: [:]), at: second)?.code == "not-allowed")
    }

    @Test mutating func `a removed member is cut at once everywhere, and reads nothing that follows (N6)`() throws {
        world.input(second) { $0.want(self.third, at: $1) }
        world.input(third) { $0.want(self.owner, at: $1) }
        #expect(world.nodes[third]?.sessions == [second, owner])
        _ = try world.answer(RemoveMember(name: "acme", peer: "third"), at: owner)
        #expect(world.nodes[third]?.sessions.isEmpty == true)
        #expect(world.nodes[second]?.admitted[third] == nil && world.nodes[owner]?.admitted[third] == nil)
        #expect(try show(third).role == nil)
        _ = try world.answer(NameMember(name: "acme", peer: "second", label: "secret"), at: owner)
        #expect(try show(second).members.contains { $0.name == "secret" })
        #expect(try !show(third).members.contains { $0.name == "secret" })
        #expect(try show(third).head != show(owner).head)
    }

    @Test mutating func `roles are enforced at the member and at the hub, whoever asks (N9)`() throws {
        #expect(world.failure(RemoveMember(name: "acme", peer: "third"), at: second)?.code == "not-allowed")
        #expect(world.failure(InviteToNetwork(name: "acme"), at: second)?.code == "not-allowed")
        #expect(world.failure(LeaveNetwork(name: "acme"), at: owner)?.code == "not-allowed")
        _ = try world.answer(SetRole(name: "acme", peer: "second", role: "admin"), at: owner)
        _ = try world.answer(InviteToNetwork(name: "acme"), at: second)
        #expect(world.failure(SetRole(name: "acme", peer: "third", role: "admin"), at: second)?.code == "not-allowed")
        _ = try world.answer(TransferNetwork(name: "acme", peer: "third"), at: owner)
        #expect(try show(third).role == "owner" && show(owner).role == "admin")
        _ = try world.answer(LeaveNetwork(name: "acme"), at: owner)
        #expect(world.failure(ShowNetwork(name: "acme"), at: owner)?.code == "no-such-network")
        #expect(try show(second).members.count == 2)
    }

    @Test mutating func `memberships survive a restart and a compaction, and what was missed is fetched`() throws {
        world.nodes[third]?.isRunning = false
        _ = try world.answer(SetRole(name: "acme", peer: "second", role: "admin"), at: owner)
        world.restart(third)
        world.pass(2)
        #expect(try show(third).head == show(owner).head)
        let facts = try #require(world.nodes[third]).sidecar.compactedFacts(at: world.now.wall)
        world.restart(third, journal: [TrustJournal.content(facts)])
        world.pass(2)
        #expect(try show(third) == show(third))
        #expect(try show(third).members == show(owner).members)
    }

    @Test mutating func `a hub that has lost its store is given the log again by its members (N3)`() throws {
        world.hubStore = MemoryHubStore()
        world.hub = Hub(identity: hubIdentity)
        for key in [owner, second, third] {
            world.hubDown(key)
        }
        world.pass(5)
        _ = try world.answer(SetRole(name: "acme", peer: "second", role: "admin"), at: owner)
        #expect(try show(second).role == "admin")
    }

    @Test mutating func `commands that cannot be done say why, and change nothing`() throws {
        #expect(world.failure(CreateNetwork(name: "acme"), at: owner)?.code == "invalid-name")
        #expect(world.failure(CreateNetwork(name: "A.b"), at: owner)?.code == "invalid-name")
        #expect(world.failure(RemoveMember(name: "acme", peer: "nobody"), at: owner)?.code == "no-such-member")
        #expect(world.failure(SetRole(name: "acme", peer: "second", role: "king"), at: owner)?.code == "bad-arguments")
        #expect(world.failure(LeaveNetwork(name: "nowhere"), at: owner)?.code == "no-such-network")
        let link = try world.answer(InviteToNetwork(name: "acme"), at: owner).invitation
        _ = try world.answer(CreateNetwork(name: "acme"), at: outsider)
        #expect(world.failure(JoinNetwork(invitation: link), at: outsider)?.code == "invalid-name")
        _ = try world.answer(JoinNetwork(invitation: link, name: "other"), at: outsider)
        #expect(try show(outsider, "other").members.count == 4)
        #expect(try decide(second, planner.port, at: outsider) == .admitted(planner, .network("other")))
    }

    @Test mutating func `a link that is used up says so, and a removed member does not come back by an old one`() throws
    {
        let link = try world.answer(InviteToNetwork(name: "acme", uses: 5), at: owner).invitation
        _ = try world.answer(JoinNetwork(invitation: link), at: outsider)
        _ = try world.answer(RemoveMember(name: "acme", peer: "outsider"), at: owner)
        #expect(world.failure(JoinNetwork(invitation: link), at: outsider) != nil)
        #expect(try show(owner).members.count == 3)
    }

    @Test mutating func `every change is in the audit trail of each member (R11)`() throws {
        _ = try world.answer(SetRole(name: "acme", peer: "second", role: "admin"), at: owner)
        let id = try show(owner).id
        for key in [owner, second, third] {
            let event = world.nodes[key]?.events.last { $0.action == .networkChanged }
            #expect(event?.actor == owner && event?.subject == second.did && event?.network == id)
            #expect(event?.old == "member" && event?.new["role"] == "admin" && event?.new["action"] == "role")
        }
    }

    @Test mutating func `a network that is not named in the configuration opens nothing`() throws {
        world.nodes[owner]?.profile.networks = []
        let profile = try #require(world.nodes[owner]).profile
        world.input(owner) { $0.reconfigure(profile, at: $1) }
        #expect(try decide(second, planner.port, at: owner) == .refused(.notTrusted))
        #expect(world.nodes[owner]?.admitted[second] == nil)
    }
}
