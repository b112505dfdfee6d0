import PosternModel
import TrustCore

/// What a hub limits the rate of, and whose.
enum RateSubject: Hashable, Sendable {
    /// Requests of a node, and of all nodes of a network.
    case requests(of: NodeKey)
    case requestsFrom(SourceNetwork)
    /// Mail that a node deposits.
    case deposits(of: NodeKey)
    /// Mail without grants that comes from a network: with a contact card's token, and with none.
    case contactMail(from: SourceNetwork)
    case strangerMail(from: SourceNetwork)
    /// Nodes that register for the first time from a network.
    case registrations(from: SourceNetwork)
    /// Changes of a node's registration.
    case changes(of: NodeKey)
    /// Entries of a network's log.
    case appends(to: NetworkID)
    /// What members of a network ask about it and about each other.
    case questions(in: NetworkID)
    /// Revocations of a node.
    case revocations(of: NodeKey)
}

/// The rates of many subjects, bounded in memory.
struct RateBook: Sendable {
    private var buckets: [RateSubject: TokenBucket] = [:]
    var settings: HubSettings
    /// When subjects that are within their rates were last forgotten.
    private var swept: Instant?

    private static let sweepInterval = Interval.seconds(1)

    init(settings: HubSettings) {
        self.settings = settings
    }

    /// Takes one event of `subject`. When the book is full of busy subjects, a new one has to wait: a flood of new keys
    /// cannot make the hub forget who is over its rate.
    mutating func take(_ subject: RateSubject, at now: Instant) -> Bool {
        if buckets[subject] == nil, buckets.count >= settings.rateCount {
            if let swept, now - swept < Self.sweepInterval { return false }
            swept = now
            buckets = buckets.filter { !$0.value.isFull(at: now) }
            guard buckets.count < settings.rateCount else { return false }
        }
        return buckets[subject, default: TokenBucket(at: now)].take(settings.limit(of: subject), at: now)
    }

    /// Whether `count` more events of `subject` are within its rate.
    func allows(_ count: Int, of subject: RateSubject, at now: Instant) -> Bool {
        let limit = settings.limit(of: subject)
        return used(subject, at: now) + count <= limit.burst
    }

    /// How many events of `subject` have not been made up for by time.
    func used(_ subject: RateSubject, at now: Instant) -> Int {
        buckets[subject]?.used(settings.limit(of: subject), at: now) ?? 0
    }
}

extension HubSettings {
    /// The rate of `subject`.
    func limit(of subject: RateSubject) -> RateLimit {
        switch subject {
        case .requests: requests
        case .requestsFrom: networkRequests
        case .deposits: deposits
        case .contactMail: contactMail
        case .strangerMail: strangerMail
        case .registrations: registrations
        case .changes: changes
        case .appends: appends
        case .questions: questions
        case .revocations: revocations
        }
    }
}
