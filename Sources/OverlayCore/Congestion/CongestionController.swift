import PosternModel

/// How many bytes may be in flight on one path, and how fast they leave. One value per path.
///
/// To add an algorithm: conform a struct that cannot be copied, and add it to ``CongestionAlgorithm``. Nothing else
/// knows which one runs.
protocol CongestionController: ~Copyable, Sendable {
    /// Bytes that may be in flight.
    var window: Int { get }
    /// Whether the controller keeps the path from being used, in order to measure it: what is delivered meanwhile says
    /// nothing about the rate of the path.
    var isHoldingBack: Bool { get }
    /// Bytes per second at which packets leave; `roundTrip` is the smoothed estimate.
    func pacingRate(roundTrip: Interval) -> UInt64
    /// A packet leaves while nothing is in flight.
    mutating func resume(at now: Instant)
    /// Packets arrived. What the same ACK frame shows as lost, or as declared lost by mistake, was told before; marks
    /// are told after.
    mutating func acknowledge(_ ack: CongestionAck)
    /// A packet was lost.
    mutating func lose(_ loss: CongestionLoss)
    /// Everything was lost for so long that what is known of the path is void (RFC 9002 §7.6).
    mutating func notePersistentCongestion(at now: Instant)
    /// A packet arrived that was declared lost.
    mutating func noteSpuriousLoss(_ loss: SpuriousLoss)
    /// The peer saw congestion marks on packets (RFC 9002 §7.1).
    mutating func mark(_ mark: CongestionMark)
    /// The path carries packets of `byteCount` from now on.
    mutating func setPacketSize(_ byteCount: Int)
}

/// What a controller learns from one ACK frame.
struct CongestionAck {
    /// Bytes that arrived, packets that were declared lost by mistake not among them.
    var byteCount: Int
    /// When the largest newly acknowledged packet left.
    var sentAt: Instant
    var now: Instant
    /// Bytes in flight before the frame came, and now.
    var bytesInFlightBefore: Int
    var bytesInFlight: Int
    var roundTrip: RoundTripEstimator
    /// Bytes that the path has delivered in its life.
    var delivered: UInt64
    /// What the frame shows of the path.
    var sample: RateSample
}

/// What a controller learns when a packet is lost.
struct CongestionLoss {
    var byteCount: Int
    /// When the packet left.
    var sentAt: Instant
    var now: Instant
    var roundTrip: RoundTripEstimator
    /// Bytes in flight when it left, with itself.
    var bytesInFlight: Int
    /// Bytes lost since it left, with itself.
    var lostSince: Int
    /// Whether the application limited the rate when it left.
    var isAppLimited: Bool
}

/// What a controller learns when a packet arrives that was declared lost.
struct SpuriousLoss {
    var declaredAt: Instant
    var now: Instant
}

/// What a controller learns when an ACK frame reports more CE marks than the last (RFC 9000 §13.4.2).
struct CongestionMark {
    /// Packets that were marked and not reported before.
    var packetCount: Int
    /// When the largest newly acknowledged packet left.
    var sentAt: Instant
    var now: Instant
}

/// RFC 9002 §7.2: windows in packets, for every controller.
enum CongestionWindow {
    static let initialPackets = 10
}

/// Whether all losses behind one reduction turned out to be none.
struct LossEpisode {
    private let startedAt: Instant
    private var openLosses = 0

    init(at now: Instant) { startedAt = now }

    mutating func lose() { openLosses += 1 }

    /// True when this was the last open loss: the reduction was for nothing.
    mutating func noteSpuriousLoss(_ loss: SpuriousLoss) -> Bool {
        guard loss.declaredAt >= startedAt, openLosses > 0 else { return false }
        openLosses -= 1
        return openLosses == 0
    }
}
