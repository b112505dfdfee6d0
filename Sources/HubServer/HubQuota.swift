import HubCore
import TrustCore

/// What the operator of a hub can limit while it runs: for a node, for all that come from one network (/24, /48), for a
/// network of members, and altogether.
package enum HubQuota: String, CaseIterable, Sendable {
    /// Registered nodes.
    case nodes
    /// Nodes of one network that register for the first time in an hour, and their requests to strangers.
    case newNodesPerHour
    case strangerMailPerHour
    /// Disk for requests of strangers, in MiB.
    case strangerMailMiB
    /// Requests of one node, and of all that come from one network, in a minute.
    case requestsPerMinute
    case sourceRequestsPerMinute
    /// Entries that a network of members writes, and what its members ask about it and each other, in a minute.
    case entriesPerMinute
    case questionsPerMinute

    /// What it may be.
    package var range: ClosedRange<Int> {
        switch self {
        case .nodes: 1...100_000_000
        case .newNodesPerHour, .strangerMailPerHour: 1...1_000_000
        case .strangerMailMiB: 1...1_048_576
        case .requestsPerMinute, .sourceRequestsPerMinute, .entriesPerMinute, .questionsPerMinute: 1...100_000_000
        }
    }
}

extension HubSettings {
    /// What `quota` is. A rate allows a fifth of a minute's at once, and entries and hourly ones all of theirs.
    fileprivate subscript(quota: HubQuota) -> Int {
        get {
            switch quota {
            case .nodes: nodeCount
            case .newNodesPerHour: registrations.perHour
            case .strangerMailPerHour: strangerMail.perHour
            case .strangerMailMiB: strangerPool >> 20
            case .requestsPerMinute: requests.perHour / 60
            case .sourceRequestsPerMinute: networkRequests.perHour / 60
            case .entriesPerMinute: appends.perHour / 60
            case .questionsPerMinute: questions.perHour / 60
            }
        }
        set {
            let part = RateLimit(burst: max(1, newValue / 5), perMinute: newValue)
            switch quota {
            case .nodes: nodeCount = newValue
            case .newNodesPerHour: registrations = RateLimit(burst: newValue, perHour: newValue)
            case .strangerMailPerHour: strangerMail = RateLimit(burst: newValue, perHour: newValue)
            case .strangerMailMiB: strangerPool = newValue << 20
            case .requestsPerMinute: requests = part
            case .sourceRequestsPerMinute: networkRequests = part
            case .entriesPerMinute: appends = RateLimit(burst: newValue, perMinute: newValue)
            case .questionsPerMinute: questions = part
            }
        }
    }
}

extension HubService.Settings {
    /// The defaults, but for these.
    package init(quotas: [HubQuota: Int]) {
        self = .defaults
        for (quota, value) in quotas { self[quota] = value }
    }

    /// What `quota` is.
    package subscript(quota: HubQuota) -> Int {
        get { hub[quota] }
        set { hub[quota] = newValue }
    }
}
