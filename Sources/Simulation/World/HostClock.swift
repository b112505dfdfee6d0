package import PosternModel

/// The clocks of one host, as functions of the world's time: a monotonic one with an origin and a drift of its own that
/// stands still while the machine is suspended, and a wall clock that can jump.
package struct HostClock: Sendable {
    /// Parts per million by which the monotonic clock runs fast, at most ±1000.
    private let drift: Int64
    private var origin: Int64
    private var wallOrigin: Int64

    /// `origin` is what the monotonic clock shows at the start of the world, `wall` is nanoseconds since 1970 then.
    package init(origin: Instant, drift: Int64, wall: UInt64) {
        precondition(abs(drift) <= 1000, "clocks of computers drift less than a thousandth")
        self.drift = drift
        self.origin = origin.nanoseconds
        wallOrigin = Int64(wall)
    }

    /// What the monotonic clock shows at `time` of the world.
    package func local(_ time: Instant) -> Instant {
        Instant(nanoseconds: origin + time.nanoseconds + time.nanoseconds / 1000 * drift / 1000)
    }

    /// When, on the world's clock, the monotonic clock first shows `instant` or more.
    package func world(_ instant: Instant) -> Instant {
        guard instant < .distantFuture else { return .distantFuture }
        // Off by a few nanoseconds at most, which the steps below mend.
        let elapsed = (instant.nanoseconds - origin).multipliedFullWidth(by: 1_000_000)
        var time = Instant(nanoseconds: (1_000_000 + drift).dividingFullWidth(elapsed).quotient)
        while local(time) < instant { time.nanoseconds += 1 }
        while local(Instant(nanoseconds: time.nanoseconds - 1)) >= instant { time.nanoseconds -= 1 }
        return time
    }

    /// Nanoseconds since 1970 that the wall clock shows at `time` of the world.
    package func wall(_ time: Instant) -> UInt64 {
        UInt64(max(0, wallOrigin + time.nanoseconds))
    }

    /// The wall clock jumps.
    package mutating func stepWall(by step: Interval) {
        wallOrigin += step.nanoseconds
    }

    /// The monotonic clock stood still for `span`.
    package mutating func standStill(for span: Interval) {
        origin -= span.nanoseconds
    }
}
