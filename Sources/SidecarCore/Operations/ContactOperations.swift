package import PosternModel
package import TrustCore

/// A contact card of ours.
package struct ContactDocument: Codable, Hashable, Sendable {
    /// Its name in lists and logs.
    package let id: RecordID
    /// The link to hand out.
    package let contact: ContactCard
    package let since: Timestamp
}

/// Makes a contact card.
package struct CreateContact: Operation {
    package init() {}

    package typealias Answer = ContactDocument
    package static let outline = OperationOutline.changing(
        "contact",
        "Make a contact card: a link that lets strangers ask for trust and gives none."
    )

    package func perform(
        on sidecar: inout Sidecar,
        id: CommandID,
        at now: Clocks,
        seeing view: any SidecarView
    ) throws(Problem) -> [SidecarAction] {
        try sidecar.makeCard(id: id, at: now)
    }
}

/// Lists our contact cards.
package struct ListContacts: Operation {
    package init() {}

    package typealias Answer = [ContactDocument]
    package static let outline = OperationOutline.reading("contacts", "Our contact cards.")

    package func perform(
        on sidecar: inout Sidecar,
        id: CommandID,
        at now: Clocks,
        seeing view: any SidecarView
    ) -> [SidecarAction] {
        [.answer(id, sidecar.cardDocuments)]
    }
}

/// Takes a contact card back.
package struct RevokeContact: Operation {
    /// Its id or the beginning of it.
    package let id: String

    package init(id: String) {
        self.id = id
    }

    package typealias Answer = ContactDocument
    package static let outline = OperationOutline.withdrawing(
        "contacts/revoke",
        "Take a contact card back: it lets nobody ask any more."
    )

    package func perform(
        on sidecar: inout Sidecar,
        id command: CommandID,
        at now: Clocks,
        seeing view: any SidecarView
    ) throws(Problem) -> [SidecarAction] {
        try sidecar.revokeCard(id, id: command, at: now)
    }
}

extension ContactCard: TextRepresentable {
    package static var textMeaning: String { "a contact card as `postern contact` prints it" }
    // The card with the smallest key and a token of zeros.
    package static var textExample: String { example.text }

    private static var example: ContactCard {
        guard let key = NodeKey(did: NodeKey.textExample),
            let token = ContactToken(bytes: Array(repeating: 0, count: ContactToken.byteCount))
        else { preconditionFailure("the example is valid") }
        return ContactCard(owner: key, name: "example", hubs: [], token: token)
    }

    package var description: String { text }

    package init(text: String) throws(Problem) {
        guard let card = ContactCard(within: text) else { throw .notAccepted(text, meaning: Self.textMeaning) }
        self = card
    }
}
