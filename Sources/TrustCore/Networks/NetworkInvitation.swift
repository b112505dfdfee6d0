package import OverlayCrypto
package import PosternModel

/// A link with which its holder joins a network, without anybody's further doing (RULES N7).
///
/// The text is `postern-network:` and base64url of the canonical JSON below followed by four bytes of its BLAKE2b-256.
/// It pins the network and how far its log had come, so that no hub shows its holder another history. It holds a
/// secret.
package struct NetworkInvitation: Hashable, Sendable {
    package let network: NetworkID
    /// What the inviter calls the network.
    package let name: String
    /// Where its log is.
    package let hubs: [HubURL]
    /// The entry that opened the invitation.
    package let head: NetworkHead
    package let expires: Timestamp
    /// Seed of the guest's Ed25519 key pair.
    package let seed: [UInt8]

    private static let type = "postern.network-invitation.1"
    static let scheme = "postern-network:"

    /// A link; a list of hubs that is too long for a record is cut.
    package init(
        network: NetworkID,
        name: String,
        hubs: [HubURL],
        head: NetworkHead,
        expires: Timestamp,
        seed: [UInt8]
    ) {
        self.network = network
        self.name = name
        self.hubs = Array(hubs.prefix(RecordLimits.hubs))
        self.head = head
        self.expires = expires
        self.seed = seed
    }

    /// The guest, whose key the log names.
    package var guest: NodeIdentity? { try? NodeIdentity(seed: seed) }

    /// The text to hand over.
    package var token: String {
        let document: JSONValue = [
            "type": .string(Self.type), "network": .string(network.description), "name": .string(name),
            "hubs": .texts(hubs), "sequence": .integer(head.sequence), "head": .string(head.hash.description),
            "expires": .time(expires), "secret": .string(Base64URL.encode(seed)),
        ]
        return Self.scheme + LinkText.encode(document)
    }

    /// The invitation in `token`.
    package init(token: some StringProtocol) throws(RecordError) {
        guard token.hasPrefix(Self.scheme), token.utf8.count <= 8_192 else { throw .wrongType }
        guard let document = LinkText.decode(token.dropFirst(Self.scheme.count)) else { throw .malformed }
        let fields = try JSONFields(document)
        guard try fields.text("type", limit: 64) == Self.type else { throw .wrongType }
        self.init(
            network: NetworkID(try fields.hash("network")),
            name: try fields.text("name", limit: RecordLimits.name),
            hubs: try fields.hubs(),
            head: NetworkHead(sequence: try fields.integer("sequence"), hash: try fields.hash("head")),
            expires: try fields.time("expires"),
            seed: try fields.bytes("secret", exactly: 32)
        )
        guard HostName.isLowercaseLabel(name) else { throw .invalid("name") }
    }

    /// The invitation in `text`, whatever stands around it or breaks its lines; nil: there is none, or it is damaged.
    package init?(within text: some StringProtocol) {
        guard let found = LinkText.find(Self.scheme, in: text, { try? NetworkInvitation(token: $0) }) else {
            return nil
        }
        self = found
    }
}
