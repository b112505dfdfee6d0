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
    /// Mbit/s that are relayed between two nodes, each way, and from one node to all others.
    case relayMbitPerPair
    case relayMbitPerNode

    /// What it may be.
    package var range: ClosedRange<Int> {
        switch self {
        case .nodes: 1...100_000_000
        case .newNodesPerHour, .strangerMailPerHour, .relayMbitPerPair, .relayMbitPerNode: 1...1_000_000
        case .strangerMailMiB: 1...1_048_576
        case .requestsPerMinute, .sourceRequestsPerMinute, .entriesPerMinute, .questionsPerMinute: 1...100_000_000
        }
    }
}

extension HubService.Settings {
    /// The defaults, but for these.
    package init(quotas: [HubQuota: Int]) {
        self = .defaults
        for (quota, value) in quotas { self[quota] = value }
    }

    private static let bytesPerMegabit: UInt64 = 125_000

    /// What `quota` is. A rate allows a fifth of a minute's at once, and entries and hourly ones all of theirs.
    package subscript(quota: HubQuota) -> Int {
        get {
            switch quota {
            case .nodes: hub.nodeCount
            case .newNodesPerHour: hub.registrations.perHour
            case .strangerMailPerHour: hub.strangerMail.perHour
            case .strangerMailMiB: hub.strangerPool >> 20
            case .requestsPerMinute: hub.requests.perHour / 60
            case .sourceRequestsPerMinute: hub.networkRequests.perHour / 60
            case .entriesPerMinute: hub.appends.perHour / 60
            case .questionsPerMinute: hub.questions.perHour / 60
            case .relayMbitPerPair: Int(clamping: relayRate / Self.bytesPerMegabit)
            case .relayMbitPerNode: Int(clamping: relayRatePerNode / Self.bytesPerMegabit)
            }
        }
        set {
            let part = RateLimit(burst: max(1, newValue / 5), perMinute: newValue)
            switch quota {
            case .nodes: hub.nodeCount = newValue
            case .newNodesPerHour: hub.registrations = RateLimit(burst: newValue, perHour: newValue)
            case .strangerMailPerHour: hub.strangerMail = RateLimit(burst: newValue, perHour: newValue)
            case .strangerMailMiB: hub.strangerPool = newValue << 20
            case .requestsPerMinute: hub.requests = part
            case .sourceRequestsPerMinute: hub.networkRequests = part
            case .entriesPerMinute: hub.appends = RateLimit(burst: newValue, perMinute: newValue)
            case .questionsPerMinute: hub.questions = part
            case .relayMbitPerPair: relayRate = UInt64(newValue) * Self.bytesPerMegabit
            case .relayMbitPerNode: relayRatePerNode = UInt64(newValue) * Self.bytesPerMegabit
            }
        }
    }
}
