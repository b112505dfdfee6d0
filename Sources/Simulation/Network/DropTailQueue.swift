import PosternModel

/// A wire of limited rate with a queue in front of it that takes datagrams in the order in which they come.
struct DropTailQueue: Sendable {
    private var busyUntil = Instant(nanoseconds: .min)

    private static let nanosecondsPerSecond: Int64 = 1_000_000_000

    /// Bytes that wait at `now`, the one on the wire included, when `rate` is its bits per second.
    func queuedByteCount(rate: Int64, at now: Instant) -> Int {
        guard busyUntil > now else { return 0 }
        let bits = (busyUntil - now).nanoseconds.multipliedFullWidth(by: rate)
        return Int(Self.nanosecondsPerSecond.dividingFullWidth(bits).quotient / 8)
    }

    /// How long `byteCount` take to leave at `rate` bits per second.
    static func serialisation(of byteCount: Int, rate: Int64) -> Interval {
        Interval(nanoseconds: Int64(byteCount) * 8 * nanosecondsPerSecond / rate)
    }

    /// When the last bit of `byteCount` that come at `now` has left, or nil when the queue, which holds `capacity`
    /// bytes, has no room for them.
    mutating func enqueue(_ byteCount: Int, rate: Int64, capacity: Int, at now: Instant) -> Instant? {
        guard queuedByteCount(rate: rate, at: now) + byteCount <= capacity else { return nil }
        busyUntil = max(now, busyUntil) + Self.serialisation(of: byteCount, rate: rate)
        return busyUntil
    }
}
