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

    init(_ document: JSONValue) throws(RecordError) {
        let fields = try JSONFields(document)
        let bytes = document.canonicalBytes
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
    package let header: NetworkHeader
    /// Of the header.
    package let hash: NetworkHash
    package let signature: Signature
    /// Sealed under the network's content key; nil: there is none, or it was erased.
    package let body: [UInt8]?
    /// The content key, sealed to members and guests: beside the log, so that each reader is given its own alone.
    package let boxes: [NodeKey: [UInt8]]

    private static let context = Array("postern network entry 1\n".utf8)

    /// Signs `header`.
    init(_ header: NetworkHeader, body: [UInt8]?, boxes: [NodeKey: [UInt8]] = [:], signedBy identity: NodeIdentity) {
        precondition(header.actor == identity.key, "an entry is signed by its actor")
        let bytes = header.document.canonicalBytes
        self.header = header
        hash = NetworkHash(of: bytes)
        signature = identity.sign(Self.context + bytes)
        self.body = body
        self.boxes = boxes
    }

    /// The entry in `document`, verified.
    package init(verifying document: JSONValue) throws(RecordError) {
        let fields = try JSONFields(document)
        header = try NetworkHeader(try fields.value("header"))
        let bytes = header.document.canonicalBytes
        hash = NetworkHash(of: bytes)
        guard let signature = Signature(bytes: try fields.bytes("signature", exactly: 64)) else {
            throw .invalid("signature")
        }
        self.signature = signature
        body = fields.has("body") ? try fields.bytes("body", limit: NetworkLimits.body) : nil
        if let body { guard NetworkHash(of: body) == header.bodyHash else { throw .invalid("body") } }
        var boxes: [NodeKey: [UInt8]] = [:]
        let members = fields.optionalValue("boxes")?.object?.members ?? []
        guard members.count <= NetworkLimits.members else { throw .invalid("boxes") }
        for member in members {
            guard let key = NodeKey(did: member.key), let box = member.value.string.flatMap({ Base64URL.decode($0) }),
                box.count <= 128
            else { throw .invalid("boxes") }
            boxes[key] = box
        }
        self.boxes = boxes
        guard header.actor.verify(signature, of: Self.context + bytes) else { throw .badSignature }
    }

    private init(_ entry: NetworkEntry, boxes: [NodeKey: [UInt8]]) {
        header = entry.header
        hash = entry.hash
        signature = entry.signature
        body = entry.body
        self.boxes = boxes
    }

    /// The entry with the boxes of `readers` alone.
    package func boxes(for readers: [NodeKey]) -> NetworkEntry {
        NetworkEntry(self, boxes: boxes.filter { readers.contains($0.key) })
    }

    /// The document to store or send.
    package var document: JSONValue {
        var boxes = JSONObject()
        for (key, box) in self.boxes.sorted(by: { $0.key < $1.key }) {
            boxes[key.did] = .string(Base64URL.encode(box))
        }
        return [
            "header": header.document,
            "signature": .string(Base64URL.encode(signature.bytes)),
            "body": body.map { .string(Base64URL.encode($0)) } ?? .null,
            "boxes": .object(boxes),
        ]
    }

    /// Where it stands.
    package var place: NetworkHead { NetworkHead(sequence: header.sequence, hash: hash) }
}
