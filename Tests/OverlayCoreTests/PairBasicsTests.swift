import OverlayCore
import OverlayCrypto
import OverlayWire
import PosternModel
import Testing

@Suite struct PairBasicsTests {
    private func opened(_ events: [Event]) -> [(StreamHandle, VirtualPort)] {
        events.compactMap {
            if case .streamOpened(let stream, _, let port) = $0 { (stream, port) } else { nil }
        }
    }

    @Test func `a first request travels with the handshake and its answer is there after one round trip`() throws {
        var pair = try Pair()
        let found = pair.a.peer(with: pair.keyB)
        let peer = try #require(found)
        let stream = try pair.a.openStream(to: peer, port: VirtualPort(80), at: pair.now)
        _ = try pair.a.write(Array("hello".utf8).span.bytes, to: stream, at: pair.now)
        pair.a.finish(stream, at: pair.now)
        let start = pair.now
        pair.run(for: .milliseconds(10))
        let (incoming, port) = try #require(opened(pair.eventsB).first)
        #expect(port == VirtualPort(80))
        let request = pair.readB(incoming)
        #expect(request.bytes == Array("hello".utf8))
        #expect(request.isAtEnd)
        _ = try pair.b.write(Array("world".utf8).span.bytes, to: incoming, at: pair.now)
        pair.b.finish(incoming, at: pair.now)
        pair.run(for: .milliseconds(10))
        let answer = pair.readA(stream)
        #expect(answer.bytes == Array("world".utf8))
        #expect(answer.isAtEnd)
        #expect(pair.now - start == .milliseconds(20))
    }

    @Test(arguments: [false, true])
    func `a key that is admitted as a peer is not admitted as a hub, nor the other way round`(isHub: Bool) throws {
        var pair = try Pair()
        let found = pair.a.peer(with: pair.keyB)
        let peer = try #require(found)
        pair.a.expel(pair.keyB, code: .none, at: pair.now)
        let home = Candidate.hosts([Pair.addressB])
        let first = PeerConfiguration(key: pair.keyB, candidates: home, relays: isHub)
        let handle = pair.a.admit(first, at: pair.now)
        #expect(handle != nil && handle != peer)
        let secret = PreSharedKey(bytes: Array(repeating: 9, count: 32))
        let elsewhere = Candidate.hosts([Pair.addressA])
        let other = PeerConfiguration(
            key: pair.keyB,
            preSharedKey: try #require(secret),
            candidates: elsewhere,
            relays: !isHub
        )
        let again = pair.a.admit(other, at: pair.now)
        #expect(again == nil)
        // What is known of the peer is as it was: the session comes about with its secret and at its address.
        let admitted = try #require(handle)
        pair.a.connect(admitted, at: pair.now)
        pair.run(for: .milliseconds(100))
        #expect(pair.a.status(of: admitted)?.isConnected == true)
    }

    @Test func `a peer that is not admitted gets no answer at all`() throws {
        var pair = try Pair(admitsBoth: false)
        let found = pair.a.peer(with: pair.keyB)
        let peer = try #require(found)
        _ = try pair.a.openStream(to: peer, port: VirtualPort(80), at: pair.now)
        pair.run(for: .seconds(20))
        #expect(pair.b.statistics.packetsSent == 0)
        #expect(pair.b.statistics.dropped.stranger > 1)
        #expect(pair.eventsA.contains { if case .handshakeFailed = $0 { true } else { false } })
    }

    @Test(arguments: [0, 2, 5, 20])
    func `a megabyte arrives whole and in order at this loss in percent`(loss: Int) throws {
        var pair = try Pair()
        let random = RandomSource(seed: Array(repeating: UInt8(loss), count: 32))
        pair.isLost = { _, _ in Int(random.nextUInt32() % 100) < loss }
        let found = pair.a.peer(with: pair.keyB)
        let peer = try #require(found)
        let stream = try pair.a.openStream(to: peer, port: VirtualPort(80), at: pair.now)
        let data = (0..<1_000_000).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ $0 >> 8) }
        var written = 0
        var received: [UInt8] = []
        var incoming: StreamHandle?
        var isAtEnd = false
        for _ in 0..<20_000 where !isAtEnd {
            if written < data.count {
                written += try pair.a.write(data.span.bytes.extracting(written..<data.count), to: stream, at: pair.now)
                if written == data.count { pair.a.finish(stream, at: pair.now) }
            }
            pair.run(for: .milliseconds(5))
            if incoming == nil { incoming = opened(pair.eventsB).first?.0 }
            if let incoming {
                let part = pair.readB(incoming)
                received += part.bytes
                isAtEnd = part.isAtEnd
            }
        }
        #expect(isAtEnd)
        #expect(received == data)
    }
}
