package import OverlayCrypto
package import PosternModel

/// What an entry says in the clear (RULES N1): the part of it that a hub can judge.
///
/// Its canonical JSON (RFC 8785) has the members `network`, `sequence`, `previous`, `time`, `actor`, `action`,
/// `subject`, `role`, `old`, `new`, `bodyHash` and `critical`, all of them in every entry. A document with other
/// members, or another spelling of one, is no header: each header has one reading.
package struct NetworkHeader: Hashable, Sendable {
    /// Nil in a genesis, whose hash it is.
    package let network: NetworkID?
    /// From 0.
    package let sequence: Int64
    /// The entry before; nil in a genesis.
    package let previous: NetworkHash?
    /// When it was signed, by its author's clock, in milliseconds.
    package let time: Timestamp
    /// Who signed it.
    package let actor: NodeKey
    package let change: NetworkChange
    /// Of the sealed body; nil: there is none.
    package let bodyHash: NetworkHash?

    /// The object that is signed.
    package var document: JSONValue {
        let fields = change.fields
        return [
            "network": network.map { .string($0.description) } ?? .null,
            "sequence": .integer(sequence),
            "previous": previous.map { .string($0.description) } ?? .null,
            "time": .time(time),
            "actor": .string(actor.did),
            "action": .string(change.action),
            "subject": change.subject.map { .string($0.did) } ?? .null,
            "role": fields.role, "old": fields.old, "new": fields.new,
            "bodyHash": bodyHash.map { .string($0.description) } ?? .null,
            "critical": .texts(fields.critical),
        ]
    }

    init(
        network: NetworkID?,
        sequence: Int64,
        previous: NetworkHash?,
        time: Timestamp,
        actor: NodeKey,
        change: NetworkChange,
        bodyHash: NetworkHash?
    ) {
        self.network = network
        self.sequence = sequence
        self.previous = previous
        self.time = time.inMilliseconds
        self.actor = actor
        self.change = change
        self.bodyHash = bodyHash
    }

    /// The header in `document`, whose canonical form is `bytes`.
    init(_ document: JSONValue, canonical bytes: [UInt8]) throws(RecordError) {
        let fields = try JSONFields(document)
        guard bytes.count <= NetworkLimits.header else { throw .tooLarge }
        self.init(
            network: fields.has("network") ? NetworkID(try fields.hash("network")) : nil,
            sequence: try fields.integer("sequence"),
            previous: fields.has("previous") ? try fields.hash("previous") : nil,
            time: try fields.time("time"),
            actor: try fields.key("actor"),
            change: try NetworkChange(fields),
            bodyHash: fields.has("bodyHash") ? try fields.hash("bodyHash") : nil
        )
        guard self.document.canonicalBytes == bytes, sequence >= 0 else { throw .malformed }
    }
}

/// An entry of a network's log: header, signature, sealed body, and what lies beside it.
///
/// The signature is over `postern network entry 1`, a line feed and the header's canonical form; the hash that the next
/// entry names is that of the same form. A value of this type has always been verified.
package struct NetworkEntry: Hashable, Sendable {
    /// What is signed, once in memory however many lists hold the entry.
    private final class Signed: Sendable {
        let header: NetworkHeader
        let hash: NetworkHash
        let signature: Signature
        let body: [UInt8]?
        let succession: NodeChain?

        init(
            _ header: NetworkHeader,
            _ hash: NetworkHash,
            _ signature: Signature,
            _ body: [UInt8]?,
            _ succession: NodeChain?
        ) {
            self.succession = succession
            self.header = header
            self.hash = hash
            self.signature = signature
            self.body = body
        }
    }

    private let signed: Signed
    /// What its author has signed.
    package var header: NetworkHeader { signed.header }
    /// Of the header.
    package var hash: NetworkHash { signed.hash }
    /// Of the actor, over the header.
    package var signature: Signature { signed.signature }
    /// How the actor's key has changed, where it is not the first one that signed.
    package var succession: NodeChain? { signed.succession }
    /// Sealed under the network's content key; nil: there is none, or it was erased.
    package var body: [UInt8]? { signed.body }
    /// The content key, sealed to members and guests: beside the log, so that each reader is given its own alone.
    package let boxes: [NodeKey: [UInt8]]

    private static let context = Array("postern network entry 1\n".utf8)

    /// Signs `header`.
    init(_ header: NetworkHeader, body: [UInt8]?, boxes: [NodeKey: [UInt8]] = [:], signedBy identity: NodeIdentity) {
        precondition(header.actor == identity.key, "an entry is signed by its actor")
        let bytes = header.document.canonicalBytes
        signed = Signed(header, NetworkHash(of: bytes), identity.sign(Self.context + bytes), body, identity.chain)
        self.boxes = boxes
    }

    /// The entry in `document`, verified.
    package init(verifying document: JSONValue) throws(RecordError) {
        let (entry, bytes) = try Self.read(document)
        let actor = entry.header.actor
        let signer = try NodeChain(ofSigner: actor, in: JSONFields(document))?.current ?? actor
        guard signer.verify(entry.signature, of: Self.context + bytes) else { throw .badSignature }
        self = entry
    }

    /// The entry in `document`, which was verified when it was stored.
    package init(stored document: JSONValue) throws(RecordError) {
        self = try Self.read(document).entry
    }

    /// The entry in `document`, and the canonical form of its header.
    private static func read(_ document: JSONValue) throws(RecordError) -> (entry: NetworkEntry, header: [UInt8]) {
        let fields = try JSONFields(document)
        let headerDocument = try fields.value("header")
        let bytes = headerDocument.canonicalBytes
        let header = try NetworkHeader(headerDocument, canonical: bytes)
        guard let signature = Signature(bytes: try fields.bytes("signature", exactly: 64)) else {
            throw .invalid("signature")
        }
        let body = fields.has("body") ? try fields.bytes("body", limit: NetworkLimits.body) : nil
        if let body { guard NetworkHash(of: body) == header.bodyHash else { throw .invalid("body") } }
        let boxes = try fields.boxes(limit: NetworkLimits.entryBoxes)
        let keys = fields.optionalValue("keys")?.array.flatMap { NodeChain(stored: $0) }
        return (NetworkEntry(Signed(header, NetworkHash(of: bytes), signature, body, keys), boxes: boxes), bytes)
    }

    private init(_ signed: Signed, boxes: [NodeKey: [UInt8]]) {
        self.signed = signed
        self.boxes = boxes
    }

    /// The entry with the boxes of `readers` alone.
    package func boxes(for readers: [NodeKey]) -> NetworkEntry {
        NetworkEntry(signed, boxes: boxes.filter { readers.contains($0.key) })
    }

    /// The document to store or send.
    package var document: JSONValue {
        var object = JSONObject()
        object["header"] = header.document
        object["signature"] = .string(Base64URL.encode(signature.bytes))
        object["body"] = body.map { .string(Base64URL.encode($0)) } ?? .null
        object["boxes"] = .boxes(boxes)
        if let succession { object["keys"] = .array(succession.documents) }
        return .object(object)
    }

    package static func == (lhs: NetworkEntry, rhs: NetworkEntry) -> Bool {
        lhs.hash == rhs.hash && lhs.signature == rhs.signature && lhs.body == rhs.body && lhs.boxes == rhs.boxes
    }

    package func hash(into hasher: inout Hasher) {
        hasher.combine(hash)
    }

    /// Where it stands.
    package var place: NetworkHead { NetworkHead(sequence: header.sequence, hash: hash) }
}
