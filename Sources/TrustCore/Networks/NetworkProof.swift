package import OverlayCrypto
package import PosternModel

/// What shows that somebody holds the secret of an invitation into a network: the guest key's signature over network
/// and holder (RULES N7). Shown to a hub it opens the log to the holder; in the log it makes the holder a member.
package struct NetworkProof: Hashable, Sendable {
    package let guest: NodeKey
    package let signature: Signature

    private static let context = Array("postern network join 1\n".utf8)

    /// The proof of `guest` that `holder` may join `network`.
    package init(of guest: NodeIdentity, for holder: NodeKey, joining network: NetworkID) {
        self.guest = guest.key
        signature = guest.sign(Self.message(holder, network))
    }

    /// A proof as it was shown; ``isValid(for:joining:)`` says whether it is one.
    package init(guest: NodeKey, signature: Signature) {
        self.guest = guest
        self.signature = signature
    }

    /// The proof in the members `guest` and `proof`.
    package init(in fields: JSONFields) throws(RecordError) {
        guard let signature = Signature(bytes: try fields.bytes("proof", exactly: 64)) else { throw .invalid("proof") }
        self.init(guest: try fields.key("guest"), signature: signature)
    }

    /// The signature as text.
    package var text: String { Base64URL.encode(signature.bytes) }

    /// Whether it lets `holder` join `network`.
    package func isValid(for holder: NodeKey, joining network: NetworkID) -> Bool {
        guest.verify(signature, of: Self.message(holder, network))
    }

    private static func message(_ holder: NodeKey, _ network: NetworkID) -> [UInt8] {
        context + network.hash.bytes + holder.bytes
    }
}
