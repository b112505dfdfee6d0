import HubProtocol
import OverlayCrypto
import PosternModel
import TrustCore

/// What a command, or a join that is under way, wants of a network's log. It is written as entries anew when somebody
/// else's came first (RULES N3).
enum NetworkWork: Hashable, Sendable {
    /// Give a hub what it lacks: it has lost it, or the network is new.
    case restore(after: [NetworkHash])
    case join
    case leave
    case remove(NodeKey)
    case role(NodeKey, NetworkRole)
    case transfer(to: NodeKey)
    case name(NodeKey, String)
    case group(NodeKey, String, isMember: Bool)
    case policy(JSONValue)
    case invite(guest: GuestSeed, uses: Int64, expires: Timestamp)
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
    /// When its command is told that no hub has answered.
    let deadline: Instant
}

extension NetworkWork {
    /// Bytes of entries in one request.
    private static let restoredSize = 20_000

    /// The entries that do this behind `state`, signed by `identity`; throws why it cannot be done.
    func entries(
        by identity: NodeIdentity,
        in membership: Memberships.Membership,
        joinedAs label: String?,
        at now: Timestamp,
        using random: RandomSource
    ) throws(Problem) -> [NetworkEntry] {
        guard let log = membership.log else { throw .networkAway(membership.name) }
        if case .restore(let locator) = self {
            return Array(log.entries(after: locator, byteCount: Self.restoredSize).prefix(HubRequest.appendedCount))
        }
        let state = log.state
        guard let key = membership.keys[state.key] else { throw .networkKeyMissing(membership.name) }
        var author = NetworkAuthor(identity, after: state, key: key, at: now)
        func role(of subject: NodeKey) throws(Problem) -> NetworkRole {
            guard let role = state.role(of: subject) else { throw .noMember(subject.did, membership.name) }
            return role
        }
        switch self {
        case .restore: return []
        case .join:
            guard let invitation = membership.invitation, let guest = invitation.guest else {
                throw .badInvitation("it holds no key")
            }
            // What the link pins must be in what the hub tells.
            guard log.contains(invitation.head.hash) else { throw .badInvitation("the hub shows another history") }
            let proof = NetworkProof(of: guest, for: identity.key, joining: state.id)
            let content: JSONValue = ["label": label.map { .string($0) } ?? .null]
            return [author.write(.join(guest: guest.key, proof: proof.signature), content, using: random)]
        case .leave: return [author.write(.leave, using: random)]
        case .remove(let subject):
            let removal = author.write(.remove(subject, from: try role(of: subject)), using: random)
            let readers = state.members.keys.filter { $0 != subject }.sorted() + state.guests
            return [removal, author.rekey(for: readers, using: random)]
        case .role(let subject, let new):
            return [author.write(.role(subject, from: try role(of: subject), to: new), using: random)]
        case .transfer(let subject):
            let own = try role(of: identity.key)
            return [
                author.write(.role(subject, from: try role(of: subject), to: .owner), using: random),
                author.write(.role(identity.key, from: own, to: .admin), using: random),
            ]
        case .name(let subject, let label):
            return [author.write(.name(subject), ["label": .string(label)], using: random)]
        case .group(let subject, let group, let isMember):
            let content: JSONValue = ["group": .string(group), "member": .bool(isMember)]
            return [author.write(.group(subject), content, using: random)]
        case .policy(let document):
            let critical = (try? NetworkPolicy(document))?.critical ?? []
            return [author.write(.policy(critical: critical), document, using: random)]
        case .invite(let guest, let uses, let expires):
            let change = NetworkChange.open(guest: guest.key, uses: uses, expires: expires)
            return [author.write(change, keyFor: [guest.key], using: random)]
        }
    }
}
