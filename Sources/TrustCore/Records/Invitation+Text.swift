extension Invitation {
    /// Whether `text` holds what looks like an invitation.
    package static func isInvitation(_ text: some StringProtocol) -> Bool { LinkText.holds(scheme, in: text) }

    /// The invitation in `text`, whatever stands around it or breaks its lines; nil: there is none, or it is damaged.
    package init?(within text: some StringProtocol) {
        guard let found = LinkText.find(Self.scheme, in: text, { try? Invitation(token: $0) }) else { return nil }
        self = found
    }
}
