import HubCore
import HubProtocol
import OverlayCrypto
import PosternModel
import SidecarCore
import TestSupport
import Testing
import TrustCore

private let planner = Service(name: "planner", port: VirtualPort(80), kind: .a2a)

/// Members by certificate, whom no entry of the log names (RULES N8).
@Suite struct CertificateTests {
    private var world = World()
    private let owner: NodeKey
    private let fellow: NodeKey
    private let container: NodeKey
    private let random = RandomSource(seed: Array(repeating: 9, count: 32))
    private let authority: NetworkAuthority
    private let authorityKey: NodeKey

    init() throws {
        let rules = [ExposedRule(service: planner, allow: [.group("ops", network: "acme")])]
        let open = [ExposedRule(service: planner, allow: [.network("acme")])]
        owner = world.add(1, "owner", exposed: rules)
        fellow = world.add(2, "fellow", exposed: rules)
        container = world.add(3, "container", exposed: open)
        world.pass(2)
        _ = try world.answer(CreateNetwork(name: "acme"), at: owner)
        let link = try world.answer(InviteToNetwork(name: "acme"), at: owner).invitation
        _ = try world.answer(JoinNetwork(invitation: link), at: fellow)
        let made = try world.answer(AddAuthority(name: "acme", groups: ["ops"], lifetimeMs: 60_000), at: owner)
        authority = try #require(NetworkAuthority(within: made.authority))
        authorityKey = made.did
    }

    private func show(_ key: NodeKey) throws -> NetworkDocument {
        var world = world
        return try world.answer(ShowNetwork(name: "acme"), at: key)
    }

    private func admits(_ key: NodeKey, _ peer: NodeKey) throws -> Bool {
        try #require(world.nodes[key]).sidecar.decide(peer, planner.port, at: world.now).isAdmitted
    }

    /// What the authority signs, away from any sidecar.
    private func certificate(
        for subject: NodeKey? = nil,
        groups: [String] = ["ops"],
        seconds: Int64 = 60
    ) throws -> CredentialLink {
        let link = authority.certify(
            subject ?? container,
            groups: groups,
            lifetime: .seconds(seconds),
            at: world.now.wall,
            using: random
        )
        return try CredentialLink(text: try #require(link).token)
    }

    @Test mutating func `a key with a certificate alone takes part, in its groups, until that ends`() throws {
        let certificate = try certificate()
        let entered = try world.answer(EnterNetwork(certificate: certificate), at: container)
        #expect(entered.role == "member" && entered.members.count == 3)
        for key in [owner, fellow] {
            let member = try show(key).members.first { $0.did == container }
            #expect(member?.authority == authorityKey && member?.groups == ["ops"])
            #expect(member?.expires == certificate.credential.until)
            let event = world.nodes[key]?.events.last { $0.action == .memberCertified }
            #expect(event?.actor == authorityKey && event?.subject == container.did)
            #expect(try admits(key, container) && admits(container, key))
        }
        #expect(try !admits(owner, fellow), "who is in no group is not admitted")
        world.input(fellow) { $0.want(self.container, at: $1) }
        #expect(world.nodes[fellow]?.sessions == [container] && world.bridgeCount == 1)
        let why = try world.answer(ExplainAccess(peer: .init(container), service: .name("planner")), at: owner)
        #expect(why.admitted && why.reason == "network" && why.explanation.contains(authorityKey.did))
        world.pass(61)
        #expect(try !admits(owner, container) && !admits(fellow, container))
        #expect(world.nodes[fellow]?.sessions.isEmpty == true && world.nodes[fellow]?.admitted[container] == nil)
        #expect(world.nodes[owner]?.events.last { $0.action == .membershipExpired }?.subject == container.did)
        #expect(try show(owner).members.count == 2 && show(container).role == nil)
    }

    @Test mutating func `whoever comes by certificate reads a long log whole, whatever keys it had before`() throws {
        for number in 0..<150 {
            let change = SetGroup(name: "acme", group: "g\(number % 9)", peer: "owner", remove: number % 2 == 1)
            _ = try world.answer(change, at: owner)
            world.pass(1)
            guard number == 40 || number == 80 else { continue }
            _ = try world.answer(RemoveMember(name: "acme", peer: "fellow"), at: owner)
            let link = try world.answer(InviteToNetwork(name: "acme"), at: owner).invitation
            _ = try world.answer(JoinNetwork(invitation: link), at: fellow)
        }
        let policy: JSONValue = ["services": ["*": ["planner"]]]
        _ = try world.answer(SetPolicy(name: "acme", policy: policy), at: owner)
        let made = try world.answer(AddAuthority(name: "acme", groups: ["ops"], lifetimeMs: 60_000), at: owner)
        let authority = try #require(NetworkAuthority(within: made.authority))
        let link = try #require(
            authority.certify(container, groups: ["ops"], lifetime: .seconds(60), at: world.now.wall, using: random)
        )
        _ = try world.answer(EnterNetwork(certificate: CredentialLink(text: link.token)), at: container)
        let (shown, theirs) = (try show(container), try show(owner))
        #expect(Set(shown.members.compactMap(\.name)) == ["owner", "fellow"])
        #expect(shown.policy == policy && shown.groups == theirs.groups && shown.members.count == 3)
    }

    @Test mutating func `a second certificate goes on where the first would end`() throws {
        _ = try world.answer(EnterNetwork(certificate: certificate()), at: container)
        world.pass(40)
        _ = try world.answer(EnterNetwork(certificate: certificate()), at: container)
        world.pass(30)
        #expect(try admits(owner, container))
        world.pass(40)
        #expect(try !admits(owner, container))
    }

    @Test mutating func `it is voided at once, also of whoever is away, and no new showing helps`() throws {
        let certificate = try certificate()
        _ = try world.answer(EnterNetwork(certificate: certificate), at: container)
        world.input(container) { $0.want(self.fellow, at: $1) }
        #expect(world.bridgeCount == 1)
        _ = try world.answer(RemoveMember(name: "acme", peer: PeerName(container)), at: owner)
        #expect(world.bridgeCount == 0 && world.nodes[container]?.sessions.isEmpty == true)
        for key in [owner, fellow] { #expect(try !admits(key, container)) }
        #expect(try show(container).role == nil, "the log is its own up to the entry that ended it")
        let again = world.failure(EnterNetwork(certificate: certificate), at: container)
        #expect(again != nil)
        // Of a key that nobody has seen as well.
        let other = world.add(4, "other")
        let second = try self.certificate(for: other)
        _ = try world.answer(RemoveMember(name: "acme", peer: PeerName(other)), at: owner)
        world.pass(1)
        #expect(world.failure(EnterNetwork(certificate: second), at: other)?.code == "bad-certificate")
        // What the authority signs later counts.
        _ = try world.answer(EnterNetwork(certificate: self.certificate(for: other)), at: other)
        #expect(try admits(owner, other))
    }

    @Test mutating func `with the authority all of its members end`() throws {
        _ = try world.answer(EnterNetwork(certificate: certificate()), at: container)
        let remove = RemoveAuthority(name: "acme", authority: authorityKey)
        #expect(world.failure(remove, at: fellow)?.code == "not-allowed")
        _ = try world.answer(remove, at: owner)
        for key in [owner, fellow] { #expect(try !admits(key, container) && show(key).authorities.isEmpty) }
        #expect(try show(container).role == nil)
        #expect(world.failure(EnterNetwork(certificate: try certificate()), at: container) != nil)
    }

    @Test mutating func `a certificate gives no more than the network lets its authority give`() throws {
        _ = try world.answer(EnterNetwork(certificate: certificate(groups: ["ops", "boss"])), at: container)
        #expect(try show(owner).members.first { $0.did == container }?.groups == ["ops"])
        let other = world.add(4, "other")
        let long = try certificate(for: other, seconds: 61)
        #expect(world.failure(EnterNetwork(certificate: long), at: other)?.code == "bad-certificate")
        #expect(world.failure(EnterNetwork(certificate: try certificate()), at: other)?.code == "bad-certificate")
        let none = try #require(try? CredentialLink(text: certificate(for: other, groups: []).token))
        _ = try world.answer(EnterNetwork(certificate: none), at: other)
        #expect(try !admits(owner, other), "who is in no group is a member and no more")
        #expect(world.failure(SetGroup(name: "acme", group: "ops", peer: PeerName(other)), at: other) != nil)
    }

    @Test mutating func `who was removed from the log comes back by no certificate`() throws {
        _ = try world.answer(RemoveMember(name: "acme", peer: "fellow"), at: owner)
        let back = try certificate(for: fellow)
        _ = world.perform(LeaveNetwork(name: "acme"), at: fellow)
        #expect(world.failure(EnterNetwork(certificate: back), at: fellow) != nil)
        #expect(try !admits(owner, fellow))
    }

    @Test mutating func `a fellow member hands on the content key that is newer than the certificate`() throws {
        _ = try world.answer(RemoveMember(name: "acme", peer: "fellow"), at: owner)
        _ = try world.answer(EnterNetwork(certificate: certificate()), at: container)
        _ = try world.answer(SetPolicy(name: "acme", policy: ["services": ["ops": ["planner"]]]), at: owner)
        #expect(try show(container).policy == .null, "the body is sealed under a key that it does not have")
        world.input(container) { $0.want(self.owner, at: $1) }
        world.pass(1)
        #expect(try show(container).policy["services"]?["ops"] == ["planner"])
    }

    @Test mutating func `programs that start again, and a hub that forgot, know of it again`() throws {
        _ = try world.answer(EnterNetwork(certificate: certificate()), at: container)
        world.restart(container)
        world.restart(owner)
        world.hub = Hub(identity: hubIdentity)
        for key in [owner, fellow, container] { world.hubDown(key) }
        world.pass(5)
        #expect(try admits(owner, container) && admits(container, owner) && show(fellow).members.count == 3)
        _ = try world.answer(LeaveNetwork(name: "acme"), at: container)
        #expect(try world.answer(ListNetworks(), at: container).isEmpty)
    }

    @Test mutating func `members that met by trust learn of it without a hub`() throws {
        _ = try world.answer(EnterNetwork(certificate: certificate()), at: container)
        let late = world.add(5, "late", exposed: [ExposedRule(service: planner, allow: [.network("acme")])])
        let link = try world.answer(InviteToNetwork(name: "acme"), at: owner).invitation
        try world.befriend(late, container)
        world.hubDown(container)
        _ = try world.answer(JoinNetwork(invitation: link), at: late)
        #expect(try admits(late, container), "the hub has told of it")
    }
}
