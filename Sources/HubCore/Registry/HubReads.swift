package import PosternModel

/// The rows of the store that a hub needs before it can decide (RULES N16). Empty when it needs none.
package struct HubReads: Hashable, Sendable {
    /// Nodes that may be registered.
    package var registrations: Set<NodeKey> = []
    /// Mailboxes to read as a whole.
    package var mailboxes: Set<NodeKey> = []
    /// Mailboxes of which only the number of waiting mail is needed.
    package var mailboxCounts: Set<NodeKey> = []
    /// Mail that may be there.
    package var mail: Set<MailKey> = []
    /// Grants that may be revoked.
    package var revocations: Set<GrantPair> = []

    package init() {}
}
