import OverlayCrypto
package import PosternModel

/// A node's word of which key comes after its current one, that does not tell the key (RULES N11).
package struct KeyCommitment: Hashable, Sendable {
    /// How often the node had changed its key when it gave this.
    package let sequence: Int64
    /// BLAKE2b-256 of a fixed text and the next public key, 32 bytes.
    package let hash: [UInt8]

    private static let context = Array("postern next key 1\n".utf8)

    /// The commitment to `next` as the key after the one with the number `sequence`.
    package init(to next: NodeKey, after sequence: Int64) {
        self.sequence = sequence
        hash = Hash.blake2b(Self.context + next.bytes)
    }

    init(sequence: Int64, hash: [UInt8]) {
        self.sequence = sequence
        self.hash = hash
    }

    /// Whether `key` is the one that was meant.
    package func isKept(by key: NodeKey) -> Bool { self == KeyCommitment(to: key, after: sequence) }

    /// The form inside of grants and of a node's facts.
    package var json: JSONValue {
        ["sequence": .integer(sequence), "hash": .string(Base64URL.encode(hash))]
    }

    /// The commitment in `document`.
    package init(_ document: JSONValue) throws(RecordError) {
        let fields = try JSONFields(document)
        sequence = try fields.integer("sequence")
        hash = try fields.bytes("hash", exactly: 32)
        guard sequence >= 0 else { throw .invalid("sequence") }
    }
}
