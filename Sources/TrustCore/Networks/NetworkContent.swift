import OverlayCrypto
package import PosternModel

/// What the bodies of a network's log add up to: names, groups, policy, hubs. Only members know it.
///
/// A body that cannot be opened, or that says what cannot be, gives no right and takes none: its entry stays valid.
package struct NetworkContent: Hashable, Sendable {
    /// One group.
    package struct Group: Hashable, Sendable {
        /// In the addresses of its members; given once and never again.
        package let number: UInt16
        package internal(set) var members: Set<NodeKey> = []
    }

    /// What the founder called the network.
    package private(set) var name = ""
    package private(set) var hubs: [HubURL] = []
    /// Who is called what, by label.
    package private(set) var names: [String: NodeKey] = [:]
    /// The same by member.
    private var labels: [NodeKey: String] = [:]
    package private(set) var groups: [String: Group] = [:]
    /// All of them have to permit what is used: one, but in a forked log.
    package private(set) var policies: [NetworkPolicy] = []
    /// What members publish.
    package private(set) var publications: [NodeKey: [NetworkPublication]] = [:]
    /// The groups into which each authority may put members.
    package private(set) var authorities: [NodeKey: Set<String>] = [:]
    /// How old the word of owners and administrators may be.
    package private(set) var freshness = NetworkFreshness.defaults
    /// Whether a policy stands that this version cannot go by.
    package private(set) var isPolicyUnknown = false
    /// Names the content key under which the next entry stands.
    private var key: NetworkHash?

    /// The content of `log`, as far as `keys` open it.
    package init(of log: NetworkLog, keys: NetworkKeyring) {
        let contents = log.branches.map { NetworkContent(of: $0, keys: keys) }
        self = contents[0]
        for other in contents.dropFirst() { intersect(other) }
    }

    /// What one line of entries from the genesis on adds up to.
    init(of branch: some Sequence<NetworkEntry>, keys: NetworkKeyring) {
        follow(branch, keys: keys)
    }

    /// Goes on with `entries`, which stand behind all that it is of; not for a log with several branches.
    package mutating func follow(_ entries: some Sequence<NetworkEntry>, keys: NetworkKeyring) {
        for entry in entries {
            switch entry.header.change {
            case .genesis(_, let new), .rekey(let new): key = new
            case .add, .join, .leave, .remove, .role, .expiry, .open, .close, .name, .group, .policy, .publish,
                .freshness, .hubs, .authorize, .unauthorize, .void, .heal:
                break
            }
            follow(entry, keys.body(of: entry, under: key))
        }
    }

    /// The names of the groups that `key` is in.
    package func groups(of key: NodeKey) -> Set<String> {
        Set(groups.filter { $0.value.members.contains(key) }.keys)
    }

    /// The groups in which `credential` puts its subject: those that its authority may give.
    package func groups(of credential: NetworkCredential, openedBy keys: NetworkKeyring) -> Set<String> {
        credential.groups(openedBy: keys).intersection(authorities[credential.authority] ?? [])
    }

    /// What `key` is called.
    package func name(of key: NodeKey) -> String? { labels[key] }

    /// The number that the next new group gets; nil: there is none left.
    package var nextGroupNumber: UInt16? {
        let last = groups.values.map(\.number).max() ?? 0
        return groups.count < NetworkLimits.groups && last < .max ? last + 1 : nil
    }

    private mutating func follow(_ entry: NetworkEntry, _ body: JSONValue?) {
        let actor = entry.header.actor
        switch entry.header.change {
        case .genesis:
            name = body?["name"]?.string ?? ""
            hubs = Self.hubs(in: body)
            bind(body?["label"]?.string, to: actor)
        case .join:
            // A membership that had ended by itself left its groups, which the new one does not give.
            forget(actor)
            bind(body?["label"]?.string, to: actor)
        case .add(let subject, _): bind(body?["label"]?.string, to: subject)
        case .leave: forget(actor)
        case .remove(let subject, _): forget(subject)
        case .name(let subject):
            guard let body else { return }
            unbind(subject)
            bind(body["label"]?.string, to: subject)
        case .group(let subject): place(subject, body)
        case .policy:
            guard let body, let policy = try? NetworkPolicy(body) else {
                isPolicyUnknown = true
                return
            }
            policies = [policy]
            isPolicyUnknown = false
        case .publish:
            let documents = body?["services"]?.array?.prefix(NetworkPublication.count) ?? []
            let services = documents.compactMap { NetworkPublication($0) }
            publications[actor] = services.isEmpty ? nil : services
        case .freshness: freshness = body.flatMap { try? NetworkFreshness($0) } ?? freshness
        case .hubs: hubs = Self.hubs(in: body)
        case .authorize(let subject, _):
            let groups = body?["groups"]?.array?.prefix(NetworkLimits.authorityGroups) ?? []
            authorities[subject] = Set(groups.compactMap(\.string))
        case .unauthorize(let subject): authorities[subject] = nil
        case .rekey, .role, .expiry, .open, .close, .void, .heal: break
        }
    }

    private static func hubs(in body: JSONValue?) -> [HubURL] {
        guard let body, let fields = try? JSONFields(body) else { return [] }
        return (try? fields.hubs()) ?? []
    }

    /// A label that is another member's stays with that one.
    private mutating func bind(_ label: String?, to key: NodeKey) {
        guard let label, HostName.isLowercaseLabel(label), names[label] == nil, labels[key] == nil
        else { return }
        names[label] = key
        labels[key] = label
    }

    private mutating func unbind(_ key: NodeKey) {
        if let label = labels.removeValue(forKey: key) { names[label] = nil }
    }

    private mutating func forget(_ key: NodeKey) {
        publications[key] = nil
        unbind(key)
        for name in groups.keys { groups[name]?.members.remove(key) }
    }

    /// A group comes to be with its first member, under the next number.
    private mutating func place(_ key: NodeKey, _ body: JSONValue?) {
        guard let name = body?["group"]?.string, HostName.isLowercaseLabel(name), let isMember = body?["member"]?.bool
        else { return }
        if groups[name] == nil {
            guard isMember, let number = nextGroupNumber else { return }
            groups[name] = Group(number: number)
        }
        if isMember { groups[name]?.members.insert(key) } else { groups[name]?.members.remove(key) }
    }

    /// Keeps what both say.
    private mutating func intersect(_ other: NetworkContent) {
        names = names.filter { other.names[$0.key] == $0.value }
        labels = labels.filter { names[$0.value] == $0.key }
        groups = groups.reduce(into: [:]) { groups, entry in
            guard let theirs = other.groups[entry.key], theirs.number == entry.value.number else { return }
            groups[entry.key] = Group(
                number: entry.value.number,
                members: entry.value.members.intersection(theirs.members)
            )
        }
        authorities = authorities.reduce(into: [:]) { authorities, entry in
            authorities[entry.key] = other.authorities[entry.key].map { entry.value.intersection($0) }
        }
        publications = publications.filter { other.publications[$0.key] == $0.value }
        policies += other.policies.filter { !policies.contains($0) }
        isPolicyUnknown = isPolicyUnknown || other.isPolicyUnknown
        freshness = freshness.stricter(than: other.freshness)
        hubs += other.hubs.filter { !hubs.contains($0) }
    }
}
