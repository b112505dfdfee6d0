import OverlayCore
import OverlayWire
import PosternModel

/// The faults and attacks of a random world.
extension Scenario {
    mutating func drawFaults(seed: UInt64, nodeCount: Int) {
        var random = SeededRandom(seed: seed, purpose: .faults)
        for _ in 0..<random.number(in: 1...8) {
            let host = random.below(hostCount)
            let at = random.interval(in: .zero...safetySpan)
            let span = random.interval(in: .milliseconds(100)...(.seconds(20)))
            switch random.below(10) {
            case 0..<3:
                drawPartition(at: at, span: span, &random)
            case 3:
                fault(.crash(HostID(host), span: span), at: at)
            case 4, 5:
                let isBehindNAT = nats.contains { $0.hosts.contains(HostID(host)) }
                let isTold = random.happens(0.5)
                fault(isBehindNAT && !isTold ? .rebind(HostID(host)) : .roam(HostID(host), isTold: isTold), at: at)
            case 6:
                let rest: Fault.Rest = random.happens(0.5) ? .stopped : .suspended
                fault(.sleep(HostID(host), rest, span: span), at: at)
            case 7 where hub != nil || !nats.contains { $0.hosts.contains(HostID(host)) }:
                // Where nobody reaches it, a host that was restored finds its way back only in minutes.
                fault(.restore(HostID(host)), at: at)
                fault(.crash(HostID(host), span: span), at: at)
            case 8 where host < nodeCount && nodeCount > 1:
                let peer = (host + 1 + random.below(nodeCount - 1)) % nodeCount
                let code = ErrorCode(UInt64(random.number(in: 100...9999)))
                fault(.expel(HostID(host), peer: HostID(peer), code: code), at: at)
                if random.happens(0.7) { fault(.admit(HostID(host), peer: HostID(peer)), at: at + span) }
            case _:
                drawRelink(at: at, &random)
            }
        }
    }

    private mutating func drawPartition(at: Interval, span: Interval, _ random: inout SeededRandom) {
        var one: [HostID] = []
        var other: [HostID] = []
        for host in HostID.all(hostCount) {
            if random.happens(0.5) { one.append(host) } else { other.append(host) }
        }
        fault(.partition(senders: one, receivers: other, span: span), at: at)
        if random.happens(0.6) { fault(.partition(senders: other, receivers: one, span: span), at: at) }
    }

    private mutating func drawRelink(at: Interval, _ random: inout SeededRandom) {
        let pair = random.pick(HostPair.all(hostCount))
        if hub != nil, random.happens(0.3) {
            fault(.firewall(pair, isUp: random.happens(0.5)), at: at)
        } else {
            fault(.relink(pair, random.pick(LinkProfile.presets).profile), at: at)
        }
    }

    mutating func drawAttacks(seed: UInt64, round: Int = 0) {
        var random = SeededRandom(seed: seed, purpose: .attacker, index: round)
        for _ in 0..<random.number(in: 10...200) {
            let at = random.interval(in: .zero...safetySpan)
            let host = HostID(random.below(hostCount))
            let forgery: AttackerAction.Forgery = random.happens(0.5) ? .ownAddress : .originalSender
            let act: AttackerAction =
                switch random.below(6) {
                case 0:
                    .junk(
                        to: host,
                        type: UInt8(random.below(6)),
                        byteCount: random.below(1400),
                        seed: random.next()
                    )
                case 1: .replay(forgery, onlyHandshakes: false, seed: random.next())
                case 2: .replay(forgery, onlyHandshakes: true, seed: random.next())
                case 3: .misdirect(to: host, seed: random.next())
                case 4: .truncate(forgery, seed: random.next())
                case _: .flip(forgery, seed: random.next())
                }
            attack(act, at: at)
        }
        drawInterceptions(seed: seed, round: round)
        drawStrangers(seed: seed, round: round)
        if random.happens(0.5) {
            attack(.replayAllHandshakes(.ownAddress, seed: random.next()), at: safetySpan)
            attack(.replayAllHandshakes(.originalSender, seed: random.next()), at: safetySpan)
        }
    }

    /// Strangers with keys of their own, most of them at the hub, which lets them in.
    private mutating func drawStrangers(seed: UInt64, round: Int) {
        var random = SeededRandom(seed: seed, purpose: .attacker, index: 2 << 16 | round)
        if let hub {
            var open = ownSettings[hub] ?? settings
            open.acceptsUnknownPeers = true
            ownSettings[hub] = open
        }
        for _ in 0..<random.number(in: 0...40) {
            let host = hub.flatMap { random.happens(0.7) ? $0 : nil } ?? HostID(random.below(hostCount))
            attack(.greet(host, seed: random.next()), at: random.interval(in: .zero...safetySpan))
        }
    }

    /// What an attacker on the way does.
    private mutating func drawInterceptions(seed: UInt64, round: Int) {
        var random = SeededRandom(seed: seed, purpose: .attacker, index: 1 << 16 | round)
        for _ in 0..<random.number(in: 0...6) {
            let at = random.interval(in: .zero...safetySpan)
            let host = HostID(random.below(hostCount))
            let span = random.interval(in: .milliseconds(100)...(.seconds(60)))
            let act: AttackerAction =
                switch random.below(4) {
                case 0: .holdBack(span: span)
                case 1: .split
                case _: .forward(to: host, passesAnswers: random.happens(0.5), span: span)
                }
            attack(act, at: at)
        }
    }
}
