import HubCore
import TrustCore

extension HubService.Settings {
    /// The defaults, but for the limits that are given: registered nodes; nodes and strangers' mail that come from one
    /// network in an hour; MiB of strangers' mail that waits.
    package init(nodes: Int?, newNodesPerHour: Int?, strangerMailPerHour: Int?, strangerMailMiB: Int?) {
        self = .defaults
        if let nodes { hub.nodeCount = nodes }
        if let newNodesPerHour { hub.registrations = RateLimit(burst: newNodesPerHour, perHour: newNodesPerHour) }
        if let strangerMailPerHour {
            hub.strangerMail = RateLimit(burst: strangerMailPerHour, perHour: strangerMailPerHour)
        }
        if let strangerMailMiB { hub.strangerPool = strangerMailMiB << 20 }
    }
}
