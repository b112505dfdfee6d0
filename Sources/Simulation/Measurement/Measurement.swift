package import OverlayCore
import PosternModel

/// Something that is measured in virtual time, and gives one or more figures.
package struct Measurement: Sendable {
    /// What the names of its figures begin with.
    package let name: String
    /// Whether it takes little enough time to be repeated at every change.
    package let isFast: Bool
    private let measure: @Sendable () throws -> [Figure]

    init(_ name: String, isFast: Bool, _ measure: @escaping @Sendable () throws -> [Figure]) {
        self.name = name
        self.isFast = isFast
        self.measure = measure
    }

    /// The figures. Takes from a tenth of a second to ten seconds; throws the violation of an invariant.
    package func figures() throws -> [Figure] { try measure() }

    /// Everything that is measured with `algorithms`; what does not depend on the controller is measured with the
    /// default one.
    package static func all(_ algorithms: [CongestionAlgorithm]) -> [Measurement] {
        algorithms.flatMap { bulk($0) + responses($0) } + handshakes
    }
}

extension Measurement {
    /// The seeds that together smooth the chance of one run.
    static let seeds: ClosedRange<UInt64> = 1...8

    /// A world of two hosts with a link of `profile` and the node's own defaults but for `congestion`.
    static func pair(
        _ profile: LinkProfile,
        _ congestion: CongestionAlgorithm = NodeSettings.defaults.congestion,
        span: Interval,
        seed: UInt64
    ) -> Scenario {
        var scenario = Scenario(name: "measurement", seed: seed, hostCount: 2, profile: profile, safetySpan: span)
        scenario.settings = .defaults
        scenario.settings.congestion = congestion
        return scenario
    }
}

extension LinkProfile {
    /// A link of `megabitsPerSecond` whose queue holds so many bandwidth-delay products, at least 10 kB.
    init(megabitsPerSecond: Double, roundTrip: Interval, queue products: Double = 1) {
        self.init(
            latency: roundTrip / 2,
            megabitsPerSecond: megabitsPerSecond,
            queueByteCount: max(10_000, Int(megabitsPerSecond * 125_000 * roundTrip.seconds * products))
        )
    }
}
