import OverlayCore
import OverlayWire
import PosternModel

/// Worlds with a name, each made for one behaviour. The seed decides what is random in them.
extension Scenario {
    /// Every scenario by name.
    package static let catalogue: [(name: String, make: @Sendable (UInt64) -> Scenario)] = [
        ("swarm", swarm),
        ("wild", wild),
        ("handshake-loss", handshakeLoss),
        ("bulk-loss", bulkLoss),
        ("reordering", reordering),
        ("blinking-path", blinkingPath),
        ("packet-sizes", packetSizes),
        ("roaming", roaming),
        ("restart", restart),
        ("revocation", revocation),
        ("relay", relay),
        ("upgrade", upgrade),
        ("early-data", earlyData),
        ("replay", replay),
        ("stall", stall),
        ("attacks", attacks),
        ("sleep", sleep),
        ("restored", restored),
        ("one-sided", oneSidedAdmission),
        ("nat-rebinding", natRebinding),
        ("nat-idle", natIdle),
        ("nat-both", natBoth),
        ("nat-pairs", natPairs),
        ("everything-twice", everythingTwice),
        ("endurance", endurance),
    ]

    /// The scenario `name` with `seed`, or nil when there is none of that name.
    package static func named(_ name: String, seed: UInt64) -> Scenario? {
        catalogue.first { $0.name == name }?.make(seed)
    }

    /// Two hosts, one small echo from each, 30 % of all packets lost.
    package static func handshakeLoss(seed: UInt64) -> Scenario {
        var scenario = Scenario(
            name: "handshake-loss",
            seed: seed,
            hostCount: 2,
            profile: .wideArea.with(\.loss, 0.3),
            safetySpan: .seconds(30)
        )
        scenario.stream(0, 1, at: .milliseconds(10), .echo, byteCount: 500)
        scenario.stream(1, 0, at: .milliseconds(15), .echo, byteCount: 500)
        return scenario
    }

    /// 4 MiB at 2 % loss.
    package static func bulkLoss(seed: UInt64) -> Scenario {
        var scenario = Scenario(
            name: "bulk-loss",
            seed: seed,
            hostCount: 2,
            profile: .wideArea.with(\.loss, 0.02),
            safetySpan: .seconds(60)
        )
        scenario.stream(0, 1, at: .zero, .sink, byteCount: 4 << 20)
        return scenario
    }

    /// Several streams over a link that reorders and duplicates every tenth datagram.
    package static func reordering(seed: UInt64) -> Scenario {
        let profile = LinkProfile.wideArea
            .with(\.reordering, 0.1)
            .with(\.duplication, 0.1)
            .with(\.reorderDelay, .milliseconds(30))
        var scenario = Scenario(
            name: "reordering",
            seed: seed,
            hostCount: 2,
            profile: profile,
            safetySpan: .seconds(30)
        )
        for index in 0..<8 {
            scenario.stream(index % 2, 1 - index % 2, at: .milliseconds(Int64(index) * 7), .echo, byteCount: 200_000)
        }
        return scenario
    }

    /// A path that is dead for 5 s and alive for 2 s, again and again, under one bulk stream.
    package static func blinkingPath(seed: UInt64) -> Scenario {
        var scenario = Scenario(
            name: "blinking-path",
            seed: seed,
            hostCount: 2,
            profile: .wideArea,
            safetySpan: .seconds(70)
        )
        scenario.stream(0, 1, at: .zero, .sink, byteCount: 16 << 20)
        for round in 0..<8 {
            let at = Interval.seconds(2 + 7 * Int64(round))
            for (one, other) in [(HostID(0), HostID(1)), (HostID(1), HostID(0))] {
                scenario.fault(.partition(senders: [one], receivers: [other], span: .seconds(5)), at: at)
            }
        }
        return scenario
    }

    /// Each host moves to a new address in the middle of streams, once told and once not.
    package static func roaming(seed: UInt64) -> Scenario {
        var scenario = Scenario(
            name: "roaming",
            seed: seed,
            hostCount: 2,
            profile: .broadband,
            safetySpan: .seconds(30)
        )
        scenario.stream(0, 1, at: .zero, .sink, byteCount: 20 << 20)
        scenario.stream(1, 0, at: .zero, .source(byteCount: 4 << 20), byteCount: 10)
        scenario.fault(.roam(HostID(0), isTold: false), at: .seconds(1))
        scenario.fault(.roam(HostID(1), isTold: true), at: .seconds(2))
        return scenario
    }

    /// One host crashes in the middle of streams and opens a new one when it is back.
    package static func restart(seed: UInt64) -> Scenario {
        var scenario = Scenario(
            name: "restart",
            seed: seed,
            hostCount: 2,
            profile: .broadband,
            safetySpan: .seconds(20)
        )
        scenario.stream(0, 1, at: .zero, .sink, byteCount: 50 << 20)
        scenario.stream(1, 0, at: .zero, .sink, byteCount: 50 << 20)
        scenario.fault(.crash(HostID(1), span: .seconds(1)), at: .seconds(2))
        scenario.stream(1, 0, at: .milliseconds(3100), .echo, byteCount: 100)
        return scenario
    }

    /// One host expels the other in the middle of streams.
    package static func revocation(seed: UInt64) -> Scenario {
        var scenario = Scenario(
            name: "revocation",
            seed: seed,
            hostCount: 2,
            profile: .broadband,
            safetySpan: .seconds(20)
        )
        scenario.stream(0, 1, at: .zero, .sink, byteCount: 50 << 20)
        scenario.stream(1, 0, at: .zero, .sink, byteCount: 50 << 20)
        scenario.fault(.expel(HostID(0), peer: HostID(1), code: .refused), at: .seconds(2))
        scenario.stream(1, 0, at: .seconds(5), .echo, byteCount: 100)
        return scenario
    }

    /// Two hosts that only a hub connects.
    package static func relay(seed: UInt64) -> Scenario {
        var scenario = Scenario(
            name: "relay",
            seed: seed,
            hostCount: 3,
            hub: HostID(2),
            profile: .broadband,
            safetySpan: .seconds(30)
        )
        scenario.firewalls = [HostPair(HostID(0), HostID(1))]
        scenario.stream(0, 1, at: .milliseconds(100), .echo, byteCount: 2 << 20)
        scenario.stream(1, 0, at: .milliseconds(200), .echo, byteCount: 10_000)
        scenario.datagram(0, 1, at: .seconds(1), byteCount: 900)
        return scenario
    }

    /// Two hosts that only a hub connects until the firewall between them opens.
    package static func upgrade(seed: UInt64) -> Scenario {
        var scenario = relay(seed: seed)
        scenario.name = "upgrade"
        scenario.safetySpan = .seconds(150)
        scenario.fault(.firewall(HostPair(HostID(0), HostID(1)), isUp: false), at: .seconds(5))
        for second in stride(from: Int64(6), to: 140, by: 2) {
            scenario.stream(0, 1, at: .seconds(second), .echo, byteCount: 100)
        }
        return scenario
    }

    /// One request of 300 bytes on a cold pair over a link that does nothing but delay: 15 ms each way.
    package static func earlyData(seed: UInt64) -> Scenario {
        var scenario = Scenario(
            name: "early-data",
            seed: seed,
            hostCount: 2,
            profile: LinkProfile(latency: .milliseconds(15)),
            safetySpan: .seconds(5)
        )
        scenario.stream(0, 1, at: .seconds(1), .echo, byteCount: 300)
        return scenario
    }

    /// Small requests on cold sessions with crashes between, and every handshake replayed in random order.
    package static func replay(seed: UInt64) -> Scenario {
        var scenario = Scenario(
            name: "replay",
            seed: seed,
            hostCount: 3,
            profile: .wifiLossy,
            safetySpan: .seconds(60)
        )
        var random = SeededRandom(seed: seed, purpose: .attacker)
        for round in 0..<6 {
            let start = Int64(round) * 10_000
            for (opener, acceptor) in [(0, 1), (1, 2), (2, 0), (1, 0)] {
                scenario.stream(opener, acceptor, at: .milliseconds(start + 100), .echo, byteCount: 400)
            }
            scenario.attack(
                .replayAllHandshakes(.originalSender, seed: random.next()),
                at: .milliseconds(start + 4000)
            )
            scenario.attack(.replayAllHandshakes(.ownAddress, seed: random.next()), at: .milliseconds(start + 4500))
            scenario.fault(.crash(HostID(round % 3), span: .seconds(1)), at: .milliseconds(start + 7000))
            scenario.attack(
                .replayAllHandshakes(.originalSender, seed: random.next()),
                at: .milliseconds(start + 8500)
            )
            scenario.attack(.replayAllHandshakes(.ownAddress, seed: random.next()), at: .milliseconds(start + 8800))
        }
        return scenario
    }

    /// One reader of 64 MiB that does not read for a long time, and small calls beside it.
    package static func stall(seed: UInt64) -> Scenario {
        var scenario = Scenario(name: "stall", seed: seed, hostCount: 2, profile: .wideArea, safetySpan: .seconds(20))
        scenario.stream(0, 1, at: .zero, .source(byteCount: 64 << 20), byteCount: 10) { plan in
            plan.conduct = .stall(by: .opener, pause: .seconds(3600))
        }
        for index in 0..<100 {
            scenario.stream(0, 1, at: .milliseconds(1000 + 50 * Int64(index)), .echo, byteCount: 1000)
        }
        return scenario
    }

    /// A quiet pair and a great many packets of an attacker.
    package static func attacks(seed: UInt64) -> Scenario {
        var scenario = Scenario(
            name: "attacks",
            seed: seed,
            hostCount: 3,
            profile: .broadband,
            safetySpan: .seconds(30)
        )
        scenario.unacquainted = [HostPair(HostID(0), HostID(2)), HostPair(HostID(1), HostID(2))]
        for second in 0..<25 {
            scenario.stream(0, 1, at: .milliseconds(Int64(second) * 1000), .echo, byteCount: 2000)
        }
        for round in 0..<10 { scenario.drawAttacks(seed: seed, round: round) }
        return scenario
    }

    /// One host sleeps ten minutes in the middle of streams: suspended first, then with its process stopped.
    package static func sleep(seed: UInt64) -> Scenario {
        var scenario = Scenario(
            name: "sleep",
            seed: seed,
            hostCount: 2,
            profile: .broadband,
            safetySpan: .seconds(1300)
        )
        scenario.stream(0, 1, at: .zero, .sink, byteCount: 20 << 20)
        scenario.stream(1, 0, at: .zero, .source(byteCount: 20 << 20), byteCount: 10)
        scenario.fault(.sleep(HostID(1), .suspended, span: .seconds(600)), at: .seconds(1))
        scenario.fault(.sleep(HostID(0), .stopped, span: .seconds(600)), at: .seconds(603))
        return scenario
    }

    /// Hosts are restored from a backup between requests: their counters and replay floors go back.
    package static func restored(seed: UInt64) -> Scenario {
        var scenario = Scenario(
            name: "restored",
            seed: seed,
            hostCount: 2,
            profile: .broadband,
            safetySpan: .seconds(60)
        )
        scenario.settings.rekeyAfter = .seconds(5)
        for second in 0..<50 {
            scenario.stream(second % 2, 1 - second % 2, at: .seconds(Int64(second)), .echo, byteCount: 5000)
        }
        for (host, at) in [(HostID(0), 10), (HostID(1), 25), (HostID(1), 40)] as [(HostID, Int64)] {
            scenario.fault(.restore(host), at: .seconds(at))
            scenario.fault(.crash(host, span: .milliseconds(100)), at: .seconds(at))
        }
        return scenario
    }

    /// The first host admits the second, which does not admit the first.
    package static func oneSidedAdmission(seed: UInt64) -> Scenario {
        var scenario = Scenario(
            name: "one-sided",
            seed: seed,
            hostCount: 2,
            profile: .broadband,
            safetySpan: .seconds(30)
        )
        scenario.oneSided = [(HostID(0), HostID(1))]
        scenario.stream(0, 1, at: .seconds(1), .echo, byteCount: 300)
        scenario.stream(1, 0, at: .seconds(1), .echo, byteCount: 300)
        return scenario
    }
}
