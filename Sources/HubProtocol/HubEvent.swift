package import OverlayWire
package import PosternModel
package import TrustCore

/// What a hub tells a node that watches: one JSON document a line (Hub-API.md).
package enum HubEvent: Hashable, Sendable {
    /// Sealed mail; it stays in the mailbox until it is acknowledged.
    case mail(id: RecordID, sealed: [UInt8])
    /// All mail that was waiting has been told.
    case ready
    /// A relayed conversation with `peer` is open.
    case channel(RelayChannel, peer: NodeKey)
    /// A relayed conversation is over.
    case closed(RelayChannel)

    /// The event in `document`.
    package init(_ document: JSONValue) throws(RecordError) {
        let fields = try JSONFields(document)
        func channel() throws(RecordError) -> RelayChannel {
            guard let number = UInt32(exactly: try fields.integer("channel")) else { throw .invalid("channel") }
            return RelayChannel(number)
        }
        switch try fields.text("event", limit: 32) {
        case "mail":
            let sealed = try fields.bytes("sealed", limit: RecordLimits.sealed)
            self = .mail(id: try fields.recordID("id"), sealed: sealed)
        case "ready": self = .ready
        case "channel": self = .channel(try channel(), peer: try fields.key("peer"))
        case "closed": self = .closed(try channel())
        case _: throw .invalid("event")
        }
    }

    /// The document to send.
    package var document: JSONValue {
        switch self {
        case .mail(let id, let sealed):
            ["event": "mail", "id": .string(id.description), "sealed": .string(Base64URL.encode(sealed))]
        case .ready:
            ["event": "ready"]
        case .channel(let channel, let peer):
            ["event": "channel", "channel": .integer(Int64(channel.rawValue)), "peer": .string(peer.did)]
        case .closed(let channel):
            ["event": "closed", "channel": .integer(Int64(channel.rawValue))]
        }
    }
}
