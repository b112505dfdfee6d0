package import PosternModel
package import TrustCore

/// What a hub allows at most. What is told of one network holds for an IPv4 /24 or an IPv6 /48 (``SourceNetwork``).
package struct HubSettings: Hashable, Sendable {
    /// Requests of one node, and of one network. More are answered `over-limit`.
    package var requests = RateLimit(burst: 240, perMinute: 1_200)
    package var networkRequests = RateLimit(burst: 4_800, perMinute: 24_000)
    /// Mail that one node deposits, whoever it is for. More is answered `over-limit`.
    package var deposits = RateLimit(burst: 20, perMinute: 20)
    /// Mail from one network that shows no grant: with the token of a contact card, and without. More is answered
    /// `over-limit`.
    package var contactMail = RateLimit(burst: 60, perHour: 60)
    package var strangerMail = RateLimit(burst: 20, perHour: 20)
    /// What strangers' mail costs in zero bits of work.
    package var strangerPrice = StrangerPrice(least: 16, most: WorkChallenge.largestSize)
    /// Mail in one mailbox, by class: of senders that are known, of them from one sender; with contact cards and of
    /// strangers, of them from one network. What makes way is the mail with the least work, then the oldest, of the
    /// source that has the most.
    package var knownMailbox = MailboxShare(count: 1_024, countPerSource: 8)
    package var contactMailbox = MailboxShare(count: 64, countPerSource: 8)
    package var strangerMailbox = MailboxShare(count: 16, countPerSource: 2)
    /// Bytes of all mail, by class. Beyond them the same mail makes way, of the network that has the most.
    package var knownPool = 1 << 30
    package var contactPool = 256 << 20
    package var strangerPool = 256 << 20
    /// How long mail waits.
    package var mailLifetime = Interval.seconds(14 * 86_400)
    /// Registered nodes. Further nodes are answered `full`.
    package var nodeCount = 1_000_000
    /// How long a registration stays without its node being seen.
    package var nodeLifetime = Interval.seconds(90 * 86_400)
    /// Time between two notes that a node was seen, and how many registrations go at a time.
    package var seenInterval = Interval.seconds(86_400)
    package var expiryCount = 1_000
    /// Nodes that register for the first time from one network. More are answered `over-limit`.
    package var registrations = RateLimit(burst: 256, perHour: 240)
    /// Changes of one node's registration, and its revocations. More are answered `over-limit`.
    package var changes = RateLimit(burst: 60, perMinute: 60)
    package var revocations = RateLimit(burst: 64, perMinute: 6)
    /// Entries of one network's log. More are answered `over-limit`, and no other network notices (RULES N18).
    package var appends = RateLimit(burst: 256, perMinute: 60)
    /// What members of one network ask about its log and each other: look-ups, reads, words of owners. More are
    /// answered `over-limit`, and no other network notices (RULES N18).
    package var questions = RateLimit(burst: 6_000, perMinute: 30_000)
    /// How far ahead of the hub's clock that of an entry's author may be.
    package var entrySkew = Interval.seconds(86_400)
    /// Networks of which the words of owners and administrators are kept, in memory.
    package var beatCount = 100_000
    /// Bytes of entries in one answer.
    package var entriesSize = 24_576
    /// Revocations kept for one giver. Beyond it the oldest is dropped; the giver itself refuses such grants in any
    /// case.
    package var revocationCount = 10_000
    /// Grants whose signatures are not verified again when they are shown again. Each takes some 2 kB.
    package var grantCount = 20_000
    /// Relay channels of one node.
    package var channelCount = 1_024
    /// Bridges altogether.
    package var bridgeCount = 100_000
    /// Absent peers that one node waits for.
    package var awaitedCount = 256
    /// Nodes and networks whose rates are remembered; beyond it those that are within their rates are forgotten.
    package var rateCount = 500_000
    /// Requests of one node that have begun and are not whole. More are reset.
    package var openRequests = 8
    /// UTF-8 bytes of one request.
    package var requestSize = 32_768

    package init() {}

    /// The values that the properties above state.
    package static let defaults = HubSettings()
}

extension HubSettings {
    /// The share of a mailbox, the pool, and what tells the sources of one class apart.
    func share(of kind: MailStanding.Kind) -> (mailbox: MailboxShare, pool: Int, source: (MailStanding) -> UInt64) {
        switch kind {
        case .known: (knownMailbox, knownPool, { $0.sender })
        case .contact: (contactMailbox, contactPool, { $0.network })
        case .stranger: (strangerMailbox, strangerPool, { $0.network })
        }
    }
}
