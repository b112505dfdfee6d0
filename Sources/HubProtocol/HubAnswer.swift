package import OverlayWire
package import PosternModel
package import TrustCore

/// What a hub answers to a request: one JSON document each (Hub-API.md). Answers that must not differ are one case.
package enum HubAnswer: Hashable, Sendable {
    /// Done, or, for mail, taken: the same whether the target exists, is full or has refused (R9).
    case done
    /// The node is registered. The address is the one that its key makes, the time is the hub's clock.
    case registered(NodeKey, OverlayAddress, at: Timestamp)
    /// The target is present; sealed packets for it go into the requester's channel.
    case online(RelayChannel)
    /// The target is registered but away; the requester is told when it comes.
    case offline
    /// Nothing was done.
    case refused(HubRefusal)

    /// The answer in `document`; throws when it is none, or one that this version does not know.
    package init(_ document: JSONValue) throws(RecordError) {
        let fields = try JSONFields(document)
        if try !fields.bool("ok") {
            self = .refused(try HubRefusal(try fields.value("error")))
        } else if fields.has("did") {
            guard let address = OverlayAddress(try fields.text("address", limit: 64)) else { throw .invalid("address") }
            self = .registered(try fields.key("did"), address, at: try fields.time("time"))
        } else if fields.has("online") {
            self = try fields.bool("online") ? .online(try fields.channel()) : .offline
        } else {
            self = .done
        }
    }

    /// The document to send.
    package var document: JSONValue {
        switch self {
        case .done: ["ok": true]
        case .registered(let key, let address, let time):
            [
                "ok": true, "did": .string(key.did), "address": .string(address.description),
                "time": .time(time),
            ]
        case .online(let channel): ["ok": true, "online": true, "channel": channel.json]
        case .offline: ["ok": true, "online": false]
        case .refused(let refusal): ["ok": false, "error": refusal.document]
        }
    }
}
