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
        /// Nil until its genesis is known.
        var log: NetworkLog?
        var keys = NetworkKeyring()
        /// What the bodies say, as far as the keys open them.
        var content: NetworkContent?

        /// Members whose membership had ended by itself when that was last looked at.
        var lapsed: Set<NodeKey> = []

        /// Whether `key` is a member, as far as this node knows.
        func contains(_ key: NodeKey) -> Bool { log?.state.contains(key) == true && !lapsed.contains(key) }

        /// All members, as far as this node knows.
        var members: [NodeKey] { (log?.state.members.keys).map { $0.filter { !lapsed.contains($0) } } ?? [] }

        /// The entry that has to be in the log, as whoever let us in has pinned it.
        var pinned: NetworkHead? { invitation?.head ?? notice?.head }

        /// Where the log is kept.
        var hubs: [HubURL] {
            let told = content?.hubs ?? []
            return told.isEmpty ? invitation?.hubs ?? notice?.hubs ?? [] : told
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
        case .keyed(let id, let key):
            all[id]?.keys.add(key)
            refresh(id)
        case .entries(let id, let entries):
            for entry in entries { take(entry, of: id) }
            refresh(id)
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

    private mutating func refresh(_ id: NetworkID) {
        guard let membership = all[id], let log = membership.log else { return }
        all[id]?.content = NetworkContent(of: log, keys: membership.keys)
    }

    /// Looks again whose membership has ended by itself at `time`; returns those of whom that is news, by network.
    mutating func lapse(at time: Timestamp) -> [(network: NetworkID, member: NodeKey)] {
        var ended: [(network: NetworkID, member: NodeKey)] = []
        for network in sorted {
            guard let members = network.log?.state.members.filter({ $0.value.expires != nil }) else { continue }
            let lapsed = Set(members.filter { $0.value.isExpired(at: time) }.keys)
            guard lapsed != network.lapsed else { continue }
            ended += lapsed.subtracting(network.lapsed).sorted().map { (network.id, $0) }
            all[network.id]?.lapsed = lapsed
        }
        return ended
    }

    /// When the first membership ends by itself after `time`.
    func nextExpiry(after time: Timestamp) -> Timestamp? {
        all.values.flatMap { $0.log.map { Array($0.state.members.values) } ?? [] }.compactMap(\.expires)
            .filter { $0 > time }.min()
    }

    /// Facts from which the same arises: the content of a compacted journal.
    var compacted: [TrustFact] {
        let open = notices.sorted { $0.key < $1.key }.map { TrustFact.network(.noticed($0.value)) }
        return open
            + sorted.flatMap { membership -> [TrustFact] in
                var facts: [NetworkFact] = [.named(membership.id, membership.name)]
                if let invitation = membership.invitation { facts.append(.invited(invitation)) }
                if let notice = membership.notice { facts.append(.accepted(notice)) }
                facts += membership.keys.all.map { .keyed(membership.id, $0) }
                if let log = membership.log { facts.append(.entries(membership.id, log.all)) }
                return facts.map { .network($0) }
            }
    }
}
