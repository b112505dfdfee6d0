import OverlayWire

/// The faults and attacks of a random world.
extension Scenario {
    mutating func drawFaults(seed: UInt64, nodeCount: Int) {
        var chance = Chance(seed: seed, purpose: .faults)
        // Those of faults that were drawn before count too.
        var crashed: Set<Int> = []
        var stepped: Set<Int> = []
        for case .crash(let host, _) in faults.map(\.fault) { crashed.insert(host.index) }
        for case .stepWallClock(let host, _) in faults.map(\.fault) { stepped.insert(host.index) }
        for _ in 0..<chance.number(in: 1...8) {
            let host = chance.below(hostCount)
            let at = chance.interval(in: .zero...safetySpan)
            let span = chance.interval(in: .milliseconds(100)...(.seconds(20)))
            switch chance.below(10) {
            case 0..<3:
                drawPartition(at: at, span: span, &chance)
            case 3 where !stepped.contains(host):
                crashed.insert(host)
                fault(.crash(HostID(host), span: span), at: at)
            case 4, 5:
                let isBehindNAT = nats.contains { $0.hosts.contains(HostID(host)) }
                let isTold = chance.happens(0.5)
                fault(isBehindNAT && !isTold ? .rebind(HostID(host)) : .roam(HostID(host), isTold: isTold), at: at)
            case 6:
                let rest: Fault.Rest = chance.happens(0.5) ? .stopped : .suspended
                fault(.sleep(HostID(host), rest, span: span), at: at)
            case 7 where !crashed.contains(host):
                // A host that forgot how far its clock once was could not prove that its handshakes are new.
                stepped.insert(host)
                let step = chance.interval(in: .seconds(-86_400)...(.seconds(86_400)))
                fault(.stepWallClock(HostID(host), by: step), at: at)
            case 8 where host < nodeCount && nodeCount > 1:
                let peer = (host + 1 + chance.below(nodeCount - 1)) % nodeCount
                let code = ErrorCode(UInt64(chance.number(in: 100...9999)))
                fault(.expel(HostID(host), peer: HostID(peer), code: code), at: at)
                if chance.happens(0.7) { fault(.admit(HostID(host), peer: HostID(peer)), at: at + span) }
            case _:
                drawRelink(at: at, &chance)
            }
        }
    }

    private mutating func drawPartition(at: Interval, span: Interval, _ chance: inout Chance) {
        var one: [HostID] = []
        var other: [HostID] = []
        for host in HostID.all(hostCount) {
            if chance.happens(0.5) { one.append(host) } else { other.append(host) }
        }
        fault(.partition(senders: one, receivers: other, span: span), at: at)
        if chance.happens(0.6) { fault(.partition(senders: other, receivers: one, span: span), at: at) }
    }

    private mutating func drawRelink(at: Interval, _ chance: inout Chance) {
        let pair = chance.pick(HostPair.all(hostCount))
        if hub != nil, chance.happens(0.3) {
            fault(.wall(pair, isUp: chance.happens(0.5)), at: at)
        } else {
            fault(.relink(pair, chance.pick(LinkProfile.presets).profile), at: at)
        }
    }

    mutating func drawAttacks(seed: UInt64, round: Int = 0) {
        var chance = Chance(seed: seed, purpose: .attacker, index: round)
        for _ in 0..<chance.number(in: 10...200) {
            let at = chance.interval(in: .zero...safetySpan)
            let host = HostID(chance.below(hostCount))
            let forgery: AttackerAction.Forgery = chance.happens(0.5) ? .ownAddress : .originalSender
            let act: AttackerAction =
                switch chance.below(6) {
                case 0:
                    .junk(
                        to: host,
                        type: UInt8(chance.below(6)),
                        byteCount: chance.below(1400),
                        seed: chance.next()
                    )
                case 1: .replay(forgery, onlyHandshakes: false, seed: chance.next())
                case 2: .replay(forgery, onlyHandshakes: true, seed: chance.next())
                case 3: .misdirect(to: host, seed: chance.next())
                case 4: .truncate(forgery, seed: chance.next())
                case _: .flip(forgery, seed: chance.next())
                }
            attack(act, at: at)
        }
        if chance.happens(0.5) {
            attack(.replayAllHandshakes(.ownAddress, seed: chance.next()), at: safetySpan)
            attack(.replayAllHandshakes(.originalSender, seed: chance.next()), at: safetySpan)
        }
    }
}
