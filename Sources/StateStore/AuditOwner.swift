package import OverlayCrypto
package import PosternModel
import TrustCore

/// Whose audit trail is to be verified, as far as whoever verifies it knows.
package enum AuditOwner: Sendable {
    /// The node itself verifies its trail: it sees that lines behind the signed head are its own.
    case node(NodeIdentity)
    /// Somebody who knows the node's public key.
    case key(NodeKey)
    /// Somebody who takes the trail for that of whoever signed its head.
    case anybody

    /// The node's key for the seals of lines.
    var chainKey: ChainKey? {
        switch self {
        case .node(let identity): ChainKey(of: identity, for: .audit)
        case .key, .anybody: nil
        }
    }

    /// Whether a signature of `signer` counts.
    func accepts(_ signer: NodeKey) -> Bool {
        switch self {
        case .node(let identity): identity.key == signer
        case .key(let key): key == signer
        case .anybody: true
        }
    }
}
