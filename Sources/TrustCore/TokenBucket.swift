package import PosternModel

/// How often something may happen: `burst` at once, then at a steady pace in the long run.
package struct RateLimit: Hashable, Sendable {
    /// Events at once after a quiet time, at least 1.
    package var burst: Int
    /// The time that makes up for one event.
    fileprivate let cost: Interval

    /// A limit of `perMinute` events a minute; both numbers are at least 1.
    package init(burst: Int, perMinute: Int) {
        precondition(burst >= 1 && perMinute >= 1, "a rate of nothing is no rate")
        self.burst = burst
        cost = Interval.seconds(60) / Int64(perMinute)
    }

    /// A limit of `perHour` events an hour; both numbers are at least 1.
    package init(burst: Int, perHour: Int) {
        precondition(burst >= 1 && perHour >= 1, "a rate of nothing is no rate")
        self.burst = burst
        cost = Interval.seconds(3_600) / Int64(perHour)
    }

    /// Events an hour.
    package var perHour: Int { Int(Interval.seconds(3_600).nanoseconds / cost.nanoseconds) }
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
        let next = max(fullAt, now) + limit.cost
        guard next - now <= limit.cost * Int64(limit.burst) else { return false }
        fullAt = next
        return true
    }

    /// How many events of `limit` have not been made up for by time, the last in part.
    package func used(_ limit: RateLimit, at now: Instant) -> Int {
        let owed = fullAt - now
        guard owed > .zero else { return 0 }
        return Int((owed.nanoseconds - 1) / limit.cost.nanoseconds) + 1
    }

    /// Whether nothing would be lost by forgetting it.
    package func isFull(at now: Instant) -> Bool { fullAt <= now }
}
