package import OverlayWire
package import PosternModel
package import TrustCore

/// What a node asks of a hub: one JSON document each (Hub-API.md).
package enum HubRequest: Hashable, Sendable {
    /// Keep the requester in the registry, with the ids of the contact cards whose tokens give room in its mailbox;
    /// they replace those that it told before.
    case register(contacts: [RecordID])
    /// Forget the requester.
    case deregister
    /// Keep sealed mail for `target`; the evidence says why there should be room for it.
    case deposit(target: NodeKey, sealed: [UInt8], evidence: DepositEvidence? = nil)
    /// Remove mail from the requester's own mailbox.
    case acknowledge([RecordID])
    /// Open a relay channel to `target`, which gave the requester `grant`.
    case resolve(target: NodeKey, grant: Grant)
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
    /// How many contact cards one node may have.
    package static let contactCount = 256

    /// The request in `document`. Records in it are verified here, so no request holds a forged one.
    package init(_ document: JSONValue) throws(RecordError) {
        let fields = try JSONFields(document)
        switch try fields.text("do", limit: 32) {
        case "register":
            let contacts = try fields.list("contacts", limit: Self.contactCount) { value in
                value.string.flatMap { RecordID($0) }
            }
            self = .register(contacts: contacts)
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
            self = .resolve(target: try fields.key("to"), grant: try Grant(verifying: try fields.value("grant")))
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
        guard let document else { throw HubRefusal(.malformed) }
        do throws(RecordError) { try self.init(document) } catch { throw HubRefusal(error) }
    }

    /// The document to send.
    package var document: JSONValue {
        switch self {
        case .register(let contacts):
            ["do": "register", "contacts": .texts(contacts)]
        case .deregister:
            ["do": "deregister"]
        case .deposit(let target, let sealed, let evidence):
            Self.deposit(sealed, for: target, evidence)
        case .acknowledge(let ids):
            ["do": "acknowledge", "ids": .texts(ids)]
        case .resolve(let target, let grant):
            ["do": "resolve", "to": .string(target.did), "grant": grant.document]
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

    private static func deposit(_ sealed: [UInt8], for target: NodeKey, _ evidence: DepositEvidence?) -> JSONValue {
        var members = JSONObject()
        members["do"] = "deposit"
        members["to"] = .string(target.did)
        members["sealed"] = .string(Base64URL.encode(sealed))
        if let member = evidence?.member { members[member.name] = member.value }
        return .object(members)
    }
}
