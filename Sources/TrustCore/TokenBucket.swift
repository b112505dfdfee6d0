package import PosternModel

/// How often something may happen: `burst` at once, then `perMinute` in the long run.
package struct RateLimit: Hashable, Sendable {
    /// Events at once after a quiet time, at least 1.
    package var burst: Int
    /// Events per minute in the long run, at least 1.
    package var perMinute: Int

    /// A limit; both numbers are at least 1.
    package init(burst: Int, perMinute: Int) {
        precondition(burst >= 1 && perMinute >= 1, "a rate of nothing is no rate")
        self.burst = burst
        self.perMinute = perMinute
    }
}

/// The state of one rate limit for one subject, as a single instant: when the bucket will be full again.
package struct TokenBucket: Hashable, Sendable {
    private var fullAt: Instant

    /// A full bucket.
    package init(at now: Instant) {
        fullAt = now
    }

    /// Takes one event if the limit allows it. Refused events cost nothing.
    package mutating func take(_ limit: RateLimit, at now: Instant) -> Bool {
        let cost = Interval.seconds(60) / Int64(limit.perMinute)
        let next = max(fullAt, now) + cost
        guard next - now <= cost * Int64(limit.burst) else { return false }
        fullAt = next
        return true
    }

    /// Whether nothing would be lost by forgetting it.
    package func isFull(at now: Instant) -> Bool { fullAt <= now }
}
