import OverlayCrypto
import PosternModel
import TrustCore

/// The networks that this node has founded, joined, or is about to join.
struct Memberships: Sendable {
    /// One network.
    struct Membership: Sendable {
        let id: NetworkID
        /// What it is called here: bound by the operator, and no other network's.
        var name: String
        /// The link by which it is joined; nil when this node has founded it.
        var invitation: NetworkInvitation?
        /// The word by which it is joined, of whoever added us.
        var notice: NetworkNotice?
        /// The certificate by which we take part.
        var certificate: CredentialLink?
        /// What makes others, and us, members by certificate, as it was shown.
        var credentials: [NodeKey: NetworkCredential] = [:]
        /// Those who are members by certificate, and not by the log, when that was last looked at.
        var certified: Set<NodeKey> = []
        /// Nil until its genesis is known.
        var log: NetworkLog?
        var keys = NetworkKeyring()
        /// What the bodies say, as far as the keys open them.
        var content: NetworkContent?

        /// Whether a key has come that may open more of them.
        var isContentDue = false
        /// Members whose membership had ended by itself when that was last looked at.
        var lapsed: Set<NodeKey> = []

        /// Whether `key` is a member, as far as this node knows.
        func contains(_ key: NodeKey) -> Bool { isListed(key) || certified.contains(key) }

        /// Whether the log makes `key` a member: it may write there.
        func isListed(_ key: NodeKey) -> Bool { log?.state.contains(key) == true && !lapsed.contains(key) }

        /// All members, as far as this node knows.
        var members: [NodeKey] {
            (log?.state.members.keys).map { $0.filter { !lapsed.contains($0) } + certified.sorted() } ?? []
        }

        /// The groups that `key` is in, by the log or by certificate.
        func groups(of key: NodeKey) -> Set<String> {
            guard let content else { return [] }
            guard certified.contains(key), let credential = credentials[key] else { return content.groups(of: key) }
            return content.groups(of: credential, openedBy: keys)
        }

        /// The entry that has to be in the log, as whoever let us in has pinned it.
        var pinned: NetworkHead? { invitation?.head ?? notice?.head ?? certificate?.head }

        /// Where the log is kept.
        var hubs: [HubURL] {
            let told = content?.hubs ?? []
            return told.isEmpty ? invitation?.hubs ?? notice?.hubs ?? certificate?.hubs ?? [] : told
        }
    }

    private let owner: NodeKey
    private(set) var all: [NetworkID: Membership] = [:]
    private var ids: [String: NetworkID] = [:]
    /// Networks that we were added to and have not joined.
    private(set) var notices: [NetworkID: NetworkNotice] = [:]
    /// The names of the networks to take part in; nil: all.
    var active: Set<String>?

    init(owner: NodeKey) {
        self.owner = owner
    }

    subscript(_ id: NetworkID) -> Membership? { all[id] }

    /// The network that is called `name` here.
    func network(named name: String) -> Membership? { ids[name].flatMap { all[$0] } }

    /// In a stable order.
    var sorted: [Membership] { all.values.sorted { $0.name < $1.name } }

    /// The networks of which this node is a member, and takes part in.
    var joined: [Membership] { sorted.filter { $0.contains(owner) && active?.contains($0.name) ?? true } }

    /// The networks of which this node and `peer` are members.
    func shared(with peer: NodeKey) -> [Membership] {
        peer == owner ? [] : joined.filter { $0.contains(peer) }
    }

    /// Everybody who is in a network with this node.
    var fellows: Set<NodeKey> {
        var keys = Set(joined.flatMap(\.members))
        keys.remove(owner)
        return keys
    }

    mutating func apply(_ fact: NetworkFact) {
        switch fact {
        case .named(let id, let name):
            if let former = all[id]?.name { ids[former] = nil }
            all[id, default: Membership(id: id, name: name)].name = name
            ids[name] = id
        case .invited(let invitation):
            all[invitation.network]?.invitation = invitation
        case .noticed(let notice):
            notices[notice.network] = notice
        case .accepted(let notice):
            notices[notice.network] = nil
            all[notice.network]?.notice = notice
        case .certified(let link):
            let id = link.credential.network
            all[id]?.certificate = link
            all[id]?.credentials[link.credential.subject] = link.credential
        case .keyed(let id, let key):
            all[id]?.keys.add(key)
            all[id]?.isContentDue = true
        case .entries(let id, let entries):
            let head = all[id]?.log?.state.head.hash
            for entry in entries { take(entry, of: id) }
            follow(entries, behind: head, in: id)
        case .forgotten(let id):
            notices[id] = nil
            guard let gone = all.removeValue(forKey: id) else { return }
            ids[gone.name] = nil
        }
    }

    /// Takes a valid entry; whoever records a fact has seen to it that it is one.
    private mutating func take(_ entry: NetworkEntry, of id: NetworkID) {
        if all[id]?.log == nil {
            all[id]?.log = try? NetworkLog(entry)
        } else {
            _ = try? all[id]?.log?.insert(entry)
        }
    }

    /// What is new in the log is new in what its bodies say: all of that is read again only where it is not the end of
    /// one line.
    private mutating func follow(_ entries: [NetworkEntry], behind head: NetworkHash?, in id: NetworkID) {
        guard let membership = all[id], let log = membership.log, let first = entries.first, let last = entries.last,
            !log.isForked, membership.content != nil, first.header.previous == head, log.state.head.hash == last.hash
        else {
            all[id]?.isContentDue = true
            return
        }
        all[id]?.content?.follow(entries, keys: membership.keys)
    }

    /// Reads bodies again where a key or another line has come: once for all facts that are recorded together.
    mutating func readBodies() {
        for (id, membership) in all where membership.isContentDue {
            all[id]?.isContentDue = false
            guard let log = membership.log else { continue }
            all[id]?.content = NetworkContent(of: log, keys: membership.keys)
        }
    }

    /// Looks again whose membership has ended by itself at `time`; returns those of whom that is news, by network.
    mutating func lapse(at time: Timestamp) -> [Ended] {
        var ended: [Ended] = []
        for network in sorted {
            guard let state = network.log?.state else { continue }
            let expired = state.members.filter { $0.value.isExpired(at: time) }
            let certified = Set(network.credentials.filter { state.admits($0.value, at: time) }.keys)
                .subtracting(state.members.keys)
            guard Set(expired.keys) != network.lapsed || certified != network.certified else { continue }
            for (key, member) in expired where !network.lapsed.contains(key) {
                ended.append(Ended(network: network.id, member: key, end: member.expires))
            }
            for key in network.certified.subtracting(certified) where !state.contains(key) {
                guard let end = network.credentials[key]?.until, end <= time else { continue }
                ended.append(Ended(network: network.id, member: key, end: end))
            }
            all[network.id]?.lapsed = Set(expired.keys)
            all[network.id]?.certified = certified
            all[network.id]?.credentials = network.credentials.filter { $0.value.until > time }
        }
        return ended.sorted { ($0.network, $0.member) < ($1.network, $1.member) }
    }

    /// A membership that has ended by itself.
    struct Ended {
        let network: NetworkID
        let member: NodeKey
        let end: Timestamp?
    }

    /// Takes what makes somebody a member by certificate, in the place of what ends earlier; false when it is no news,
    /// or makes nobody a member at `time`.
    mutating func show(_ credential: NetworkCredential, at time: Timestamp) -> Bool {
        guard let network = all[credential.network], network.log?.state.admits(credential, at: time) == true else {
            return false
        }
        let known = network.credentials[credential.subject]
        let counts = known.map { network.log?.state.counts($0) == true } ?? false
        guard !counts || known.map({ $0.until < credential.until }) ?? true,
            known != nil || network.credentials.count < NetworkLimits.credentials
        else { return false }
        all[credential.network]?.credentials[credential.subject] = credential
        _ = lapse(at: time)
        return true
    }

    /// When the first membership ends by itself after `time`.
    func nextExpiry(after time: Timestamp) -> Timestamp? {
        all.values.flatMap { network in
            (network.log.map { $0.state.members.values.compactMap(\.expires) } ?? [])
                + network.credentials.values.map(\.until)
        }.filter { $0 > time }.min()
    }

    /// Facts from which the same arises: the content of a compacted journal.
    var compacted: [TrustFact] {
        let open = notices.sorted { $0.key < $1.key }.map { TrustFact.network(.noticed($0.value)) }
        return open
            + sorted.flatMap { membership -> [TrustFact] in
                var facts: [NetworkFact] = [.named(membership.id, membership.name)]
                if let invitation = membership.invitation { facts.append(.invited(invitation)) }
                if let notice = membership.notice { facts.append(.accepted(notice)) }
                if let certificate = membership.certificate { facts.append(.certified(certificate)) }
                facts += membership.keys.all.map { .keyed(membership.id, $0) }
                if let log = membership.log { facts.append(.entries(membership.id, log.all)) }
                return facts.map { .network($0) }
            }
    }
}
