package import OverlayCrypto
package import OverlayWire
package import PosternModel

/// A token with which its holder and its inviter come to trust each other without further questions.
///
/// The text is `postern-invite:` and base64url of the canonical JSON below followed by four bytes of its BLAKE2b-256,
/// so that a damaged copy is told at once. It holds a secret: whoever has the text can redeem it, as often as the
/// inviter allows and no later than `expires`.
package struct Invitation: Hashable, Sendable {
    /// Who invites.
    package let inviter: NodeKey
    /// How the inviter introduces itself.
    package let name: String
    package let hubs: [HubURL]
    /// Addresses at which the inviter listens, for use without a hub.
    package let candidates: [Endpoint]
    /// What the inviter offers.
    package let services: ServiceSet
    package let expires: Timestamp
    /// What the holder proves to have.
    package let secret: InvitationSecret

    private static let type = "postern.invitation.1"
    static let scheme = "postern-invite:"

    /// An invitation; names and lists that are too long for a record are cut.
    package init(
        inviter: NodeKey,
        name: String,
        hubs: [HubURL],
        candidates: [Endpoint],
        services: ServiceSet,
        expires: Timestamp,
        secret: InvitationSecret
    ) {
        self.inviter = inviter
        self.name = PlainText.clean(name, limit: RecordLimits.name)
        self.hubs = Array(hubs.prefix(RecordLimits.hubs))
        self.candidates = Array(candidates.filter { !$0.isRelay }.prefix(RecordLimits.candidates))
        self.services = services
        self.expires = expires
        self.secret = secret
    }

    /// The name of the invitation, which both sides derive from its secret; it may be written into logs.
    package var id: RecordID { secret.invitationID }

    /// The text to hand over.
    package var token: String {
        let document: JSONValue = [
            "type": .string(Self.type),
            "by": .string(inviter.did),
            "name": .string(name),
            "hubs": .texts(hubs),
            "candidates": .texts(candidates),
            "services": services.json,
            "expires": .time(expires),
            "secret": .string(Base64URL.encode(secret.copyBytes())),
        ]
        return Self.scheme + LinkText.encode(document)
    }

    /// The invitation in `token`.
    package init(token: some StringProtocol) throws(RecordError) {
        guard token.hasPrefix(Self.scheme), token.utf8.count <= 8_192 else { throw .wrongType }
        guard let document = LinkText.decode(token.dropFirst(Self.scheme.count)) else { throw .malformed }
        let fields = try JSONFields(document)
        guard try fields.text("type", limit: 64) == Self.type else { throw .wrongType }
        guard let secret = InvitationSecret(bytes: try fields.bytes("secret", exactly: 32)) else {
            throw .invalid("secret")
        }
        self.init(
            inviter: try fields.key("by"),
            name: try fields.text("name", limit: RecordLimits.name),
            hubs: try fields.hubs(),
            candidates: try fields.endpoints(),
            services: try fields.services(),
            expires: try fields.time("expires"),
            secret: secret
        )
    }
}

/// The 32 bytes that make an invitation worth something, and what is derived from them.
///
/// Without a hub the inviter could not answer a stranger, for it answers only keys that it knows. So the secret is
/// also the seed of a *guest* key pair: while the invitation is open the inviter knows the guest key, and the holder
/// meets it with a session of the guest, which can do nothing but redeem.
package struct InvitationSecret: Hashable, Sendable {
    private let root: PreSharedKey

    /// Nil unless there are 32 bytes.
    package init?(bytes: [UInt8]) {
        guard let root = PreSharedKey(bytes: bytes) else { return nil }
        self.root = root
    }

    /// A fresh one.
    package init(from random: RandomSource) {
        root = PreSharedKey(from: random)
    }

    /// A plain copy of the 32 bytes, for the text to hand over and for storing them.
    package func copyBytes() -> [UInt8] { root.copyBytes() }

    /// The name of the invitation.
    package var invitationID: RecordID { RecordID(ofBytes: derived("postern invitation id 1")) }
    /// Proves possession in a claim.
    var macKey: [UInt8] { derived("postern invitation mac 1") }
    /// What gives a claim room in the inviter's mailbox, as a contact card does.
    package var contactToken: ContactToken? {
        ContactToken(bytes: Array(derived("postern invitation contact 1").prefix(ContactToken.byteCount)))
    }
    /// Seed of the guest's Ed25519 key pair.
    package var guestSeed: [UInt8] { derived("postern invitation guest 1") }
    /// Pre-shared secret of the guest's session.
    package var guestSecret: PreSharedKey { root.derived(for: "postern invitation session 1") }

    private func derived(_ purpose: String) -> [UInt8] {
        root.derived(for: purpose).copyBytes()
    }
}

extension InvitationSecret: CustomStringConvertible {
    package var description: String { "<redacted>" }
}
