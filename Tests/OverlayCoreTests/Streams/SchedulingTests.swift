import OverlayWire
import PosternModel
import Testing

@testable import OverlayCore

/// What a pair of nodes does when more waits than the path carries.
@Suite("Streams and datagrams under load")
struct SchedulingTests {
    /// A pair whose session is there.
    private func connected(_ pair: inout Pair) throws -> PeerHandle {
        let found = pair.a.peer(with: pair.keyB)
        let peer = try #require(found)
        pair.b.openDatagramPort(VirtualPort(7))
        pair.a.connect(peer, at: pair.now)
        pair.run(for: .milliseconds(100))
        return peer
    }

    private func opened(_ events: [Event]) -> [StreamHandle] {
        events.compactMap { if case .streamOpened(let stream, _, _) = $0 { stream } else { nil } }
    }

    private func datagrams(of node: inout Node) -> [[UInt8]] {
        var result: [[UInt8]] = []
        while let size = node.nextDatagramSize {
            result.append(PacketWriter.bytes(capacity: size) { _ = node.takeDatagram(into: &$0) })
        }
        return result
    }

    @Test func `a flood of small writes leaves bulk its share of the first flight`() throws {
        var pair = try Pair()
        let peer = try connected(&pair)
        let bulk = try pair.a.openStream(to: peer, port: VirtualPort(1), at: pair.now)
        _ = try pair.a.write([UInt8](repeating: 1, count: 100_000).span.bytes, to: bulk, at: pair.now)
        for _ in 0..<100 {
            let small = try pair.a.openStream(to: peer, port: VirtualPort(2), at: pair.now)
            _ = try pair.a.write([UInt8](repeating: 2, count: 1000).span.bytes, to: small, at: pair.now)
        }
        // One flight arrives: what the window and the pacer let out at once, and no acknowledgement yet.
        pair.run(for: pair.delay + .milliseconds(9))
        let arrived = opened(pair.eventsB).map { (port: pair.b.port(of: $0), count: pair.b.readableByteCount($0)) }
        let small = arrived.filter { $0.port == VirtualPort(2) }.reduce(0) { $0 + $1.count }
        let large = arrived.filter { $0.port == VirtualPort(1) }.reduce(0) { $0 + $1.count }
        #expect(small > 5000)
        #expect(large > 500 && large * 4 < small)
    }

    @Test func `a small write of several packets stays before bulk to its end`() throws {
        var pair = try Pair()
        let peer = try connected(&pair)
        for _ in 0..<10 {
            let bulk = try pair.a.openStream(to: peer, port: VirtualPort(1), at: pair.now)
            _ = try pair.a.write([UInt8](repeating: 1, count: 100_000).span.bytes, to: bulk, at: pair.now)
        }
        let small = try pair.a.openStream(to: peer, port: VirtualPort(2), at: pair.now)
        _ = try pair.a.write([UInt8](repeating: 2, count: 4000).span.bytes, to: small, at: pair.now)
        pair.run(for: pair.delay + .milliseconds(9))
        let arrived = try #require(opened(pair.eventsB).first { pair.b.port(of: $0) == VirtualPort(2) })
        #expect(pair.b.readableByteCount(arrived) == 4000)
    }

    @Test func `a datagram waits for no stream: it leaves with the next packet`() throws {
        var pair = try Pair()
        let peer = try connected(&pair)
        let bulk = try pair.a.openStream(to: peer, port: VirtualPort(1), at: pair.now)
        let filler = [UInt8](repeating: 1, count: 1 << 20)
        var latest = Interval.zero
        for round in 0..<5 as Range<UInt8> {
            while try pair.a.write(filler.span.bytes, to: bulk, at: pair.now) > 0 {}
            try pair.a.sendDatagram([round].span.bytes, to: peer, port: VirtualPort(7), at: pair.now)
            #expect(pair.a.writableByteCount(bulk) == 0)
            let sentAt = pair.now
            var bytes: [[UInt8]] = []
            while bytes.isEmpty, pair.now < sentAt + .seconds(1) {
                pair.run(for: .milliseconds(1))
                bytes = datagrams(of: &pair.b)
                for stream in opened(pair.eventsB) { _ = pair.readB(stream) }
            }
            #expect(bytes == [[round]])
            latest = max(latest, pair.now - sentAt)
        }
        // The way there, at most a round trip until the window opens, and the steps of this loop.
        #expect(latest <= pair.delay * 3 + .milliseconds(2))
    }

    @Test func `datagrams for a port that is not open are dropped and counted`() throws {
        var pair = try Pair()
        let peer = try connected(&pair)
        for port in [7, 8, 7] as [UInt16] {
            try pair.a.sendDatagram([UInt8(port)].span.bytes, to: peer, port: VirtualPort(port), at: pair.now)
        }
        pair.run(for: .milliseconds(50))
        #expect(pair.b.statistics.dropped.closedPort == 1)
        #expect(pair.eventsB.filter { if case .datagramReceived = $0 { true } else { false } }.count == 1)
        #expect(datagrams(of: &pair.b) == [[7], [7]])
        pair.b.closeDatagramPort(VirtualPort(7))
        try pair.a.sendDatagram(([7] as [UInt8]).span.bytes, to: peer, port: VirtualPort(7), at: pair.now)
        pair.run(for: .milliseconds(50))
        #expect(pair.b.statistics.dropped.closedPort == 2)
        #expect(pair.b.nextDatagramSize == nil && pair.b.statistics.memoryInUse == 0)
    }

    @Test func `of datagrams that nobody takes or that cannot leave the oldest go, and are counted`() throws {
        var settings = NodeSettings.defaults
        settings.maxDatagrams = 4
        var pair = try Pair(settings: settings)
        let peer = try connected(&pair)
        for number in 0..<6 as Range<UInt8> {
            try pair.a.sendDatagram([number].span.bytes, to: peer, port: VirtualPort(7), at: pair.now)
        }
        #expect(pair.a.statistics.datagramsDropped == 2)
        pair.run(for: .milliseconds(50))
        for number in 6..<9 as Range<UInt8> {
            try pair.a.sendDatagram([number].span.bytes, to: peer, port: VirtualPort(7), at: pair.now)
        }
        pair.run(for: .milliseconds(50))
        #expect(pair.b.statistics.datagramsDropped == 3)
        #expect(datagrams(of: &pair.b) == [[5], [6], [7], [8]])
        #expect(pair.a.statistics.memoryInUse == 0 && pair.b.statistics.memoryInUse == 0)
    }

    @Test func `a datagram that does not fit the caller's memory goes on waiting`() throws {
        var pair = try Pair()
        let peer = try connected(&pair)
        try pair.a.sendDatagram(([1, 2, 3] as [UInt8]).span.bytes, to: peer, port: VirtualPort(7), at: pair.now)
        pair.run(for: .milliseconds(50))
        let nothing = PacketWriter.bytes(capacity: 2) { _ = pair.b.takeDatagram(into: &$0) }
        #expect(nothing.isEmpty && pair.b.nextDatagramSize == 3)
        #expect(datagrams(of: &pair.b) == [[1, 2, 3]])
    }
}

extension Node {
    /// The port that the stream was opened to.
    fileprivate func port(of stream: StreamHandle) -> VirtualPort? {
        peers[Int(stream.peer.slot)]?.session?.streams[Int(stream.slot)].port
    }
}
