package import OverlayWire
package import PosternModel
package import TrustCore

/// What a hub tells a node on its event stream: one JSON document a line (Hub-API.md).
package enum HubEvent: Hashable, Sendable {
    /// Sealed mail; it stays in the mailbox until it is acknowledged.
    case mail(id: RecordID, sealed: [UInt8], as: MailClass)
    /// All mail that was waiting has been sent.
    case ready
    /// A relay channel to `peer` is open.
    case channel(RelayChannel, peer: NodeKey)
    /// The log of a network has come to this head.
    case network(NetworkID, NetworkHead)
    /// The word of an owner or administrator of a network.
    case beat(NetworkBeat)
    /// A relay channel is closed.
    case closed(RelayChannel)

    /// The event in `document`.
    package init(_ document: JSONValue) throws(RecordError) {
        let fields = try JSONFields(document)
        switch try fields.text("event", limit: 32) {
        case "mail":
            let sealed = try fields.bytes("sealed", limit: RecordLimits.sealed)
            self = .mail(id: try fields.recordID("id"), sealed: sealed, as: try MailClass(in: fields))
        case "ready": self = .ready
        case "channel": self = .channel(try fields.channel(), peer: try fields.key("peer"))
        case "network":
            let head = NetworkHead(sequence: try fields.integer("sequence"), hash: try fields.hash("head"))
            self = .network(NetworkID(try fields.hash("network")), head)
        case "beat": self = .beat(try NetworkBeat(verifying: try fields.value("beat")))
        case "closed": self = .closed(try fields.channel())
        case _: throw .invalid("event")
        }
    }

    /// The document to send.
    package var document: JSONValue {
        switch self {
        case .mail(let id, let sealed, let mailClass):
            [
                "event": "mail", "id": .string(id.description), "sealed": .string(Base64URL.encode(sealed)),
                "class": .string(mailClass.name), "origin": mailClass.origin?.json ?? .null,
            ]
        case .ready:
            ["event": "ready"]
        case .channel(let channel, let peer):
            ["event": "channel", "channel": channel.json, "peer": .string(peer.did)]
        case .network(let network, let head):
            [
                "event": "network", "network": .string(network.description), "sequence": .integer(head.sequence),
                "head": .string(head.hash.description),
            ]
        case .beat(let beat):
            ["event": "beat", "beat": beat.document]
        case .closed(let channel):
            ["event": "closed", "channel": channel.json]
        }
    }
}
