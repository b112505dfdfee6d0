import OverlayCrypto
package import PosternModel

/// A link with which strangers may ask its maker for trust (RULES C): it gives room in the mailbox and the right to
/// ask, and no trust. It may stand on a web page, and is revoked when it is abused.
///
/// The text is `postern-contact:` and base64url of the canonical JSON below followed by four bytes of its BLAKE2b-256.
package struct ContactCard: Hashable, Sendable {
    /// Whose card it is.
    package let owner: NodeKey
    /// How the owner introduces itself.
    package let name: String
    /// Where the owner's mailbox is.
    package let hubs: [HubURL]
    /// What gives room there.
    package let token: ContactToken

    private static let type = "postern.contact.1"
    static let scheme = "postern-contact:"

    /// A card; names and lists that are too long for a record are cut.
    package init(owner: NodeKey, name: String, hubs: [HubURL], token: ContactToken) {
        self.owner = owner
        self.name = PlainText.clean(name, limit: RecordLimits.name)
        self.hubs = Array(hubs.prefix(RecordLimits.hubs))
        self.token = token
    }

    /// The text to hand out.
    package var text: String {
        let document: JSONValue = [
            "type": .string(Self.type), "by": .string(owner.did), "name": .string(name), "hubs": .texts(hubs),
            "token": .string(Base64URL.encode(token.bytes)),
        ]
        return Self.scheme + LinkText.encode(document)
    }

    /// Whether `text` holds what looks like a contact card.
    package static func isContactCard(_ text: some StringProtocol) -> Bool { LinkText.holds(scheme, in: text) }

    /// The card in `text`, whatever stands around it or breaks its lines; nil when there is none or it is damaged.
    package init?(within text: some StringProtocol) {
        guard let card = LinkText.find(Self.scheme, in: text, { try? ContactCard(link: $0) }) else { return nil }
        self = card
    }

    private init(link: String) throws(RecordError) {
        guard let document = LinkText.decode(link.dropFirst(Self.scheme.count)) else { throw .malformed }
        let fields = try JSONFields(document)
        guard try fields.text("type", limit: 64) == Self.type else { throw .wrongType }
        guard let token = ContactToken(bytes: try fields.bytes("token", limit: ContactToken.byteCount)) else {
            throw .invalid("token")
        }
        let name = try fields.text("name", limit: RecordLimits.name)
        self.init(owner: try fields.key("by"), name: name, hubs: try fields.hubs(), token: token)
    }
}
