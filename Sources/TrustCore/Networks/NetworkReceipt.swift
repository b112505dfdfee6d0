package import OverlayCrypto
package import PosternModel

/// A hub's signed word that a log has come to a head with it (RULES N3). Two of one hub that name different hashes for
/// one number convict it.
package struct NetworkReceipt: Hashable, Sendable {
    package let record: SignedRecord
    package let network: NetworkID
    package let head: NetworkHead
    /// By the hub's clock.
    package let time: Timestamp

    /// Whose word it is.
    package var hub: NodeKey { record.signer }
    /// The signed object.
    package var document: JSONValue { record.document }

    /// Signs that the log of `network` has come to `head` with `hub`.
    package init(of hub: NodeIdentity, for network: NetworkID, at head: NetworkHead, time: Timestamp) {
        var members = JSONObject()
        members["network"] = .string(network.description)
        members["sequence"] = .integer(head.sequence)
        members["hash"] = .string(head.hash.description)
        members["time"] = .time(time.inMilliseconds)
        record = SignedRecord(.receipt, members, signedBy: hub)
        self.network = network
        self.head = head
        self.time = time.inMilliseconds
    }

    /// The receipt in `document`, verified.
    package init(verifying document: JSONValue) throws(RecordError) {
        let fields = try JSONFields(document)
        record = try SignedRecord(verifying: document, as: .receipt)
        network = NetworkID(try fields.hash("network"))
        head = NetworkHead(sequence: try fields.integer("sequence"), hash: try fields.hash("hash"))
        time = try fields.time("time")
    }
}
