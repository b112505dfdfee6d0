import OverlayWire
import PosternModel
import Testing

@testable import OverlayCore

/// What a peer says that it has received, and has not.
@Suite struct OptimisticAcknowledgementTests {
    @Test func `who acknowledges a number that never left is cut off`() throws {
        var pair = try Pair()
        let peer = pair.a.peer(with: pair.keyB)
        try pair.a.connect(#require(peer), at: pair.now)
        pair.run(for: .seconds(1))
        let session = try #require(pair.aAtB.session)
        let stream = try pair.b.openStream(to: pair.aAtB.handle, port: VirtualPort(1), at: pair.now)
        _ = try pair.b.write([UInt8](repeating: 1, count: 500_000).span.bytes, to: stream, at: pair.now)
        pair.isLost = { _, toB in !toB }
        // Nothing arrives, and everything is acknowledged.
        for _ in 0..<200 where session.recovery.skippedNumbers.recent.isEmpty || session.isEstablished {
            let largest = session.recovery.packets.next - 1
            _ = pair.forge(from: Pair.addressA) {
                $0.append(FrameType.ack)
                for value in [largest, 0, 0, largest] { $0.append(varint: value) }
            }
            pair.run(for: .milliseconds(1))
        }
        #expect(!session.isEstablished)
        let lost = pair.eventsB.compactMap { if case .sessionLost(_, _, let code, _) = $0 { code } else { nil } }
        #expect(lost == [.protocolViolation])
    }

    @Test func `an honest peer is not affected by numbers that are left out`() throws {
        var pair = try Pair()
        let peer = pair.a.peer(with: pair.keyB)
        let stream = try pair.a.openStream(to: #require(peer), port: VirtualPort(1), at: pair.now)
        var written = try pair.a.write([UInt8](repeating: 1, count: 500_000).span.bytes, to: stream, at: pair.now)
        var read = 0
        for _ in 0..<1000 where read < 500_000 {
            pair.run(for: .milliseconds(20))
            let opened = pair.eventsB.compactMap { event -> StreamHandle? in
                if case .streamOpened(let handle, _, _) = event { handle } else { nil }
            }
            if let handle = opened.first { read += pair.readB(handle).bytes.count }
            let rest = [UInt8](repeating: 1, count: 500_000 - written)
            if !rest.isEmpty { written += try pair.a.write(rest.span.bytes, to: stream, at: pair.now) }
        }
        let statistics = pair.a.statistics
        #expect(read == 500_000 && statistics.packetsLost == 0)
    }

    // RFC 9000 §10.2.1
    @Test func `a closed session answers ever fewer of the packets that still come`() throws {
        var pair = try Pair()
        let peer = pair.a.peer(with: pair.keyB)
        try pair.a.connect(#require(peer), at: pair.now)
        pair.run(for: .seconds(1))
        pair.isLost = { _, toB in !toB }
        pair.b.expel(pair.keyA, code: .refused, at: pair.now)
        pair.flush()
        let before = pair.b.statistics.packetsSent
        for _ in 0..<1000 { _ = pair.forge(from: Pair.addressA) { $0.append(FrameType.ping) } }
        let answers = pair.b.statistics.packetsSent - before
        #expect(answers == 10)
    }

    @Test func `a program that speaks is not gone, though it acknowledges nothing`() throws {
        var pair = try Pair()
        let peer = pair.a.peer(with: pair.keyB)
        try pair.a.connect(#require(peer), at: pair.now)
        pair.run(for: .seconds(1))
        let handle = pair.aAtB.handle
        let stream = try pair.b.openStream(to: handle, port: VirtualPort(1), at: pair.now)
        _ = try pair.b.write([UInt8](repeating: 1, count: 100).span.bytes, to: stream, at: pair.now)
        pair.isLost = { _, _ in true }
        for _ in 0..<100 {
            _ = pair.forge(from: Pair.addressA) { $0.append(FrameType.ping) }
            pair.run(for: .milliseconds(100))
            pair.b.peerIsGone(handle, at: Pair.addressA, now: pair.now)
        }
        let isEstablished = pair.aAtB.session?.isEstablished
        #expect(isEstablished == true)
        let silences = pair.eventsB.count { if case .localPathSilent = $0 { true } else { false } }
        #expect(silences == 0)
        // Once it says nothing more, the closed port is believed.
        pair.run(for: .seconds(8))
        pair.b.peerIsGone(handle, at: Pair.addressA, now: pair.now)
        let isGone = pair.aAtB.session == nil
        #expect(isGone)
    }
}
