import PosternModel
import TrustCore

/// The rates of many nodes under one limit, bounded in memory.
struct RateTable: Sendable {
    private var buckets: [NodeKey: TokenBucket] = [:]
    private let limit: RateLimit
    private let capacity: Int

    init(limit: RateLimit, capacity: Int) {
        self.limit = limit
        self.capacity = capacity
    }

    /// Takes one event of `key`. When the table is full of busy nodes, a new one has to wait: a flood of new keys
    /// cannot make the hub forget who is over its rate.
    mutating func take(_ key: NodeKey, at now: Instant) -> Bool {
        if buckets[key] == nil, buckets.count >= capacity {
            buckets = buckets.filter { !$0.value.isFull(at: now) }
            guard buckets.count < capacity else { return false }
        }
        return buckets[key, default: TokenBucket(at: now)].take(limit, at: now)
    }
}
