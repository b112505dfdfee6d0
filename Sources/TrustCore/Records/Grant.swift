package import OverlayCrypto
package import PosternModel

/// A giver's permission for one subject to reach it: half of a trust (DESIGN §8). It opens nothing unless the subject
/// has given its own grant to the giver.
package struct Grant: Hashable, Sendable {
    package let record: SignedRecord
    /// Who may reach the giver.
    package let subject: NodeKey
    /// What the subject may use.
    package let services: ServiceSet
    /// When it was signed, by the giver's clock.
    package let issued: Timestamp
    /// When it ends; nil: not by itself.
    package let expires: Timestamp?
    /// Which key of the giver comes after its current one, for the subject to remember (RULES N11).
    package let commitment: KeyCommitment?

    /// Who signed it.
    package var giver: NodeKey { record.signer }
    package var id: RecordID { record.id }
    /// The signed object.
    package var document: JSONValue { record.document }

    /// Signs a grant of `services` from `giver` to `subject`.
    package init(
        from giver: NodeIdentity,
        to subject: NodeKey,
        services: ServiceSet,
        issued: Timestamp,
        expires: Timestamp? = nil,
        commitment: KeyCommitment? = nil
    ) {
        var members = JSONObject()
        members["subject"] = .string(subject.did)
        members["services"] = services.json
        members["issued"] = .time(issued)
        if let expires { members["expires"] = .time(expires) }
        if let commitment { members["nextKey"] = commitment.json }
        record = SignedRecord(.grant, members, signedBy: giver)
        self.subject = subject
        self.services = services
        self.issued = issued
        self.expires = expires
        self.commitment = commitment
    }

    /// The grant in `document`, verified.
    package init(verifying document: JSONValue) throws(RecordError) {
        let fields = try JSONFields(document)
        record = try SignedRecord(verifying: document, as: .grant)
        subject = try fields.key("subject")
        services = try fields.services()
        issued = try fields.time("issued")
        expires = try fields.optionalTime("expires")
        commitment = fields.has("nextKey") ? try KeyCommitment(try fields.value("nextKey")) : nil
        guard subject != record.signer else { throw .invalid("subject") }
    }

    /// Whether it has ended at `time`.
    package func isExpired(at time: Timestamp) -> Bool {
        expires.map { $0 <= time } ?? false
    }
}

/// A giver's signed word that its grants to one subject, up to a time, are void.
package struct Revocation: Hashable, Sendable {
    package let record: SignedRecord
    /// Whose grants end.
    package let subject: NodeKey
    /// Grants issued at this time or before are void.
    package let issued: Timestamp

    /// Whose grants to the subject end.
    package var giver: NodeKey { record.signer }
    /// The signed object.
    package var document: JSONValue { record.document }

    /// Signs the end of what `giver` gave to `subject`. `issued` is at least the time of the newest grant, whatever
    /// the clock says, or that grant would survive.
    package init(from giver: NodeIdentity, to subject: NodeKey, issued: Timestamp) {
        var members = JSONObject()
        members["subject"] = .string(subject.did)
        members["issued"] = .time(issued)
        record = SignedRecord(.revocation, members, signedBy: giver)
        self.subject = subject
        self.issued = issued
    }

    /// The revocation in `document`, verified.
    package init(verifying document: JSONValue) throws(RecordError) {
        let fields = try JSONFields(document)
        record = try SignedRecord(verifying: document, as: .revocation)
        subject = try fields.key("subject")
        issued = try fields.time("issued")
    }

    /// The revocation that `giver` has made with `signature` when its keys were `keys`, nil being the first one, from
    /// what a hub keeps of it. Throws when that is not its
    /// signature, as for one with more members.
    package init(
        of subject: NodeKey,
        by giver: NodeKey,
        issued: Timestamp,
        signature: [UInt8],
        keys: NodeChain? = nil
    ) throws(RecordError) {
        var members = JSONObject()
        members["type"] = .string(RecordType.revocation.rawValue)
        members["by"] = .string(giver.did)
        members["subject"] = .string(subject.did)
        members["issued"] = .time(issued)
        members["signature"] = .string(Base64URL.encode(signature))
        if let keys { members["keys"] = .array(keys.documents) }
        try self.init(verifying: .object(members))
    }

    /// The 64 bytes of its signature.
    package var signature: [UInt8] { record.document["signature"]?.string.flatMap { Base64URL.decode($0) } ?? [] }

    /// Whether `grant` is void by this revocation.
    package func voids(_ grant: Grant) -> Bool {
        grant.giver == giver && grant.subject == subject && grant.issued <= issued
    }
}
