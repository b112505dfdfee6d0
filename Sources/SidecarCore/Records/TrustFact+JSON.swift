import HubProtocol
import OverlayCrypto
package import PosternModel
package import TrustCore

extension TrustFact {
    /// The form in the journal.
    package var document: JSONValue {
        switch self {
        case .asked(let request):
            ["fact": "asked", "request": request.document]
        case .answered(let id):
            ["fact": "answered", "id": .string(id.description)]
        case .offered(let peer, let time):
            ["fact": "offered", "to": .string(peer.did), "at": .time(time)]
        case .received(let request, let time, let stranger):
            [
                "fact": "received", "request": request.document, "at": .time(time),
                "stranger": stranger.map { .string(String($0.rawValue, radix: 16)) } ?? .null,
            ]
        case .carded(let token, let time):
            ["fact": "carded", "token": .string(Base64URL.encode(token.bytes)), "at": .time(time)]
        case .uncarded(let id): ["fact": "uncarded", "id": .string(id.description)]
        case .decided(let id, let until):
            ["fact": "decided", "id": .string(id.description), "until": .time(until)]
        case .acceptedByRule(let acceptance): acceptance.document
        case .trusted(let relationship):
            ["fact": "trusted", "trust": relationship.document]
        case .revoked(let revocation):
            ["fact": "revoked", "revocation": revocation.document]
        case .committed(let commitment, let peer):
            ["fact": "committed", "nextKey": commitment.json, "by": .string(peer.did)]
        case .contradicted(let commitment, let peer):
            ["fact": "contradicted", "nextKey": commitment.json, "by": .string(peer.did)]
        case .succeeded(let keys): ["fact": "succeeded", "keys": .array(keys.documents)]
        case .bound(let name, let peer):
            ["fact": "bound", "name": .string(name), "to": .string(peer.did)]
        case .blocked(let peer): ["fact": "blocked", "peer": .string(peer.did)]
        case .unblocked(let peer): ["fact": "unblocked", "peer": .string(peer.did)]
        case .invited(let invitation, let uses, let name, let time):
            [
                "fact": "invited", "invitation": .string(invitation.token), "uses": .integer(Int64(uses)),
                "name": name.map { .string($0) } ?? .null, "at": .time(time),
            ]
        case .uninvited(let id): ["fact": "uninvited", "invitation": .string(id.description)]
        case .redeemed(let id, let peer):
            ["fact": "redeemed", "invitation": .string(id.description), "by": .string(peer.did)]
        case .joining(let invitation, let claim, let name):
            [
                "fact": "joining", "invitation": .string(invitation.token), "claim": claim.document,
                "name": name.map { .string($0) } ?? .null,
            ]
        case .outbox(let entry):
            ["fact": "errand", "errand": entry.document]
        case .delivered(let id): ["fact": "errandDone", "id": .string(id.description)]
        case .outdated(let sequence): ["fact": "outdated", "known": .integer(sequence)]
        case .past(let ends): ["fact": "past", "ends": .array(ends.map(\.json))]
        case .recovered(let sequence): ["fact": "recovered", "known": .integer(sequence)]
        case .network(let fact):
            ["fact": "network", "network": fact.document]
        }
    }

    /// The fact in `document`; its records are verified again, but entries of networks in one that is sealed
    /// (`areSealed`).
    package init(_ document: JSONValue, areSealed: Bool = false) throws(RecordError) {
        let fields = try JSONFields(document)
        switch try fields.text("fact", limit: 32) {
        case "asked":
            self = .asked(try TrustRequest(verifying: try fields.value("request")))
        case "answered": self = .answered(try fields.recordID("id"))
        case "offered": self = .offered(try fields.key("to"), at: try fields.time("at"))
        case "received":
            let request = try TrustRequest(verifying: try fields.value("request"))
            let origin = fields.optionalValue("stranger")?.string.flatMap { UInt64($0, radix: 16) }
            self = .received(request, at: try fields.time("at"), stranger: origin.map { MailOrigin($0) })
        case "carded":
            guard let token = ContactToken(bytes: try fields.bytes("token", limit: ContactToken.byteCount)) else {
                throw .invalid("token")
            }
            self = .carded(token, at: try fields.time("at"))
        case "uncarded": self = .uncarded(try fields.recordID("id"))
        case "decided": self = .decided(try fields.recordID("id"), until: try fields.time("until"))
        case RuleAcceptance.fact: self = .acceptedByRule(try RuleAcceptance(fields))
        case "trusted": self = .trusted(try TrustRelationship(try fields.value("trust")))
        case "revoked":
            self = .revoked(try Revocation(verifying: try fields.value("revocation")))
        case "committed":
            self = .committed(try KeyCommitment(try fields.value("nextKey")), by: try fields.key("by"))
        case "contradicted":
            self = .contradicted(try KeyCommitment(try fields.value("nextKey")), by: try fields.key("by"))
        case "succeeded":
            self = .succeeded(try NodeChain(of: fields))
        case "bound":
            self = .bound(try fields.text("name", limit: RecordLimits.name), to: try fields.key("to"))
        case "blocked": self = .blocked(try fields.key("peer"))
        case "unblocked": self = .unblocked(try fields.key("peer"))
        case "invited":
            let invitation = try Invitation(token: try fields.text("invitation", limit: 8_192))
            let uses = Int(clamping: try fields.integer("uses"))
            // Without a time it is as old as can be: whoever was revoked since cannot redeem it.
            let time = try fields.optionalTime("at") ?? Timestamp(seconds: 0)
            self = .invited(invitation, uses: uses, name: try fields.optionalName, at: time)
        case "uninvited":
            self = .uninvited(try fields.recordID("invitation"))
        case "redeemed":
            self = .redeemed(try fields.recordID("invitation"), by: try fields.key("by"))
        case "joining":
            let invitation = try Invitation(token: try fields.text("invitation", limit: 8_192))
            let claim = try InvitationClaim(verifying: try fields.value("claim"))
            self = .joining(invitation, claim, name: try fields.optionalName)
        case "errand":
            self = .outbox(try OutboxEntry(try fields.value("errand")))
        case "errandDone":
            self = .delivered(try fields.recordID("id"))
        case "outdated":
            self = .outdated(try fields.integer("known"))
        case "past":
            self = .past(try fields.list("ends", limit: OwnMarks.keptCount) { ChainHead($0) })
        case "recovered": self = .recovered(try fields.integer("known"))
        case "network": self = .network(try NetworkFact(try fields.value("network"), areSealed: areSealed))
        case _:
            throw .invalid("fact")
        }
    }
}

extension TrustRelationship {
    var document: JSONValue {
        [
            "peer": .string(peer.did), "given": given.document, "received": received.document,
            "secret": .string(Base64URL.encode(secret.copyBytes())), "claims": .string(claims), "hubs": .texts(hubs),
            "candidates": .texts(candidates), "since": .time(since),
        ]
    }

    /// The relationship in `document`, where what the peer calls itself stands in the member `claims`.
    init(_ document: JSONValue, claims: String = "claims") throws(RecordError) {
        let fields = try JSONFields(document)
        self.init(
            peer: try fields.key("peer"),
            given: try Grant(verifying: try fields.value("given")),
            received: try Grant(verifying: try fields.value("received")),
            secret: try fields.preSharedKey("secret"),
            claims: try fields.text(claims, limit: RecordLimits.name),
            hubs: try fields.hubs(),
            candidates: try fields.endpoints(),
            since: try fields.time("since")
        )
        guard given.subject == peer, received.giver == peer else { throw .invalid("peer") }
    }
}

extension JSONFields {
    /// The name that is to be bound, if one is.
    fileprivate var optionalName: String? {
        get throws(RecordError) { has("name") ? try text("name", limit: RecordLimits.name) : nil }
    }
}

extension ChainHead {
    /// The form in a list: the number, a blank, the hash.
    fileprivate var json: JSONValue { .string("\(sequence) \(hash)") }

    fileprivate init?(_ value: JSONValue) {
        let parts = value.string?.split(separator: " ") ?? []
        guard parts.count == 2, let sequence = Int64(parts[0]), parts[1].utf8.count == 64 else { return nil }
        self.init(sequence: sequence, hash: String(parts[1]))
    }
}

extension OutboxEntry {
    var document: JSONValue {
        ["hubs": .texts(hubs), "request": request.document, "until": .time(until)]
    }

    init(_ document: JSONValue) throws(RecordError) {
        let fields = try JSONFields(document)
        self.init(
            hubs: try fields.list("hubs", limit: 64) { value in value.string.flatMap { try? HubURL($0) } },
            request: try HubRequest(try fields.value("request")),
            until: try fields.time("until")
        )
    }
}
