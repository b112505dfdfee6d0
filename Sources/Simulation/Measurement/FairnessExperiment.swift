package import OverlayCore
package import PosternModel

/// Bulk streams between pairs of hosts of their own that share one wire, and what each gets of it: the same figures on
/// every machine.
package struct FairnessExperiment: Sendable {
    /// One stream that never ends.
    package struct Flow: Hashable, Sendable {
        /// The congestion controller of both hosts.
        package var congestion: CongestionAlgorithm
        /// Without any queue.
        package var roundTrip: Interval
        /// When its stream opens.
        package var startsAt = Interval.zero

        package init(_ congestion: CongestionAlgorithm, roundTrip: Interval) {
            self.congestion = congestion
            self.roundTrip = roundTrip
        }
    }

    /// Who competes.
    package var flows: [Flow]
    /// For what.
    package var wire: Bottleneck.Settings
    /// Probability that a datagram vanishes behind the wire.
    package var loss = 0.0
    /// What happens before this is not counted.
    package var settling = Interval.seconds(5)
    /// When it ends, ``settling`` included.
    package var span = Interval.seconds(30)

    /// An experiment of `flows` for `wire`.
    package init(_ flows: [Flow], wire: Bottleneck.Settings) {
        self.flows = flows
        self.wire = wire
    }

    /// What an experiment came to.
    package struct Outcome: Sendable {
        /// Application bytes that each reader took, in megabits a second, in the order of the flows.
        package var goodputs: [Double]
        /// All of them as a share of the wire's rate.
        package var utilisation: Double
        /// What the flows met before the wire.
        package var queue: QueueRecord

        /// How evenly the flows share: ``FairnessExperiment/jainIndex(of:)``.
        package var fairness: Double { FairnessExperiment.jainIndex(of: goodputs) }

        /// What each flow got as a share of an equal part of all goodput.
        package var shares: [Double] {
            let mean = goodputs.reduce(0, +) / Double(goodputs.count)
            return goodputs.map { mean == 0 ? 0 : $0 / mean }
        }
    }

    /// Jain's fairness index of n parts: 1 when all are equal, 1/n when one has all, 0 when there is nothing to share.
    package static func jainIndex(of parts: [Double]) -> Double {
        let sum = parts.reduce(0, +)
        let squares = parts.reduce(0) { $0 + $1 * $1 }
        return squares == 0 ? 0 : sum * sum / (Double(parts.count) * squares)
    }

    /// Plays it with what `seed` makes random.
    package func play(seed: UInt64) throws -> Outcome {
        let world = try World(scenario(seed: seed))
        try world.run(until: Instant(nanoseconds: settling.nanoseconds))
        let before = world.streams.records.map(\.up.read)
        world.network.restartRecords()
        try world.run(until: Instant(nanoseconds: span.nanoseconds))
        let after = world.streams.records.map(\.up.read)
        let seconds = (span - settling).seconds
        let goodputs = zip(before, after).map { Double($1 - $0) * 8 / 1_000_000 / seconds }
        return Outcome(
            goodputs: goodputs,
            utilisation: goodputs.reduce(0, +) * 1_000_000 / Double(wire.bitsPerSecond),
            queue: world.network.bottlenecks[0].record
        )
    }

    /// Flow n goes from host 2n to host 2n + 1; acknowledgements come back over an empty wire.
    private func scenario(seed: UInt64) -> Scenario {
        var scenario = Scenario(
            name: "fairness",
            seed: seed,
            hostCount: 2 * flows.count,
            profile: .calm,
            safetySpan: span
        )
        scenario.settings = .defaults
        // More than the wire can carry: no stream ends.
        let byteCount = Int(Double(wire.bitsPerSecond) / 8 * span.seconds * 2)
        var routes: [(HostID, HostID)] = []
        for (index, flow) in flows.enumerated() {
            let (sender, receiver) = (HostID(2 * index), HostID(2 * index + 1))
            routes.append((sender, receiver))
            let profile = LinkProfile(latency: flow.roundTrip / 2).with(\.loss, loss)
            scenario.links.append((HostPair(sender, receiver), profile))
            var settings = scenario.settings
            settings.congestion = flow.congestion
            scenario.ownSettings[sender] = settings
            scenario.ownSettings[receiver] = settings
            scenario.stream(sender.index, receiver.index, at: flow.startsAt, .sink, byteCount: byteCount) {
                $0.writeSize = 65536
            }
        }
        scenario.bottlenecks = [(wire, routes)]
        // Only the hosts of a pair know each other: what they tell each other would only blur the figures.
        scenario.unacquainted = HostPair.all(2 * flows.count).filter { $0.low.index / 2 != $0.high.index / 2 }
        return scenario
    }
}
