package import PosternModel
package import TrustCore

/// A node that a hub has registered.
package struct Registration: Hashable, Sendable {
    package let key: NodeKey
    /// The ids of its contact cards, in their order.
    package let contacts: [RecordID]
    package let registered: Timestamp
    /// When it was last here, to within ``HubSettings/seenInterval``.
    package let seen: Timestamp
    /// The mark that it has left (``HubWrite/mark(_:)``).
    package let mark: StateMark?
    /// The hubs where it is at home, of those that share the store: the one that it came to last first.
    package let homes: [NodeKey]
    /// How its key has changed, or which one comes next, as it first told and has changed it since.
    package let keys: NodeChain?

    /// How many homes are kept of one node.
    private static let homeCount = 3

    package init(
        key: NodeKey,
        contacts: [RecordID],
        registered: Timestamp,
        seen: Timestamp,
        mark: StateMark? = nil,
        homes: [NodeKey] = [],
        keys: NodeChain? = nil
    ) {
        self.key = key
        self.contacts = contacts
        self.registered = registered
        self.seen = seen
        self.mark = mark
        self.homes = homes
        self.keys = keys
    }

    /// The homes of a node that comes to `hub`: where it is at home already, they stay.
    func homes(with hub: NodeKey) -> [NodeKey] {
        homes.contains(hub) ? homes : Array(([hub] + homes).prefix(Self.homeCount))
    }

    /// The same, of a node that is here at `time`, with what has changed.
    func seen(
        at time: Timestamp,
        contacts changed: [RecordID]? = nil,
        homes moved: [NodeKey]? = nil,
        keys told: NodeChain? = nil
    ) -> Registration {
        Registration(
            key: key,
            contacts: changed ?? contacts,
            registered: registered,
            seen: time,
            mark: mark,
            homes: moved ?? homes,
            keys: told ?? keys
        )
    }

    /// The same, of a node that has left `mark`.
    func marked(_ mark: StateMark) -> Registration {
        Registration(
            key: key,
            contacts: contacts,
            registered: registered,
            seen: seen,
            mark: mark,
            homes: homes,
            keys: keys
        )
    }
}

/// One sealed mail in a mailbox.
package struct StoredMail: Hashable, Sendable {
    /// Made from the sealed bytes: the same box twice is one mail.
    package let id: RecordID
    package let sealed: [UInt8]
    package let deposited: Timestamp
    package let standing: MailStanding

    package init(id: RecordID, sealed: [UInt8], deposited: Timestamp, standing: MailStanding) {
        self.id = id
        self.sealed = sealed
        self.deposited = deposited
        self.standing = standing
    }

    /// The mail without its content.
    package var header: MailHeader {
        MailHeader(id: id, standing: standing, cost: sealed.count + MailHeader.overhead)
    }
}

/// Names one mail: the node whose mailbox it is in, and its id.
package struct MailKey: Hashable, Sendable {
    package let target: NodeKey
    package let id: RecordID

    package init(target: NodeKey, id: RecordID) {
        self.target = target
        self.id = id
    }
}

/// Whose grants to whom.
struct GrantPair: Hashable, Sendable {
    let giver: NodeKey
    let subject: NodeKey
}

/// Names a revocation without naming anybody (RULES N14).
package struct RevocationKey: Hashable, Sendable {
    /// A keyed hash of whose grants are void, by which they are counted.
    package let giver: UInt64
    /// A keyed hash of the two keys.
    package let pair: Words32

    package init(giver: UInt64, pair: Words32) {
        self.giver = giver
        self.pair = pair
    }
}

/// What is kept of a revocation: the rest of it is known to whoever may hear of it.
package struct StoredRevocation: Hashable, Sendable {
    /// Grants that were issued at this time or before are void.
    package let issued: Timestamp
    /// The signature, hidden; empty where a former version has kept none.
    package let signature: [UInt8]

    package init(issued: Timestamp, signature: [UInt8]) {
        self.issued = issued
        self.signature = signature
    }
}
