package import OverlayCrypto
import PosternModel

/// A key that seals the lines of one of a node's files. It is made from the node's identity, so that nobody else can
/// add a line, and it is the same in each of the node's lives: a node that changes its key seals on with its first.
package struct ChainKey: Sendable {
    /// What a key is for; a line that one of them seals means nothing to the other.
    package enum Purpose: String, Sendable {
        case journal = "postern journal key 1\n"
        case audit = "postern audit key 1\n"
    }

    private let bytes: [UInt8]

    /// The key of `identity` for `purpose`.
    package init(of identity: NodeIdentity, for purpose: Purpose) {
        bytes = Hash.blake2b(identity.eldest.sign(Array(purpose.rawValue.utf8)).bytes)
    }

    /// The seal of `text`: hexadecimal keyed BLAKE2b (RFC 7693 §2.9) of `byteCount` bytes.
    func seal(_ text: [UInt8], byteCount: Int = 32) -> String {
        Hex.encode(Hash.blake2b(text, key: bytes, byteCount: byteCount))
    }

    /// Whether `seal` is that of `text`, in a time that does not depend on where they differ.
    func verify(_ seal: [UInt8], of text: [UInt8], byteCount: Int = 32) -> Bool {
        constantTimeEquals(Array(self.seal(text, byteCount: byteCount).utf8), seal)
    }
}
