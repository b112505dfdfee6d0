import OverlayCrypto
import OverlayWire
import PosternModel
import Testing

@testable import OverlayCore

/// Handshakes that cross, repeat, or come from a new life: what the simulation found, one behaviour each.
@Suite struct PairsCrossingTests {
    private func makePair(settings: NodeSettings = .defaults) throws -> Pair {
        var pair = try Pair(settings: settings)
        pair.b.admit(PeerConfiguration(key: pair.keyA, candidates: Candidate.hosts([Pair.addressA])), at: pair.now)
        return pair
    }

    private func node(seed: UInt8, randomness: UInt8, settings: NodeSettings, at now: Instant) throws -> Node {
        var node = Node(
            identity: try NodeIdentity(seed: Array(repeating: seed, count: 32)),
            settings: settings,
            seed: Array(repeating: randomness, count: 32),
            counters: 1_700_000_100_000_000_000..<UInt64.max
        )
        node.setLocalAddresses([seed == 1 ? Pair.addressA : Pair.addressB], candidates: [], at: now)
        return node
    }

    /// `#require` cannot call a method of a node, which is not copyable.
    private func handle(_ found: PeerHandle?) throws -> PeerHandle { try #require(found) }

    private func opened(_ events: [Event]) -> [StreamHandle] {
        events.compactMap { if case .streamOpened(let handle, _, _) = $0 { handle } else { nil } }
    }

    private func lostCount(_ events: [Event]) -> Int {
        events.count { if case .sessionLost = $0 { true } else { false } }
    }

    /// Both open a stream at once and write what names its sender.
    private func openFromBoth(_ pair: inout Pair) throws {
        let toB = try handle(pair.a.peer(with: pair.keyB))
        let toA = try handle(pair.b.peer(with: pair.keyA))
        let fromA = try pair.a.openStream(to: toB, port: VirtualPort(10), at: pair.now)
        let fromB = try pair.b.openStream(to: toA, port: VirtualPort(20), at: pair.now)
        _ = try pair.a.write([UInt8](repeating: 0xa, count: 100).span.bytes, to: fromA, at: pair.now)
        _ = try pair.b.write([UInt8](repeating: 0xb, count: 100).span.bytes, to: fromB, at: pair.now)
    }

    @Test(arguments: 0..<64)
    func `whichever of the first packets are lost, crossing handshakes make one session with both streams`(
        pattern: Int
    ) throws {
        var pair = try makePair()
        pair.isLost = { number, _ in number <= 6 && pattern >> (number - 1) & 1 == 1 }
        try openFromBoth(&pair)
        pair.run(for: .seconds(8))
        let atA = try #require(opened(pair.eventsA).first)
        let atB = try #require(opened(pair.eventsB).first)
        #expect(opened(pair.eventsA).count == 1 && opened(pair.eventsB).count == 1)
        #expect(pair.readA(atA).bytes == [UInt8](repeating: 0xb, count: 100))
        #expect(pair.readB(atB).bytes == [UInt8](repeating: 0xa, count: 100))
        #expect(lostCount(pair.eventsA) == 0 && lostCount(pair.eventsB) == 0)
    }

    @Test(arguments: 0..<10)
    func `crossing handshakes make one session under loss and reordering`(tens: Int) throws {
        for seed in UInt64(tens) * 50..<UInt64(tens) * 50 + 50 {
            var random = SplitMix(seed: seed)
            var pair = try makePair()
            let isLost = (0..<60).map { _ in UInt64.random(in: 0..<100, using: &random) < 30 }
            let jitter = (0..<60).map { _ in Int64.random(in: 0..<40, using: &random) }
            pair.isLost = { number, _ in number < 60 && isLost[number] }
            pair.jitter = { number in .milliseconds(number < 60 ? jitter[number] : 0) }
            try openFromBoth(&pair)
            pair.run(for: .seconds(20))
            #expect(opened(pair.eventsA).count == 1 && opened(pair.eventsB).count == 1, "seed \(seed)")
            guard let atA = opened(pair.eventsA).first, let atB = opened(pair.eventsB).first else { continue }
            #expect(pair.readA(atA).bytes == [UInt8](repeating: 0xb, count: 100), "seed \(seed)")
            #expect(pair.readB(atB).bytes == [UInt8](repeating: 0xa, count: 100), "seed \(seed)")
            #expect(lostCount(pair.eventsA) == 0 && lostCount(pair.eventsB) == 0, "seed \(seed)")
        }
    }

    @Test func `a first message that lost against the other's is a replay when it comes again`() throws {
        var pair = try makePair()
        try openFromBoth(&pair)
        pair.flush()
        let first = pair.wire.filter { $0.bytes.first == PacketType.initiation.rawValue }
        #expect(first.count == 2)
        pair.run(for: .seconds(2))
        for packet in first {
            pair.wire.append((pair.now, packet.toB, packet.from, packet.to, packet.bytes, packet.ecn))
        }
        pair.run(for: .seconds(2))
        #expect(lostCount(pair.eventsA) == 0 && lostCount(pair.eventsB) == 0)
        #expect(opened(pair.eventsA).count == 1 && opened(pair.eventsB).count == 1)
    }

    @Test func `a repeated first message is answered where the peer may be and nowhere else`() throws {
        var pair = try makePair()
        let peer = try handle(pair.a.peer(with: pair.keyB))
        pair.a.connect(peer, at: pair.now)
        pair.flush()
        let first = try #require(pair.wire.first)
        pair.run(for: .seconds(1))
        let answered = pair.b.statistics.packetsSent
        let unknown = Endpoint.ipv4(address: 0x0a00_0009, port: 9)
        pair.b.receive(first.bytes.span.bytes, from: unknown, to: Pair.addressB, ecn: .notECT, at: pair.now)
        pair.flush()
        #expect(pair.b.statistics.packetsSent == answered)
        pair.b.receive(first.bytes.span.bytes, from: Pair.addressA, to: Pair.addressB, ecn: .notECT, at: pair.now)
        pair.flush()
        #expect(pair.b.statistics.packetsSent == answered + 1)
    }

    @Test func `keys are replaced again and again after a peer restarted and nothing is lost`() throws {
        var settings = NodeSettings.defaults
        settings.rekeyAfter = .seconds(2)
        var pair = try makePair(settings: settings)
        try openFromBoth(&pair)
        pair.run(for: .seconds(1))
        pair.b = try node(seed: 2, randomness: 9, settings: settings, at: pair.now)
        pair.b.admit(PeerConfiguration(key: pair.keyA, candidates: Candidate.hosts([Pair.addressA])), at: pair.now)
        // The restarted node says nothing: the other one finds out by what it sends.
        let peer = try handle(pair.a.peer(with: pair.keyB))
        _ = try pair.a.openStream(to: peer, port: VirtualPort(11), at: pair.now)
        pair.run(for: .seconds(10))
        #expect(lostCount(pair.eventsA) == 1)
        let rekeys = pair.a.statistics.rekeys
        for _ in 0..<30 {
            pair.a.ping(peer, at: pair.now)
            pair.run(for: .seconds(1))
        }
        #expect(pair.a.statistics.rekeys > rekeys + 5)
        #expect(lostCount(pair.eventsA) == 1 && lostCount(pair.eventsB) == 0)
    }

    @Test func `a handle of a session that was replaced never names a stream of the next`() throws {
        var pair = try makePair()
        try openFromBoth(&pair)
        pair.run(for: .seconds(1))
        let old = try #require(opened(pair.eventsB).first)
        pair.a = try node(seed: 1, randomness: 8, settings: .defaults, at: pair.now)
        pair.a.admit(PeerConfiguration(key: pair.keyB, candidates: Candidate.hosts([Pair.addressB])), at: pair.now)
        let peer = try handle(pair.a.peer(with: pair.keyB))
        let stream = try pair.a.openStream(to: peer, port: VirtualPort(12), at: pair.now)
        _ = try pair.a.write([UInt8](1...3).span.bytes, to: stream, at: pair.now)
        pair.run(for: .seconds(1))
        let new = try #require(opened(pair.eventsB).last)
        #expect(new != old)
        let (oldCount, newCount) = (pair.b.readableByteCount(old), pair.b.readableByteCount(new))
        #expect(oldCount == 0 && newCount == 3)
    }

    @Test func `a stop that overtakes the opening of its stream is told behind it`() throws {
        var pair = try makePair()
        let peer = try handle(pair.a.peer(with: pair.keyB))
        pair.a.connect(peer, at: pair.now)
        pair.run(for: .seconds(1))
        pair.isLost = { _, toB in toB }
        let stream = try pair.a.openStream(to: peer, port: VirtualPort(13), at: pair.now)
        _ = try pair.a.write([UInt8](1...3).span.bytes, to: stream, at: pair.now)
        pair.flush()
        pair.isLost = { _, _ in false }
        pair.a.stopReading(stream, code: ErrorCode(300), at: pair.now)
        pair.run(for: .seconds(3))
        let about = pair.eventsB.compactMap { event in
            if case .streamOpened = event {
                "opened"
            } else if case .streamStopped(_, let code) = event {
                "stopped \(code.rawValue)"
            } else {
                nil
            }
        }
        #expect(about == ["opened", "stopped 300"])
    }
}
