import OverlayCore
import OverlayWire

/// Worlds drawn as for the swarm, with more of everything: for nights.
extension Scenario {
    /// The wild world of `seed`: up to 40 faults in up to five minutes, sleeps of up to ten, and settings at their
    /// limits.
    package static func wild(seed: UInt64) -> Scenario {
        var scenario = swarm(seed: seed)
        scenario.name = "wild"
        var chance = Chance(seed: seed, purpose: .faults, index: 1)
        let drawn = scenario.safetySpan
        scenario.safetySpan = chance.interval(in: .seconds(60)...(.seconds(300)))
        let stretch = scenario.safetySpan.nanoseconds / drawn.nanoseconds
        for index in scenario.streams.indices {
            let opensAt = scenario.streams[index].opensAt
            scenario.streams[index].opensAt = Instant(nanoseconds: opensAt.nanoseconds * stretch)
        }
        let nodeCount = scenario.hostCount - (scenario.hub == nil ? 0 : 1)
        for _ in 0..<chance.number(in: 1...5) {
            scenario.drawFaults(seed: chance.next(), nodeCount: nodeCount)
        }
        for _ in 0..<chance.number(in: 0...2) {
            let rest: Fault.Rest = chance.happens(0.5) ? .stopped : .suspended
            let at = chance.interval(in: .zero...scenario.safetySpan)
            let span = chance.interval(in: .seconds(30)...(.seconds(600)))
            scenario.fault(.sleep(HostID(chance.below(scenario.hostCount)), rest, span: span), at: at)
        }
        for index in scenario.links.indices where chance.happens(0.1) {
            scenario.links[index].profile.duplication = 1
        }
        if chance.happens(0.3) { scenario.settings.maxUnreadBytes = UInt64(chance.number(in: 65_536...1 << 20)) }
        if chance.happens(0.3) { scenario.settings.maxDatagrams = chance.number(in: 1...8) }
        if chance.happens(0.3) { scenario.settings.oldKeysFor = chance.interval(in: .seconds(5)...(.seconds(20))) }
        return scenario
    }
}
