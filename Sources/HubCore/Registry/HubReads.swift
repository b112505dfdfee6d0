package import PosternModel

/// The rows of the store that a hub needs before it can decide (RULES N16). Empty when it needs none.
package struct HubReads: Hashable, Sendable {
    /// Nodes that may be registered.
    package var registrations: Set<NodeKey> = []
    /// Mailboxes to read as a whole.
    package var mailboxes: Set<NodeKey> = []
    /// Mailboxes of which only the headers are needed.
    package var headers: Set<NodeKey> = []
    /// Mail that may be there.
    package var mail: Set<MailKey> = []
    /// Grants that may be revoked.
    package var revocations: Set<RevocationKey> = []
    /// Registrations whose nodes have not been seen since then.
    package var unseen: Unseen?

    /// Names registrations by their age, the oldest ones first.
    package struct Unseen: Hashable, Sendable {
        /// Seen before this time.
        package let since: Timestamp
        /// As many at most.
        package let limit: Int

        package init(since: Timestamp, limit: Int) {
            self.since = since
            self.limit = limit
        }
    }

    package init() {}
}
