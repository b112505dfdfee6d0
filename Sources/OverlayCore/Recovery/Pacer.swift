import PosternModel

/// Spreads packets over time (RFC 9002 §7.7): a bucket that fills at the pacing rate and holds a burst.
struct Pacer {
    /// How much time one burst may stand for: a segmentation-offload batch is one burst.
    static let burst = Interval.milliseconds(2)
    /// The smallest burst in packets: at low rates more would overflow small queues.
    static let minimumBurstPackets = 2
    /// What may be in flight without having been paced: the initial window (RFC 9002 §7.7, §7.2), ten packets, but of
    /// large ones no more than fill so many bytes, or two.
    static let initialBurst = 14_720

    /// Bytes that may leave, with the fractions that time has earned.
    private var tokens = 0.0
    private var filledAt: Instant?

    /// Little is in flight: a small answer leaves at once, and small calls side by side do not wait for a pace that was
    /// measured on themselves.
    mutating func allowInitialBurst(packetSize: Int, bytesInFlight: Int) {
        let burst = min(CongestionWindow.initialPackets * packetSize, max(Self.initialBurst, 2 * packetSize))
        tokens = max(tokens, Double(burst - bytesInFlight))
    }

    /// How many bytes may leave now at `rate` bytes per second with packets of `packetSize`.
    mutating func allowance(rate: UInt64, packetSize: Int, at now: Instant) -> Int {
        let capacity = Self.capacity(rate: rate, packetSize: packetSize)
        if let last = filledAt {
            let elapsed = max(0, (now - last).nanoseconds)
            tokens = max(tokens, min(capacity, tokens + Double(elapsed) * Double(rate) / 1e9))
        } else {
            tokens = max(tokens, capacity)
        }
        filledAt = now
        return Int(max(0, tokens))
    }

    /// `byteCount` bytes left.
    mutating func spend(_ byteCount: Int) {
        tokens -= Double(byteCount)
    }

    /// When the bucket holds a ``quantum(rate:packetSize:)`` again.
    func nextRelease(rate: UInt64, packetSize: Int, after now: Instant) -> Instant {
        let wanted = Self.quantum(rate: rate, packetSize: packetSize)
        guard tokens < wanted else { return now }
        let nanoseconds = (wanted - tokens) / Double(max(rate, 1)) * 1e9
        return now + Interval(nanoseconds: max(1, Int64(min(nanoseconds, 1e12))))
    }

    /// What leaves at once in the steady state: half of what the bucket holds, so that packets leave in batches and a
    /// late turn loses nothing.
    static func quantum(rate: UInt64, packetSize: Int) -> Double {
        capacity(rate: rate, packetSize: packetSize) / 2
    }

    private static func capacity(rate: UInt64, packetSize: Int) -> Double {
        max(Double(minimumBurstPackets * packetSize), min(Double(rate) * burst.seconds, 1e12))
    }
}
