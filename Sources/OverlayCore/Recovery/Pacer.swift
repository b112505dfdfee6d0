import OverlayWire

/// Spreads packets over time (RFC 9002 §7.7): a bucket that fills at the pacing rate and holds a burst.
struct Pacer {
    /// How much time one burst may stand for: a segmentation-offload batch is one burst.
    static let burst = Interval.milliseconds(2)
    /// The smallest burst: the initial window (RFC 9002 §7.7, §7.2), ten packets, but of large ones no more than fill
    /// this many bytes, or two.
    static let minimumBurstPackets = 10
    static let minimumBurst = 14_720

    /// Bytes that may leave, with the fractions that time has earned.
    private var tokens = 0.0
    private var filledAt: Instant?

    /// How many bytes may leave now at `rate` bytes per second with packets of `packetSize`.
    mutating func allowance(rate: UInt64, packetSize: Int, at now: Instant) -> Int {
        let capacity = Self.capacity(rate: rate, packetSize: packetSize)
        if let last = filledAt {
            let elapsed = max(0, (now - last).nanoseconds)
            tokens = min(capacity, tokens + Double(elapsed) * Double(rate) / 1e9)
        } else {
            tokens = capacity
        }
        filledAt = now
        return Int(max(0, tokens))
    }

    /// `byteCount` bytes left.
    mutating func spend(_ byteCount: Int) {
        tokens -= Double(byteCount)
    }

    /// When the bucket holds a useful amount again: half a burst, so that packets leave in batches.
    func nextRelease(rate: UInt64, packetSize: Int, after now: Instant) -> Instant {
        let wanted = max(Double(packetSize), Self.capacity(rate: rate, packetSize: packetSize) / 2)
        guard tokens < wanted else { return now }
        let nanoseconds = (wanted - tokens) / Double(max(rate, 1)) * 1e9
        return now + Interval(nanoseconds: max(1, Int64(min(nanoseconds, 1e12))))
    }

    private static func capacity(rate: UInt64, packetSize: Int) -> Double {
        let least = min(minimumBurstPackets * packetSize, max(minimumBurst, 2 * packetSize))
        return max(Double(least), min(Double(rate) * burst.seconds, 1e12))
    }
}
