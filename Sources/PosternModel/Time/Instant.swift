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
        Instant(nanoseconds: instant.nanoseconds.saturatingSum(interval.nanoseconds))
    }

    /// The instant `interval` before `instant`, at the earliest the first there is.
    package static func - (instant: Instant, interval: Interval) -> Instant {
        Instant(nanoseconds: instant.nanoseconds.saturatingDifference(interval.nanoseconds))
    }

    /// The time from `start` to `end`, at most the longest there is.
    package static func - (end: Instant, start: Instant) -> Interval {
        Interval(nanoseconds: end.nanoseconds.saturatingDifference(start.nanoseconds))
    }
}

/// A length of time in nanoseconds: eight bytes, where `Swift.Duration` takes sixteen and 128-bit arithmetic. What is
/// too long (292 years) becomes the longest there is.
package struct Interval: Hashable, Comparable, Sendable {
    /// The length in nanoseconds.
    package var nanoseconds: Int64

    package init(nanoseconds: Int64) {
        self.nanoseconds = nanoseconds
    }

    /// No time.
    package static let zero = Interval(nanoseconds: 0)

    /// That many microseconds.
    package static func microseconds(_ count: Int64) -> Interval { Interval(nanoseconds: 1_000) * count }
    /// That many milliseconds.
    package static func milliseconds(_ count: Int64) -> Interval { Interval(nanoseconds: 1_000_000) * count }
    /// That many seconds.
    package static func seconds(_ count: Int64) -> Interval { Interval(nanoseconds: 1_000_000_000) * count }

    /// The length in milliseconds, with its fraction.
    package var milliseconds: Double { Double(nanoseconds) / 1_000_000 }
    /// The length in seconds, with its fraction.
    package var seconds: Double { Double(nanoseconds) / 1_000_000_000 }

    package static func < (lhs: Interval, rhs: Interval) -> Bool { lhs.nanoseconds < rhs.nanoseconds }
    package static func + (lhs: Interval, rhs: Interval) -> Interval {
        Interval(nanoseconds: lhs.nanoseconds.saturatingSum(rhs.nanoseconds))
    }
    package static func - (lhs: Interval, rhs: Interval) -> Interval {
        Interval(nanoseconds: lhs.nanoseconds.saturatingDifference(rhs.nanoseconds))
    }
    package static func * (lhs: Interval, factor: Int64) -> Interval {
        Interval(nanoseconds: lhs.nanoseconds.saturatingProduct(factor))
    }
    package static func / (lhs: Interval, divisor: Int64) -> Interval {
        Interval(nanoseconds: lhs.nanoseconds / divisor)
    }
}

extension Int64 {
    fileprivate func saturatingSum(_ other: Int64) -> Int64 {
        let (sum, overflow) = addingReportingOverflow(other)
        return overflow ? (other < 0 ? .min : .max) : sum
    }

    fileprivate func saturatingDifference(_ other: Int64) -> Int64 {
        let (difference, overflow) = subtractingReportingOverflow(other)
        return overflow ? (other < 0 ? .max : .min) : difference
    }

    fileprivate func saturatingProduct(_ other: Int64) -> Int64 {
        let (product, overflow) = multipliedReportingOverflow(by: other)
        return overflow ? ((self < 0) == (other < 0) ? .max : .min) : product
    }
}
