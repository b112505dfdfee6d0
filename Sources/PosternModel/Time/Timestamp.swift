/// A point in civil time: nanoseconds since 1970-01-01T00:00:00Z, leap seconds not counted (as Unix time).
///
/// Records of different nodes are compared by it. Timers use ``Instant``, which no clock step moves.
package struct Timestamp: Hashable, Comparable, Sendable {
    /// Nanoseconds since 1970-01-01T00:00:00Z; negative before.
    package let nanoseconds: Int64

    package init(nanoseconds: Int64) {
        self.nanoseconds = nanoseconds
    }

    /// The time `seconds` after 1970-01-01T00:00:00Z.
    package init(seconds: Int64) {
        nanoseconds = seconds &* 1_000_000_000
    }

    /// The same time without what is smaller than a millisecond: the resolution of what we sign.
    package var inMilliseconds: Timestamp {
        Timestamp(nanoseconds: nanoseconds - Self.remainder(nanoseconds, 1_000_000))
    }

    package static func < (lhs: Timestamp, rhs: Timestamp) -> Bool { lhs.nanoseconds < rhs.nanoseconds }

    /// The time `interval` later, at most the last that can be written.
    package static func + (time: Timestamp, interval: Interval) -> Timestamp {
        let (sum, overflow) = time.nanoseconds.addingReportingOverflow(interval.nanoseconds)
        return overflow ? Timestamp(nanoseconds: interval.nanoseconds < 0 ? .min : .max) : Timestamp(nanoseconds: sum)
    }

    /// The time from `start` to `end`, bounded by what an interval holds.
    package static func - (end: Timestamp, start: Timestamp) -> Interval {
        let (difference, overflow) = end.nanoseconds.subtractingReportingOverflow(start.nanoseconds)
        return overflow
            ? Interval(nanoseconds: end < start ? .min : .max) : Interval(nanoseconds: difference)
    }

    /// The remainder of a division that rounds down, also below zero.
    static func remainder(_ value: Int64, _ divisor: Int64) -> Int64 {
        let rest = value % divisor
        return rest < 0 ? rest + divisor : rest
    }
}

/// Now, by both clocks: civil time for records and monotonic time for timers and rates.
package struct Clocks: Hashable, Sendable {
    /// Civil time; may jump.
    package var wall: Timestamp
    /// Time since the shell's origin; never goes back.
    package var instant: Instant

    package init(wall: Timestamp, instant: Instant) {
        self.wall = wall
        self.instant = instant
    }
}
