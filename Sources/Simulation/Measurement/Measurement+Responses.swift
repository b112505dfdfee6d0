import OverlayCore
import PosternModel

/// How long things take that are waited for.
extension Measurement {
    static func responses(_ congestion: CongestionAlgorithm) -> [Measurement] {
        [calls(congestion), blinking(congestion)]
    }

    /// Handshakes and the first answer, which no congestion controller changes.
    static var handshakes: [Measurement] {
        [
            cold,
            handshakes("30 % loss in bursts of 3", LinkProfile.Burst(share: 0.3, meanLength: 3, loss: 1)),
            handshakes(
                "30 % corruption in bursts of 3",
                LinkProfile.Burst(share: 0.3, meanLength: 3, loss: 0, corruption: 1)
            ),
        ]
    }

    // MARK: small calls

    /// Calls of 300 bytes each way at such a rate that 16 of them are under way at a time, each on its own stream.
    private static func calls(_ congestion: CongestionAlgorithm) -> Measurement {
        let name = "16 calls at a time \(congestion.rawValue) 100 Mbit/s, 40 ms, 1 % loss"
        return Measurement(name, isFast: true) {
            let profile = LinkProfile(megabitsPerSecond: 100, roundTrip: .milliseconds(40)).with(\.loss, 0.01)
            let runs = try seeds.map { try callLatencies(profile, congestion, seed: $0) }
            return [0.5, 0.99].map { fraction in
                let latencies = runs.map { ($0.quantile(fraction) ?? .zero).milliseconds }
                return Figure("\(name), p\(Int(fraction * 100))", latencies, .milliseconds)
            }
        }
    }

    private static func callLatencies(
        _ profile: LinkProfile,
        _ congestion: CongestionAlgorithm,
        seed: UInt64
    ) throws -> [Interval] {
        let count = 2000
        let spacing = profile.latency * 2 / 16
        var scenario = pair(profile, congestion, span: .seconds(1) + spacing * Int64(count) + .seconds(5), seed: seed)
        let bodyByteCount = 300 - ContentTag.headerByteCount
        // What a cold session costs is measured elsewhere.
        scenario.stream(0, 1, at: .zero, .source(byteCount: 300), byteCount: bodyByteCount)
        for index in 0..<Int64(count) {
            let at = Interval.seconds(1) + spacing * index
            scenario.stream(0, 1, at: at, .source(byteCount: 300), byteCount: bodyByteCount)
        }
        let world = try World(scenario)
        try world.run(until: Instant(nanoseconds: scenario.safetySpan.nanoseconds))
        return world.streams.records.dropFirst().compactMap { record in
            guard let opened = record.openedAt, let answered = record.lastAnswerAt else { return nil }
            return answered - opened
        }
    }

    // MARK: a path that comes and goes

    /// How long a stream stands still once its path is back.
    private static func blinking(_ congestion: CongestionAlgorithm) -> Measurement {
        let name = "standstill after the path is back, dead 5 s and alive 2 s in turn, \(congestion.rawValue)"
        return Measurement(name, isFast: true) {
            let gaps = try seeds.flatMap { try standstills(congestion, seed: $0).map(\.milliseconds) }
            return [
                Figure("\(name), mean", gaps, .milliseconds),
                Figure("\(name), longest", [gaps.max() ?? 0], .milliseconds),
            ]
        }
    }

    private static func standstills(_ congestion: CongestionAlgorithm, seed: UInt64) throws -> [Interval] {
        var scenario = Scenario.blinkingPath(seed: seed)
        scenario.settings = .defaults
        scenario.settings.congestion = congestion
        // A stream that outlasts all of it.
        scenario.streams[0].byteCount = 400 << 20
        let world = try World(scenario)
        let returns = scenario.faults.compactMap { entry -> Instant? in
            guard case .partition(_, _, let span) = entry.fault else { return nil }
            return entry.at + span
        }
        return try Set(returns).sorted().map { back in
            try world.run(until: back)
            let before = world.streams.readByteCount
            while world.streams.readByteCount == before, world.now < back + .seconds(5) {
                try world.run(until: world.now + .milliseconds(1))
            }
            return world.now - back
        }
    }

    // MARK: handshakes

    private static var cold: Measurement {
        Measurement("first answer on a cold pair, 30 ms", isFast: true) {
            let world = try World(.earlyData(seed: 1))
            try world.run(until: Instant(nanoseconds: 4_000_000_000))
            guard let record = world.streams.records.first, let opened = record.openedAt,
                let answered = record.lastAnswerAt
            else { return [] }
            return [Figure("first answer on a cold pair, 30 ms", [(answered - opened).milliseconds], .milliseconds)]
        }
    }

    /// How many of 50 pairs exchange 1 kB on a cold session within 30 s, and how long that takes.
    private static func handshakes(_ text: String, _ burst: LinkProfile.Burst) -> Measurement {
        let name = "50 handshakes, 10 Mbit/s, 30 ms, \(text)"
        return Measurement(name, isFast: true) {
            let profile = LinkProfile(megabitsPerSecond: 10, roundTrip: .milliseconds(30)).with(\.burst, burst)
            let times = try (1...50 as ClosedRange<UInt64>).compactMap { seed -> Interval? in
                var scenario = pair(profile, span: .seconds(30), seed: seed)
                scenario.stream(0, 1, at: .zero, .echo, byteCount: 1000)
                let world = try World(scenario)
                try world.run(until: Instant(nanoseconds: scenario.safetySpan.nanoseconds))
                guard let record = world.streams.records.first, record.isComplete, let end = record.lastAnswerAt
                else { return nil }
                return end - Instant(nanoseconds: 0)
            }
            return [
                Figure("\(name), complete", [Double(times.count) * 2], .percent),
                Figure("\(name), p50", [times.quantile(0.5)?.milliseconds ?? 0], .milliseconds),
            ]
        }
    }
}
