import HubProtocol
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
        case .received(let request, let time):
            ["fact": "received", "request": request.document, "at": .time(time)]
        case .decided(let id, let until):
            ["fact": "decided", "id": .string(id.description), "until": .time(until)]
        case .trusted(let relationship):
            ["fact": "bonded", "bond": relationship.document]
        case .revoked(let revocation):
            ["fact": "revoked", "revocation": revocation.document]
        case .named(let peer, let name):
            ["fact": "named", "peer": .string(peer.did), "name": .string(name)]
        case .invited(let invitation, let uses):
            ["fact": "invited", "invitation": .string(invitation.token), "uses": .integer(Int64(uses))]
        case .redeemed(let id, let peer):
            ["fact": "redeemed", "invitation": .string(id.description), "by": .string(peer.did)]
        case .joining(let invitation, let claim):
            ["fact": "joining", "invitation": .string(invitation.token), "claim": claim.document]
        case .outbox(let entry):
            ["fact": "errand", "errand": entry.document]
        case .delivered(let id):
            ["fact": "errandDone", "id": .string(id.description)]
        }
    }

    /// The fact in `document`; its records are verified again.
    package init(_ document: JSONValue) throws(RecordError) {
        let fields = try JSONFields(document)
        switch try fields.text("fact", limit: 32) {
        case "asked":
            self = .asked(try TrustRequest(verifying: try fields.value("request")))
        case "answered":
            self = .answered(try fields.recordID("id"))
        case "received":
            self = .received(try TrustRequest(verifying: try fields.value("request")), at: try fields.time("at"))
        case "decided":
            self = .decided(try fields.recordID("id"), until: try fields.time("until"))
        case "bonded":
            self = .trusted(try TrustRelationship(try fields.value("bond")))
        case "revoked":
            self = .revoked(try Revocation(verifying: try fields.value("revocation")))
        case "named":
            self = .named(try fields.key("peer"), try fields.text("name", limit: RecordLimits.name))
        case "invited":
            let invitation = try Invitation(token: try fields.text("invitation", limit: 8_192))
            self = .invited(invitation, uses: Int(clamping: try fields.integer("uses")))
        case "redeemed":
            self = .redeemed(try fields.recordID("invitation"), by: try fields.key("by"))
        case "joining":
            let invitation = try Invitation(token: try fields.text("invitation", limit: 8_192))
            self = .joining(invitation, try InvitationClaim(verifying: try fields.value("claim")))
        case "errand":
            self = .outbox(try OutboxEntry(try fields.value("errand")))
        case "errandDone":
            self = .delivered(try fields.recordID("id"))
        case _:
            throw .invalid("fact")
        }
    }
}

extension TrustRelationship {
    var document: JSONValue {
        [
            "peer": .string(peer.did), "given": given.document, "received": received.document,
            "secret": .string(Base64URL.encode(secret)), "name": .string(name), "hubs": .texts(hubs),
            "candidates": .texts(candidates), "since": .time(since),
        ]
    }

    init(_ document: JSONValue) throws(RecordError) {
        let fields = try JSONFields(document)
        self.init(
            peer: try fields.key("peer"),
            given: try Grant(verifying: try fields.value("given")),
            received: try Grant(verifying: try fields.value("received")),
            secret: try fields.bytes("secret", exactly: 32),
            name: try fields.text("name", limit: RecordLimits.name),
            hubs: try fields.hubs(),
            candidates: try fields.endpoints(),
            since: try fields.time("since")
        )
        guard given.subject == peer, received.giver == peer else { throw .invalid("peer") }
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
