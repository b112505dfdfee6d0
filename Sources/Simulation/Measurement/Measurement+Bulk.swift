package import OverlayCore
package import PosternModel

/// One stream that never ends: how much of a link it uses.
extension Measurement {
    /// The link of one cell of the table.
    package struct Cell: Hashable, Sendable {
        package var megabitsPerSecond: Double
        package var roundTrip: Interval
        /// Random, in percent, the same each way.
        package var lossPercent: Double

        /// The cell of that rate, round trip and loss.
        package init(megabitsPerSecond: Double, roundTrip: Interval, lossPercent: Double) {
            self.megabitsPerSecond = megabitsPerSecond
            self.roundTrip = roundTrip
            self.lossPercent = lossPercent
        }

        /// The name of the figure with `congestion`.
        package func name(_ congestion: CongestionAlgorithm) -> String {
            "bulk \(congestion.rawValue) \(Int(megabitsPerSecond)) Mbit/s, \(Int(roundTrip.milliseconds)) ms, "
                + "\(lossPercent.plain) % loss"
        }
    }

    /// The rates of the table, in megabits a second.
    package static let rates: [Double] = [10, 100, 1000]
    /// The round trips of the table.
    package static let roundTrips: [Interval] = [.milliseconds(2), .milliseconds(40), .milliseconds(100)]
    /// The random losses of the table, in percent.
    package static let lossPercents: [Double] = [0, 0.1, 1, 2]
    /// How long a stream runs.
    private static let span = Interval.seconds(10)
    /// The link of all that is not in the table.
    private static let wide = LinkProfile(megabitsPerSecond: 100, roundTrip: .milliseconds(40))

    static func bulk(_ congestion: CongestionAlgorithm) -> [Measurement] {
        let cells = rates.flatMap { rate in
            roundTrips.flatMap { roundTrip in
                lossPercents.map { Cell(megabitsPerSecond: rate, roundTrip: roundTrip, lossPercent: $0) }
            }
        }
        return cells.map { table($0, congestion) } + bursts(congestion) + shallow(congestion) + presets(congestion)
            + [jitter(congestion), start(congestion)]
    }

    private static func table(_ cell: Cell, _ congestion: CongestionAlgorithm) -> Measurement {
        var profile = LinkProfile(megabitsPerSecond: cell.megabitsPerSecond, roundTrip: cell.roundTrip)
        profile.queueByteCount = max(profile.queueByteCount, 100_000)
        profile.loss = cell.lossPercent / 100
        let isFast = cell.megabitsPerSecond <= 10 || cell.megabitsPerSecond == 100 && cell.roundTrip == wide.latency * 2
        // A gigabit with as many seeds would take minutes.
        let seeds = cell.megabitsPerSecond < 1000 ? seeds : 1...2
        return stream(cell.name(congestion), profile, congestion, seeds: seeds, isFast: isFast)
    }

    private static func bursts(_ congestion: CongestionAlgorithm) -> [Measurement] {
        // What the interoperability runner of QUIC asks: 15 ms each way and a queue of 25 packets.
        let slow = LinkProfile(latency: .milliseconds(15), megabitsPerSecond: 10, queueByteCount: 25 * 1500)
        let links = [("100 Mbit/s, 40 ms", wide), ("10 Mbit/s, 30 ms", slow)]
        return links.flatMap { text, profile in
            [1.0, 2.0].map { percent in
                let name = "bulk \(congestion.rawValue) \(text), \(percent.plain) % loss in bursts of 3"
                let burst = LinkProfile.Burst(share: percent / 100, meanLength: 3, loss: 1)
                return stream(name, profile.with(\.burst, burst), congestion, isFast: true)
            }
        }
    }

    private static func shallow(_ congestion: CongestionAlgorithm) -> [Measurement] {
        [0.25, 0.5].map { products in
            let profile = LinkProfile(megabitsPerSecond: 100, roundTrip: .milliseconds(40), queue: products)
            let name = "bulk \(congestion.rawValue) 100 Mbit/s, 40 ms, queue of \(products) BDP"
            return stream(name, profile, congestion, isFast: true)
        }
    }

    private static func jitter(_ congestion: CongestionAlgorithm) -> Measurement {
        let name = "bulk \(congestion.rawValue) 100 Mbit/s, 40 ms, up to 10 ms jitter each way"
        return stream(name, wide.with(\.jitter, .milliseconds(10)), congestion, isFast: true)
    }

    private static func presets(_ congestion: CongestionAlgorithm) -> [Measurement] {
        LinkProfile.presets.filter { $0.profile.bitsPerSecond != nil }.map { name, profile in
            let isFast = profile.bitsPerSecond.map { $0 <= 50_000_000 } ?? false
            return stream("bulk \(congestion.rawValue) preset \(name)", profile, congestion, isFast: isFast)
        }
    }

    /// How soon a stream fills 1 Gbit/s over 100 ms.
    private static func start(_ congestion: CongestionAlgorithm) -> Measurement {
        let name = "start \(congestion.rawValue) 1000 Mbit/s, 100 ms"
        return Measurement(name, isFast: congestion == NodeSettings.defaults.congestion) {
            let profile = LinkProfile(megabitsPerSecond: 1000, roundTrip: .milliseconds(100))
            let rates = try goodputs(profile, congestion, seconds: 5, seed: 1)
            return rates.enumerated().map { Figure("\(name), second \($0 + 1)", [$1], .megabitsPerSecond) }
        }
    }

    /// The mean goodput of a stream over `profile`, handshake and start included.
    private static func stream(
        _ name: String,
        _ profile: LinkProfile,
        _ congestion: CongestionAlgorithm,
        seeds: ClosedRange<UInt64> = seeds,
        isFast: Bool
    ) -> Measurement {
        Measurement(name, isFast: isFast) {
            func goodput(_ seed: UInt64) throws -> Double {
                let seconds = Int(span.seconds)
                return try goodputs(profile, congestion, seconds: seconds, seed: seed).reduce(0, +) / Double(seconds)
            }
            // Without chance every seed gives the same.
            return [Figure(name, try (profile.hasRandomness ? seeds : 1...1).map(goodput), .megabitsPerSecond)]
        }
    }

    /// What the reader of one stream took in each second, in megabits.
    private static func goodputs(
        _ profile: LinkProfile,
        _ congestion: CongestionAlgorithm,
        seconds: Int,
        seed: UInt64
    ) throws -> [Double] {
        var scenario = pair(profile, congestion, span: .seconds(Int64(seconds)), seed: seed)
        // More than the link can carry: the stream never ends.
        let byteCount = Int(profile.bitsPerSecond ?? 0) / 8 * seconds * 2
        scenario.stream(0, 1, at: .zero, .sink, byteCount: byteCount) { $0.writeSize = 65536 }
        let world = try World(scenario)
        var before = 0
        return try (1...seconds).map { second in
            try world.run(until: Instant(nanoseconds: Int64(second) * 1_000_000_000))
            defer { before = world.streams.readByteCount }
            return Double(world.streams.readByteCount - before) * 8 / 1_000_000
        }
    }
}

extension LinkProfile {
    /// Whether a run over it depends on its seed.
    fileprivate var hasRandomness: Bool {
        loss > 0 || burst != nil || jitter > .zero || duplication > 0 || reordering > 0 || corruption > 0
    }
}

extension Double {
    /// Without a fraction of zero.
    fileprivate var plain: String { self == rounded() ? "\(Int(self))" : "\(self)" }
}
