import PosternModel
import Testing

@testable import OverlayCore

// RFC 9002 §5.3, computed by hand.
@Suite("Round-trip estimator")
struct RoundTripEstimatorTests {
    @Test func `before the first sample a third of a second is assumed`() {
        let estimator = RoundTripEstimator()
        #expect(!estimator.hasSample)
        #expect(estimator.smoothed == .milliseconds(333))
        // 333 + 4 * 166.5 + 25
        #expect(estimator.probeTimeout(maxAckDelay: .milliseconds(25)) == .milliseconds(1024))
    }

    @Test func `the first sample counts as it is, whatever the peer says it waited`() {
        var estimator = RoundTripEstimator()
        estimator.sample(.milliseconds(100), ackDelay: .milliseconds(30))
        #expect(estimator.hasSample)
        #expect(estimator.minimum == .milliseconds(100))
        #expect(estimator.smoothed == .milliseconds(100))
        #expect(estimator.variation == .milliseconds(50))
        #expect(estimator.probeTimeout(maxAckDelay: .milliseconds(25)) == .milliseconds(325))
    }

    @Test func `the length of a sleep is no round trip`() {
        var estimator = RoundTripEstimator()
        estimator.sample(.seconds(600), ackDelay: .zero)
        #expect(!estimator.hasSample)
        estimator.sample(.milliseconds(100), ackDelay: .zero)
        estimator.sample(.seconds(10), ackDelay: .zero)
        #expect(estimator.smoothed == .milliseconds(100))
        estimator.sample(.milliseconds(9999), ackDelay: .zero)
        #expect(estimator.smoothed > .milliseconds(100))
    }

    @Test func `later samples move the estimate by an eighth, without the peer's wait`() {
        var estimator = RoundTripEstimator()
        estimator.sample(.milliseconds(100), ackDelay: .zero)
        estimator.sample(.milliseconds(140), ackDelay: .milliseconds(20))
        // 120 adjusted: 7/8 * 100 + 1/8 * 120; 3/4 * 50 + 1/4 * 20
        #expect(estimator.latest == .milliseconds(140))
        #expect(estimator.smoothed == .microseconds(102_500))
        #expect(estimator.variation == .microseconds(42_500))
        #expect(estimator.minimum == .milliseconds(100))
    }

    @Test func `the peer's wait is not taken off below the minimum`() {
        var estimator = RoundTripEstimator()
        estimator.sample(.milliseconds(100), ackDelay: .zero)
        estimator.sample(.milliseconds(110), ackDelay: .milliseconds(20))
        // Adjusted to 100: 3/4 * 50.
        #expect(estimator.smoothed == .milliseconds(100))
        #expect(estimator.variation == .microseconds(37_500))
    }

    @Test func `what a handshake took is no minimum for an idle path`() {
        var estimator = RoundTripEstimator()
        estimator.sample(handshake: .milliseconds(2))
        #expect(estimator.smoothed == .milliseconds(2))
        // A packet that waited for a delayed acknowledgement.
        estimator.sample(.microseconds(24_070), ackDelay: .milliseconds(24))
        #expect(estimator.minimum == .microseconds(70) && estimator.smoothed == .microseconds(70))
        estimator.sample(.microseconds(24_080), ackDelay: .milliseconds(24))
        #expect(estimator.smoothed < .microseconds(80))
    }

    @Test func `a handshake that was faster than the first packet stays the minimum`() {
        var estimator = RoundTripEstimator()
        estimator.sample(handshake: .milliseconds(2))
        estimator.sample(.milliseconds(30), ackDelay: .milliseconds(10))
        #expect(estimator.minimum == .milliseconds(2))
    }

    @Test func `the minimum follows downwards`() {
        var estimator = RoundTripEstimator()
        estimator.sample(.milliseconds(100), ackDelay: .zero)
        estimator.sample(.milliseconds(60), ackDelay: .milliseconds(20))
        #expect(estimator.minimum == .milliseconds(60))
        #expect(estimator.smoothed == .milliseconds(95))
    }

    // RFC 9002 §6.1.2
    @Test func `the loss delay is nine eighths of the larger of latest and smoothed, at least a millisecond`() {
        var estimator = RoundTripEstimator()
        estimator.sample(.milliseconds(80), ackDelay: .zero)
        #expect(ReorderingTolerance().delay(estimator) == .milliseconds(90))
        estimator.sample(.milliseconds(160), ackDelay: .zero)
        #expect(ReorderingTolerance().delay(estimator) == .milliseconds(180))
        estimator.sample(.milliseconds(16), ackDelay: .zero)
        // smoothed: 7/8 * 90 + 1/8 * 16 = 80.75
        #expect(ReorderingTolerance().delay(estimator) == Interval(nanoseconds: 80_750_000 * 9 / 8))
        var fast = RoundTripEstimator()
        fast.sample(.microseconds(10), ackDelay: .zero)
        #expect(ReorderingTolerance().delay(fast) == .milliseconds(1))
        #expect(fast.probeTimeout(maxAckDelay: .zero) == .microseconds(1010))
    }

    @Test func `a round trip of nothing is still a sample`() {
        var estimator = RoundTripEstimator()
        estimator.sample(.zero, ackDelay: .zero)
        estimator.sample(Interval(nanoseconds: -5), ackDelay: .milliseconds(1))
        #expect(estimator.minimum > .zero && estimator.smoothed > .zero)
    }
}
