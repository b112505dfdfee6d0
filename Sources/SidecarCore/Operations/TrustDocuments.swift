package import PosternModel
package import TrustCore

/// A trust that stands, as `trust list` and the commands that make one show it.
package struct TrustDocument: Codable, Hashable, Sendable {
    package let did: NodeKey
    /// The name that is bound to the peer; nil: it can be meant by its did only.
    package let name: String?
    /// What the peer calls itself, which identifies nobody.
    package let claims: String
    /// `trusted`.
    package let state: String
    /// What the peer may use of ours.
    package let services: ServiceSet
    /// What we may use of the peer's.
    package let offers: ServiceSet
    package let since: Timestamp
    package let expires: Timestamp?
    /// What of the configuration means the peer by its name.
    package let activates: [String]
    /// What of ours the peer may use since this command and could not before; nil: this is no answer to one that gives.
    package let added: ServiceSet?

    /// The same with what the name of the peer activates, when it has one.
    func activating(_ uses: [String]) -> TrustDocument {
        TrustDocument(
            did: did,
            name: name,
            claims: claims,
            state: state,
            services: services,
            offers: offers,
            since: since,
            expires: expires,
            activates: name == nil ? [] : uses,
            added: added
        )
    }
}

/// A request for our trust that waits for a decision.
package struct PendingDocument: Codable, Hashable, Sendable {
    package let id: RecordID
    package let did: NodeKey
    /// The name that is bound to the asker, if one is.
    package let name: String?
    /// What the asker calls itself.
    package let claims: String
    package let note: String
    package let services: ServiceSet
    package let received: Timestamp
    /// Whether nothing vouches for the asker: neither a trust nor a contact card of ours.
    package let stranger: Bool
}

/// A request or invitation of ours that waits for its answer.
package struct OutgoingDocument: Codable, Hashable, Sendable {
    package let id: RecordID
    package let did: NodeKey
    /// The name that is bound to the peer, or will be when the inviter answers.
    package let name: String?
    /// What the peer calls itself, as far as it has said so.
    package let claims: String?
    package let note: String
    package let services: ServiceSet
    package let sent: Timestamp
    package let expires: Timestamp
    /// Whether all hubs that it is for have taken it. Where it is the asker that asks too often, or has no hub, it is
    /// not taken and is tried again.
    package let taken: Bool
}

/// `trust list`.
package struct TrustListDocument: Codable, Hashable, Sendable {
    package let trusted: [TrustDocument]
    package let pending: [PendingDocument]
    package let outgoing: [OutgoingDocument]
    /// Whom the operator shut out.
    package let blocked: [NodeKey]
}

extension RecordID: TextRepresentable, LosslessStringConvertible {
    package static var textMeaning: String { "the id of a record" }
    package static var textExample: String { "1111111111111111" }
}

extension ServiceSet: Codable, SchemaProviding {
    package static var schema: JSONValue {
        ["type": "array", "items": ["type": "string"], "description": "names of services; [\"*\"] for all"]
    }
    package static var sample: ServiceSet { .all }

    /// An array of names; `["*"]` means all, an empty array none.
    package init(from decoder: any Decoder) throws {
        let list = try [String](from: decoder)
        guard !list.isEmpty else {
            self = .names([])
            return
        }
        guard let services = ServiceSet(list: list) else {
            throw Problem(
                code: "bad-arguments",
                message: "\(PlainText.clean(list.joined(separator: ","), limit: 200)) is not a list of services",
                hint: "a service name has letters, digits, '-', '_' and '.', at most 63; at most 64 names"
            )
        }
        self = services
    }

    package func encode(to encoder: any Encoder) throws {
        switch self {
        case .all: try ["*"].encode(to: encoder)
        case .names(let names): try names.sorted().encode(to: encoder)
        }
    }
}

extension Invitation: TextRepresentable {
    package static var textMeaning: String { "an invitation as `postern invite` prints it" }
    // The invitation with the smallest key and secret of zeros; it expired in 1970.
    package static var textExample: String { example.token }

    private static var example: Invitation {
        guard let key = NodeKey(did: NodeKey.textExample),
            let secret = InvitationSecret(bytes: Array(repeating: 0, count: 32))
        else { preconditionFailure("the example is valid") }
        return Invitation(
            inviter: key,
            name: "example",
            hubs: [],
            candidates: [],
            services: .all,
            expires: Timestamp(seconds: 0),
            secret: secret
        )
    }

    package var description: String { token }

    package init(text: String) throws(Problem) {
        guard let invitation = Invitation(within: text) else {
            let isOne = Invitation.isInvitation(text)
            throw .badInvitation(isOne ? "the text is damaged or incomplete" : "the text holds none")
        }
        self = invitation
    }
}

/// Whom a request for trust goes to.
package enum TrustAddressee: Hashable, Sendable {
    case peer(PeerName)
    /// Its holder needs no decision: the invitation is redeemed.
    case invitation(Invitation)
    /// Its holder may ask, also as a stranger.
    case contact(ContactCard)
}

extension TrustAddressee: TextRepresentable {
    package static var textMeaning: String { "a peer, a contact card or an invitation" }
    package static var textExample: String { NodeKey.textExample }

    package var description: String {
        switch self {
        case .peer(let name): name.description
        case .invitation(let invitation): invitation.token
        case .contact(let card): card.text
        }
    }

    package init(text: String) throws(Problem) {
        if Invitation.isInvitation(text) {
            self = .invitation(try Invitation(text: text))
        } else if ContactCard.isContactCard(text) {
            self = .contact(try ContactCard(text: text))
        } else {
            self = .peer(try PeerName(text: text))
        }
    }
}
