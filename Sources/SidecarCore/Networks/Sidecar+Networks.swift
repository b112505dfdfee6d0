import OverlayCrypto
import PosternModel
import TrustCore

// What operations on networks do.
extension Sidecar {
    /// The network that is called `name` here.
    func network(named name: String) throws(Problem) -> Memberships.Membership {
        guard let network = book.networks.network(named: name) else { throw .noNetwork(name) }
        return network
    }

    /// The same, of which this node is a member.
    func joinedNetwork(named name: String) throws(Problem) -> Memberships.Membership {
        let network = try network(named: name)
        if let absence = network.absence(of: key) { throw .notMember(name, absence) }
        return network
    }

    mutating func createNetwork(_ name: String, id: CommandID, at now: Clocks) throws(Problem) -> [SidecarAction] {
        try checkFree(name, isFounding: true)
        guard !homeHubs.isEmpty else { throw .noHub }
        let (genesis, content) = NetworkAuthor.found(
            by: identity,
            name: name,
            label: HostName.label(from: profile.name),
            hubs: homeHubs,
            at: now.wall,
            using: random
        )
        let network = NetworkID(genesis.hash)
        try checkLabel(of: network)
        let facts: [NetworkFact] = [
            .named(network, name), .keyed(network, content), .entries(network, [genesis]),
        ]
        let event = AuditEvent(
            .networkChanged,
            actor: key,
            subject: network.description,
            network: network.description,
            new: [
                "action": .string(genesis.header.change.action), "role": .string(NetworkRole.owner.rawValue),
                "sequence": 0, "hash": .string(genesis.hash.description),
            ]
        )
        let written = [record(facts.map { .network($0) }), .audit(event)]
        guard let founded = book.networks[network] else { preconditionFailure("a network that was founded is there") }
        return written + begin(.restore(after: nil), in: founded, for: id, at: now) + beat(at: now)
            + reviewFreshness(at: now)
    }

    mutating func joinNetwork(
        _ invitation: NetworkInvitation,
        called alias: String?,
        id: CommandID,
        at now: Clocks
    ) throws(Problem) -> [SidecarAction] {
        guard now.wall < invitation.expires else { throw .badNetworkLink("it expired at \(invitation.expires)") }
        guard !invitation.hubs.isEmpty, invitation.guest != nil else { throw .badNetworkLink("it names no hub") }
        let known = book.networks[invitation.network]
        if let known, known.contains(key) { return [.answer(id, networkDocument(of: known, at: now.wall))] }
        let name = alias ?? known?.name ?? invitation.name
        if known?.name != name { try checkFree(name) }
        if known == nil { try checkLabel(of: invitation.network) }
        let facts: [NetworkFact] = [.named(invitation.network, name), .invited(invitation)]
        let written = record(facts.map { .network($0) })
        guard let network = book.networks[invitation.network] else {
            preconditionFailure("a network that was named is there")
        }
        // What a hub said before, it said to somebody without an invitation.
        for hub in network.hubs { networkLinks[network.id].synced.remove(hub.key) }
        return [written] + begin(.join, in: network, for: id, at: now)
    }

    mutating func inviteToNetwork(
        _ name: String,
        uses: Int,
        lifetime: Interval,
        membership: Int64?,
        id: CommandID,
        at now: Clocks
    ) throws(Problem) -> [SidecarAction] {
        let network = try joinedNetwork(named: name)
        guard (1...settings.invitationUses).contains(uses) else { throw .badNetworkLink("it has no uses") }
        guard lifetime > .zero, lifetime <= settings.invitationLifetime else {
            throw .badNetworkLink("it would be open for less than a moment, or more than a year")
        }
        let seed = random.secretBytes(32)
        guard let guest = try? NodeIdentity(seed: seed) else { preconditionFailure("a seed has 32 bytes") }
        let work = NetworkWork.invite(
            guest: GuestSeed(seed: seed, key: guest.key),
            uses: Int64(uses),
            expires: (now.wall + lifetime).inMilliseconds,
            membership: membership
        )
        return begin(work, in: network, for: id, at: now)
    }

    mutating func setPolicy(
        _ document: JSONValue,
        of name: String,
        id: CommandID,
        at now: Clocks
    ) throws(Problem) -> [SidecarAction] {
        let network = try joinedNetwork(named: name)
        guard var object = document.object else { throw .badPolicy("it is no object") }
        let tests = object["tests"]?.array ?? []
        object["tests"] = nil
        let given = try object["freshness"].map { value throws(Problem) in try Self.freshness(value) }
        object["freshness"] = nil
        for key in object.keys where !NetworkPolicy.knownFields.contains(key) {
            throw .badPolicy("it has the field \"\(PlainText.clean(key, limit: 60))\", which nobody knows")
        }
        let policy: NetworkPolicy
        do { policy = try NetworkPolicy(.object(object)) } catch { throw .badPolicy("\(error)") }
        for test in tests { try check(test, of: policy, in: network) }
        // Policy is one body, replaced as a whole (RULES N12). Freshness is for owners: what an administrator does not
        // name stays.
        let former = network.content?.freshness ?? .defaults
        let freshness = given ?? (network.role(of: key) == .owner ? .defaults : former)
        let isNew = !object.members.isEmpty || network.content?.policies.isEmpty == false
        return begin(
            .policy(isNew ? .object(object) : nil, freshness == former ? nil : freshness),
            in: network,
            for: id,
            at: now
        )
    }

    /// `{"warn": "24h", "refuse": "never"}`: a number of seconds, minutes, hours or days each.
    private static func freshness(_ document: JSONValue) throws(Problem) -> NetworkFreshness {
        let units: [Character: Int64] = ["s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000]
        var fields = JSONObject()
        for (name, value) in (document.object?.members ?? []).map({ ($0.key, $0.value) }) {
            guard let text = value.string else { throw .badFreshness }
            guard text != "never" || name != "refuse" else { continue }
            guard let unit = text.last.flatMap({ units[$0] }), let count = Int64(text.dropLast()), count > 0,
                count <= 3_650 * 86_400, count * unit >= 60_000
            else { throw .badFreshness }
            fields[name] = .integer(count * unit)
        }
        guard document.object != nil, Set(fields.keys).isSubset(of: ["warn", "refuse"]),
            let freshness = try? NetworkFreshness(.object(fields))
        else { throw .badFreshness }
        return freshness
    }

    /// `{"from": MEMBER, "to": SERVICE, "expect": BOOLEAN}`: whether the policy lets the member use the service.
    private func check(
        _ test: JSONValue,
        of policy: NetworkPolicy,
        in network: Memberships.Membership
    ) throws(Problem) {
        guard let from = test["from"]?.string.flatMap({ PeerName($0) }), let expected = test["expect"]?.bool,
            let service = test["to"]?.string.flatMap({ ServiceName($0) })
        else { throw .badPolicy("a test is {\"from\": MEMBER, \"to\": SERVICE, \"expect\": true or false}") }
        let member = try member(from, of: network)
        let isPermitted = policy.permits(network.groups(of: member), service)
        guard isPermitted == expected else {
            let verdict = isPermitted ? "may use" : "may not use"
            throw .badPolicy("a test fails: \(from) \(verdict) \(service)")
        }
    }

    func checkFree(_ name: String, isFounding: Bool = false) throws(Problem) {
        guard HostName.isLowercaseLabel(name), !Self.reservedNames.contains(name) else {
            throw .invalidNetworkName(name)
        }
        guard book.networks.network(named: name) == nil else { throw .networkNameTaken(name, isFounding: isFounding) }
        guard book.networks.all.count < settings.networkCount else { throw .overLimit("networks") }
    }

    /// Two networks with one label would have the same addresses (RULES N2).
    func checkLabel(of id: NetworkID) throws(Problem) {
        guard let other = book.networks.all.keys.first(where: { $0 != id && $0.label == id.label }) else { return }
        throw .badNetworkLink("its addresses are those of another network here, \(book.networks[other]?.name ?? "")")
    }
}
