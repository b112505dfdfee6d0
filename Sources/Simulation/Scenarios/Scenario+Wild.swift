import OverlayCore
import PosternModel

/// Worlds drawn as for the swarm, with more of everything: for nights.
extension Scenario {
    /// The wild world of `seed`: up to 40 faults in up to five minutes, sleeps of up to ten, and settings at their
    /// limits.
    package static func wild(seed: UInt64) -> Scenario {
        var scenario = swarm(seed: seed)
        scenario.name = "wild"
        var random = SeededRandom(seed: seed, purpose: .faults, index: 1)
        let drawn = scenario.safetySpan
        scenario.safetySpan = random.interval(in: .seconds(60)...(.seconds(300)))
        let stretch = scenario.safetySpan.nanoseconds / drawn.nanoseconds
        for index in scenario.streams.indices {
            let opensAt = scenario.streams[index].opensAt
            scenario.streams[index].opensAt = Instant(nanoseconds: opensAt.nanoseconds * stretch)
        }
        let nodeCount = scenario.hostCount - (scenario.hub == nil ? 0 : 1)
        for _ in 0..<random.number(in: 1...5) {
            scenario.drawFaults(seed: random.next(), nodeCount: nodeCount)
        }
        for _ in 0..<random.number(in: 0...2) {
            let rest: Fault.Rest = random.happens(0.5) ? .stopped : .suspended
            let at = random.interval(in: .zero...scenario.safetySpan)
            let span = random.interval(in: .seconds(30)...(.seconds(600)))
            scenario.fault(.sleep(HostID(random.below(scenario.hostCount)), rest, span: span), at: at)
        }
        for index in scenario.links.indices where random.happens(0.1) {
            scenario.links[index].profile.duplication = 1
        }
        if random.happens(0.3) { scenario.settings.maxUnreadBytes = UInt64(random.number(in: 65_536...1 << 20)) }
        if random.happens(0.3) { scenario.settings.maxDatagrams = random.number(in: 1...8) }
        if random.happens(0.3) { scenario.settings.oldKeysFor = random.interval(in: .seconds(5)...(.seconds(20))) }
        return scenario
    }
}
