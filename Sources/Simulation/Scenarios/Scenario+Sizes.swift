package import PosternModel

/// Paths that carry other packets than before.
extension Scenario {
    /// When the path of ``packetSizes(seed:)`` changes, and what it carries from then on, in bytes of UDP payload:
    /// jumbo frames, a tunnel below IPv6's minimum, Ethernet, which is found when the time after a black hole is over.
    package static let sizeChanges: [(at: Interval, carries: Int)] = [
        (.zero, 8972), (.seconds(4), 1212), (.seconds(7), 1472),
    ]

    /// One stream that lasts some twelve seconds at 8 Mbit/s on a path that carries other packets than before.
    package static func packetSizes(seed: UInt64) -> Scenario {
        let link = LinkProfile(latency: .milliseconds(10), megabitsPerSecond: 8, queueByteCount: 40_000)
        var scenario = Scenario(
            name: "packet-sizes",
            seed: seed,
            hostCount: 2,
            profile: link.with(\.mtu, sizeChanges[0].carries),
            safetySpan: .seconds(25)
        )
        for change in sizeChanges.dropFirst() {
            let changed = link.with(\.mtu, change.carries)
            scenario.fault(.relink(HostPair(HostID(0), HostID(1)), changed), at: change.at)
        }
        scenario.stream(0, 1, at: .zero, .sink, byteCount: 11 << 20)
        return scenario
    }
}
