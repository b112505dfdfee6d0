package import PosternModel

/// What one peer may ask of an exposed service; nil sets no limit.
package struct ServiceLimits: Hashable, Sendable {
    /// Streams at a time: connections of the peer's clients, kept ones included.
    package var concurrency: Int?
    /// Requests a minute, or connections where the service is not HTTP.
    package var requestsPerMinute: Int?

    package init(concurrency: Int? = nil, requestsPerMinute: Int? = nil) {
        self.concurrency = concurrency
        self.requestsPerMinute = requestsPerMinute
    }

    /// No limit but the gateway's own.
    package static let none = ServiceLimits()
}

/// What one peer has used of its requests a minute: a bucket that holds a minute's worth and refills evenly.
package final class RequestBudget {
    private let capacity: Int64
    /// What is left, in requests times the nanoseconds of a minute.
    private var left: Int64
    private var refilledAt: Instant

    private static let minute: Int64 = 60_000_000_000

    /// A full budget of `requestsPerMinute`, at least 1.
    package init(requestsPerMinute: Int, at now: Instant) {
        capacity = Int64(clamping: max(requestsPerMinute, 1))
        left = capacity * Self.minute
        refilledAt = now
    }

    /// Whether all of a minute's worth is there again.
    func isFull(at now: Instant) -> Bool {
        let elapsed = min(max((now - refilledAt).nanoseconds, 0), Self.minute)
        return left + elapsed * capacity >= capacity * Self.minute
    }

    /// Takes one request; false when none is left.
    package func take(at now: Instant) -> Bool {
        let elapsed = min(max((now - refilledAt).nanoseconds, 0), Self.minute)
        refilledAt = max(refilledAt, now)
        left = min(capacity * Self.minute, left + elapsed * capacity)
        guard left >= Self.minute else { return false }
        left -= Self.minute
        return true
    }
}
