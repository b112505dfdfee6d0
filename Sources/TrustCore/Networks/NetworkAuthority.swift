package import OverlayCrypto
package import PosternModel

/// What an authority needs to make members by certificate, away from any sidecar (RULES N8): its key, the network, and
/// the bounds that the network's log sets it.
///
/// The text is `postern-authority:` and base64url of canonical JSON with a check. It holds two secrets: the seed of the
/// authority's key, and the content key of the network.
package struct NetworkAuthority: Hashable, Sendable {
    package let network: NetworkID
    /// What its owner calls the network.
    package let name: String
    /// Where its log is.
    package let hubs: [HubURL]
    /// The entry that made it an authority.
    package let head: NetworkHead
    /// The groups into which it may put members.
    package let groups: [String]
    /// How long a credential lasts at most.
    package let lifetime: Interval
    private let seed: [UInt8]
    private let key: ContentKey

    private static let type = "postern.network-authority.1"
    private static let scheme = "postern-authority:"

    /// The authority of `network` whose key comes of `seed`; `key` seals what members alone read. A list of hubs that
    /// is too long for a record is cut.
    package init(
        network: NetworkID,
        name: String,
        hubs: [HubURL],
        head: NetworkHead,
        groups: [String],
        lifetime: Interval,
        seed: [UInt8],
        key: ContentKey
    ) {
        self.network = network
        self.name = name
        self.hubs = Array(hubs.prefix(RecordLimits.hubs))
        self.head = head
        self.groups = groups
        self.lifetime = lifetime
        self.seed = seed
        self.key = key
    }

    /// A credential for `subject`, with what it needs to take part. The caller has seen to it that groups and lifetime
    /// are within bounds; whoever judges the credential does so again. Nil when `subject` is no key that can read.
    package func certify(
        _ subject: NodeKey,
        groups: [String],
        lifetime: Interval,
        at now: Timestamp,
        using random: RandomSource
    ) -> CredentialLink? {
        guard let identity = try? NodeIdentity(seed: seed), let box = subject.seal(key.copyBytes(), using: random)
        else { return nil }
        let credential = NetworkCredential(
            by: identity,
            for: subject,
            in: network,
            groups: groups,
            from: now,
            until: now + lifetime,
            key: key,
            using: random
        )
        return CredentialLink(credential: credential, name: name, hubs: hubs, head: head, box: box)
    }

    /// The text to keep.
    package var token: String {
        let document: JSONValue = [
            "type": .string(Self.type), "network": .string(network.description), "name": .string(name),
            "hubs": .texts(hubs), "sequence": .integer(head.sequence), "head": .string(head.hash.description),
            "groups": .texts(groups), "lifetime": .integer(lifetime.nanoseconds / 1_000_000),
            "secret": .string(Base64URL.encode(seed)), "key": .string(Base64URL.encode(key.copyBytes())),
        ]
        return Self.scheme + LinkText.encode(document)
    }

    /// The authority in `text`, whatever stands around it; nil: there is none, or it is damaged.
    package init?(within text: some StringProtocol) {
        guard let found = LinkText.find(Self.scheme, in: text, { try? NetworkAuthority(token: $0) }) else { return nil }
        self = found
    }

    private init(token: String) throws(RecordError) {
        guard let document = LinkText.decode(token.dropFirst(Self.scheme.count)) else { throw .malformed }
        let fields = try JSONFields(document)
        guard try fields.text("type", limit: 64) == Self.type else { throw .wrongType }
        guard let key = ContentKey(bytes: try fields.bytes("key", exactly: ContentKey.byteCount)) else {
            throw .invalid("key")
        }
        self.init(
            network: NetworkID(try fields.hash("network")),
            name: try fields.text("name", limit: RecordLimits.name),
            hubs: try fields.hubs(),
            head: NetworkHead(sequence: try fields.integer("sequence"), hash: try fields.hash("head")),
            groups: try fields.list("groups", limit: NetworkLimits.authorityGroups) { $0.string },
            lifetime: .milliseconds(try fields.integer("lifetime")),
            seed: try fields.bytes("secret", exactly: 32),
            key: key
        )
    }
}
