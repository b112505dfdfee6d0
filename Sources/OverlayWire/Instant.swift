/// A point in time of one node, in nanoseconds since an origin that the shell chooses.
///
/// Instants of two nodes cannot be compared. The cores never read a clock: time is a parameter of every call.
package struct Instant: Hashable, Comparable, Sendable {
    /// Nanoseconds since the shell's origin.
    package var nanoseconds: Int64

    package init(nanoseconds: Int64) {
        self.nanoseconds = nanoseconds
    }

    /// Later than every instant that a shell can produce.
    package static let distantFuture = Instant(nanoseconds: .max)

    package static func < (lhs: Instant, rhs: Instant) -> Bool {
        lhs.nanoseconds < rhs.nanoseconds
    }

    /// The instant `interval` after `instant`, at most ``distantFuture``.
    package static func + (instant: Instant, interval: Interval) -> Instant {
        let (sum, overflow) = instant.nanoseconds.addingReportingOverflow(interval.nanoseconds)
        return overflow ? .distantFuture : Instant(nanoseconds: sum)
    }

    /// The instant `interval` before `instant`.
    package static func - (instant: Instant, interval: Interval) -> Instant {
        Instant(nanoseconds: instant.nanoseconds &- interval.nanoseconds)
    }

    /// The time from `start` to `end`.
    package static func - (end: Instant, start: Instant) -> Interval {
        Interval(nanoseconds: end.nanoseconds &- start.nanoseconds)
    }
}

/// A length of time in nanoseconds: eight bytes, where `Swift.Duration` takes sixteen and 128-bit arithmetic.
package struct Interval: Hashable, Comparable, Sendable {
    /// The length in nanoseconds.
    package var nanoseconds: Int64

    package init(nanoseconds: Int64) {
        self.nanoseconds = nanoseconds
    }

    /// No time.
    package static let zero = Interval(nanoseconds: 0)

    /// That many microseconds.
    package static func microseconds(_ count: Int64) -> Interval { Interval(nanoseconds: count &* 1_000) }
    /// That many milliseconds.
    package static func milliseconds(_ count: Int64) -> Interval { Interval(nanoseconds: count &* 1_000_000) }
    /// That many seconds.
    package static func seconds(_ count: Int64) -> Interval { Interval(nanoseconds: count &* 1_000_000_000) }

    /// The length in milliseconds, with its fraction.
    package var milliseconds: Double { Double(nanoseconds) / 1_000_000 }
    /// The length in seconds, with its fraction.
    package var seconds: Double { Double(nanoseconds) / 1_000_000_000 }

    package static func < (lhs: Interval, rhs: Interval) -> Bool { lhs.nanoseconds < rhs.nanoseconds }
    package static func + (lhs: Interval, rhs: Interval) -> Interval {
        Interval(nanoseconds: lhs.nanoseconds &+ rhs.nanoseconds)
    }
    package static func - (lhs: Interval, rhs: Interval) -> Interval {
        Interval(nanoseconds: lhs.nanoseconds &- rhs.nanoseconds)
    }
    package static func * (lhs: Interval, factor: Int64) -> Interval {
        Interval(nanoseconds: lhs.nanoseconds.multipliedReportingOverflow(by: factor).partialValue)
    }
    package static func / (lhs: Interval, divisor: Int64) -> Interval {
        Interval(nanoseconds: lhs.nanoseconds / divisor)
    }
}
