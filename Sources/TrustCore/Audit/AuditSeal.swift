package import OverlayCrypto
package import PosternModel

/// The signed head of an audit log: whoever cuts lines off its end cannot make the node's signature over what is left.
package enum AuditSeal {
    private static let context = Array("postern audit head 1\n".utf8)

    /// The one-line document that vouches for `head`.
    package static func document(of head: AuditHead, signedBy identity: NodeIdentity) -> String {
        var object = JSONObject()
        object["sequence"] = .integer(head.sequence)
        object["hash"] = .string(head.hash)
        object["by"] = .string(identity.key.did)
        let signature = identity.sign(context + JSONValue.object(object).canonicalBytes)
        object["signature"] = .string(Base64URL.encode(signature.bytes))
        return JSONValue.object(object).canonicalText
    }

    /// The head that `document` vouches for and who signed it.
    package static func verify(_ document: [UInt8]) throws(RecordError) -> (head: AuditHead, signer: NodeKey) {
        guard let value = try? JSONValue(parsing: document), var object = value.object else { throw .malformed }
        let fields = try JSONFields(value)
        let signer = try fields.key("by")
        guard let signature = Signature(bytes: try fields.bytes("signature", exactly: 64)) else { throw .malformed }
        object["signature"] = nil
        guard signer.verify(signature, of: context + JSONValue.object(object).canonicalBytes) else {
            throw .badSignature
        }
        let head = AuditHead(sequence: try fields.integer("sequence"), hash: try fields.text("hash", limit: 64))
        return (head, signer)
    }
}
