package import PosternModel
package import TrustCore

/// A node that a hub has registered.
package struct Registration: Hashable, Sendable {
    package let key: NodeKey
    package var name: String
    package var registered: Timestamp

    package init(key: NodeKey, name: String, registered: Timestamp) {
        self.key = key
        self.name = name
        self.registered = registered
    }
}

/// One sealed mail in a mailbox.
package struct StoredMail: Hashable, Sendable {
    /// Made from the sealed bytes: the same box twice is one mail.
    package let id: RecordID
    package let sealed: [UInt8]
    package let deposited: Timestamp

    package init(id: RecordID, sealed: [UInt8], deposited: Timestamp) {
        self.id = id
        self.sealed = sealed
        self.deposited = deposited
    }
}

/// What a hub keeps beyond its own life.
///
/// Calls are synchronous; whoever drives the hub puts one or many of them into one transaction and makes that durable
/// before it gives away any of the resulting actions. A store that fails throws, and the hub does nothing.
package protocol HubStore {
    /// Adds or renames a registration; returns what was there before.
    mutating func register(_ registration: Registration) throws -> Registration?
    /// Removes a registration; returns what was there.
    mutating func deregister(_ key: NodeKey) throws -> Registration?
    func registration(of key: NodeKey) throws -> Registration?
    func registrationCount() throws -> Int

    /// Keeps mail for `target`, registered or not. Mail that is there already is left as it is. Returns whether it
    /// was new and fitted: at most `limit` for the target and `total` altogether.
    mutating func deposit(_ mail: StoredMail, for target: NodeKey, limit: Int, total: Int) throws -> Bool
    /// The mail of `target`, oldest first.
    func mail(for target: NodeKey) throws -> [StoredMail]
    mutating func removeMail(_ ids: [RecordID], of target: NodeKey) throws
    /// Removes all mail that was deposited before `time`.
    mutating func removeMail(before time: Timestamp) throws

    /// Keeps the newest revocation of each giver and subject, at most `limit` for a giver, the oldest forgotten first.
    mutating func revoke(giver: NodeKey, subject: NodeKey, until: Timestamp, limit: Int) throws
    /// Until when the grants of `giver` to `subject` are void.
    func voidUntil(giver: NodeKey, subject: NodeKey) throws -> Timestamp?
}
