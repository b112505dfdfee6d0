package import PosternModel
package import TrustCore

/// What one sidecar asks another on the control port: one JSON document each.
package enum PeerRequest: Hashable, Sendable {
    /// Which services may the asker use?
    case services
    /// A guest redeems an invitation: its claim, sealed to the inviter.
    case redeem(claim: [UInt8])
    /// Keep the asker's mark, and give back the one that it left before (RULES N19).
    case mark(StateMark)
    /// The asker has changed its key.
    case keys(NodeChain)
    /// Which entries of a network's log does the asker lack, whose locator this is, and which words of owners and
    /// administrators other than these? The credential makes the asker a member, where the log does not.
    case entries(NetworkID, after: [NetworkHash], beats: [NetworkBeat], credential: NetworkCredential? = nil)

    /// The request in `document`; throws when it is none, or one that this version does not know.
    package init(_ document: JSONValue) throws(RecordError) {
        let fields = try JSONFields(document)
        switch try fields.text("do", limit: 32) {
        case "services": self = .services
        case "redeem": self = .redeem(claim: try fields.bytes("claim", limit: RecordLimits.sealed))
        case "entries":
            let locator = try fields.list("after", limit: NetworkLog.locatorCount + 1) { value in
                value.string.flatMap { NetworkHash($0) }
            }
            let beats = try fields.list("beats", limit: NetworkBeat.count) { try? NetworkBeat(verifying: $0) }
            let credential = fields.optionalValue("credential").flatMap { try? NetworkCredential(verifying: $0) }
            self = .entries(
                NetworkID(try fields.hash("network")),
                after: locator,
                beats: beats,
                credential: credential
            )
        case "keys": self = .keys(try NodeChain(of: fields))
        case "mark": self = .mark(try StateMark(verifying: try fields.value("mark")))
        case _: throw .invalid("do")
        }
    }

    /// The document to send.
    package var document: JSONValue {
        switch self {
        case .services: ["do": "services"]
        case .redeem(let claim): ["do": "redeem", "claim": .string(Base64URL.encode(claim))]
        case .mark(let mark): ["do": "mark", "mark": mark.document]
        case .keys(let keys): ["do": "keys", "keys": .array(keys.documents)]
        case .entries(let network, let locator, let beats, let credential):
            [
                "do": "entries", "network": .string(network.description), "after": .texts(locator),
                "beats": .array(beats.map(\.document)), "credential": credential?.document ?? .null,
            ]
        }
    }
}

/// What a sidecar answers on the control port.
package enum PeerAnswer: Hashable, Sendable {
    /// The services that the asker may use, and no others (R8).
    /// And which version of Postern answers; nil: it does not say.
    case services([Service], version: String? = nil)
    /// The inviter's answer to a claim, sealed to the guest.
    case redeemed(answer: [UInt8])
    /// The mark that the asker has left before, if one is kept.
    case marked(StateMark?)
    /// Entries of a network's log, each behind the one that it follows, and the words of its owners and administrators;
    /// for whoever is a member by certificate the content key, sealed to it.
    case entries([NetworkEntry], beats: [NetworkBeat], key: [UInt8]? = nil)
    /// It was heard.
    case done
    /// This cannot be asked, or not by this peer: the same in both cases.
    case refused

    /// The answer in `document`; throws when it is none. Services of a kind that this version does not know are left
    /// out.
    package init(_ document: JSONValue) throws(RecordError) {
        let fields = try JSONFields(document)
        if try !fields.bool("ok") {
            self = .refused
        } else if fields.has("answer") {
            self = .redeemed(answer: try fields.bytes("answer", limit: RecordLimits.sealed))
        } else if fields.has("services") {
            guard let services = try fields.value("services").array else { throw .invalid("services") }
            let version = fields.optionalValue("version")?.string.map { PlainText.clean($0, limit: 32) }
            self = .services(services.compactMap { try? Service(decoding: $0) }, version: version)
        } else if fields.has("entries") {
            var entries: [NetworkEntry] = []
            for document in try fields.value("entries").array ?? [] {
                entries.append(try NetworkEntry(verifying: document))
            }
            let beats = try fields.list("beats", limit: NetworkBeat.count) { try? NetworkBeat(verifying: $0) }
            let key = fields.has("key") ? try fields.bytes("key", limit: 128) : nil
            self = .entries(entries, beats: beats, key: key)
        } else if !fields.has("mark"), document["mark"] == nil {
            self = .done
        } else {
            let mark = try fields.value("mark")
            self = .marked(mark == .null ? nil : try StateMark(verifying: mark))
        }
    }

    /// The document to send.
    package var document: JSONValue {
        switch self {
        case .services(let services, let version):
            ["ok": true, "services": JSONValue(encoding: services), "version": version.map { .string($0) } ?? .null]
        case .redeemed(let answer): ["ok": true, "answer": .string(Base64URL.encode(answer))]
        case .entries(let entries, let beats, let key):
            [
                "ok": true, "entries": .array(entries.map(\.document)), "beats": .array(beats.map(\.document)),
                "key": key.map { .string(Base64URL.encode($0)) } ?? .null,
            ]
        case .done: ["ok": true]
        case .marked(let mark): ["ok": true, "mark": mark?.document ?? .null]
        case .refused: ["ok": false, "error": ["code": "refused", "message": "this cannot be asked"]]
        }
    }
}
