package import OverlayCrypto
package import PosternModel

/// The redemption of an invitation: who redeems, its grant to the inviter, and a MAC that only a holder of the secret
/// can make. The MAC covers the redeemer's key, so a claim that was seen cannot be redeemed for someone else.
package struct InvitationClaim: Hashable, Sendable {
    package let record: SignedRecord
    /// Whose invitation it is.
    package let inviter: NodeKey
    package let invitation: RecordID
    package let name: String
    /// The redeemer's grant to the inviter.
    package let grant: Grant
    package let hubs: [HubURL]
    private let mac: [UInt8]

    /// Who redeems.
    package var redeemer: NodeKey { record.signer }
    package var id: RecordID { record.id }
    /// The signed object.
    package var document: JSONValue { record.document }

    /// Signs the redemption of `invitation`; `grant` is the redeemer's grant to the inviter.
    package init(from redeemer: NodeIdentity, invitation: Invitation, name: String, grant: Grant, hubs: [HubURL]) {
        let name = PlainText.clean(name, limit: RecordLimits.name)
        let hubs = Array(hubs.prefix(RecordLimits.hubs))
        var members = JSONObject()
        members["to"] = .string(invitation.inviter.did)
        members["invitation"] = .string(invitation.id.description)
        members["name"] = .string(name)
        members["grant"] = grant.document
        members["hubs"] = .texts(hubs)
        let mac = Self.mac(over: members, by: redeemer.key, secret: invitation.secret)
        members["mac"] = .string(Base64URL.encode(mac))
        record = SignedRecord(.claim, members, signedBy: redeemer)
        inviter = invitation.inviter
        self.invitation = invitation.id
        self.name = name
        self.grant = grant
        self.hubs = hubs
        self.mac = mac
    }

    /// The claim in `document`, with verified signatures; the MAC is checked by ``isProved(by:)``.
    package init(verifying document: JSONValue) throws(RecordError) {
        let fields = try JSONFields(document)
        record = try SignedRecord(verifying: document, as: .claim)
        inviter = try fields.key("to")
        invitation = try fields.recordID("invitation")
        name = PlainText.clean(try fields.text("name", limit: RecordLimits.name), limit: RecordLimits.name)
        grant = try Grant(verifying: try fields.value("grant"))
        hubs = try fields.hubs()
        mac = try fields.bytes("mac", exactly: 32)
        guard grant.giver == record.signer, grant.subject == inviter else { throw .invalid("grant") }
    }

    /// Whether whoever made this claim had `secret` (S5: compared in constant time).
    package func isProved(by secret: InvitationSecret) -> Bool {
        guard var members = document.object else { return false }
        for added in ["mac", "signature", "by", "type"] { members[added] = nil }
        return constantTimeEquals(mac, Self.mac(over: members, by: redeemer, secret: secret))
    }

    private static func mac(over members: JSONObject, by redeemer: NodeKey, secret: InvitationSecret) -> [UInt8] {
        Hash.blake2b(redeemer.bytes + JSONValue.object(members).canonicalBytes, key: secret.macKey)
    }
}
