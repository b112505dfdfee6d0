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

    package init(key: NodeKey, contacts: [RecordID], registered: Timestamp, seen: Timestamp) {
        self.key = key
        self.contacts = contacts
        self.registered = registered
        self.seen = seen
    }

    /// The same, of a node that is here at `time`.
    func seen(at time: Timestamp) -> Registration {
        Registration(key: key, contacts: contacts, registered: registered, seen: time)
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

/// Names a revocation: whose grants are void, and those to whom.
package struct GrantPair: Hashable, Sendable {
    package let giver: NodeKey
    package let subject: NodeKey

    package init(giver: NodeKey, subject: NodeKey) {
        self.giver = giver
        self.subject = subject
    }
}
