package import OverlayCrypto
package import PosternModel

/// The signed head of an audit log: whoever cuts lines off its end cannot make the node's signature over what is left.
package struct AuditSeal: Hashable, Sendable {
    package let head: ChainHead
    /// The first entry that is kept; earlier ones have made way. Nil in a head that a former version has signed.
    package let first: Int64?
    package let signer: NodeKey

    private static let context = Array("postern audit head 2\n".utf8)
    private static let formerContext = Array("postern audit head 1\n".utf8)

    /// Whether every line behind the head bears the node's seal, as those of former versions do not.
    package var isFollowedBySeals: Bool { first != nil }

    /// The document that vouches for `head` of a log of which the entries from `first` on are kept.
    package static func document(of head: ChainHead, first: Int64, signedBy identity: NodeIdentity) -> JSONValue {
        var object = JSONObject()
        object["sequence"] = .integer(head.sequence)
        object["hash"] = .string(head.hash)
        object["first"] = .integer(first)
        object["by"] = .string(identity.key.did)
        // The first key stays the log's: whoever verifies it knows the node by that.
        let signature = identity.eldest.sign(context + JSONValue.object(object).canonicalBytes)
        object["signature"] = .string(Base64URL.encode(signature.bytes))
        return .object(object)
    }

    /// The head that `document` vouches for.
    package init(verifying document: [UInt8]) throws(RecordError) {
        guard let value = try? JSONValue(parsing: document), var object = value.object else { throw .malformed }
        let fields = try JSONFields(value)
        signer = try fields.key("by")
        guard let signature = Signature(bytes: try fields.bytes("signature", exactly: 64)) else { throw .malformed }
        object["signature"] = nil
        first = fields.has("first") ? try fields.integer("first") : nil
        let context = first == nil ? Self.formerContext : Self.context
        guard signer.verify(signature, of: context + JSONValue.object(object).canonicalBytes) else {
            throw .badSignature
        }
        head = ChainHead(sequence: try fields.integer("sequence"), hash: try fields.text("hash", limit: 64))
    }
}
