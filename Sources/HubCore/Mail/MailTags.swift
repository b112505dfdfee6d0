import HubProtocol
import OverlayCrypto
import PosternModel

/// Makes the tags by which a hub compares senders and networks without keeping them. They depend on a secret of the
/// hub, or whoever has its store could try all networks.
struct MailTags: Sendable {
    private let key: [UInt8]

    private static let context = Array("postern hub tags 1".utf8)

    /// The tags of the hub with `identity`: the same ones in each of its lives.
    init(of identity: NodeIdentity) {
        key = Hash.blake2b(identity.sign(Self.context).bytes)
    }

    /// The tag of the pair.
    func sender(_ sender: NodeKey, to target: NodeKey) -> UInt64 {
        tag("sender", sender.bytes + target.bytes)
    }

    /// The tag of the network.
    func network(_ network: SourceNetwork) -> UInt64 {
        tag("network", Self.bytes(of: network.bits))
    }

    /// What the reader of a mail may know of the network that it came from: two readers cannot compare theirs.
    func origin(of standing: MailStanding, for target: NodeKey) -> MailOrigin {
        MailOrigin(tag("origin", Self.bytes(of: standing.network) + target.bytes))
    }

    /// The class of a mail, as its reader is told it.
    func mailClass(of standing: MailStanding, for target: NodeKey) -> MailClass {
        switch standing.kind {
        case .known: .known
        case .contact: .contact(from: origin(of: standing, for: target))
        case .stranger: .stranger(from: origin(of: standing, for: target))
        }
    }

    private func tag(_ purpose: String, _ message: [UInt8]) -> UInt64 {
        let hash = Hash.blake2b(Array(purpose.utf8) + message, key: key, byteCount: 8)
        return hash.reduce(0) { $0 << 8 | UInt64($1) }
    }

    private static func bytes(of number: UInt64) -> [UInt8] {
        (0..<8).map { UInt8(truncatingIfNeeded: number >> UInt64(8 * $0)) }
    }
}
