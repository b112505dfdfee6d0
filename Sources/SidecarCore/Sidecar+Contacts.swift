import HubProtocol
import OverlayCrypto
import PosternModel
import TrustCore

// Contact cards: links that let strangers ask (RULES C).
extension Sidecar {
    /// Makes a contact card.
    mutating func makeCard(id: CommandID, at now: Clocks) throws(Problem) -> [SidecarAction] {
        guard !homeHubs.isEmpty else { throw .noHub }
        guard book.cards.count < settings.cardCount else { throw .tooManyCards }
        guard let token = ContactToken(bytes: random.secretBytes(ContactToken.byteCount)) else {
            preconditionFailure("a token is made with its own length")
        }
        let event = AuditEvent(.carded, actor: key, subject: token.id.description)
        let written = [record([.carded(token, at: now.wall.inMilliseconds)]), .audit(event)]
        guard let card = book.cards[token.id] else { preconditionFailure("a card that was made is kept") }
        return written + tellContacts(at: now) + [.answer(id, document(of: card))]
    }

    /// Takes a card back: it gives no room any more.
    mutating func revokeCard(_ text: String, id command: CommandID, at now: Clocks) throws(Problem) -> [SidecarAction] {
        let matches = book.cards.filter { id, _ in
            id.description == text || text.utf8.count >= 4 && id.description.hasPrefix(text)
        }
        guard matches.count == 1, let (id, card) = matches.first else { throw .noSuchCard(text) }
        let event = AuditEvent(.uncarded, actor: key, subject: id.description)
        let answer = document(of: card)
        return [record([.uncarded(id)]), .audit(event)] + tellContacts(at: now) + [.answer(command, answer)]
    }

    /// `contact list`, the oldest first.
    var cardDocuments: [ContactDocument] {
        book.cards.values.sorted { ($0.since, $0.token.id.description) < ($1.since, $1.token.id.description) }
            .map { document(of: $0) }
    }

    /// Our hubs are told which tokens give room: of our cards, and of invitations, since a claim that comes by a hub
    /// needs it.
    mutating func tellContacts(at now: Clocks) -> [SidecarAction] {
        let tokens = answeredInvitations(at: now).values.compactMap(\.contactToken) + book.cards.values.map(\.token)
        contacts = tokens.map(\.id).sorted { $0.description < $1.description }
        return register()
    }

    private func document(of card: TrustBook.Card) -> ContactDocument {
        let link = ContactCard(owner: key, name: profile.name, hubs: homeHubs, token: card.token)
        return ContactDocument(id: card.token.id, contact: link, since: card.since)
    }
}

extension Problem {
    fileprivate static let tooManyCards = Problem(
        code: "over-limit",
        message: "there are too many contact cards",
        hint: "revoke one that is used no longer: `postern contact list`, `postern contact revoke ID`"
    )

    fileprivate static func noSuchCard(_ id: String) -> Problem {
        Problem(
            code: "no-such-contact",
            message: "there is no contact card with the id \"\(PlainText.clean(id, limit: 80))\"",
            hint: "see `postern contact list`"
        )
    }
}
