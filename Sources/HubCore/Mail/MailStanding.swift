package import TrustCore

/// What a hub remembers of how a mail came: tags that can only be compared, and what was paid.
package struct MailStanding: Hashable, Sendable {
    /// The classes of mail (RULES M). Each has a pool of its own.
    package enum Kind: Int, Hashable, Sendable, CaseIterable {
        case known = 0
        case contact = 1
        case stranger = 2
    }

    /// Its class.
    package let kind: Kind
    /// A keyed hash of sender and target: equal for one pair only.
    package let sender: UInt64
    /// A keyed hash of the network that it came from.
    package let network: UInt64
    /// The zero bits of the sender's work.
    package let work: Int

    package init(kind: Kind, sender: UInt64, network: UInt64, work: Int = 0) {
        self.kind = kind
        self.sender = sender
        self.network = network
        self.work = work
    }
}

/// A mail without its content.
package struct MailHeader: Hashable, Sendable {
    package let id: RecordID
    package let standing: MailStanding
    /// What it counts against the pool of its class: its content and ``overhead``.
    package let cost: Int

    /// Bytes that the row of a mail takes beside the content, so that the smallest mail is not free.
    package static let overhead = 512

    package init(id: RecordID, standing: MailStanding, cost: Int) {
        self.id = id
        self.standing = standing
        self.cost = cost
    }
}
