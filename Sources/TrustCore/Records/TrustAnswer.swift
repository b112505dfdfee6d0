package import OverlayCrypto
package import OverlayWire
package import PosternModel

/// The yes to a request or to the redemption of an invitation: the giver's grant, the secret that both sessions mix
/// in, and where the giver can be met.
package struct TrustAcceptance: Hashable, Sendable {
    package let record: SignedRecord
    /// The request or claim that this answers.
    package let answers: RecordID
    /// How the giver introduces itself.
    package let name: String
    /// The giver's grant to the asker.
    package let grant: Grant
    /// The pre-shared secret of the pair.
    package let secret: PreSharedKey
    package let hubs: [HubURL]
    /// Addresses of the giver, as good as they were when it answered.
    package let candidates: [Endpoint]
    /// The latest that the giver has ended towards the asker, who may not have heard of it.
    package let revocation: Revocation?

    /// Who says yes.
    package var giver: NodeKey { record.signer }
    /// The signed object.
    package var document: JSONValue { record.document }

    /// Signs an acceptance of the request or claim named `answers`.
    package init(
        from giver: NodeIdentity,
        answering answers: RecordID,
        name: String,
        grant: Grant,
        secret: PreSharedKey,
        hubs: [HubURL],
        candidates: [Endpoint],
        revocation: Revocation? = nil
    ) throws(RecordError) {
        let name = PlainText.clean(name, limit: RecordLimits.name)
        let hubs = Array(hubs.prefix(RecordLimits.hubs))
        let candidates = Array(candidates.filter { !$0.isRelay }.prefix(RecordLimits.candidates))
        var members = JSONObject()
        members["to"] = .string(grant.subject.did)
        members["answers"] = .string(answers.description)
        members["name"] = .string(name)
        members["grant"] = grant.document
        members["secret"] = .string(Base64URL.encode(secret.copyBytes()))
        members["hubs"] = .texts(hubs)
        members["candidates"] = .texts(candidates)
        if let revocation { members["revocation"] = revocation.document }
        record = SignedRecord(.acceptance, members, signedBy: giver)
        self.answers = answers
        self.name = name
        self.grant = grant
        self.secret = secret
        self.hubs = hubs
        self.candidates = candidates
        self.revocation = revocation
    }

    /// The acceptance in `document`, verified together with the grant in it.
    package init(verifying document: JSONValue) throws(RecordError) {
        let fields = try JSONFields(document)
        record = try SignedRecord(verifying: document, as: .acceptance)
        answers = try fields.recordID("answers")
        name = PlainText.clean(try fields.text("name", limit: RecordLimits.name), limit: RecordLimits.name)
        grant = try Grant(verifying: try fields.value("grant"))
        let target = try fields.key("to")
        guard grant.giver == record.signer, grant.subject == target else { throw .invalid("grant") }
        secret = try fields.preSharedKey("secret")
        hubs = try fields.hubs()
        candidates = try fields.endpoints()
        let ended = fields.has("revocation") ? try Revocation(verifying: try fields.value("revocation")) : nil
        if let ended, ended.giver != record.signer || ended.subject != target { throw .invalid("revocation") }
        revocation = ended
    }
}

/// The no to a request, which says nothing more than that, or to the redemption of an invitation, which says why:
/// whoever proved to hold the invitation may know.
package struct TrustRejection: Hashable, Sendable {
    /// Why an invitation cannot be redeemed.
    package enum Reason: String, Sendable {
        /// Others have redeemed it as often as it may be.
        case usedUp = "used-up"
        /// Its time has passed.
        case expired
        /// The redeemer had its trust by it, and the inviter ended that.
        case withdrawn
        /// The inviter has withdrawn the invitation.
        case revoked
    }

    package let record: SignedRecord
    /// Who asked.
    package let target: NodeKey
    /// The request or claim that this answers.
    package let answers: RecordID
    /// Why; nil in the answer to a request, and for a reason that this version does not know.
    package let reason: Reason?

    /// Who says no.
    package var giver: NodeKey { record.signer }
    /// The signed object.
    package var document: JSONValue { record.document }

    /// Signs the rejection of the request or claim named `answers`, which `target` made.
    package init(
        from giver: NodeIdentity,
        to target: NodeKey,
        answering answers: RecordID,
        because reason: Reason? = nil
    ) {
        var members = JSONObject()
        members["to"] = .string(target.did)
        members["answers"] = .string(answers.description)
        if let reason { members["reason"] = .string(reason.rawValue) }
        record = SignedRecord(.rejection, members, signedBy: giver)
        self.target = target
        self.answers = answers
        self.reason = reason
    }

    /// The rejection in `document`, verified.
    package init(verifying document: JSONValue) throws(RecordError) {
        let fields = try JSONFields(document)
        record = try SignedRecord(verifying: document, as: .rejection)
        target = try fields.key("to")
        answers = try fields.recordID("answers")
        reason = fields.has("reason") ? Reason(rawValue: try fields.text("reason", limit: 64)) : nil
    }
}
