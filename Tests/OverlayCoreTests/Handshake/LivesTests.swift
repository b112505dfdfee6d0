import OverlayCrypto
import OverlayWire
import PosternModel
import TestSupport
import Testing

@testable import OverlayCore

/// What a first message may do to whom: `Protocol.md` §4.4, §4.5, §4.9.
@Suite("Lives of a peer")
struct LivesTests {
    private func handle(_ found: PeerHandle?) throws -> PeerHandle { try #require(found) }

    /// Another program with the key of `pair.a`, which knows `b`.
    private func copyOfA(_ pair: borrowing Pair, counters: Range<UInt64>, randomness: UInt8 = 9) throws -> Node {
        var node = Node(
            identity: try NodeIdentity(seed: Array(repeating: 1, count: 32)),
            settings: .defaults,
            seed: Array(repeating: randomness, count: 32),
            counters: counters
        )
        node.setLocalAddresses([Pair.addressA], candidates: [], at: pair.now)
        node.admit(PeerConfiguration(key: pair.keyB, candidates: Candidate.hosts([Pair.addressB])), at: pair.now)
        return node
    }

    private let later: Range<UInt64> = 1_800_000_000_000_000_000..<UInt64.max
    private let earlier: Range<UInt64> = 1..<UInt64.max

    private func packets(of node: inout Node, at now: Instant) -> [[UInt8]] {
        var found: [[UInt8]] = []
        while true {
            var isDone = false
            let bytes = PacketWriter.bytes(capacity: 1 << 16) {
                isDone = node.pollTransmit(into: &$0, maxSegments: 1, at: now) == nil
            }
            guard !isDone else { return found }
            found.append(bytes)
        }
    }

    private func open(_ pair: inout Pair) throws -> StreamHandle {
        let peer = try handle(pair.a.peer(with: pair.keyB))
        let stream = try pair.a.openStream(to: peer, port: VirtualPort(10), at: pair.now)
        _ = try pair.a.write([1, 2, 3].span.bytes, to: stream, at: pair.now)
        return stream
    }

    private func opened(_ events: [Event]) -> [StreamHandle] {
        events.compactMap { if case .streamOpened(let handle, _, _) = $0 { handle } else { nil } }
    }

    private func losses(_ events: [Event]) -> [ErrorCode] {
        events.compactMap { if case .sessionLost(_, _, let code, _) = $0 { code } else { nil } }
    }

    private func floorIsTold(_ events: [Event]) -> Bool {
        events.contains { if case .replayFloor = $0 { true } else { false } }
    }

    @Test func `a first message that was held back ends nothing before its sender has spoken under its keys`() throws {
        var pair = try Pair()
        _ = try open(&pair)
        pair.run(for: .seconds(1))
        // A new life begins, and its first message arrives; whoever brought it has no keys.
        var next = try copyOfA(pair, counters: later)
        next.connect(try handle(next.peer(with: pair.keyB)), at: pair.now)
        let first = try #require(packets(of: &next, at: pair.now).first)
        pair.b.receive(first.span.bytes, from: Pair.addressA, to: Pair.addressB, ecn: .notECT, at: pair.now)
        let answers = packets(of: &pair.b, at: pair.now).filter { $0.first == PacketType.response.rawValue }
        pair.flush()
        #expect(answers.count == 1)
        _ = try open(&pair)
        pair.run(for: .seconds(10))
        #expect(losses(pair.eventsB).isEmpty && losses(pair.eventsA).isEmpty)
        #expect(opened(pair.eventsB).count == 2)
        // Its sender speaks: now the old life is over.
        let answer = try #require(answers.first)
        next.receive(answer.span.bytes, from: Pair.addressB, to: Pair.addressA, ecn: .notECT, at: pair.now)
        for packet in packets(of: &next, at: pair.now) {
            pair.b.receive(packet.span.bytes, from: Pair.addressA, to: Pair.addressB, ecn: .notECT, at: pair.now)
        }
        pair.flush()
        #expect(losses(pair.eventsB) == [.restarted])
    }

    @Test func `a peer whose counters went back is told how far they were, and comes in`() throws {
        var pair = try Pair()
        pair.b.admit(PeerConfiguration(key: pair.keyA, candidates: Candidate.hosts([Pair.addressA])), at: pair.now)
        _ = try open(&pair)
        pair.run(for: .seconds(1))
        let floor = pair.aAtB.replayFloor
        pair.a = try copyOfA(pair, counters: earlier)
        _ = try open(&pair)
        let started = pair.b.statistics.handshakesAnswered
        pair.run(for: .milliseconds(1500))
        #expect(pair.b.statistics.handshakesAnswered == started, "an old message is never answered")
        pair.run(for: .seconds(8))
        #expect(opened(pair.eventsB).count == 2)
        #expect(pair.aAtB.replayFloor >= floor)
        #expect(try pair.a.peer(handle(pair.a.peer(with: pair.keyB)))?.counterFloor ?? 0 >= floor)
    }

    @Test func `a node that gets no answer goes ahead`() throws {
        var pair = try Pair()
        _ = try open(&pair)
        pair.run(for: .seconds(1))
        let floor = pair.aAtB.replayFloor
        // B knows no address of A, so that it cannot tell.
        pair.a = try copyOfA(pair, counters: (floor - 1000)..<UInt64.max)
        pair.run(for: .seconds(40))
        for _ in 0..<3 {
            pair.a.connect(try handle(pair.a.peer(with: pair.keyB)), at: pair.now)
            pair.run(for: .seconds(20))
        }
        #expect(pair.a.statistics.sessionsEstablished == 1)
    }

    @Test func `two programs with one key are told from a restart, and both hear of it`() throws {
        var pair = try Pair()
        _ = try open(&pair)
        pair.run(for: .seconds(1))
        var first = try copyOfA(pair, counters: later, randomness: 10)
        swap(&pair.a, &first)
        _ = try open(&pair)
        pair.run(for: .seconds(1))
        #expect(losses(pair.eventsB) == [.restarted])
        #expect(!pair.eventsB.contains { if case .duplicateIdentity = $0 { true } else { false } })
        // The first one was not over: it comes back.
        swap(&pair.a, &first)
        pair.a.reserveCounters(to: .max)
        let peer = try #require(try pair.a.peer(handle(pair.a.peer(with: pair.keyB))))
        peer.counterFloor = pair.aAtB.replayFloor
        peer.needsHandshake = true
        pair.a.settle(peer)
        pair.eventsA = []
        pair.run(for: .seconds(2))
        #expect(pair.eventsB.contains { if case .duplicateIdentity(_, pair.keyA) = $0 { true } else { false } })
        #expect(
            pair.eventsA.contains { if case .identityShared(_, _, let isRefused) = $0 { !isRefused } else { false } }
        )
        // The copy is refused, and told why.
        swap(&pair.a, &first)
        let other = try #require(try pair.a.peer(handle(pair.a.peer(with: pair.keyB))))
        other.counterFloor = pair.aAtB.replayFloor
        other.needsHandshake = true
        pair.a.settle(other)
        pair.eventsA = []
        pair.run(for: .seconds(2))
        #expect(pair.eventsA.contains { if case .identityShared(_, _, true) = $0 { true } else { false } })
        #expect(losses(pair.eventsA).contains(.duplicateIdentity))
    }

    // MARK: Early data

    /// Whether what comes with a first message of A is told before A has spoken under its keys.
    private func takesEarlyData(_ pair: inout Pair) throws -> Bool {
        pair.eventsB = []
        _ = try open(&pair)
        pair.run(for: pair.delay)
        #expect(floorIsTold(pair.eventsB))
        let isTaken = !opened(pair.eventsB).isEmpty
        pair.run(for: .seconds(1))
        #expect(opened(pair.eventsB).count == 1, "it comes at the latest under the new keys")
        return isTaken
    }

    @Test func `early data counts at once, also after a session that both remember`() throws {
        var pair = try Pair()
        #expect(try takesEarlyData(&pair))
        let peer = try handle(pair.b.peer(with: pair.keyA))
        pair.b.close(try #require(pair.b.peer(peer)?.session), code: .none, reason: "", at: pair.now)
        pair.run(for: .seconds(100))
        #expect(try takesEarlyData(&pair))
    }

    @Test func `early data waits for the first packet when the message may be old`() throws {
        var pair = try Pair()
        #expect(try takesEarlyData(&pair))
        let peer = try handle(pair.b.peer(with: pair.keyA))
        pair.b.close(try #require(pair.b.peer(peer)?.session), code: .none, reason: "", at: pair.now)
        pair.run(for: .seconds(10))
        // On its way for 40 seconds.
        _ = try open(&pair)
        pair.flush()
        let held = pair.wire
        pair.wire = []
        pair.a = try copyOfA(pair, counters: later)
        pair.now = pair.now + .seconds(40)
        pair.eventsB = []
        for packet in held {
            pair.b.receive(packet.bytes.span.bytes, from: packet.from, to: packet.to, ecn: .notECT, at: pair.now)
        }
        pair.flush()
        #expect(floorIsTold(pair.eventsB) && opened(pair.eventsB).isEmpty)
    }

    @Test func `a restarted peer's early data waits when this node remembers a session`() throws {
        var pair = try Pair()
        #expect(try takesEarlyData(&pair))
        let peer = try handle(pair.b.peer(with: pair.keyA))
        pair.b.close(try #require(pair.b.peer(peer)?.session), code: .none, reason: "", at: pair.now)
        pair.run(for: .seconds(10))
        pair.a = try copyOfA(pair, counters: later)
        #expect(try !takesEarlyData(&pair))
    }

    @Test func `after a power failure, and while floors cannot be stored, no early data is taken`() throws {
        var pair = try Pair(admitsBoth: false)
        pair.b.admit(PeerConfiguration(key: pair.keyA, isFloorCertain: false), at: pair.now)
        #expect(try !takesEarlyData(&pair))
        var other = try Pair()
        other.b.setTakesEarlyData(false)
        #expect(try !takesEarlyData(&other))
    }

    @Test func `early data of a peer that was expelled and admitted again waits until it has spoken`() throws {
        var pair = try Pair()
        pair.b.expel(pair.keyA, code: .refused, at: pair.now)
        pair.b.admit(PeerConfiguration(key: pair.keyA), at: pair.now)
        #expect(try !takesEarlyData(&pair))
    }

    /// A first message of A with these early frames, as its key allows A to make.
    private func initiation(of pair: borrowing Pair, early: [UInt8]) throws -> [UInt8] {
        let identity = try NodeIdentity(seed: Array(repeating: 1, count: 32))
        let random = RandomSource(seed: Array(repeating: 77, count: 32))
        var noise = NoiseInitiator(
            identity: identity,
            responder: try pair.keyB.exchangeKey(),
            psk: .none,
            prologue: PacketLayout.prologue(to: pair.keyB),
            using: random
        )
        let payload = InitiationPayload(
            counter: 1_750_000_000_000_000_000,
            key: identity.key,
            ours: SessionNumber(5),
            theirs: .none,
            hasAES: false,
            parameters: NodeSettings.defaults.transportParameters(instance: 7)
        )
        let encoded = PacketWriter.bytes(capacity: PacketLayout.Initiation.payloadSize) {
            payload.write(to: &$0)
            $0.append(early)
            $0.appendZeros($0.remaining)
        }
        return PacketWriter.bytes(capacity: PacketLayout.Initiation.byteCount) {
            $0.append(PacketType.initiation.rawValue)
            $0.append(bigEndian: UInt32(7))
            try? noise.writeMessage1(payload: encoded, to: &$0)
            HandshakeMAC.append(to: &$0, from: 0, key: HandshakeMAC.key(for: pair.keyB))
            $0.appendZeros(HandshakeMAC.byteCount)
        }
    }

    private func receive(_ early: [UInt8], _ pair: inout Pair) throws {
        let packet = try initiation(of: pair, early: early)
        pair.b.receive(packet.span.bytes, from: Pair.addressA, to: Pair.addressB, ecn: .notECT, at: pair.now)
        pair.flush()
    }

    @Test(arguments: ["01", "2a 01 00", "12 01", "08 80004e1e 0050 6162", "1a 0102030405060708"])
    func `early frames other than streams within the first 64 close the session`(frames: String) throws {
        var pair = try Pair()
        try receive(hex(frames), &pair)
        #expect(losses(pair.eventsB).count == 1)
        #expect(pair.aAtB.told.isEmpty && opened(pair.eventsB).isEmpty)
        pair.run(for: .seconds(20))
        #expect(pair.b.statistics.handshakesStarted == 0)
    }

    @Test func `a stream that opens others makes one object`() throws {
        var pair = try Pair()
        _ = try open(&pair)
        pair.run(for: .seconds(1))
        let before = try #require(pair.aAtB.session).streams.count
        let evens = pair.keyA.precedes(pair.keyB)
        _ = pair.forge(from: Pair.addressA) {
            $0.append(hex("0e"))
            $0.append(varint: evens ? 19_998 : 19_999)
            $0.append(hex("0050 01 61"))
        }
        #expect(try #require(pair.aAtB.session).streams.count == before + 1)
        // One of those in between is as good as any.
        _ = pair.forge(from: Pair.addressA) {
            $0.append(hex("0e"))
            $0.append(varint: evens ? 8 : 9)
            $0.append(hex("0050 01 61"))
        }
        #expect(opened(pair.eventsB).count == 3 && losses(pair.eventsB).isEmpty)
    }

    // MARK: Ends of keys

    @Test func `keys at their end seal nothing, a handshake replaces them, and nothing is lost`() throws {
        var pair = try Pair()
        _ = try open(&pair)
        pair.run(for: .seconds(1))
        let peer = try #require(try pair.a.peer(handle(pair.a.peer(with: pair.keyB))))
        let epoch = try #require(peer.session?.sendEpoch)
        epoch.sealedBytes = KeyEpoch.maximumSealedBytes
        _ = try open(&pair)
        pair.flush()
        #expect(pair.wire.map { $0.bytes.first } == [PacketType.initiation.rawValue])
        pair.run(for: .seconds(1))
        #expect(opened(pair.eventsB).count == 2 && losses(pair.eventsB).isEmpty)
        #expect(pair.eventsA.contains { if case .rekeyOverdue = $0 { true } else { false } })
    }

    @Test func `keys that refused too many packets are given up`() throws {
        var pair = try Pair()
        _ = try open(&pair)
        pair.run(for: .seconds(1))
        let session = try #require(pair.aAtB.session)
        let epoch = try #require(session.epochs.last)
        epoch.failedOpens = KeyEpoch.maximumFailedOpens - 1
        var forged = pair.forge { $0.append(hex("01")) }
        forged[forged.count - 1] ^= 1
        pair.b.receive(forged.span.bytes, from: Pair.addressA, to: Pair.addressB, ecn: .notECT, at: pair.now)
        #expect(!session.epochs.contains { $0 === epoch })
    }

    @Test func `keys end after half an hour without others`() throws {
        var pair = try Pair()
        _ = try open(&pair)
        pair.run(for: .seconds(1))
        pair.isCut = { _, _ in true }
        _ = try open(&pair)
        pair.run(for: .seconds(1801))
        #expect(try #require(pair.aAtB.session).epochs.isEmpty)
        pair.isCut = { _, _ in false }
        pair.run(for: .seconds(30))
        #expect(losses(pair.eventsA).isEmpty && opened(pair.eventsB).count == 2)
    }

    // MARK: Unknown peers

    @Test func `an unknown peer that does not speak under its keys is forgotten in seconds`() throws {
        var settings = NodeSettings.defaults
        settings.acceptsUnknownPeers = true
        var pair = try Pair(settings: settings, admitsBoth: false)
        pair.isCut = { _, _ in true }
        try receive([], &pair)
        #expect(pair.b.unconfirmedStrangers == 1 && pair.b.peer(with: pair.keyA) != nil)
        pair.run(for: .seconds(20))
        #expect(pair.b.unconfirmedStrangers == 0 && pair.b.peer(with: pair.keyA) == nil)
        #expect(pair.b.statistics.handshakesStarted == 0)
    }
}
