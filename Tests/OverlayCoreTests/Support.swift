import OverlayWire
import PosternModel

@testable import OverlayCore

/// The generator of Steele, Lea and Flood (SplitMix64): one seed, one sequence.
struct SplitMix: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var value = state
        value = (value ^ value >> 30) &* 0xbf58_476d_1ce4_e5b9
        value = (value ^ value >> 27) &* 0x94d0_49bb_1331_11eb
        return value ^ value >> 31
    }
}

extension Instant {
    /// The instant this many milliseconds after the tests' origin.
    static func at(_ milliseconds: Int64) -> Instant {
        Instant(nanoseconds: 0) + .milliseconds(milliseconds)
    }
}

/// The byte that stands at `offset` of every stream in these tests.
func streamByte(_ offset: UInt64) -> UInt8 {
    UInt8(truncatingIfNeeded: offset &* 31 &+ offset >> 9)
}

/// The bytes that stand in `range` of every stream in these tests.
func streamBytes(_ range: Range<UInt64>) -> [UInt8] { range.map(streamByte) }

extension CongestionAck {
    /// An ACK frame of a path whose round trip was measured once.
    static func of(
        _ byteCount: Int,
        sentAt: Instant,
        now: Instant,
        roundTrip: Interval,
        bytesInFlight: Int = 0,
        isAppLimited: Bool = false
    ) -> CongestionAck {
        var estimator = RoundTripEstimator()
        estimator.sample(roundTrip, ackDelay: .zero)
        return CongestionAck(
            byteCount: byteCount,
            sentAt: sentAt,
            now: now,
            bytesInFlightBefore: bytesInFlight,
            bytesInFlight: max(0, bytesInFlight - byteCount),
            roundTrip: estimator,
            delivered: 0,
            sample: RateSample(
                bytesPerSecond: nil,
                delivered: byteCount,
                deliveredBefore: 0,
                lost: 0,
                bytesInFlight: bytesInFlight,
                isAppLimited: isAppLimited
            )
        )
    }
}

extension CongestionLoss {
    /// One lost packet.
    static func of(_ byteCount: Int, sentAt: Instant, now: Instant) -> CongestionLoss {
        CongestionLoss(
            byteCount: byteCount,
            sentAt: sentAt,
            now: now,
            roundTrip: RoundTripEstimator(),
            bytesInFlight: byteCount,
            lostSince: byteCount,
            isAppLimited: false
        )
    }
}

extension Node {
    /// Bytes that a write would take now; 0 for a stream that ended.
    func writableByteCount(_ stream: StreamHandle) -> Int {
        peer(stream.peer)?.session?.writableBytes(Int(stream.slot), shared: shared) ?? 0
    }
}

extension Path {
    /// A direct path without a history.
    static func fresh(serial: UInt32 = 1) -> Path {
        Path(
            addresses: AddressPair(
                local: .ipv4(address: 2, port: 2),
                remote: .ipv4(address: 1, port: 1)
            ),
            serial: serial,
            algorithm: .cubic,
            maximumPacketSize: 1200,
            seed: 1,
            at: .at(0)
        )
    }
}
