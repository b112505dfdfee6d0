package import OverlayWire
package import PosternModel
package import TrustCore

/// What a node asks of a hub: one JSON document each (Hub-API.md).
package enum HubRequest: Hashable, Sendable {
    /// Keep the requester in the registry, with the ids of the contact cards whose tokens give room in its mailbox;
    /// they replace those that it told before. `keys` tells how its key has changed, or which one comes next.
    case register(contacts: [RecordID], keys: NodeChain? = nil)
    /// The same of a node that is at home elsewhere and comes to meet somebody: what it told its own hubs stays.
    case visit(keys: NodeChain? = nil)
    /// Forget the requester.
    case deregister
    /// Keep sealed mail for `target`; the evidence says why there should be room for it.
    case deposit(target: NodeKey, sealed: [UInt8], evidence: DepositEvidence? = nil)
    /// Remove mail from the requester's own mailbox.
    case acknowledge([RecordID])
    /// Open a relay channel to `target`, which gave the requester `grant`.
    case resolve(target: NodeKey, grant: Grant)
    /// Open a relay channel to `target`, a fellow member of a network.
    case meet(target: NodeKey, in: NetworkID)
    /// Add entries behind the head of a network's log, all or none; a genesis begins one.
    case append(NetworkID, [NetworkEntry])
    /// Tell the entries of a network's log that a holder of the locator lacks. Whoever is no member shows an
    /// invitation.
    case read(NetworkID, after: [NetworkHash], proof: NetworkProof?)
    /// Keep the words of owners and administrators of a network, and tell its members.
    case beat(NetworkID, [NetworkBeat])
    /// Take note of the requester's credential in a network, where it has one, and tell it of those that others have
    /// shown.
    case show(NetworkCredential?, in: NetworkID)
    /// Keep the content key of this hash for readers in a network, sealed to each, and tell who has none.
    case box(NetworkID, key: NetworkHash, [NodeKey: [UInt8]])
    /// Close a channel of the requester.
    case release(RelayChannel)
    /// Refuse the requester's earlier grants to one subject from now on.
    case revoke(Revocation)
    /// Keep the requester's mark, and give it back when it registers (RULES N19).
    case mark(StateMark)
    /// Tell the revocations between the requester and these.
    case recall([NodeKey])

    /// How much mail one request may acknowledge.
    private static let acknowledgedCount = 256
    /// How many nodes one request may ask about: what is told of them fits into one document.
    package static let recalledCount = 32
    /// How many entries one request may add.
    package static let appendedCount = 8
    /// How many readers' boxes one request may hold, and one answer ask for.
    package static let boxCount = 128
    /// How many contact cards one node may have.
    package static let contactCount = 256

    /// The request in `document`. Records in it are verified here, so no request holds a forged one.
    package init(_ document: JSONValue) throws(RecordError) {
        var grants = VerifiedGrants(limit: 0)
        try self.init(document, &grants)
    }

    /// The same, for which the grant of a look-up is taken from `grants`.
    private init(_ document: JSONValue, _ grants: inout VerifiedGrants) throws(RecordError) {
        let fields = try JSONFields(document)
        switch try fields.text("do", limit: 32) {
        case "register":
            let contacts = try fields.list("contacts", limit: Self.contactCount) { value in
                value.string.flatMap { RecordID($0) }
            }
            let isVisit = fields.optionalValue("visit") == .bool(true)
            let keys = try NodeChain(in: fields)
            self = isVisit ? .visit(keys: keys) : .register(contacts: contacts, keys: keys)
        case "deregister":
            self = .deregister
        case "deposit":
            let sealed = try fields.bytes("sealed", limit: RecordLimits.sealed)
            guard !sealed.isEmpty else { throw .invalid("sealed") }
            let evidence = try DepositEvidence(in: fields)
            self = .deposit(target: try fields.key("to"), sealed: sealed, evidence: evidence)
        case "acknowledge":
            let ids = try fields.list("ids", limit: Self.acknowledgedCount) { value in
                value.string.flatMap { RecordID($0) }
            }
            self = .acknowledge(ids)
        case "resolve":
            self = try Self.lookUp(fields, &grants)
        case "append":
            let entries = try fields.list("entries", limit: Self.appendedCount) { try? NetworkEntry(verifying: $0) }
            guard !entries.isEmpty else { throw .invalid("entries") }
            self = .append(NetworkID(try fields.hash("network")), entries)
        case "read":
            self = try Self.read(fields)
        case "beat":
            let beats = try fields.list("beats", limit: NetworkBeat.count) { try? NetworkBeat(verifying: $0) }
            self = .beat(NetworkID(try fields.hash("network")), beats)
        case "show":
            let credential = try fields.optionalValue("credential").map { value throws(RecordError) in
                try NetworkCredential(verifying: value)
            }
            self = .show(credential, in: NetworkID(try fields.hash("network")))
        case "box":
            let boxes = try fields.boxes(limit: Self.boxCount)
            self = .box(NetworkID(try fields.hash("network")), key: try fields.hash("key"), boxes)
        case "release":
            self = .release(try fields.channel())
        case "revoke":
            self = .revoke(try Revocation(verifying: try fields.value("revocation")))
        case "mark":
            self = .mark(try StateMark(verifying: try fields.value("mark")))
        case "recall":
            self = .recall(
                try fields.list("of", limit: Self.recalledCount) { value in
                    value.string.flatMap { NodeKey(did: $0) }
                }
            )
        case _:
            throw .invalid("do")
        }
    }

    /// The request that a node wrote, or how a hub refuses it; nil: it was no JSON within the limits.
    package init(received document: JSONValue?) throws(HubRefusal) {
        var grants = VerifiedGrants(limit: 0)
        try self.init(received: document, &grants)
    }

    /// The same, for which the grant of a look-up is taken from `grants`.
    package init(received document: JSONValue?, _ grants: inout VerifiedGrants) throws(HubRefusal) {
        guard let document else { throw HubRefusal(.malformed) }
        do throws(RecordError) { try self.init(document, &grants) } catch { throw HubRefusal(error) }
    }

    /// The document to send.
    package var document: JSONValue {
        switch self {
        case .register(let contacts, let keys):
            Self.register(contacts, keys)
        case .visit(let keys):
            // A hub of a former version takes it as a registration.
            Self.register([], keys, isVisit: true)
        case .deregister:
            ["do": "deregister"]
        case .deposit(let target, let sealed, let evidence):
            Self.deposit(sealed, for: target, evidence)
        case .acknowledge(let ids):
            ["do": "acknowledge", "ids": .texts(ids)]
        case .resolve(let target, let grant):
            ["do": "resolve", "to": .string(target.did), "grant": grant.document]
        case .meet(let target, let network):
            ["do": "resolve", "to": .string(target.did), "network": .string(network.description)]
        case .append(let network, let entries):
            [
                "do": "append", "network": .string(network.description),
                "entries": .array(entries.map(\.document)),
            ]
        case .read(let network, let locator, let proof):
            [
                "do": "read", "network": .string(network.description), "after": .texts(locator),
                "guest": proof.map { .string($0.guest.did) } ?? .null,
                "proof": proof.map { .string($0.text) } ?? .null,
            ]
        case .beat(let network, let beats):
            [
                "do": "beat", "network": .string(network.description), "beats": .array(beats.map(\.document)),
            ]
        case .show(let credential, let network):
            [
                "do": "show", "network": .string(network.description), "credential": credential?.document ?? .null,
            ]
        case .box(let network, let key, let boxes):
            [
                "do": "box", "network": .string(network.description), "key": .string(key.description),
                "boxes": .boxes(boxes),
            ]
        case .release(let channel):
            ["do": "release", "channel": channel.json]
        case .revoke(let revocation):
            ["do": "revoke", "revocation": revocation.document]
        case .mark(let mark):
            ["do": "mark", "mark": mark.document]
        case .recall(let keys):
            ["do": "recall", "of": .texts(keys.map(\.did))]
        }
    }

    private static func register(_ contacts: [RecordID], _ keys: NodeChain?, isVisit: Bool = false) -> JSONValue {
        var members = JSONObject()
        members["do"] = "register"
        members["contacts"] = .texts(contacts)
        if isVisit { members["visit"] = true }
        if let keys { members["keys"] = .array(keys.documents) }
        return .object(members)
    }

    private static func lookUp(
        _ fields: JSONFields,
        _ grants: inout VerifiedGrants
    ) throws(RecordError) -> HubRequest {
        let target = try fields.key("to")
        guard fields.has("network") else {
            return .resolve(target: target, grant: try grants.grant(in: try fields.value("grant")))
        }
        guard !fields.has("grant") else { throw .invalid("grant") }
        return .meet(target: target, in: NetworkID(try fields.hash("network")))
    }

    private static func read(_ fields: JSONFields) throws(RecordError) -> HubRequest {
        let locator = try fields.list("after", limit: NetworkLog.locatorCount + 1) { value in
            value.string.flatMap { NetworkHash($0) }
        }
        let proof = fields.has("guest") ? try NetworkProof(in: fields) : nil
        return .read(NetworkID(try fields.hash("network")), after: locator, proof: proof)
    }

    private static func deposit(_ sealed: [UInt8], for target: NodeKey, _ evidence: DepositEvidence?) -> JSONValue {
        var members = JSONObject()
        members["do"] = "deposit"
        members["to"] = .string(target.did)
        members["sealed"] = .string(Base64URL.encode(sealed))
        if let member = evidence?.member { members[member.name] = member.value }
        return .object(members)
    }
}
