import OverlayCore
import PosternModel

extension Scenario {
    /// Two hosts, each behind a translator of some kind or none, or both behind one, and a hub. They talk from the
    /// start, translators restart and packets are lost; in the end the path is direct if the kinds let it be.
    package static func natPairs(seed: UInt64) -> Scenario {
        var random = SeededRandom(seed: seed, purpose: .topology)
        var scenario = Scenario(
            name: "nat-pairs",
            seed: seed,
            hostCount: 3,
            hub: HostID(2),
            profile: LinkProfile(latency: .milliseconds(Int64(random.number(in: 1...80))))
                .with(\.loss, random.happens(0.5) ? Double(random.number(in: 1...50)) / 1000 : 0),
            safetySpan: .seconds(40)
        )
        let pair = HostPair(HostID(0), HostID(1))
        if random.happens(0.15) {
            // Behind the same one they meet inside.
            scenario.nats = [([pair.low, pair.high], drawNAT(&random))]
            scenario.directPairs = [pair]
        } else {
            let kinds = [pair.low, pair.high].map { host in
                (host: host, nat: random.happens(0.15) ? nil : drawNAT(&random))
            }
            scenario.nats = kinds.compactMap { kind in kind.nat.map { ([kind.host], $0) } }
            // Who is behind none is where everybody gets in.
            let isDirect = (kinds[0].nat ?? .fullCone).isDirect(with: kinds[1].nat ?? .fullCone)
            if isDirect { scenario.directPairs = [pair] }
        }
        var ports = SeededRandom(seed: seed, purpose: .topology, index: 1)
        for index in scenario.nats.indices { scenario.nats[index].settings.isSequential = ports.happens(0.5) }
        for index in 0..<8 {
            let at = Interval.milliseconds(500 + Int64(index) * 4700)
            scenario.stream(index % 2, 1 - index % 2, at: at, .echo, byteCount: random.number(in: 100...20_000))
        }
        scenario.stream(0, 1, at: .seconds(1), .source(byteCount: 1 << 20), byteCount: 10)
        for host in [pair.low, pair.high] where random.happens(0.3) {
            scenario.fault(.rebind(host), at: random.interval(in: .seconds(2)...(.seconds(35))))
        }
        return scenario
    }

    private static func drawNAT(_ random: inout SeededRandom) -> NAT.Settings {
        let isIndependent = random.happens(0.6)
        var nat = NAT.Settings(
            mapping: isIndependent ? .endpointIndependent : random.pick([.addressDependent, .addressAndPortDependent]),
            filtering: random.pick(NAT.Dependence.allCases)
        )
        nat.timeout = random.interval(in: .seconds(30)...(.seconds(300)))
        nat.hairpins = random.happens(0.5)
        return nat
    }
}
