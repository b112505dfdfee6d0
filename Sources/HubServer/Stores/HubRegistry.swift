import HubCore
package import OverlayCrypto

/// Where a hub keeps what outlives it.
package struct HubRegistry: Sendable {
    let store: any HubStore
    /// The tags that it shares with other hubs of the same store; nil: its own.
    let tags: HubTags?
    /// What those tell; nil: there are none.
    let feed: HubFeed?

    private init(store: any HubStore, tags: HubTags? = nil, feed: HubFeed? = nil) {
        self.store = store
        self.tags = tags
        self.feed = feed
    }

    /// A file of SQLite at `path`, which is made when it is not there, of the hub with `identity`. Throws GRDB's
    /// `DatabaseError`.
    package init(sqlite path: String, of identity: NodeIdentity) throws {
        self.init(store: try SQLiteHubStore(path: path, of: identity))
    }

    /// A database of PostgreSQL, whose hubs have `secret` in common. Of two hubs with one key the second is refused,
    /// after a few seconds in which the first may end.
    package init(
        _ place: PostgresPlace,
        secret: [UInt8],
        of identity: NodeIdentity
    ) throws(HubDatabaseFailure) {
        let tags = HubTags(secret: secret)
        let store = try PostgreSQLHubStore(place, of: identity.key, tags: tags)
        let feed = HubFeed(place, of: identity.key)
        guard try feed.claimKey() else { throw .keyTaken }
        self.init(store: store, tags: tags, feed: feed)
    }
}
