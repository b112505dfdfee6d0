import PosternModel

/// Round-trip time as RFC 9002 §5 estimates it.
struct RoundTripEstimator {
    /// RFC 9002 §6.2.2: what to assume before the first sample.
    static let initial = Interval.milliseconds(333)
    /// RFC 9002 §6.1.2: timer granularity.
    static let granularity = Interval.milliseconds(1)

    /// No path takes as long: one of the nodes was stopped in between, and what was measured is its sleep.
    static let implausible = Interval.seconds(10)

    private(set) var hasSample = false
    /// Whether all that is known is how long a handshake took, public-key operations included.
    private var isHandshakeOnly = false
    private(set) var latest = Interval.zero
    /// The latest round trip without the time that the peer held its acknowledgement.
    private(set) var adjusted = Interval.zero
    private(set) var minimum = Interval.zero
    private(set) var smoothed = Self.initial
    private(set) var variation = Self.initial / 2

    /// Takes the time that a handshake took. The path itself is faster.
    mutating func sample(handshake roundTrip: Interval) {
        guard !hasSample else { return }
        sample(roundTrip, ackDelay: .zero)
        isHandshakeOnly = hasSample
    }

    /// Takes the round trip of the largest newly acknowledged packet (RFC 9002 §5.3), unless it is ``implausible``.
    mutating func sample(_ roundTrip: Interval, ackDelay: Interval) {
        guard roundTrip < Self.implausible else { return }
        latest = max(roundTrip, Interval(nanoseconds: 1))
        guard hasSample else {
            hasSample = true
            begin(with: latest)
            return
        }
        // The wait of the peer is larger than the round trip on a local path. Were the handshake its minimum, it would
        // never be taken off.
        if isHandshakeOnly, latest - ackDelay < minimum {
            begin(with: max(latest - ackDelay, Interval(nanoseconds: 1)))
        }
        isHandshakeOnly = false
        minimum = min(minimum, latest)
        // RFC 9002 §5.3: taken off as far as the minimum.
        adjusted = max(latest - ackDelay, minimum)
        let difference = smoothed > adjusted ? smoothed - adjusted : adjusted - smoothed
        variation = Interval(nanoseconds: (3 * variation.nanoseconds + difference.nanoseconds) / 4)
        smoothed = Interval(nanoseconds: (7 * smoothed.nanoseconds + adjusted.nanoseconds) / 8)
    }

    private mutating func begin(with roundTrip: Interval) {
        minimum = roundTrip
        adjusted = roundTrip
        smoothed = roundTrip
        variation = roundTrip / 2
    }

    /// The probe time-out before backoff (RFC 9002 §6.2.1).
    func probeTimeout(maxAckDelay: Interval) -> Interval {
        smoothed + max(variation * 4, Self.granularity) + maxAckDelay
    }
}
