import PosternModel
import TrustCore

/// Who is present at a hub and how busy: in memory only, and never written anywhere.
struct Presence: Sendable {
    /// Nodes whose event stream is open.
    var watchers: Set<NodeKey> = []
    /// Who waits for whom.
    var awaited = AwaitedPeers()
    private var requests: RateTable
    private var deposits: RateTable

    init(settings: HubSettings) {
        requests = RateTable(limit: settings.requests, capacity: settings.rateCount)
        deposits = RateTable(limit: settings.deposits, capacity: settings.rateCount)
    }

    /// Takes one request of `node` against its rate.
    mutating func admitsRequest(from node: NodeKey, at now: Instant) -> Bool { requests.take(node, at: now) }

    /// Takes one deposit of `node` against its rate.
    mutating func admitsDeposit(from node: NodeKey, at now: Instant) -> Bool { deposits.take(node, at: now) }
}
