import OverlayCrypto
import OverlayWire
import PosternModel
import Testing

@testable import OverlayCore

/// What shows that the peer receives at an address, and what does not (`Protocol.md` §4.8, §9).
@Suite struct PathProofTests {
    private static let victim = Endpoint.ipv4(address: 0x0a00_0063, port: 53)

    private func streams(_ events: [Event]) -> [StreamHandle] {
        events.compactMap { if case .streamOpened(let handle, _, _) = $0 { handle } else { nil } }
    }

    private func changes(_ events: [Event]) -> [Endpoint] {
        events.compactMap { if case .pathChanged(_, _, let endpoint) = $0 { endpoint } else { nil } }
    }

    @Test func `message 2 that was repeated elsewhere proves nothing of the first address`() throws {
        var pair = try Pair()
        pair.b.admit(PeerConfiguration(key: pair.keyA, candidates: Candidate.hosts([Pair.addressA])), at: pair.now)
        pair.bystanders[Self.victim] = []
        let peer = pair.a.peer(with: pair.keyB)
        let stream = try pair.a.openStream(to: #require(peer), port: VirtualPort(9), at: pair.now)
        _ = try pair.a.write([UInt8](repeating: 1, count: 300).span.bytes, to: stream, at: pair.now)
        pair.flush()
        let first = pair.wire.removeFirst().bytes
        // The same bytes with the victim's address, and then with an own one, where the answer is read.
        pair.b.receive(first.span.bytes, from: Self.victim, to: Pair.addressB, ecn: .notECT, at: pair.now)
        pair.b.receive(first.span.bytes, from: Pair.addressA, to: Pair.addressB, ecn: .notECT, at: pair.now)
        pair.flush()
        pair.isLost = { _, toB in toB }
        let answer = try #require(streams(pair.eventsB).first)
        _ = try pair.b.write([UInt8](repeating: 2, count: 200_000).span.bytes, to: answer, at: pair.now)
        pair.run(for: .milliseconds(20))
        var sentBytes = PacketLayout.Initiation.byteCount
        for largest in 1..<100 as Range<UInt64> {
            // What nobody has received is acknowledged.
            sentBytes += pair.forge(from: Self.victim) {
                $0.append(FrameType.ping)
                $0.append(FrameType.ack)
                $0.append(varint: min(largest, 4))
                for value in [0, 0, 0] as [UInt64] { $0.append(varint: value) }
            }
            pair.run(for: .milliseconds(20))
        }
        let (count, byteCount) = (pair.reflectedCount, pair.reflectedBytes)
        #expect(count > 0 && byteCount <= 3 * sentBytes)
        // The owner of the keys is reached without a limit once it answers where it is.
        pair.isLost = { _, _ in false }
        pair.run(for: .seconds(4))
        let path = try #require(pair.aAtB.session?.path)
        #expect(path.addresses.remote == Pair.addressA && path.amplificationLimit == nil)
    }

    @Test func `a restarted peer whose message 2 went elsewhere too proves nothing of the first address`() throws {
        var pair = try Pair()
        pair.b.admit(PeerConfiguration(key: pair.keyA, candidates: Candidate.hosts([Pair.addressA])), at: pair.now)
        let peer = pair.a.peer(with: pair.keyB)
        try pair.a.connect(#require(peer), at: pair.now)
        pair.run(for: .seconds(1))
        pair.a = Node(
            identity: try NodeIdentity(seed: Array(repeating: 1, count: 32)),
            settings: .defaults,
            seed: Array(repeating: 9, count: 32),
            counters: 1_700_000_100_000_000_000..<UInt64.max
        )
        pair.a.setLocalAddresses([Pair.addressA], candidates: [], at: pair.now)
        pair.a.admit(PeerConfiguration(key: pair.keyB, candidates: Candidate.hosts([Pair.addressB])), at: pair.now)
        pair.bystanders[Self.victim] = []
        pair.wire = []
        let restarted = pair.a.peer(with: pair.keyB)
        try pair.a.connect(#require(restarted), at: pair.now)
        pair.flush()
        let first = try #require(pair.wire.first { $0.bytes.first == PacketType.initiation.rawValue }).bytes
        pair.wire = []
        pair.b.receive(first.span.bytes, from: Self.victim, to: Pair.addressB, ecn: .notECT, at: pair.now)
        pair.b.receive(first.span.bytes, from: Pair.addressA, to: Pair.addressB, ecn: .notECT, at: pair.now)
        pair.flush()
        let waits = pair.aAtB.successor?.isAnsweredElsewhere
        #expect(waits == true)
        // The peer speaks under the keys that it has got at home, and somebody forwards that from the first address.
        pair.now = pair.now + .milliseconds(10)
        for packet in pair.wire where !packet.toB {
            pair.a.receive(packet.bytes.span.bytes, from: packet.from, to: packet.to, ecn: .notECT, at: pair.now)
        }
        pair.wire = []
        pair.flush()
        let spoken = try #require(pair.wire.first { $0.bytes.first == PacketType.protected.rawValue }).bytes
        pair.b.receive(spoken.span.bytes, from: Self.victim, to: Pair.addressB, ecn: .notECT, at: pair.now)
        let session = try #require(pair.aAtB.session)
        #expect(!session.isProven(Self.victim))
        let isKnown = pair.aAtB.isKnown(Self.victim)
        #expect(!isKnown)
    }

    @Test func `an answer from where message 1 did not go is worth three times itself`() throws {
        var pair = try Pair()
        pair.bystanders[Self.victim] = []
        let peer = pair.a.peer(with: pair.keyB)
        let stream = try pair.a.openStream(to: #require(peer), port: VirtualPort(9), at: pair.now)
        _ = try pair.a.write([UInt8](repeating: 1, count: 100_000).span.bytes, to: stream, at: pair.now)
        pair.flush()
        let first = pair.wire.removeFirst().bytes
        pair.b.receive(first.span.bytes, from: Pair.addressA, to: Pair.addressB, ecn: .notECT, at: pair.now)
        pair.flush()
        let second = try #require(pair.wire.first?.bytes)
        pair.wire = []
        pair.isLost = { _, _ in true }
        pair.a.receive(second.span.bytes, from: Self.victim, to: Pair.addressA, ecn: .notECT, at: pair.now)
        pair.run(for: .seconds(10))
        let (count, byteCount) = (pair.reflectedCount, pair.reflectedBytes)
        #expect(count > 0 && byteCount <= 3 * second.count)
    }

    @Test func `who forwards the peer's packets faster does not take its place`() throws {
        var pair = try Pair()
        let forwarder = Self.victim
        let peer = pair.a.peer(with: pair.keyB)
        try pair.a.connect(#require(peer), at: pair.now)
        pair.run(for: .seconds(1))
        pair.eventsB = []
        for _ in 0..<5_000 {
            if pair.wire.isEmpty {
                let bytes = pair.forge { $0.append(FrameType.ping) }
                pair.b.receive(bytes.span.bytes, from: forwarder, to: Pair.addressB, ecn: .notECT, at: pair.now)
                pair.flush()
            }
            // What goes to the forwarder is at its owner's after a millisecond, ten times as fast as on the path.
            for position in pair.wire.indices where pair.wire[position].to == forwarder {
                pair.wire[position].to = Pair.addressA
                pair.wire[position].at = pair.now + .milliseconds(1)
            }
            pair.run(for: .milliseconds(1))
        }
        let inUse = pair.aAtB.session?.path?.addresses.remote
        #expect(inUse == Pair.addressA)
        #expect(changes(pair.eventsB).count <= 2)
        let known = pair.aAtB.isKnown(forwarder)
        #expect(!known)
    }

    @Test func `each challenge has a token and a time of its own`() throws {
        var probe = PathProbe(path: AddressPair(local: Pair.addressA, remote: Self.victim), reason: .ping, at: .at(0))
        probe.send(7, byteCount: 34, at: .at(0))
        probe.send(8, byteCount: 1200, at: .at(100))
        #expect(probe.answered(by: 7)?.sentAt == .at(0) && probe.answered(by: 7)?.byteCount == 34)
        #expect(probe.answered(by: 8)?.sentAt == .at(100) && probe.answered(by: 9) == nil)
    }

    @Test func `a challenge that may not leave is given up`() {
        let path = AddressPair(local: Pair.addressA, remote: Self.victim)
        var probe = PathProbe(path: path, reason: .followed, at: .at(0))
        let waits = probe.wait(until: .at(5000))
        #expect(waits && probe.nextAt == .at(5000))
        let waitsLonger = probe.wait(until: .at(5001))
        #expect(!waitsLonger)
    }

    @Test func `a round trip longer than the wait for the next challenge is measured whole`() throws {
        var pair = try Pair()
        pair.delay = .milliseconds(55)
        let peer = try handle(pair.a.peer(with: pair.keyB))
        pair.a.connect(peer, at: pair.now)
        pair.run(for: .seconds(1))
        pair.a.ping(peer, at: pair.now)
        pair.run(for: .seconds(1))
        let measured = pair.eventsA.compactMap { if case .pong(_, _, let interval) = $0 { interval } else { nil } }
        #expect(measured == [.milliseconds(110)])
    }

    private func handle(_ found: PeerHandle?) throws -> PeerHandle { try #require(found) }

    @Test func `what goes to another address shows no index of the path in use`() throws {
        var pair = try Pair()
        let peer = try handle(pair.a.peer(with: pair.keyB))
        pair.a.connect(peer, at: pair.now)
        pair.run(for: .seconds(1))
        pair.bystanders[Self.victim] = []
        let inUse = pair.aAtB.session?.sendEpoch?.peerIndex
        _ = pair.forge(from: Self.victim) {
            $0.append(FrameType.ping)
            $0.appendPathToken(FrameType.pathChallenge, 1)
        }
        let packets = try #require(pair.bystanders[Self.victim])
        #expect(!packets.isEmpty)
        for packet in packets {
            #expect(try packet.span.bytes.load(UInt32.self, at: PacketLayout.Protected.index) != inUse?.rawValue)
        }
    }

    @Test func `new keys are agreed on the path in use alone`() throws {
        let settings = {
            var settings = NodeSettings.defaults
            settings.rekeyAfter = .seconds(10)
            return settings
        }()
        var pair = try Pair(settings: settings)
        let other = Endpoint.ipv4(address: 0x0a00_0064, port: 9)
        let candidates = Candidate.hosts([Pair.addressB, other])
        pair.a.admit(PeerConfiguration(key: pair.keyB, candidates: candidates), at: pair.now)
        let peer = try handle(pair.a.peer(with: pair.keyB))
        pair.a.connect(peer, at: pair.now)
        pair.run(for: .seconds(1))
        pair.bystanders[other] = []
        for _ in 0..<5 {
            pair.a.ping(peer, at: pair.now)
            pair.run(for: .seconds(5))
        }
        let (rekeys, count) = (pair.a.statistics.rekeys, pair.reflectedCount)
        #expect(rekeys >= 1 && count == 0)
    }
}

/// A node that uses relays alone shows nobody else where it is.
@Suite struct RelayOnlyTests {
    @Test func `it answers no handshake and no challenge that comes on another way`() throws {
        var settings = NodeSettings.defaults
        settings.usesDirectPaths = false
        var pair = try Pair(settings: settings)
        let identity = try NodeIdentity(seed: Array(repeating: 1, count: 32))
        pair.a = Node(
            identity: identity,
            settings: .defaults,
            seed: Array(repeating: 3, count: 32),
            counters: 1_700_000_000_000_000_000..<UInt64.max
        )
        pair.a.setLocalAddresses([Pair.addressA], candidates: Candidate.hosts([Pair.addressA]), at: pair.now)
        pair.a.admit(PeerConfiguration(key: pair.keyB, candidates: Candidate.hosts([Pair.addressB])), at: pair.now)
        let handle = pair.a.peer(with: pair.keyB)
        let peer = try #require(handle)
        pair.a.connect(peer, at: pair.now)
        var answers = 0
        pair.isLost = { _, toB in
            if !toB { answers += 1 }
            return false
        }
        pair.run(for: .seconds(5))
        let isConnected = pair.a.status(of: peer)?.isConnected
        #expect(answers == 0 && isConnected == false)
    }
}
