import OverlayCore
import OverlayWire

/// Worlds drawn at random: anything that a seed can come up with must be safe and must heal.
extension Scenario {
    /// The world of `seed`.
    package static func swarm(seed: UInt64) -> Scenario {
        var chance = Chance(seed: seed, purpose: .topology)
        let hasHub = chance.happens(0.5)
        let nodeCount = chance.happens(0.5) ? 2 : chance.number(in: 3...6)
        var scenario = Scenario(
            name: "swarm",
            seed: seed,
            hostCount: nodeCount + (hasHub ? 1 : 0),
            hub: hasHub ? HostID(nodeCount) : nil,
            safetySpan: chance.interval(in: .seconds(15)...(.seconds(60)))
        )
        scenario.clockDrift = chance.happens(0.5) ? 300 : 0
        scenario.drawTopology(&chance)
        scenario.drawNATs(nodeCount: nodeCount, &chance)
        scenario.drawSettings(seed: seed)
        scenario.drawWorkload(seed: seed, nodeCount: nodeCount)
        if chance.happens(0.9) { scenario.drawFaults(seed: seed, nodeCount: nodeCount) }
        if chance.happens(0.7) { scenario.drawAttacks(seed: seed) }
        return scenario
    }

    private mutating func drawTopology(_ chance: inout Chance) {
        profile = Self.drawProfile(&chance)
        for pair in HostPair.all(hostCount) {
            links.append((pair, Self.drawProfile(&chance)))
            let mayWall = hub.map { !pair.contains($0) } ?? false
            if mayWall, chance.happens(0.3) { walls.append(pair) }
        }
        for host in HostID.all(hostCount) where chance.happens(0.3) {
            attachments.append((host, UInt8(chance.number(in: 1...2))))
        }
    }

    /// With a hub anybody may be behind a translator, without one a single host: two would never meet.
    private mutating func drawNATs(nodeCount: Int, _ chance: inout Chance) {
        for host in HostID.all(nodeCount) where chance.happens(0.2) && (hub != nil || nats.isEmpty) {
            var nat: NAT.Settings = chance.happens(0.5) ? .symmetric : .portRestricted
            nat.timeout = chance.interval(in: .seconds(30)...(.seconds(180)))
            nats.append(([host], nat))
        }
    }

    private static func drawProfile(_ chance: inout Chance) -> LinkProfile {
        var profile = chance.pick(LinkProfile.presets).profile
        if chance.happens(0.2) { profile.loss = Double(chance.number(in: 1...200)) / 1000 }
        if chance.happens(0.2) { profile.duplication = Double(chance.number(in: 1...100)) / 1000 }
        if chance.happens(0.2) {
            profile.reordering = Double(chance.number(in: 1...200)) / 1000
            profile.reorderDelay = chance.interval(in: .milliseconds(1)...(.milliseconds(200)))
        }
        if chance.happens(0.2) { profile.corruption = Double(chance.number(in: 1...50)) / 1000 }
        if chance.happens(0.2) { profile.mtu = chance.number(in: 1232...1500) }
        return profile
    }

    private mutating func drawSettings(seed: UInt64) {
        var chance = Chance(seed: seed, purpose: .settings)
        if chance.happens(0.3) {
            settings.streamWindow = UInt64(chance.number(in: 65_536...200_000))
            settings.maxStreamWindow = settings.streamWindow * UInt64(chance.number(in: 1...8))
        }
        if chance.happens(0.3) { settings.sessionWindow = UInt64(chance.number(in: 65536...1 << 20)) }
        if chance.happens(0.3) { settings.sendBuffer = chance.number(in: 8192...262_144) }
        if chance.happens(0.2) { settings.maxStreams = chance.number(in: 64...80) }
        if chance.happens(0.3) { settings.rekeyAfter = chance.interval(in: .seconds(2)...(.seconds(30))) }
        if chance.happens(0.2) { settings.rekeyAfterBytes = UInt64(chance.number(in: 100_000...1_000_000)) }
        if chance.happens(0.3) { settings.keepAlive = chance.interval(in: .seconds(3)...(.seconds(25))) }
    }

    private mutating func drawWorkload(seed: UInt64, nodeCount: Int) {
        var chance = Chance(seed: seed, purpose: .workload)
        var budget = chance.number(in: 200_000...8_000_000)
        for ordinal in 0..<chance.number(in: 5...60) {
            let (opener, acceptor) = Self.drawPair(nodeCount, &chance)
            let byteCount = min(budget, Self.drawSize(&chance))
            let answer = min(budget - byteCount, Self.drawSize(&chance))
            let service: StreamPlan.Service =
                switch chance.below(10) {
                case 0..<4: .echo
                case 4..<6: .sink
                case 6..<9: .source(byteCount: answer)
                case _: .empty(ordinal: UInt16(ordinal))
                }
            let span = Interval(nanoseconds: safetySpan.nanoseconds * 4 / 5)
            stream(opener, acceptor, at: chance.interval(in: .zero...span), service, byteCount: byteCount) { plan in
                plan.writeSize = chance.pick([1, 100, 1200, 5000, 16384, 65536])
                if byteCount / plan.writeSize > 2000 { plan.writeSize = 16384 }
                plan.finishesEarly = chance.happens(0.7)
                plan.conduct = Self.drawConduct(plan, &chance)
            }
            budget -= min(budget, byteCount + answer)
        }
        for _ in 0..<chance.number(in: 0...40) {
            let (sender, receiver) = Self.drawPair(nodeCount, &chance)
            let at = chance.interval(in: .zero...safetySpan)
            datagram(sender, receiver, at: at, byteCount: chance.number(in: 0...1100))
        }
    }

    private static func drawPair(_ nodeCount: Int, _ chance: inout Chance) -> (Int, Int) {
        let first = chance.below(nodeCount)
        return (first, (first + 1 + chance.below(nodeCount - 1)) % nodeCount)
    }

    private static func drawSize(_ chance: inout Chance) -> Int {
        switch chance.below(10) {
        case 0: 0
        case 1..<4: chance.number(in: 1...1000)
        case 4..<7: chance.number(in: 1000...20_000)
        case 7..<9: chance.number(in: 20_000...300_000)
        case _: chance.number(in: 300_000...3_000_000)
        }
    }

    private static func drawConduct(_ plan: StreamPlan, _ chance: inout Chance) -> StreamPlan.Conduct {
        if case .empty = plan.service { return .complete }
        let side: Side = chance.happens(0.5) ? .opener : .acceptor
        let after = chance.below(max(1, max(plan.total(.up), plan.total(.down))))
        let code = ErrorCode(UInt64(chance.number(in: 100...9999)))
        // An acceptor learns what it is to do from the header.
        let reach = side == .acceptor ? max(after, ContentTag.headerByteCount) : after
        switch chance.below(10) {
        case 0: return .reset(by: side, after: reach, code: code)
        case 1: return .stop(by: side, after: reach, code: code)
        case 2: return .stall(by: side, pause: chance.interval(in: .seconds(1)...(.seconds(20))))
        case _: return .complete
        }
    }
}
