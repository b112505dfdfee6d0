import OverlayCrypto
package import PosternModel

/// The name of a record, made from its content: the first 16 bytes of BLAKE2b-256 over its canonical form.
package struct RecordID: Hashable, Sendable, CustomStringConvertible {
    /// Base58 of the 16 bytes.
    package let description: String

    /// The id of the record `document`, signature included.
    package init(of document: JSONValue) {
        description = Base58.encode(Array(Hash.blake2b(document.canonicalBytes).prefix(16)))
    }

    /// The id of bytes that are no record, such as a sealed box.
    package init(ofBytes bytes: [UInt8]) {
        description = Base58.encode(Array(Hash.blake2b(bytes).prefix(16)))
    }

    /// The id written as `text`, or nil when it is not 16 bytes in base58.
    package init?(_ text: some StringProtocol) {
        guard text.utf8.count <= 32, Base58.decode(text)?.count == 16 else { return nil }
        description = String(text)
    }
}

/// The kinds of signed records and the text that stands in their `type`. The version is part of the type, so a change
/// of meaning is a new type.
package enum RecordType: String, Sendable {
    case grant = "postern.grant.1"
    case revocation = "postern.revocation.1"
    case request = "postern.request.1"
    case acceptance = "postern.acceptance.1"
    case rejection = "postern.rejection.1"
    case claim = "postern.claim.1"
    case mark = "postern.mark.1"
    case receipt = "postern.receipt.1"
    case beat = "postern.beat.1"
    case notice = "postern.network-notice.1"
    case node = "postern.node.1"
    case credential = "postern.credential.1"
}

/// A JSON object with its signer's Ed25519 signature over its RFC 8785 form.
///
/// The members `type`, `by` (the did of the signer's first key) and `signature` (base64url) are in every record, and
/// `keys` in those of a node that has changed its key: the chain that shows whose the signature is. What is signed is
/// the text `postern record 1`, a line feed, and the canonical form of the object without `signature`; the type in it
/// keeps one kind of record from passing for another. A value of this type has always been verified: there is no way
/// to hold one with a wrong signature, other than to store one. Members that a reader does not know are covered by the
/// signature and are kept.
package struct SignedRecord: Hashable, Sendable {
    package let signer: NodeKey
    /// How the signer's key has changed, by its own word; nil: it was the first one that signed.
    package let succession: NodeChain?
    /// The whole object, signature included.
    package let document: JSONValue

    private static let context = Array("postern record 1\n".utf8)

    /// Signs `members`, to which `type`, `by` and `signature` are added.
    init(_ type: RecordType, _ members: JSONObject, signedBy identity: NodeIdentity) {
        var object = members
        object["type"] = .string(type.rawValue)
        object["by"] = .string(identity.key.did)
        if !identity.succession.isEmpty { object["keys"] = .array(identity.succession) }
        let signature = identity.sign(Self.context + JSONValue.object(object).canonicalBytes)
        object["signature"] = .string(Base64URL.encode(signature.bytes))
        signer = identity.key
        succession = identity.chain
        document = .object(object)
    }

    /// The record in `document`, if it is of `type` and its signature is that of the key in `by`.
    init(verifying document: JSONValue, as type: RecordType) throws(RecordError) {
        let fields = try JSONFields(document)
        guard try fields.text("type", limit: 64) == type.rawValue else { throw .wrongType }
        signer = try fields.key("by")
        let bytes = try fields.bytes("signature", exactly: 64)
        // Two spellings of a number that have one canonical form would be two readings of one signature.
        guard document.hasPlainNumbers else { throw .ambiguousNumber }
        guard var object = document.object, let signature = Signature(bytes: bytes) else { throw .malformed }
        object["signature"] = nil
        let message = Self.context + JSONValue.object(object).canonicalBytes
        succession = type == .node ? nil : try NodeChain(ofSigner: signer, in: fields)
        guard (succession?.current ?? signer).verify(signature, of: message) else { throw .badSignature }
        self.document = document
    }

    /// The record in `document`, which was verified before it was stored here: its signature is not looked at again.
    init(stored document: JSONValue, as type: RecordType) throws(RecordError) {
        let fields = try JSONFields(document)
        guard try fields.text("type", limit: 64) == type.rawValue else { throw .wrongType }
        signer = try fields.key("by")
        succession = type == .node ? nil : try NodeChain(ofSigner: signer, in: fields)
        self.document = document
    }

    /// The name of this record.
    package var id: RecordID { RecordID(of: document) }

    /// Records are the same when what was signed and the signature are, byte by byte and whatever the order of members.
    package static func == (lhs: SignedRecord, rhs: SignedRecord) -> Bool {
        lhs.signer == rhs.signer && lhs.document.canonicalBytes == rhs.document.canonicalBytes
    }

    package func hash(into hasher: inout Hasher) { hasher.combine(document.canonicalBytes) }
}
