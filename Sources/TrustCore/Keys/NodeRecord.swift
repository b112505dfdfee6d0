package import OverlayCrypto
package import PosternModel

/// One link of the chain that says which key a node has (RULES N11; `Protocol.md` §2.1). It is signed by the key that
/// is current from it on.
package struct NodeRecord: Hashable, Sendable {
    package let record: SignedRecord
    /// The key that the node began with: its did, its id and its addresses are that one's for good.
    package let first: NodeKey
    /// How often the key has changed.
    package let sequence: Int64
    /// Which key comes next.
    package let next: KeyCommitment
    /// The hash of the record before; nil in the first one.
    let previous: [UInt8]?
    /// When it was signed, by the node's clock.
    package let issued: Timestamp
    /// The former key's signature, where the node still had it.
    private let handover: Signature?

    /// The key that counts from here on.
    package var current: NodeKey { record.signer }
    /// The signed object.
    package var document: JSONValue { record.document }
    /// What the record behind this one names as `previous`.
    var hash: [UInt8] { Hash.blake2b(record.document.canonicalBytes) }

    private static let handoverContext = Array("postern handover 1\n".utf8)

    /// Signs the first record of `identity`, whose next key is to be `next`.
    package init(of identity: NodeIdentity, committingTo next: NodeKey, at issued: Timestamp) {
        let commitment = KeyCommitment(to: next, after: 0)
        var members = JSONObject()
        members["first"] = .string(identity.key.did)
        members["sequence"] = .integer(0)
        members["next"] = .string(Base64URL.encode(commitment.hash))
        members["issued"] = .time(issued)
        record = SignedRecord(.node, members, signedBy: identity)
        first = identity.key
        sequence = 0
        self.next = commitment
        previous = nil
        self.issued = issued
        handover = nil
    }

    /// Signs the record in which the key of `current` takes over behind `record`, and commits to `next`.
    init(
        _ current: NodeIdentity,
        after record: NodeRecord,
        handingOver former: NodeIdentity?,
        committingTo next: NodeKey,
        at issued: Timestamp
    ) {
        let commitment = KeyCommitment(to: next, after: record.sequence + 1)
        var members = JSONObject()
        members["type"] = .string(RecordType.node.rawValue)
        members["by"] = .string(current.key.did)
        members["first"] = .string(record.first.did)
        members["sequence"] = .integer(commitment.sequence)
        members["next"] = .string(Base64URL.encode(commitment.hash))
        members["previous"] = .string(Base64URL.encode(record.hash))
        members["issued"] = .time(issued)
        let handover = former.map { $0.sign(Self.handoverText(.object(members))) }
        if let handover { members["handover"] = .string(Base64URL.encode(handover.bytes)) }
        self.record = SignedRecord(.node, members, signedBy: current)
        first = record.first
        sequence = commitment.sequence
        self.next = commitment
        previous = record.hash
        self.issued = issued
        self.handover = handover
    }

    /// The record in `document`: that its signature is right, not yet that it follows another.
    package init(verifying document: JSONValue) throws(RecordError) {
        try self.init(SignedRecord(verifying: document, as: .node))
    }

    /// The record in `document`, which was verified before it was stored here.
    init(stored document: JSONValue) throws(RecordError) {
        try self.init(SignedRecord(stored: document, as: .node))
    }

    private init(_ record: SignedRecord) throws(RecordError) {
        self.record = record
        let fields = try JSONFields(record.document)
        first = try fields.key("first")
        let sequence = try fields.integer("sequence")
        guard sequence >= 0 else { throw .invalid("sequence") }
        self.sequence = sequence
        next = KeyCommitment(sequence: sequence, hash: try fields.bytes("next", exactly: 32))
        previous = fields.has("previous") ? try fields.bytes("previous", exactly: 32) : nil
        issued = try fields.time("issued")
        handover = fields.has("handover") ? Signature(bytes: try fields.bytes("handover", exactly: 64)) : nil
        guard (sequence == 0) == (previous == nil) else { throw .invalid("previous") }
        guard sequence > 0 || first == record.signer && handover == nil else { throw .invalid("first") }
    }

    /// Whether the former key, where it signed at all, is `former`. One that was lost signs nothing.
    func isHandedOver(by former: NodeKey) -> Bool {
        guard let handover else { return true }
        return former.verify(handover, of: Self.handoverText(document))
    }

    /// What a former key signs to hand over: the record without its own signature and that of the new key.
    private static func handoverText(_ document: JSONValue) -> [UInt8] {
        guard var members = document.object else { return [] }
        members["handover"] = nil
        members["signature"] = nil
        return handoverContext + JSONValue.object(members).canonicalBytes
    }
}
