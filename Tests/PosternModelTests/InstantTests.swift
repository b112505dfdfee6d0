import Testing

@testable import PosternModel

@Suite("Instants and intervals")
struct InstantTests {
    @Test func `an instant beyond the last is the last`() {
        let late = Instant(nanoseconds: .max - 5)
        #expect(late + Interval(nanoseconds: 5) == .distantFuture)
        #expect(late + Interval(nanoseconds: 6) == .distantFuture)
        #expect(Instant.distantFuture + .seconds(1) == .distantFuture)
    }

    @Test func `an instant before the first is the first`() {
        let early = Instant(nanoseconds: .min + 5)
        #expect(early + Interval(nanoseconds: -6) == Instant(nanoseconds: .min))
        #expect(early - Interval(nanoseconds: 6) == Instant(nanoseconds: .min))
        #expect(Instant(nanoseconds: .max - 5) - Interval(nanoseconds: -6) == .distantFuture)
    }

    @Test func `the time between instants too far apart is the longest`() {
        let first = Instant(nanoseconds: .min)
        #expect(Instant.distantFuture - first == Interval(nanoseconds: .max))
        #expect(first - Instant.distantFuture == Interval(nanoseconds: .min))
    }

    @Test func `intervals too long are the longest`() {
        let longest = Interval(nanoseconds: .max)
        let shortest = Interval(nanoseconds: .min)
        #expect(longest + .seconds(1) == longest)
        #expect(shortest - .seconds(1) == shortest)
        #expect(Interval.seconds(.max) == longest)
        #expect(Interval.milliseconds(.min) == shortest)
        #expect(Interval.microseconds(.max) == longest)
        #expect(longest * 2 == longest)
        #expect(shortest * 2 == shortest)
        #expect(longest * -2 == shortest)
    }

    @Test func `arithmetic within bounds is exact`() {
        let start = Instant(nanoseconds: 1_000)
        #expect(start + .microseconds(2) == Instant(nanoseconds: 3_000))
        #expect(start - .microseconds(2) == Instant(nanoseconds: -1_000))
        #expect(start + .seconds(1) - start == .seconds(1))
        #expect(Interval.milliseconds(3) * 4 / 6 == .milliseconds(2))
        #expect(Interval.milliseconds(1500).seconds == 1.5)
        #expect(Interval.microseconds(1500).milliseconds == 1.5)
        #expect(Interval.milliseconds(1) < .milliseconds(2))
        #expect(start < start + Interval(nanoseconds: 1))
    }
}
