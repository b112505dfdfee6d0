import OverlayWire

/// How many bytes may be in flight on one path, and how fast they leave. One value per path.
///
/// To add an algorithm: conform a struct, add it to ``CongestionAlgorithm`` and ``Congestion``. Nothing else knows
/// which one runs.
protocol CongestionController: Sendable {
    /// Bytes that may be in flight.
    var window: Int { get }
    /// Bytes per second at which packets leave; `roundTrip` is the smoothed estimate.
    func pacingRate(roundTrip: Interval) -> UInt64
    /// Packets with `ack.byteCount` bytes arrived.
    mutating func acknowledge(_ ack: CongestionAck)
    /// Packets were lost.
    mutating func lose(_ loss: CongestionLoss)
    /// The peer saw congestion marks on packets (RFC 9002 §7.1).
    mutating func mark(_ mark: CongestionMark)
    /// The path carries packets of `byteCount` from now on.
    mutating func setPacketSize(_ byteCount: Int)
}

/// What a controller learns from one ACK frame.
struct CongestionAck {
    var byteCount: Int
    /// When the largest newly acknowledged packet left.
    var sentAt: Instant
    var now: Instant
    var bytesInFlight: Int
    var roundTrip: RoundTripEstimator
    /// Whether the application, not the window, limited what was in flight (RFC 9002 §7.8).
    var isAppLimited: Bool
}

/// What a controller learns from one round of loss detection.
struct CongestionLoss {
    var byteCount: Int
    /// When the latest lost packet left.
    var sentAt: Instant
    var now: Instant
    /// RFC 9002 §7.6.
    var isPersistent: Bool
}

/// What a controller learns when an ACK frame reports more CE marks than the last (RFC 9000 §13.4.2).
struct CongestionMark {
    /// Packets that were marked and not reported before.
    var packetCount: Int
    /// When the largest newly acknowledged packet left.
    var sentAt: Instant
    var now: Instant
}

/// The congestion controllers to choose from.
package enum CongestionAlgorithm: String, Sendable, Hashable, CaseIterable {
    /// RFC 9438 with HyStart++ (RFC 9406).
    case cubic
}

/// The controller of one path.
enum Congestion {
    case cubic(Cubic)

    init(_ algorithm: CongestionAlgorithm, packetSize: Int) {
        switch algorithm {
        case .cubic: self = .cubic(Cubic(packetSize: packetSize))
        }
    }

    var window: Int {
        switch self {
        case .cubic(let cubic): cubic.window
        }
    }

    func pacingRate(roundTrip: Interval) -> UInt64 {
        switch self {
        case .cubic(let cubic): cubic.pacingRate(roundTrip: roundTrip)
        }
    }

    mutating func acknowledge(_ ack: CongestionAck) {
        switch self {
        case .cubic(var cubic):
            cubic.acknowledge(ack)
            self = .cubic(cubic)
        }
    }

    mutating func lose(_ loss: CongestionLoss) {
        switch self {
        case .cubic(var cubic):
            cubic.lose(loss)
            self = .cubic(cubic)
        }
    }

    mutating func mark(_ mark: CongestionMark) {
        switch self {
        case .cubic(var cubic):
            cubic.mark(mark)
            self = .cubic(cubic)
        }
    }

    mutating func setPacketSize(_ byteCount: Int) {
        switch self {
        case .cubic(var cubic):
            cubic.setPacketSize(byteCount)
            self = .cubic(cubic)
        }
    }
}
