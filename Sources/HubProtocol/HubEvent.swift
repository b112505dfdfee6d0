package import OverlayWire
package import PosternModel
package import TrustCore

/// What a hub tells a node on its event stream: one JSON document a line (Hub-API.md).
package enum HubEvent: Hashable, Sendable {
    /// Sealed mail; it stays in the mailbox until it is acknowledged.
    case mail(id: RecordID, sealed: [UInt8], as: MailClass)
    /// All mail that was waiting has been sent.
    case ready
    /// A relay channel to `peer` is open, which comes with the credential that makes it a fellow member, if that does,
    /// and with its keys, if it has changed them.
    case channel(RelayChannel, peer: NodeKey, credential: NetworkCredential? = nil, keys: NodeChain? = nil)
    /// The log of a network has come to this head.
    case network(NetworkID, NetworkHead)
    /// The word of an owner or administrator of a network.
    case beat(NetworkBeat)
    /// Somebody is a member of a network by certificate.
    case credential(NetworkCredential)
    /// A relay channel is closed.
    case closed(RelayChannel)
    /// The other hubs that share this one's registry, and by what an older copy of the registry is known. A hub that is
    /// draining is about to end.
    case hubs([HubURL], store: String?, isDraining: Bool)

    /// How many hubs share a registry at most (RULES N16).
    private static let hubCount = 8

    /// The event in `document`.
    package init(_ document: JSONValue) throws(RecordError) {
        let fields = try JSONFields(document)
        switch try fields.text("event", limit: 32) {
        case "mail":
            let sealed = try fields.bytes("sealed", limit: RecordLimits.sealed)
            self = .mail(id: try fields.recordID("id"), sealed: sealed, as: try MailClass(in: fields))
        case "ready": self = .ready
        case "channel":
            let credential = fields.optionalValue("credential").flatMap { try? NetworkCredential(verifying: $0) }
            let (channel, peer) = (try fields.channel(), try fields.key("peer"))
            self = .channel(channel, peer: peer, credential: credential, keys: try NodeChain(in: fields))
        case "network":
            let head = NetworkHead(sequence: try fields.integer("sequence"), hash: try fields.hash("head"))
            self = .network(NetworkID(try fields.hash("network")), head)
        case "hubs":
            let hubs = try fields.list("hubs", limit: Self.hubCount) { value in
                value.string.flatMap { try? HubURL($0) }
            }
            let store = try fields.optionalValue("store").map { _ throws(RecordError) in
                try fields.text("store", limit: 64)
            }
            self = .hubs(hubs, store: store, isDraining: try fields.bool("draining"))
        case "beat": self = .beat(try NetworkBeat(verifying: try fields.value("beat")))
        case "credential":
            self = .credential(try NetworkCredential(verifying: try fields.value("credential")))
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
        case .channel(let channel, let peer, let credential, let keys):
            Self.channel(channel, peer, credential, keys)
        case .network(let network, let head):
            [
                "event": "network", "network": .string(network.description), "sequence": .integer(head.sequence),
                "head": .string(head.hash.description),
            ]
        case .beat(let beat):
            ["event": "beat", "beat": beat.document]
        case .credential(let credential):
            ["event": "credential", "credential": credential.document]
        case .closed(let channel):
            ["event": "closed", "channel": channel.json]
        case .hubs(let hubs, let store, let isDraining):
            [
                "event": "hubs", "hubs": .texts(hubs), "store": store.map { .string($0) } ?? .null,
                "draining": .bool(isDraining),
            ]
        }
    }

    private static func channel(
        _ channel: RelayChannel,
        _ peer: NodeKey,
        _ credential: NetworkCredential?,
        _ keys: NodeChain?
    ) -> JSONValue {
        var members = JSONObject()
        members["event"] = "channel"
        members["channel"] = channel.json
        members["peer"] = .string(peer.did)
        if let credential { members["credential"] = credential.document }
        if let keys { members["keys"] = .array(keys.documents) }
        return .object(members)
    }
}
