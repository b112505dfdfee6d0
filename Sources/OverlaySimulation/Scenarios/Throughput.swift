import OverlayCore
package import OverlayWire

/// Goodput of one bulk stream over links of given rate, delay and loss, in virtual time: the same figures on every
/// machine.
package struct Throughput: Sendable {
    /// One link and what a stream achieved on it.
    package struct Cell: Sendable {
        package var megabitsPerSecond: Double
        package var roundTrip: Interval
        package var loss: Double
        /// Application bytes, in megabits a second, that the reader took during ``Throughput/span``, handshake and
        /// start included.
        package var goodput: Double
        /// The share of the link's rate.
        package var share: Double { goodput / megabitsPerSecond }
    }

    /// The rates of the table, in megabits a second.
    package static let rates: [Double] = [10, 100, 1000]
    /// The round trips of the table.
    package static let roundTrips: [Interval] = [.milliseconds(2), .milliseconds(40), .milliseconds(100)]
    /// The random losses of the table, each way.
    package static let losses: [Double] = [0, 0.001, 0.01, 0.02]
    /// How long each stream runs.
    package static let span = Interval.seconds(10)

    /// Runs one stream. The queue holds one bandwidth-delay product, at least 100 kB.
    package static func measure(
        megabitsPerSecond: Double,
        roundTrip: Interval,
        loss: Double,
        seed: UInt64
    ) throws -> Cell {
        let bytesPerSecond = megabitsPerSecond * 125_000
        var profile = LinkProfile(
            latency: roundTrip / 2,
            megabitsPerSecond: megabitsPerSecond,
            queueByteCount: max(100_000, Int(bytesPerSecond * roundTrip.seconds))
        )
        profile.loss = loss
        var scenario = Scenario(name: "throughput", seed: seed, hostCount: 2, profile: profile, safetySpan: span)
        scenario.settings = .defaults
        // More than the link can carry: the stream never ends.
        let byteCount = Int(bytesPerSecond * span.seconds * 2)
        scenario.stream(0, 1, at: .zero, .sink, byteCount: byteCount) { $0.writeSize = 65536 }
        let world = try World(scenario)
        try world.run(until: Instant(nanoseconds: span.nanoseconds))
        let goodput = Double(world.streams.readByteCount) * 8 / 1_000_000 / span.seconds
        return Cell(megabitsPerSecond: megabitsPerSecond, roundTrip: roundTrip, loss: loss, goodput: goodput)
    }
}
