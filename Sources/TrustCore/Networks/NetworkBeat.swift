package import OverlayCrypto
package import PosternModel

/// An owner's or administrator's signed word of how far the log of a network has come, and when (RULES N5). It is not
/// in the log: of each signer the newest is kept, and passed on by hub and members. A hub that withholds a removal has
/// to withhold these too, and that shows.
package struct NetworkBeat: Hashable, Sendable {
    package let record: SignedRecord
    package let network: NetworkID
    package let head: NetworkHead
    /// By the signer's clock.
    package let time: Timestamp

    /// Whose word it is.
    package var signer: NodeKey { record.signer }
    /// The signed object.
    package var document: JSONValue { record.document }

    /// Signs that the log of `network` has come to `head` at `time`.
    package init(of identity: NodeIdentity, for network: NetworkID, at head: NetworkHead, time: Timestamp) {
        var members = JSONObject()
        members["network"] = .string(network.description)
        members["sequence"] = .integer(head.sequence)
        members["hash"] = .string(head.hash.description)
        members["time"] = .time(time.inMilliseconds)
        record = SignedRecord(.beat, members, signedBy: identity)
        self.network = network
        self.head = head
        self.time = time.inMilliseconds
    }

    /// The beat in `document`, verified.
    package init(verifying document: JSONValue) throws(RecordError) {
        let fields = try JSONFields(document)
        record = try SignedRecord(verifying: document, as: .beat)
        network = NetworkID(try fields.hash("network"))
        head = NetworkHead(sequence: try fields.integer("sequence"), hash: try fields.hash("hash"))
        time = try fields.time("time")
    }

    /// How many of them one document holds at most.
    package static let count = 16
}
