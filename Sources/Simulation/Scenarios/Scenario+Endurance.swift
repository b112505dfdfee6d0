import OverlayCore
import PosternModel

/// Worlds with a name in which streams outlive what happens to machines and their networks.
extension Scenario {
    /// So slow that a few megabytes are under way for several seconds.
    private static let slowBroadband = LinkProfile.broadband.with(\.bitsPerSecond, 8_000_000)

    /// A host behind a translator that forgets its mappings three times in the middle of streams.
    package static func natRebinding(seed: UInt64) -> Scenario {
        var scenario = Scenario(
            name: "nat-rebinding",
            seed: seed,
            hostCount: 2,
            profile: slowBroadband,
            safetySpan: .seconds(40)
        )
        scenario.nats = [([HostID(0)], .symmetric)]
        scenario.stream(0, 1, at: .zero, .sink, byteCount: 5 << 20)
        scenario.stream(0, 1, at: .zero, .source(byteCount: 5 << 20), byteCount: 10)
        for second in [1, 2, 4] { scenario.fault(.rebind(HostID(0)), at: .seconds(Int64(second))) }
        return scenario
    }

    /// A host behind a translator with nothing to say for ten minutes at a time: its peer reaches it all the same.
    package static func natIdle(seed: UInt64) -> Scenario {
        var scenario = Scenario(
            name: "nat-idle",
            seed: seed,
            hostCount: 2,
            profile: .broadband,
            safetySpan: .seconds(1250)
        )
        scenario.nats = [([HostID(0)], .portRestricted)]
        scenario.stream(0, 1, at: .zero, .echo, byteCount: 100)
        scenario.stream(1, 0, at: .seconds(600), .echo, byteCount: 100)
        scenario.stream(1, 0, at: .seconds(1200), .echo, byteCount: 100)
        return scenario
    }

    /// Two hosts behind translators that map per destination, and a hub: only the relay connects them.
    package static func natBoth(seed: UInt64) -> Scenario {
        var scenario = Scenario(
            name: "nat-both",
            seed: seed,
            hostCount: 3,
            hub: HostID(2),
            profile: .broadband,
            safetySpan: .seconds(60)
        )
        scenario.nats = [([HostID(0)], .symmetric), ([HostID(1)], .symmetric)]
        scenario.stream(0, 1, at: .milliseconds(500), .sink, byteCount: 3 << 20)
        scenario.stream(1, 0, at: .milliseconds(500), .sink, byteCount: 3 << 20)
        scenario.fault(.rebind(HostID(0)), at: .seconds(2))
        scenario.fault(.rebind(HostID(1)), at: .seconds(3))
        return scenario
    }

    /// Every datagram arrives twice, and each copy is held back for up to 50 ms.
    package static func everythingTwice(seed: UInt64) -> Scenario {
        let profile = LinkProfile.broadband
            .with(\.duplication, 1)
            .with(\.reordering, 1)
            .with(\.reorderDelay, .milliseconds(50))
        var scenario = Scenario(
            name: "everything-twice",
            seed: seed,
            hostCount: 2,
            profile: profile,
            safetySpan: .seconds(60)
        )
        for index in 0..<8 {
            scenario.stream(index % 2, 1 - index % 2, at: .milliseconds(Int64(index) * 7), .echo, byteCount: 100_000)
        }
        for index in 0..<50 { scenario.datagram(0, 1, at: .milliseconds(1000 + 100 * Int64(index)), byteCount: 500) }
        return scenario
    }

    /// One session through all of it: rebinding, new addresses, a suspended and a stopped host, wall clocks that jump,
    /// datagrams twice and out of order. The streams run through everything, and new ones are opened in between.
    package static func endurance(seed: UInt64) -> Scenario {
        var scenario = Scenario(
            name: "endurance",
            seed: seed,
            hostCount: 2,
            profile: slowBroadband,
            safetySpan: .seconds(1500)
        )
        let (inside, outside) = (HostID(0), HostID(1))
        scenario.nats = [([inside], .symmetric)]
        scenario.clockDrift = 300
        scenario.stream(0, 1, at: .zero, .echo, byteCount: 4 << 20)
        scenario.stream(0, 1, at: .zero, .source(byteCount: 4 << 20), byteCount: 10)
        // To a host that sleeps, which answers when it is awake.
        for minute in 1...9 {
            scenario.stream(1, 0, at: .seconds(Int64(minute) * 60), .echo, byteCount: 20_000)
            scenario.stream(0, 1, at: .seconds(Int64(minute) * 60 + 600), .echo, byteCount: 20_000)
        }
        scenario.fault(.rebind(inside), at: .seconds(1))
        scenario.fault(.roam(inside, isTold: true), at: .seconds(2))
        scenario.fault(.sleep(inside, .suspended, span: .seconds(600)), at: .seconds(3))
        scenario.fault(.sleep(outside, .stopped, span: .seconds(600)), at: .seconds(606))
        let twice = LinkProfile.wifi.with(\.duplication, 0.5).with(\.reordering, 0.5)
        scenario.fault(.relink(HostPair(inside, outside), twice), at: .seconds(1207))
        scenario.fault(.rebind(inside), at: .seconds(1210))
        return scenario
    }
}
