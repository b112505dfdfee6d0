package import OverlayCrypto
package import PosternModel

/// A credential with what its subject needs to take part: where the log is, how far it had come, and the content key,
/// sealed to the subject. The text holds no secret that anybody else could use.
///
/// The text is `postern-credential:` and base64url of canonical JSON with a check.
package struct CredentialLink: Hashable, Sendable {
    package let credential: NetworkCredential
    /// What the authority calls the network.
    package let name: String
    /// Where its log is.
    package let hubs: [HubURL]
    /// The entry that made the authority one: no hub shows another history.
    package let head: NetworkHead
    private let box: [UInt8]

    private static let type = "postern.network-credential.1"
    private static let scheme = "postern-credential:"

    init(credential: NetworkCredential, name: String, hubs: [HubURL], head: NetworkHead, box: [UInt8]) {
        self.credential = credential
        self.name = name
        self.hubs = hubs
        self.head = head
        self.box = box
    }

    /// The content key, for the subject alone.
    package func contentKey(openedBy identity: NodeIdentity) -> ContentKey? {
        identity.openSealed(box).flatMap { ContentKey(bytes: $0) }
    }

    /// The text to hand over.
    package var token: String {
        let document: JSONValue = [
            "type": .string(Self.type), "credential": credential.document, "name": .string(name),
            "hubs": .texts(hubs), "sequence": .integer(head.sequence), "head": .string(head.hash.description),
            "key": .string(Base64URL.encode(box)),
        ]
        return Self.scheme + LinkText.encode(document)
    }

    /// The credential in `token`, verified.
    package init(token: some StringProtocol) throws(RecordError) {
        guard token.hasPrefix(Self.scheme), token.utf8.count <= 16_384 else { throw .wrongType }
        guard let document = LinkText.decode(token.dropFirst(Self.scheme.count)) else { throw .malformed }
        let fields = try JSONFields(document)
        guard try fields.text("type", limit: 64) == Self.type else { throw .wrongType }
        self.init(
            credential: try NetworkCredential(verifying: try fields.value("credential")),
            name: try fields.text("name", limit: RecordLimits.name),
            hubs: try fields.hubs(),
            head: NetworkHead(sequence: try fields.integer("sequence"), hash: try fields.hash("head")),
            box: try fields.bytes("key", limit: 128)
        )
        guard HostName.isLowercaseLabel(name), !hubs.isEmpty else { throw .invalid("name") }
    }

    /// The credential in `text`, whatever stands around it or breaks its lines; nil: there is none, or it is damaged.
    package init?(within text: some StringProtocol) {
        guard let found = LinkText.find(Self.scheme, in: text, { try? CredentialLink(token: $0) }) else { return nil }
        self = found
    }
}
