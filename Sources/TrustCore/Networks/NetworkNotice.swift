package import OverlayCrypto
package import PosternModel

/// An owner's or administrator's word to somebody that it is a member of a network now: where the log is, and how far
/// it had come, so that no hub shows another history. It opens nothing: its reader joins, or does not.
package struct NetworkNotice: Hashable, Sendable {
    package let record: SignedRecord
    package let network: NetworkID
    /// What its giver calls the network.
    package let name: String
    /// Where the log is.
    package let hubs: [HubURL]
    /// The entry that made the reader a member.
    package let head: NetworkHead
    /// Whom it is for.
    package let reader: NodeKey

    /// Whose word it is.
    package var giver: NodeKey { record.signer }
    /// The signed object.
    package var document: JSONValue { record.document }

    /// Tells `reader` that it is a member of `network`.
    package init(
        from identity: NodeIdentity,
        to reader: NodeKey,
        network: NetworkID,
        name: String,
        hubs: [HubURL],
        head: NetworkHead
    ) {
        self.network = network
        self.name = name
        self.hubs = Array(hubs.prefix(RecordLimits.hubs))
        self.head = head
        self.reader = reader
        var members = JSONObject()
        members["to"] = .string(reader.did)
        members["network"] = .string(network.description)
        members["name"] = .string(name)
        members["hubs"] = .texts(self.hubs)
        members["sequence"] = .integer(head.sequence)
        members["head"] = .string(head.hash.description)
        record = SignedRecord(.notice, members, signedBy: identity)
    }

    /// The notice in `document`, verified.
    package init(verifying document: JSONValue) throws(RecordError) {
        let fields = try JSONFields(document)
        record = try SignedRecord(verifying: document, as: .notice)
        network = NetworkID(try fields.hash("network"))
        name = try fields.text("name", limit: RecordLimits.name)
        hubs = try fields.hubs()
        head = NetworkHead(sequence: try fields.integer("sequence"), hash: try fields.hash("head"))
        reader = try fields.key("to")
        guard HostName.isLowercaseLabel(name), !hubs.isEmpty else { throw .invalid("name") }
    }
}
