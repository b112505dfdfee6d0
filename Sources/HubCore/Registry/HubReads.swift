package import PosternModel
package import TrustCore

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
    /// Networks that may be here: what their logs have come to.
    package var networks: Set<NetworkID> = []
    /// Parts of their logs.
    package var entries: Set<Entries> = []
    /// Content keys of networks that may wait for readers.
    package var boxes: Set<Boxes> = []
    /// Content keys whose readers are needed who have theirs.
    package var boxed: Set<Boxed> = []
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

    /// Names the entries of a log behind the latest of `locator` that is in it, or all when none is: in their order,
    /// as many as have `byteCount` bytes as text, but one at least.
    package struct Entries: Hashable, Sendable {
        package let network: NetworkID
        package let locator: [NetworkHash]
        package let byteCount: Int

        package init(network: NetworkID, locator: [NetworkHash], byteCount: Int) {
            self.network = network
            self.locator = locator
            self.byteCount = byteCount
        }
    }

    /// Names the boxes of readers in a network.
    package struct Boxes: Hashable, Sendable {
        package let network: NetworkID
        package let readers: [NodeKey]

        package init(network: NetworkID, readers: [NodeKey]) {
            self.network = network
            self.readers = readers
        }
    }

    /// Names the readers in a network for whom a box of one content key is kept.
    package struct Boxed: Hashable, Sendable {
        package let network: NetworkID
        package let key: NetworkHash

        package init(network: NetworkID, key: NetworkHash) {
            self.network = network
            self.key = key
        }
    }

    package init() {}
}
