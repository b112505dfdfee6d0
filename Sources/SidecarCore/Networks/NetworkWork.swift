import HubProtocol
import OverlayCrypto
import PosternModel
import TrustCore

/// What a command, or a join that is under way, wants of a network's log. It is written as entries anew when somebody
/// else's came first (RULES N3).
enum NetworkWork: Hashable, Sendable {
    /// Give a hub what it lacks: it has lost it, or the network is new.
    case restore(after: NetworkHash?)
    case join
    /// Take part in a network to which somebody has added us.
    case enter
    case leave
    case add(NodeKey, label: String?, expires: Timestamp?)
    case expire(NodeKey, at: Timestamp?)
    /// Let a new key make members by certificate.
    case authorize(GuestSeed, groups: [String], lifetime: Interval)
    case unauthorize(NodeKey)
    case heal
    case remove(NodeKey)
    case role(NodeKey, NetworkRole)
    case transfer(to: NodeKey)
    case name(NodeKey, String)
    case group(NodeKey, String, isMember: Bool)
    /// Replace what is given.
    case policy(JSONValue?, NetworkFreshness?)
    case publish([NetworkPublication])
    case invite(guest: GuestSeed, uses: Int64, expires: Timestamp, membership: Int64?)
}

/// The seed of an invitation's guest key, which no text shows.
struct GuestSeed: Hashable, Sendable, CustomStringConvertible {
    let seed: [UInt8]
    let key: NodeKey
    var description: String { key.did }
}

/// Work that waits for a hub.
struct NetworkTask: Sendable {
    let network: NetworkID
    let work: NetworkWork
    /// Who waits for it; nil: nobody.
    let command: CommandID?
    /// The entries that are under way.
    var entries: [NetworkEntry] = []
    var attempts = 0
    /// Why a hub that has answered could not take them, when last it was asked.
    var refusal: HubRefusal?
    /// When its command is told that no hub has taken them.
    let deadline: Instant
}

extension NetworkWork {
    /// Bytes of entries in one request.
    private static let restoredSize = 20_000

    /// The entries that do this behind the head of the log, signed by `identity`; throws why it cannot be done.
    func entries(
        by identity: NodeIdentity,
        in membership: Memberships.Membership,
        joinedAs label: String?,
        keys: [NodeKey: NodeChain] = [:],
        at now: Timestamp,
        using random: RandomSource
    ) throws(Problem) -> [NetworkEntry] {
        guard let log = membership.log else { throw .networkAway(membership.name, self) }
        switch self {
        case .restore(let head):
            return Array(log.line(after: head, byteCount: Self.restoredSize).prefix(HubRequest.appendedCount))
        case .heal: return []
        case .join, .enter:
            // What the link or notice pins must be in what the hub tells.
            guard let pinned = membership.pinned, log.contains(pinned.hash) else {
                throw .badNetworkLink("the hub shows another history")
            }
            // A join whose answer was lost is in the log.
            if case .join = self, membership.contains(identity.key) { return [] }
        case .leave, .add, .expire, .authorize, .unauthorize, .remove, .role, .transfer, .name, .group, .policy,
            .publish, .invite:
            break
        }
        if case .enter = self {
            guard membership.contains(identity.key) else { throw .notMember(membership.name) }
            return []
        }
        guard let key = membership.keys[log.state.key] else { throw .networkKeyMissing(membership.name) }
        var author = NetworkAuthor(identity, after: log.state, key: key, keys: keys, at: now)
        if case .join = self {
            guard let guest = membership.invitation?.guest else { throw .badNetworkLink("it holds no key") }
            let proof = NetworkProof(of: guest, for: identity.key, joining: log.id)
            let content: JSONValue = ["label": label.map { .string($0) } ?? .null]
            return [author.write(.join(guest: guest.key, proof: proof.signature), content, using: random)]
        }
        return try entries(
            by: &author,
            who: identity.key,
            over: log.state,
            of: membership,
            at: now,
            using: random
        )
    }

    /// The same for what changes something that is there.
    private func entries(
        by author: inout NetworkAuthor,
        who actor: NodeKey,
        over state: NetworkState,
        of membership: Memberships.Membership,
        at now: Timestamp,
        using random: RandomSource
    ) throws(Problem) -> [NetworkEntry] {
        func role(of subject: NodeKey) throws(Problem) -> NetworkRole {
            guard let role = state.role(of: subject) else { throw .noMember(subject.did, membership.name) }
            return role
        }
        switch self {
        case .restore, .heal, .join, .enter: return []
        case .leave: return [author.write(.leave, using: random)]
        case .add(let subject, let label, let expires):
            let content: JSONValue = ["label": label.map { .string($0) } ?? .null]
            return [author.write(.add(subject, expires: expires), content, keyFor: [subject], using: random)]
        case .expire(let subject, let expires):
            // It may have missed a new key while its membership was over.
            let change = NetworkChange.expiry(subject, from: state.members[subject]?.expires, to: expires)
            return [author.write(change, keyFor: [subject], using: random)]
        case .authorize(let authority, let groups, let lifetime):
            let change = NetworkChange.authorize(authority.key, lifetime: lifetime.nanoseconds / 1_000_000)
            return [author.write(change, ["groups": .texts(groups)], using: random)]
        case .unauthorize(let authority): return [author.write(.unauthorize(authority), using: random)]
        case .remove(let subject):
            let ending: NetworkChange
            if membership.isCertifiable(subject) {
                // It is in no entry: what its authority has signed so far counts no more.
                ending = .void(subject, from: max(now, membership.credentials[subject]?.from ?? now).inMilliseconds)
            } else {
                ending = .remove(subject, from: try role(of: subject))
            }
            let readers = membership.readers(without: subject, at: now)
            return [author.write(ending, using: random), author.rekey(for: readers, using: random)]
        case .role(let subject, let new):
            return [author.write(.role(subject, from: try role(of: subject), to: new), using: random)]
        case .transfer(let subject):
            let own = try role(of: actor)
            return [
                author.write(.role(subject, from: try role(of: subject), to: .owner), using: random),
                author.write(.role(actor, from: own, to: .admin), using: random),
            ]
        case .name(let subject, let label):
            return [author.write(.name(subject), ["label": .string(label)], using: random)]
        case .group(let subject, let group, let isMember):
            let content: JSONValue = ["group": .string(group), "member": .bool(isMember)]
            return [author.write(.group(subject), content, using: random)]
        case .policy(let document, let freshness):
            return Self.policy(document, freshness, by: &author, using: random)
        case .publish(let services):
            let content: JSONValue = ["services": .array(services.map(\.document))]
            return [author.write(.publish, content, using: random)]
        case .invite(let guest, let uses, let expires, let lifetime):
            let change = NetworkChange.open(guest: guest.key, uses: uses, expires: expires, membership: lifetime)
            return [author.write(change, keyFor: [guest.key], using: random)]
        }
    }

    private static func policy(
        _ document: JSONValue?,
        _ freshness: NetworkFreshness?,
        by author: inout NetworkAuthor,
        using random: RandomSource
    ) -> [NetworkEntry] {
        var entries: [NetworkEntry] = []
        if let freshness { entries.append(author.write(.freshness, freshness.document, using: random)) }
        if let document {
            let critical = (try? NetworkPolicy(document))?.critical ?? []
            entries.append(author.write(.policy(critical: critical), document, using: random))
        }
        return entries
    }
}
