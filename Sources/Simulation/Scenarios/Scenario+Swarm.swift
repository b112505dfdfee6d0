import OverlayCore
import OverlayWire
import PosternModel

/// Worlds drawn at random: anything that a seed can come up with must be safe and must heal.
extension Scenario {
    /// The world of `seed`.
    package static func swarm(seed: UInt64) -> Scenario {
        var random = SeededRandom(seed: seed, purpose: .topology)
        let hasHub = random.happens(0.5)
        let nodeCount = random.happens(0.5) ? 2 : random.number(in: 3...6)
        var scenario = Scenario(
            name: "swarm",
            seed: seed,
            hostCount: nodeCount + (hasHub ? 1 : 0),
            hub: hasHub ? HostID(nodeCount) : nil,
            safetySpan: random.interval(in: .seconds(15)...(.seconds(60)))
        )
        scenario.clockDrift = random.happens(0.5) ? 300 : 0
        scenario.drawTopology(&random)
        scenario.drawNATs(nodeCount: nodeCount, &random)
        scenario.drawSettings(seed: seed)
        scenario.drawWorkload(seed: seed, nodeCount: nodeCount)
        if random.happens(0.9) { scenario.drawFaults(seed: seed, nodeCount: nodeCount) }
        if random.happens(0.7) { scenario.drawAttacks(seed: seed) }
        return scenario
    }

    private mutating func drawTopology(_ random: inout SeededRandom) {
        profile = Self.drawProfile(&random)
        for pair in HostPair.all(hostCount) {
            var link = Self.drawProfile(&random)
            // What a hub relays is larger by what wraps it.
            if let hub, pair.contains(hub) { link.mtu = max(link.mtu, Self.smallestRelayingSize) }
            links.append((pair, link))
            let mayBlock = hub.map { !pair.contains($0) } ?? false
            if mayBlock, random.happens(0.3) { firewalls.append(pair) }
        }
        for host in HostID.all(hostCount) where random.happens(0.3) {
            attachments.append((host, UInt8(random.number(in: 1...2))))
        }
    }

    /// With a hub anybody may be behind a translator, without one a single host: two would never meet.
    private mutating func drawNATs(nodeCount: Int, _ random: inout SeededRandom) {
        for host in HostID.all(nodeCount) where random.happens(0.2) && (hub != nil || nats.isEmpty) {
            var nat: NAT.Settings = random.happens(0.5) ? .symmetric : .portRestricted
            nat.timeout = random.interval(in: .seconds(30)...(.seconds(180)))
            nats.append(([host], nat))
        }
    }

    /// What the path to a hub has to carry so that a handshake crosses it inside a RELAY frame.
    private static let smallestRelayingSize = PacketLayout.relayedPathSize + PacketLayout.Protected.overhead + 5

    private static func drawProfile(_ random: inout SeededRandom) -> LinkProfile {
        var profile = random.pick(LinkProfile.presets).profile
        if random.happens(0.2) { profile.loss = Double(random.number(in: 1...200)) / 1000 }
        if random.happens(0.2) { profile.duplication = Double(random.number(in: 1...100)) / 1000 }
        if random.happens(0.2) {
            profile.reordering = Double(random.number(in: 1...200)) / 1000
            profile.reorderDelay = random.interval(in: .milliseconds(1)...(.milliseconds(200)))
        }
        if random.happens(0.2) { profile.corruption = Double(random.number(in: 1...50)) / 1000 }
        if random.happens(0.2) { profile.mtu = random.number(in: PacketLayout.basePathSize...1500) }
        return profile
    }

    private mutating func drawSettings(seed: UInt64) {
        var random = SeededRandom(seed: seed, purpose: .settings)
        if random.happens(0.3) {
            settings.streamWindow = UInt64(random.number(in: 65_536...200_000))
            settings.maxStreamWindow = settings.streamWindow * UInt64(random.number(in: 1...8))
        }
        if random.happens(0.3) { settings.sessionWindow = UInt64(random.number(in: 65536...1 << 20)) }
        if random.happens(0.3) { settings.sendBuffer = random.number(in: 8192...262_144) }
        if random.happens(0.2) { settings.maxStreams = random.number(in: 64...80) }
        if random.happens(0.3) { settings.rekeyAfter = random.interval(in: .seconds(2)...(.seconds(30))) }
        if random.happens(0.2) { settings.rekeyAfterBytes = UInt64(random.number(in: 100_000...1_000_000)) }
        if random.happens(0.3) { settings.keepAlive = random.interval(in: .seconds(3)...(.seconds(25))) }
    }

    private mutating func drawWorkload(seed: UInt64, nodeCount: Int) {
        var random = SeededRandom(seed: seed, purpose: .workload)
        var budget = random.number(in: 200_000...8_000_000)
        for ordinal in 0..<random.number(in: 5...60) {
            let (opener, acceptor) = Self.drawPair(nodeCount, &random)
            let byteCount = min(budget, Self.drawSize(&random))
            let answer = min(budget - byteCount, Self.drawSize(&random))
            let service: StreamPlan.Service =
                switch random.below(10) {
                case 0..<4: .echo
                case 4..<6: .sink
                case 6..<9: .source(byteCount: answer)
                case _: .empty(ordinal: UInt16(ordinal))
                }
            let span = Interval(nanoseconds: safetySpan.nanoseconds * 4 / 5)
            stream(opener, acceptor, at: random.interval(in: .zero...span), service, byteCount: byteCount) { plan in
                plan.writeSize = random.pick([1, 100, 1200, 5000, 16384, 65536])
                if byteCount / plan.writeSize > 2000 { plan.writeSize = 16384 }
                plan.finishesEarly = random.happens(0.7)
                plan.conduct = Self.drawConduct(plan, &random)
            }
            budget -= min(budget, byteCount + answer)
        }
        for _ in 0..<random.number(in: 0...40) {
            let (sender, receiver) = Self.drawPair(nodeCount, &random)
            let at = random.interval(in: .zero...safetySpan)
            datagram(sender, receiver, at: at, byteCount: random.number(in: 0...1100))
        }
    }

    private static func drawPair(_ nodeCount: Int, _ random: inout SeededRandom) -> (Int, Int) {
        let first = random.below(nodeCount)
        return (first, (first + 1 + random.below(nodeCount - 1)) % nodeCount)
    }

    private static func drawSize(_ random: inout SeededRandom) -> Int {
        switch random.below(10) {
        case 0: 0
        case 1..<4: random.number(in: 1...1000)
        case 4..<7: random.number(in: 1000...20_000)
        case 7..<9: random.number(in: 20_000...300_000)
        case _: random.number(in: 300_000...3_000_000)
        }
    }

    private static func drawConduct(_ plan: StreamPlan, _ random: inout SeededRandom) -> StreamPlan.Conduct {
        if case .empty = plan.service { return .complete }
        let side: Side = random.happens(0.5) ? .opener : .acceptor
        let after = random.below(max(1, max(plan.total(.up), plan.total(.down))))
        let code = ErrorCode(UInt64(random.number(in: 100...9999)))
        // An acceptor learns what it is to do from the header.
        let reach = side == .acceptor ? max(after, ContentTag.headerByteCount) : after
        switch random.below(10) {
        case 0: return .reset(by: side, after: reach, code: code)
        case 1: return .stop(by: side, after: reach, code: code)
        case 2: return .stall(by: side, pause: random.interval(in: .seconds(1)...(.seconds(20))))
        case _: return .complete
        }
    }
}
