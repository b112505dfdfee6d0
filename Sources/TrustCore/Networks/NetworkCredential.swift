import OverlayCrypto
package import PosternModel

/// An authority's signed word that somebody is a member of a network for a while (RULES N8). It makes a member without
/// an entry in the log: for containers and functions that come and go.
///
/// `{"type":"postern.credential.1","by":authority,"to":did,"network","from","until","groups":base64url,"signature"}`.
/// The groups are sealed under the content key, so that the hub to which it is shown does not learn them.
package struct NetworkCredential: Hashable, Sendable {
    package let record: SignedRecord
    package let network: NetworkID
    /// Whom it makes a member.
    package let subject: NodeKey
    package let from: Timestamp
    package let until: Timestamp
    private let sealedGroups: [UInt8]

    /// Whose word it is.
    package var authority: NodeKey { record.signer }
    /// The signed object.
    package var document: JSONValue { record.document }

    /// How far the authority's clock may be ahead of that of whoever judges.
    static let skew = Interval.seconds(120)
    private static let context = Array("postern network credential 1\n".utf8)
    /// Bytes of the sealed groups.
    private static let groupsSize = 2_048

    /// The word of `identity`; `key` is a content key of the network.
    init(
        by identity: NodeIdentity,
        for subject: NodeKey,
        in network: NetworkID,
        groups: [String],
        from: Timestamp,
        until: Timestamp,
        key: ContentKey,
        using random: RandomSource
    ) {
        self.network = network
        self.subject = subject
        self.from = from.inMilliseconds
        self.until = until.inMilliseconds
        let content = JSONValue.texts(groups).canonicalBytes
        sealedGroups = key.seal(content, context: Self.context(of: subject, in: network), using: random)
        var members = JSONObject()
        members["to"] = .string(subject.did)
        members["network"] = .string(network.description)
        members["from"] = .time(self.from)
        members["until"] = .time(self.until)
        members["groups"] = .string(Base64URL.encode(sealedGroups))
        record = SignedRecord(.credential, members, signedBy: identity)
    }

    /// The credential in `document`, verified.
    package init(verifying document: JSONValue) throws(RecordError) {
        try self.init(SignedRecord(verifying: document, as: .credential))
    }

    /// The same of a document that was verified before it was stored.
    init(stored document: JSONValue) throws(RecordError) {
        try self.init(SignedRecord(stored: document, as: .credential))
    }

    private init(_ record: SignedRecord) throws(RecordError) {
        let fields = try JSONFields(record.document)
        self.record = record
        network = NetworkID(try fields.hash("network"))
        subject = try fields.key("to")
        from = try fields.time("from")
        until = try fields.time("until")
        sealedGroups = try fields.bytes("groups", limit: Self.groupsSize)
        guard from < until else { throw .invalid("until") }
    }

    /// The groups that it names, if one of `keys` opens them.
    package func groups(openedBy keys: NetworkKeyring) -> Set<String> {
        let context = Self.context(of: subject, in: network)
        let content = keys.all.lazy.compactMap { $0.open(sealedGroups, context: context) }.first
        let names = content.flatMap { try? JSONValue(parsing: $0) }?.array ?? []
        return Set(names.compactMap(\.string))
    }

    private static func context(of subject: NodeKey, in network: NetworkID) -> [UInt8] {
        context + network.hash.bytes + subject.bytes
    }
}
