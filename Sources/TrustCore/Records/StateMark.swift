package import OverlayCrypto
package import PosternModel

/// A node's signed word of how far its journal has come (RULES N19).
///
/// It lies beside the journal, and with the node's hubs and peers, who give it back: a state directory whose journal
/// ends before it, or has another line under its number, is older than the node. It counts only with the signature of
/// the node itself.
package struct StateMark: Hashable, Sendable {
    package let record: SignedRecord
    /// The end of the journal.
    package let head: ChainHead

    /// Whose journal it is.
    package var node: NodeKey { record.signer }
    /// The signed object.
    package var document: JSONValue { record.document }

    /// Signs that the journal of `identity` ends at `head`, which is on the disk.
    package init(of identity: NodeIdentity, at head: ChainHead) {
        var members = JSONObject()
        members["sequence"] = .integer(head.sequence)
        members["hash"] = .string(head.hash)
        record = SignedRecord(.mark, members, signedBy: identity)
        self.head = head
    }

    /// The mark in `document`, verified.
    package init(verifying document: JSONValue) throws(RecordError) {
        let fields = try JSONFields(document)
        record = try SignedRecord(verifying: document, as: .mark)
        let sequence = try fields.integer("sequence")
        guard sequence >= 0 else { throw .invalid("sequence") }
        guard let hash = Hex.decode(try fields.text("hash", limit: 64)), hash.count == 32 else {
            throw .invalid("hash")
        }
        head = ChainHead(sequence: sequence, hash: Hex.encode(hash))
    }
}
