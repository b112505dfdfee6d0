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
        /// Whether there were bodies that the keys did not open when they came: who holds the newest key, as by a
        /// certificate, learns the former ones only from the entries that changed them.
        var hasGaps = false
        /// Members whose membership had ended by itself when that was last looked at.
        var lapsed: Set<NodeKey> = []
        /// Whether the log has come to what the newest link or notice pins. Until then it is the network of some time
        /// ago, in which those may be members who have left since, and this node may be: it makes nobody a member.
        var isCurrent = true

        func standing(of key: NodeKey) -> Standing {
            Standing(isMember: contains(key), isForked: log?.isForked == true)
        }

        /// Whether the keys open all bodies: with the newest one the former ones come.
        var isReadable: Bool {
            guard let log, !log.isForked, !isContentDue else { return false }
            return keys[log.state.key] != nil
        }

        /// Whether the keys open the bodies of `entries`, which are at the end of the log.
        func opens(_ entries: some Sequence<NetworkEntry>) -> Bool {
            guard let newest = log?.state.key, keys[newest] != nil else { return false }
            return entries.allSatisfy { entry in
                switch entry.header.change {
                case .genesis(_, let key), .rekey(let key): keys[key] != nil
                case .add, .join, .leave, .remove, .role, .expiry, .open, .close, .name, .group, .policy, .publish,
                    .freshness, .hubs, .authorize, .unauthorize, .void, .heal:
                    true
                }
            }
        }

        /// Whether the content key under which new bodies stand is missing.
        var lacksKey: Bool { log.map { !$0.isForked && keys[$0.state.key] == nil } ?? false }

        /// Whether `key` is a member, as far as this node knows.
        func contains(_ key: NodeKey) -> Bool { isListed(key) || isCurrent && certified.contains(key) }

        /// Whether the log makes `key` a member: it may write there.
        func isListed(_ key: NodeKey) -> Bool {
            isCurrent && log?.state.contains(key) == true && !lapsed.contains(key)
        }

        /// All members, as far as this node knows.
        var members: [NodeKey] {
            guard isCurrent else { return [] }
            return (log?.state.members.keys).map { $0.filter { !lapsed.contains($0) } + certified.sorted() } ?? []
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

    /// What somebody is in a network, without a second holder of its log.
    struct Standing {
        let isMember: Bool
        let isForked: Bool
    }

    private let owner: NodeKey
    /// Where entries go; nil: they stay in memory.
    private let room: (any EntryRoom)?
    /// Whose membership has ended by itself, and of whom it is news that they are members, or are not.
    private var lapses: (ended: [Ended], changed: Set<NodeKey>) = ([], [])
    private(set) var all: [NetworkID: Membership] = [:]
    private var ids: [String: NetworkID] = [:]
    /// Networks that we were added to and have not joined.
    private(set) var notices: [NetworkID: NetworkNotice] = [:]
    /// The names of the networks to take part in; nil: all.
    var active: Set<String>?

    init(owner: NodeKey, room: (any EntryRoom)?) {
        self.owner = owner
        self.room = room
    }

    subscript(_ id: NetworkID) -> Membership? { all[id] }

    /// The network that is called `name` here.
    func network(named name: String) -> Membership? { ids[name].flatMap { all[$0] } }

    /// In a stable order.
    var sorted: [Membership] { all.values.sorted { $0.name < $1.name } }

    /// The networks of which this node is a member, and takes part in.
    var joined: [Membership] { all.values.filter { isJoined($0) }.sorted { $0.name < $1.name } }

    private func isJoined(_ network: Membership) -> Bool {
        network.contains(owner) && active?.contains(network.name) ?? true
    }

    /// The networks of which this node and `peer` are members.
    func shared(with peer: NodeKey) -> [Membership] {
        guard peer != owner else { return [] }
        return all.values.filter { $0.contains(peer) && isJoined($0) }.sorted { $0.name < $1.name }
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
            all[invitation.network]?.isCurrent = false
            findPinned(in: invitation.network)
        case .noticed(let notice):
            notices[notice.network] = notice
        case .accepted(let notice):
            notices[notice.network] = nil
            all[notice.network]?.notice = notice
            all[notice.network]?.isCurrent = false
            findPinned(in: notice.network)
        case .certified(let link):
            let id = link.credential.network
            all[id]?.certificate = link
            all[id]?.credentials[link.credential.subject] = link.credential
        case .keyed(let id, let key):
            // Who holds the key of the last entry has read all before, but for gaps: another one opens what comes.
            let isNeeded = all[id].map { !$0.isReadable || $0.hasGaps } ?? false
            all[id]?.keys.add(key)
            if isNeeded { all[id]?.isContentDue = true }
        case .entries(let id, let entries):
            let head = all[id]?.log?.state.head.hash
            for entry in entries { take(entry, of: id) }
            follow(entries, behind: head, in: id)
            findPinned(in: id)
        case .log(let id, let log):
            for entry in log.entries { take(entry, of: id) }
            all[id]?.isContentDue = true
            findPinned(in: id)
        case .forgotten(let id):
            notices[id] = nil
            guard let gone = all.removeValue(forKey: id) else { return }
            ids[gone.name] = nil
        }
    }

    /// Finds out whether the log has come to what is pinned.
    private mutating func findPinned(in id: NetworkID) {
        guard let network = all[id], !network.isCurrent, let log = network.log else { return }
        let pins = [network.invitation?.head, network.notice?.head].compactMap(\.self)
        all[id]?.isCurrent = pins.allSatisfy { log.contains($0.hash) }
    }

    /// Takes a valid entry; whoever records a fact has seen to it that it is one.
    private mutating func take(_ entry: NetworkEntry, of id: NetworkID) {
        if all[id]?.log == nil {
            all[id]?.log = try? NetworkLog(entry, room: room)
        } else {
            _ = try? all[id]?.log?.insert(entry)
        }
    }

    /// What is new in the log is new in what its bodies say: all of that is read again only where it is not the end of
    /// one line.
    private mutating func follow(_ entries: [NetworkEntry], behind head: NetworkHash?, in id: NetworkID) {
        if !(all[id]?.opens(entries) ?? true) { all[id]?.hasGaps = true }
        guard all[id]?.log?.isForked == false, all[id]?.content != nil, let first = entries.first,
            first.header.previous == head, all[id]?.log?.state.head.hash == entries.last?.hash
        else {
            all[id]?.isContentDue = true
            return
        }
        let keys = all[id]?.keys ?? NetworkKeyring()
        all[id]?.content?.follow(entries, keys: keys)
    }

    /// Reads bodies again where a key or another line has come: once for all facts that are recorded together.
    mutating func readBodies() {
        for (id, membership) in all where membership.isContentDue {
            all[id]?.isContentDue = false
            guard let log = membership.log else { continue }
            all[id]?.hasGaps = !membership.opens(log.entries)
            all[id]?.content = NetworkContent(of: log, keys: membership.keys)
        }
    }

    /// Looks again whose membership has begun or ended by itself at `time`: ``takeLapses()`` tells.
    mutating func lapse(at time: Timestamp) {
        var ended: [Ended] = []
        for network in sorted {
            guard let state = network.log?.state else { continue }
            let expired = state.members.filter { $0.value.isExpired(at: time) }
            let certified = Set(network.credentials.filter { state.admits($0.value, at: time) }.keys)
                .subtracting(state.members.keys.filter { expired[$0] == nil })
            guard Set(expired.keys) != network.lapsed || certified != network.certified else { continue }
            for (key, member) in expired where !network.lapsed.contains(key) {
                ended.append(Ended(network: network.id, member: key, end: member.expires))
            }
            for key in network.certified.subtracting(certified) where !state.contains(key, at: time) {
                guard let end = network.credentials[key]?.until, end <= time else { continue }
                ended.append(Ended(network: network.id, member: key, end: end))
            }
            lapses.changed.formUnion(network.lapsed.symmetricDifference(expired.keys))
            lapses.changed.formUnion(network.certified.symmetricDifference(certified))
            all[network.id]?.lapsed = Set(expired.keys)
            all[network.id]?.certified = certified
            all[network.id]?.credentials = network.credentials.filter { $0.value.until > time }
        }
        lapses.ended += ended.sorted { ($0.network, $0.member) < ($1.network, $1.member) }
    }

    /// What ``lapse(at:)`` has found since this was asked last.
    mutating func takeLapses() -> (ended: [Ended], changed: Set<NodeKey>) {
        defer { lapses = ([], []) }
        return lapses
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
        lapse(at: time)
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
                if let log = membership.log { facts.append(.log(membership.id, log)) }
                return facts.map { .network($0) }
            }
    }
}
