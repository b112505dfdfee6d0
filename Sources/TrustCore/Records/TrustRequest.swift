package import OverlayCrypto
package import PosternModel

/// A node's request for another's trust, with its own grant to it inside: approval completes the trust at once (R9).
package struct TrustRequest: Hashable, Sendable {
    package let record: SignedRecord
    /// Who is asked.
    package let target: NodeKey
    /// How the asker introduces itself: a claim, not a proof.
    package let name: String
    /// What the asker says about why.
    package let note: String
    /// What the asker wants to reach.
    package let services: ServiceSet
    /// The asker's grant to the target.
    package let grant: Grant
    /// Where the asker can be answered and met.
    package let hubs: [HubURL]
    package let issued: Timestamp
    /// After this time an answer is no longer expected, and a replay is ignored.
    package let expires: Timestamp

    /// Who asks.
    package var asker: NodeKey { record.signer }
    package var id: RecordID { record.id }
    /// The signed object.
    package var document: JSONValue { record.document }

    /// What an asker says of itself and wants.
    package struct Terms: Hashable, Sendable {
        package var name: String
        package var note: String
        package var services: ServiceSet
        package var hubs: [HubURL]
        package var issued: Timestamp
        package var expires: Timestamp
        /// 16 random bytes, so that two requests are never the same record.
        package var nonce: [UInt8]

        package init(
            name: String,
            note: String,
            services: ServiceSet,
            hubs: [HubURL],
            issued: Timestamp,
            expires: Timestamp,
            nonce: [UInt8]
        ) {
            self.name = name
            self.note = note
            self.services = services
            self.hubs = hubs
            self.issued = issued
            self.expires = expires
            self.nonce = nonce
        }
    }

    /// Signs a request to the subject of `grant`, which the asker has given.
    package init(from asker: NodeIdentity, terms: Terms, grant: Grant) {
        let name = PlainText.clean(terms.name, limit: RecordLimits.name)
        let note = PlainText.clean(terms.note, limit: RecordLimits.note)
        var members = JSONObject()
        members["to"] = .string(grant.subject.did)
        members["name"] = .string(name)
        members["note"] = .string(note)
        members["services"] = terms.services.json
        members["grant"] = grant.document
        members["hubs"] = .texts(terms.hubs.prefix(RecordLimits.hubs))
        members["issued"] = .time(terms.issued)
        members["expires"] = .time(terms.expires)
        members["nonce"] = .string(Base64URL.encode(terms.nonce))
        record = SignedRecord(.request, members, signedBy: asker)
        target = grant.subject
        self.name = name
        self.note = note
        services = terms.services
        self.grant = grant
        hubs = Array(terms.hubs.prefix(RecordLimits.hubs))
        issued = terms.issued
        expires = terms.expires
    }

    /// The request in `document`, verified together with the grant in it.
    package init(verifying document: JSONValue) throws(RecordError) {
        let fields = try JSONFields(document)
        record = try SignedRecord(verifying: document, as: .request)
        target = try fields.key("to")
        name = PlainText.clean(try fields.text("name", limit: RecordLimits.name), limit: RecordLimits.name)
        note = PlainText.clean(try fields.text("note", limit: RecordLimits.note), limit: RecordLimits.note)
        services = try fields.services()
        grant = try Grant(verifying: try fields.value("grant"))
        hubs = try fields.hubs()
        issued = try fields.time("issued")
        expires = try fields.time("expires")
        _ = try fields.bytes("nonce", exactly: 16)
        guard grant.giver == record.signer, grant.subject == target else { throw .invalid("grant") }
        guard target != record.signer else { throw .invalid("to") }
    }
}
