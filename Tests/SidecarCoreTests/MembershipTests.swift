import HubCore
import HubProtocol
import OverlayCrypto
import PosternModel
import SidecarCore
import TestSupport
import Testing
import TrustCore

private let planner = Service(name: "planner", port: VirtualPort(80), kind: .a2a)

/// Members that are added, memberships that end by themselves, and forks that are healed (RULES N4, N6, N9).
@Suite struct MembershipTests {
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
    }

    private func show(_ key: NodeKey, _ name: String = "acme") throws -> NetworkDocument {
        var world = world
        return try world.answer(ShowNetwork(name: name), at: key)
    }

    private func admits(_ key: NodeKey, _ peer: NodeKey) throws -> Bool {
        try #require(world.nodes[key]).sidecar.decide(peer, planner.port, at: world.now).isAdmitted
    }

    private mutating func invite(_ keys: NodeKey..., membership: Int64? = nil) throws {
        let invite = InviteToNetwork(name: "acme", uses: keys.count, membershipMs: membership)
        let link = try world.answer(invite, at: owner).invitation
        for key in keys { _ = try world.answer(JoinNetwork(invitation: link), at: key) }
    }

    @Test mutating func `a trusted peer is added, is told, and takes part once its operator joins (S3)`() throws {
        #expect(world.failure(AddMember(name: "acme", peer: PeerName(second)), at: owner)?.code == "not-trusted")
        try world.befriend(owner, second)
        let added = try world.answer(AddMember(name: "acme", peer: PeerName(second)), at: owner)
        #expect(added.members.map(\.did).contains(second))
        let offer = try world.answer(ListNetworks(), at: second)
        #expect(offer.map(\.name) == ["acme"] && offer.map(\.offeredBy) == [owner] && offer.map(\.role) == [nil])
        #expect(try !admits(second, owner), "what was not joined opens nothing")
        #expect(world.nodes[second]?.events.last { $0.action == .networkOffered }?.actor == owner)
        world.restart(second)
        let joined = try world.answer(AcceptNetwork(offer: "acme"), at: second)
        #expect(joined.role == "member" && joined.members.count == 2 && joined.head == added.head)
        #expect(try admits(second, owner) && admits(owner, second))
        #expect(try world.answer(ListNetworks(), at: second).map(\.offeredBy) == [nil])
    }

    @Test mutating func `an offer may be called otherwise, or forgotten`() throws {
        try world.befriend(owner, second)
        _ = try world.answer(CreateNetwork(name: "acme"), at: second)
        _ = try world.answer(AddMember(name: "acme", peer: PeerName(second), label: "two"), at: owner)
        let id = try show(owner).id
        #expect(world.failure(AcceptNetwork(offer: "other"), at: second)?.code == "no-such-network")
        #expect(world.failure(AcceptNetwork(offer: id), at: second)?.code == "invalid-name")
        let joined = try world.answer(AcceptNetwork(offer: id, name: "theirs"), at: second)
        #expect(joined.members.contains { $0.name == "two" && $0.did == second })
        try world.befriend(owner, third)
        _ = try world.answer(AddMember(name: "acme", peer: PeerName(third)), at: owner)
        _ = try world.answer(LeaveNetwork(name: "acme"), at: third)
        #expect(try world.answer(ListNetworks(), at: third).isEmpty)
    }

    @Test mutating func `a membership ends by itself everywhere, and is renewed in time`() throws {
        try invite(second, third, membership: 60_000)
        #expect(try show(third).members.compactMap(\.expires).count == 2)
        world.input(second) { $0.want(self.third, at: $1) }
        #expect(world.nodes[second]?.sessions == [third] && world.bridgeCount == 1)
        _ = try world.answer(AddMember(name: "acme", peer: "third", expiresMs: 300_000), at: owner)
        world.pass(61)
        #expect(try !admits(owner, second) && admits(owner, third))
        #expect(world.nodes[second]?.sessions.isEmpty == true && world.nodes[third]?.admitted[second] == nil)
        for key in [owner, third] {
            let event = world.nodes[key]?.events.last { $0.action == .membershipExpired }
            #expect(event?.subject == second.did)
        }
        _ = try world.answer(AddMember(name: "acme", peer: PeerName(second), keep: true), at: owner)
        world.pass(2)
        #expect(try admits(owner, second) && show(second).members.first { $0.did == second }?.expires == nil)
    }

    @Test mutating func `who is no member any longer is told why, and comes back by a link (N7)`() throws {
        try invite(second, membership: 60_000)
        try invite(third)
        _ = try world.answer(SetGroup(name: "acme", group: "ops", peer: "second"), at: owner)
        _ = try world.answer(RemoveMember(name: "acme", peer: "third"), at: owner)
        world.pass(61)
        func told(_ key: NodeKey, _ words: String) throws {
            #expect(try show(key).problem?.contains(words) == true && !show(key).fresh && show(key).role == nil)
            let listed = try world.answer(ListNetworks(), at: key)
            #expect(listed.map(\.fresh) == [false] && listed.first?.problem?.contains(words) == true)
            for name in [PeerName("owner.acme"), PeerName(owner)] {
                guard case .over(let why, _)? = world.nodes[key]?.sidecar.find(name, at: world.now) else {
                    Issue.record("what is over is told")
                    return
                }
                #expect(why.contains(words))
            }
            #expect(world.failure(InviteToNetwork(name: "acme"), at: key)?.message.contains(words) == true)
        }
        try told(second, "ended at")
        try told(third, "removed")
        let over = world.failure(SetRole(name: "acme", peer: "second", role: "admin"), at: owner)
        #expect(over?.code == "membership-over")
        try invite(second, third)
        for key in [second, third] {
            #expect(try show(key).role == "member" && show(key).members.count == 3 && show(key).fresh)
            #expect(try admits(owner, key) && admits(key, owner))
        }
        #expect(try show(owner).members.first { $0.did == second }?.groups == [], "a new membership has no groups")
    }

    @Test mutating func `a membership that is over is forgotten by its holder, and removed by an owner`() throws {
        try invite(second, third, membership: 60_000)
        world.pass(61)
        _ = try world.answer(RemoveMember(name: "acme", peer: "second.acme"), at: owner)
        #expect(world.failure(RemoveMember(name: "acme", peer: "second"), at: owner)?.code == "no-such-member")
        for key in [second, third] {
            _ = try world.answer(LeaveNetwork(name: "acme"), at: key)
            #expect(try world.answer(ListNetworks(), at: key).isEmpty)
        }
        try invite(second, third)
        #expect(try show(third).members.count == 3 && show(second).role == "member")
    }

    @Test mutating func `a link that is too old to bring one back is refused with the reason`() throws {
        let link = try world.answer(
            InviteToNetwork(name: "acme", uses: 3, membershipMs: 60_000),
            at: owner
        ).invitation
        _ = try world.answer(JoinNetwork(invitation: link), at: second)
        world.pass(61)
        let refused = world.failure(JoinNetwork(invitation: link), at: second)
        #expect(refused?.code == "bad-invitation" && refused?.message.contains("too old") == true)
        #expect(try show(second).problem?.contains("ended at") == true)
    }

    @Test mutating func `what a member may not do it may not do with memberships either`() throws {
        try invite(second)
        try world.befriend(second, third)
        #expect(world.failure(AddMember(name: "acme", peer: PeerName(third)), at: second)?.code == "not-allowed")
        #expect(world.failure(HealNetwork(name: "acme"), at: owner)?.code == "not-forked")
        let again = world.failure(AddMember(name: "acme", peer: PeerName(second)), at: owner)
        #expect(again?.code == "already-a-member")
    }

    @Test mutating func `the hub relays no longer for whoever is removed (N6)`() throws {
        try invite(second, third)
        world.input(second) { $0.want(self.third, at: $1) }
        world.input(second) { $0.want(self.owner, at: $1) }
        #expect(world.bridgeCount == 2)
        _ = try world.answer(RemoveMember(name: "acme", peer: "third"), at: owner)
        #expect(world.bridgeCount == 1 && world.nodes[third]?.relays.isEmpty == true)
    }

    /// The hub's database is the one of before, and while others are away somebody goes on from there.
    private mutating func fork() throws {
        try invite(second, third)
        _ = try world.answer(SetRole(name: "acme", peer: "second", role: "admin"), at: owner)
        let copy = world.hubStore
        world.nodes[second]?.isRunning = false
        _ = try world.answer(SetGroup(name: "acme", group: "ops", peer: "third"), at: owner)
        for key in [owner, second, third] { world.hubDown(key) }
        world.nodes[owner]?.isRunning = false
        world.nodes[third]?.isRunning = false
        world.hubStore = copy
        world.hub = Hub(identity: hubIdentity)
        world.restart(second)
        world.pass(3)
        _ = try world.answer(SetGroup(name: "acme", group: "dev", peer: "third"), at: second)
        world.restart(owner)
        world.restart(third)
        world.pass(5)
        world.input(second) { $0.want(self.owner, at: $1) }
        world.input(third) { $0.want(self.second, at: $1) }
        world.pass(5)
    }

    @Test mutating func `a hub that went back is told at both ends, and an owner heals the network (N4)`() throws {
        try fork()
        for key in [owner, second] {
            #expect(try show(key).forked && !show(key).fresh)
            #expect(world.nodes[key]?.events.contains { $0.action == .networkForked } == true)
        }
        #expect(try show(owner).groups.isEmpty, "a group counts only if both histories give it")
        #expect(world.failure(SetGroup(name: "acme", group: "ops", peer: "third"), at: owner)?.code == "forked")
        #expect(world.failure(HealNetwork(name: "acme"), at: second)?.code == "not-allowed")
        let healed = try world.answer(HealNetwork(name: "acme"), at: owner)
        #expect(!healed.forked && healed.members.count == 3)
        world.pass(3)
        for key in [owner, second, third] { #expect(try !show(key).forked && show(key).head == healed.head) }
        world.pass(20)
        for key in [owner, second, third] { #expect(try show(key).fresh, "what a heal has ended is not missing") }
        _ = try world.answer(SetGroup(name: "acme", group: "ops", peer: "third"), at: owner)
        #expect(try show(third).groups.map(\.name).contains("ops"))
        let facts = try #require(world.nodes[third]).sidecar.compactedFacts(at: world.now.wall)
        world.restart(third, journal: [TrustJournal.content(facts)])
        #expect(try !show(third).forked && show(third).groups == show(owner).groups)
    }

    @Test mutating func `members find what fellows publish to them, until the membership ends (N14)`() throws {
        try invite(second, third)
        _ = try world.answer(SetGroup(name: "acme", group: "ops", peer: "third"), at: owner)
        let skills: [JSONValue] = [["name": "Plan trips", "description": "By rail", "tags": ["travel"]], ["id": 1]]
        func publish(_ to: [AllowRule]) throws {
            let publication = PublishServices.Publication(service: planner.name, to: to, skills: skills)
            _ = try world.answer(PublishServices(services: [publication]), at: second)
        }
        func found(_ words: String, at key: NodeKey) throws -> [String] {
            try world.answer(FindServices(words: words), at: key).map {
                "\($0.name ?? "") \($0.service) \($0.skills.count)"
            }
        }
        try publish([.network("acme")])
        #expect(try found("TRAVEL rail", at: owner) == ["second.acme planner 1"])
        #expect(try found("", at: third) == ["second.acme planner 1"] && found("ships", at: third).isEmpty)
        #expect(try found("", at: second).isEmpty, "what is one's own is not found")
        let head = try show(owner).head
        try publish([.network("acme")])
        #expect(try show(owner).head == head, "what has not changed is not published again")
        try publish([.group("ops", network: "acme")])
        #expect(try found("rail", at: owner).isEmpty && found("rail", at: third).count == 1)
        try publish([.network("acme")])
        _ = try world.answer(AddMember(name: "acme", peer: "second", expiresMs: 5_000), at: owner)
        #expect(try found("rail", at: third).count == 1)
        world.pass(6)
        #expect(try found("rail", at: third).isEmpty && found("rail", at: owner).isEmpty)
        #expect(world.failure(FindServices(words: "", network: "nowhere"), at: owner)?.code == "no-such-network")
    }
}
