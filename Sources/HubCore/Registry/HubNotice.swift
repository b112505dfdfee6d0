package import PosternModel
package import TrustCore

/// What a hub tells the others that share its store (RULES N16): names alone, of what has changed there or has to
/// change in their memory.
package enum HubNotice: Hashable, Sendable {
    /// Mail waits for a node.
    case mail(RecordID, for: NodeKey)
    /// The log of a network has grown.
    case network(NetworkID)
    /// Grants are void. Whose to whom is hidden, since it goes through the store (``HubTags/names(_:)``).
    case revoked(HiddenPair)
    /// A node wants to be forgotten.
    case deregistered(NodeKey)

    /// Two keys that only who has the tags can read.
    package struct HiddenPair: Hashable, Sendable {
        let pair: Words32
        let names: [UInt8]
    }

    private static let keySize = 32

    /// The form in which a store passes it on.
    package var record: (kind: Int, subject: [UInt8]) {
        switch self {
        case .mail(let id, let target): (1, target.bytes + Array(id.description.utf8))
        case .network(let network): (2, network.hash.bytes)
        case .revoked(let hidden): (3, hidden.pair.bytes + hidden.names)
        case .deregistered(let node): (4, node.bytes)
        }
    }

    /// The notice in a record; nil: a later version knows what it means.
    package init?(kind: Int, subject: [UInt8]) {
        let (first, rest) = (Array(subject.prefix(Self.keySize)), Array(subject.dropFirst(Self.keySize)))
        switch kind {
        case 1:
            guard let target = NodeKey(bytes: first), let id = RecordID(String(decoding: rest, as: UTF8.self)) else {
                return nil
            }
            self = .mail(id, for: target)
        case 2:
            guard let hash = NetworkHash(bytes: subject) else { return nil }
            self = .network(NetworkID(hash))
        case 3:
            guard let pair = Words32(bytes: first), rest.count == 2 * Self.keySize else { return nil }
            self = .revoked(HiddenPair(pair: pair, names: rest))
        case 4:
            guard let node = NodeKey(bytes: subject) else { return nil }
            self = .deregistered(node)
        case _: return nil
        }
    }
}
