package import OverlayWire
package import PosternModel
package import TrustCore

/// What a hub answers to a request: one JSON document each (Hub-API.md). Answers that must not differ are one case.
package enum HubAnswer: Hashable, Sendable {
    /// Done, or, for mail, taken: the same whether the target exists, is full or has refused (R9).
    case done
    /// The node is registered. The address is the one that its key makes, the time is the hub's clock, the mark is the
    /// one that the node has left here.
    case registered(NodeKey, OverlayAddress, at: Timestamp, mark: StateMark? = nil)
    /// The revocations between the requester and those whom it asked about, by whichever of the two.
    case revocations([Revocation])
    /// The target is present; sealed packets for it go into the requester's channel. `keys`: it has changed its key.
    case online(RelayChannel, keys: NodeChain? = nil)
    /// The target is registered but away; the requester is told when it comes.
    case offline
    /// The same; it is at home at other hubs of those that share a registry, where it may be present.
    case away(homes: [HubURL])
    /// Entries of a network's log, each behind the one that it follows, how far the log has come, and the boxes of its
    /// content key that wait for the reader.
    case entries([NetworkEntry], head: NetworkHead, boxes: [NodeKey: [UInt8]] = [:])
    /// The entries are in the log.
    case appended(NetworkReceipt)
    /// The boxes are kept; these readers have none of the network's content key.
    case boxed(lacking: [NodeKey])
    /// Nothing was done.
    case refused(HubRefusal)

    /// The answer in `document`; throws when it is none, or one that this version does not know.
    package init(_ document: JSONValue) throws(RecordError) {
        let fields = try JSONFields(document)
        if try !fields.bool("ok") {
            self = .refused(try HubRefusal(try fields.value("error")))
        } else if fields.has("did") {
            guard let address = OverlayAddress(try fields.text("address", limit: 64)) else { throw .invalid("address") }
            let mark = try fields.optionalValue("mark").map { value throws(RecordError) in
                try StateMark(verifying: value)
            }
            self = .registered(try fields.key("did"), address, at: try fields.time("time"), mark: mark)
        } else if fields.has("revocations") {
            let revocations = try fields.list("revocations", limit: HubRequest.recalledCount * 2) { value in
                try? Revocation(verifying: value)
            }
            self = .revocations(revocations)
        } else if fields.has("online") {
            let isOnline = try fields.bool("online")
            self = isOnline ? .online(try fields.channel(), keys: try NodeChain(in: fields)) : Self.away(fields)
        } else if fields.has("entries") {
            guard let documents = try fields.value("entries").array else { throw .invalid("entries") }
            var entries: [NetworkEntry] = []
            for document in documents { entries.append(try NetworkEntry(verifying: document)) }
            let head = NetworkHead(sequence: try fields.integer("sequence"), hash: try fields.hash("head"))
            self = .entries(entries, head: head, boxes: try fields.boxes(limit: 2))
        } else if fields.has("lacking") {
            let lacking = try fields.list("lacking", limit: HubRequest.boxCount) { value in
                value.string.flatMap { NodeKey(did: $0) }
            }
            self = .boxed(lacking: lacking)
        } else if fields.has("receipt") {
            self = .appended(try NetworkReceipt(verifying: try fields.value("receipt")))
        } else {
            self = .done
        }
    }

    /// How many homes of a node are told.
    private static let homeCount = 8

    private static func away(_ fields: JSONFields) -> HubAnswer {
        let texts = fields.optionalValue("homes")?.array?.prefix(homeCount) ?? []
        let homes = texts.compactMap { $0.string.flatMap { try? HubURL($0) } }
        return homes.isEmpty ? .offline : .away(homes: homes)
    }

    /// The document to send.
    package var document: JSONValue {
        switch self {
        case .done: ["ok": true]
        case .registered(let key, let address, let time, let mark):
            [
                "ok": true, "did": .string(key.did), "address": .string(address.description),
                "time": .time(time), "mark": mark?.document ?? .null,
            ]
        case .revocations(let revocations):
            ["ok": true, "revocations": .array(revocations.map(\.document))]
        case .entries(let entries, let head, let boxes):
            [
                "ok": true, "entries": .array(entries.map(\.document)), "sequence": .integer(head.sequence),
                "head": .string(head.hash.description), "boxes": .boxes(boxes),
            ]
        case .boxed(let lacking): ["ok": true, "lacking": .texts(lacking.map(\.did))]
        case .appended(let receipt): ["ok": true, "receipt": receipt.document]
        case .online(let channel, nil): ["ok": true, "online": true, "channel": channel.json]
        case .online(let channel, let keys?):
            ["ok": true, "online": true, "channel": channel.json, "keys": .array(keys.documents)]
        case .offline: ["ok": true, "online": false]
        case .away(let homes): ["ok": true, "online": false, "homes": .texts(homes)]
        case .refused(let refusal): ["ok": false, "error": refusal.document]
        }
    }
}
