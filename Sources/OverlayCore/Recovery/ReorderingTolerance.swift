import PosternModel

/// How far packets may overtake each other before one counts as lost: the thresholds of RFC 9002 §6.1, widened for a
/// path that reorders, as RFC 8985 §6.2 widens its window.
struct ReorderingTolerance {
    /// RFC 9002 §6.1.1.
    static let packets: UInt64 = 3
    /// RFC 9002 §6.1.2: 9/8 of the round trip.
    static let eighths: Int64 = 9
    /// Beyond this many packets only time tells. A queue that reorders more has a round trip that shows it.
    static let maximumPackets: UInt64 = 1024
    /// Two round trips (RFC 8985 §6.2 step 4 allows one more than the first).
    static let maximumEighths: Int64 = 16
    /// RFC 8985 §6.2: a quarter of a round trip more at a time.
    private static let step: Int64 = 2
    /// RFC 8985 §6.2: without reordering the tolerance lasts this many loss episodes.
    private static let episodes = 16

    /// A packet is lost when one with a number this much higher has arrived…
    private(set) var packets = Self.packets
    /// …or a later one has, and this many eighths of a round trip have passed since it left.
    private(set) var eighths = Self.eighths
    private var episodesLeft = 0
    private var widenedAt: Instant?

    /// A packet arrived that was declared lost: `distance` numbers behind the largest, `age` after it left.
    mutating func widen(distance: UInt64, age: Interval, roundTrip: RoundTripEstimator, at now: Instant) {
        packets = min(max(packets, distance + 1), Self.maximumPackets)
        episodesLeft = Self.episodes
        guard age > delay(roundTrip), widenedAt.map({ now - $0 > roundTrip.smoothed }) ?? true else { return }
        eighths = min(eighths + Self.step, Self.maximumEighths)
        widenedAt = now
    }

    /// A loss episode began: losses of packets that left after the last one was noticed.
    mutating func beginEpisode() {
        guard episodesLeft > 0 else { return }
        episodesLeft -= 1
        if episodesLeft == 0 { self = ReorderingTolerance() }
    }

    /// How long after it left a packet is lost if a later one has arrived (RFC 9002 §6.1.2).
    func delay(_ roundTrip: RoundTripEstimator) -> Interval {
        let longest = max(roundTrip.latest, roundTrip.smoothed)
        return max(Interval(nanoseconds: longest.nanoseconds / 8 * eighths), RoundTripEstimator.granularity)
    }
}
