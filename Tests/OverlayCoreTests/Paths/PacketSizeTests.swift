import PosternModel
import Testing

@testable import OverlayCore

/// One stream from `a` to `b`, over a wire that carries packets up to a size.
private final class SizedTransfer {
    var pair: Pair
    let stream: StreamHandle
    var written = 0
    var read = 0
    var incoming: StreamHandle?
    /// What is written, again and again.
    let block = streamBytes(0..<8192)

    init(carries: Int, refuses: Bool = false, settings: NodeSettings = .defaults) throws {
        var pair = try Pair(settings: settings)
        pair.carries = carries
        pair.refusesTooLarge = refuses
        let found = pair.a.peer(with: pair.keyB)
        let peer = try #require(found)
        stream = try pair.a.openStream(to: peer, port: VirtualPort(80), at: pair.now)
        self.pair = pair
    }

    var path: Path? {
        let peer = pair.a.peer(with: pair.keyB)
        return peer.flatMap { pair.a.peer($0)?.session?.path }
    }

    /// Writes `count` bytes, a block a millisecond, and runs until `b` has read them all. Returns how long that took,
    /// or nil when it took longer than `limit`.
    func transfer(_ count: Int, within limit: Interval) throws -> Interval? {
        let start = pair.now
        let target = written + count
        while read < target {
            guard pair.now - start < limit else { return nil }
            let rest = min(target - written, block.count - written % block.count)
            let next = Array(block[written % block.count..<written % block.count + rest])
            written += try pair.a.write(next.span.bytes, to: stream, at: pair.now)
            pair.run(for: .milliseconds(1))
            if incoming == nil {
                incoming =
                    pair.eventsB.lazy.compactMap {
                        if case .streamOpened(let stream, _, _) = $0 { stream } else { nil }
                    }.first
            }
            guard let incoming else { continue }
            var part = pair.readB(incoming).bytes[...]
            while !part.isEmpty {
                let offset = read % block.count
                let expected = block[offset..<min(block.count, offset + part.count)]
                try #require(part.prefix(expected.count) == expected)
                part = part.dropFirst(expected.count)
                read += expected.count
            }
        }
        return pair.now - start
    }
}

struct PacketSizeTests {
    @Test(arguments: [(1200, 1200), (1231, 1211), (1232, 1232), (1300, 1280), (1472, 1472), (8972, 8972), (9000, 9000)])
    func `bulk leaves in the largest packets that arrive, and few are spent on finding out`(
        carries: Int,
        atLeast: Int
    ) throws {
        let world = try SizedTransfer(carries: carries)
        _ = try #require(try world.transfer(3 << 20, within: .seconds(20)))
        #expect(world.path?.packetSize ?? 0 >= atLeast)
        #expect(world.pair.largest <= carries)
        // One byte in thirty-two goes into probes.
        #expect(world.pair.tooLarge.reduce(0, +) <= (3 << 20) / 32)
        #expect(world.pair.a.statistics.probeTimeouts == 0)
    }

    @Test func `a lost probe is no sign of congestion`() throws {
        let world = try SizedTransfer(carries: 1232)
        _ = try #require(try world.transfer(1 << 20, within: .seconds(20)))
        let window = try #require(world.path?.congestion.window)
        #expect(!world.pair.tooLarge.isEmpty)
        // The window grows as if nothing had been lost: HyStart leaves slow start alone on a wire without a queue.
        #expect(window > 256 << 10)
    }

    @Test func `an idle session and one with little to say send no probes`() throws {
        let world = try SizedTransfer(carries: 9000)
        _ = try #require(try world.transfer(30_000, within: .seconds(2)))
        world.pair.run(for: .seconds(1200))
        #expect(world.pair.largest <= 1200)
    }

    @Test func `the peer's limit is kept`() throws {
        var settings = NodeSettings.defaults
        settings.maxPacketSize = 1400
        let world = try SizedTransfer(carries: 9000, settings: settings)
        _ = try #require(try world.transfer(1 << 20, within: .seconds(20)))
        #expect(world.pair.largest == 1400)
    }

    @Test(arguments: [1472, 9000])
    func `a stream goes on when the path carries less than before`(before: Int) throws {
        let world = try SizedTransfer(carries: before)
        _ = try #require(try world.transfer(3 << 20, within: .seconds(20)))
        try #require(world.path?.packetSize == before)
        world.pair.carries = 1231
        let lost = world.pair.tooLarge.count
        // 20 ms of round trip: two probe time-outs, one after the other, are over in a third of a second.
        let time = try #require(try world.transfer(256 << 10, within: .seconds(5)))
        #expect(time < .milliseconds(600))
        #expect(world.path?.packetSize == 1200)
        let window = try #require(world.path?.congestion.window)
        #expect((world.pair.tooLarge.count - lost) * before < 2 * window + (1 << 20))
        // Later it is tried again.
        world.pair.carries = 1472
        world.pair.run(for: .seconds(6))
        _ = try #require(try world.transfer(128 << 10, within: .seconds(5)))
        #expect(world.path?.packetSize == 1472)
    }

    @Test func `small messages among large ones show a black hole without a time-out`() throws {
        let world = try SizedTransfer(carries: 1472)
        _ = try #require(try world.transfer(256 << 10, within: .seconds(20)))
        try #require(world.path?.packetSize == 1472)
        world.pair.run(for: .milliseconds(100))
        world.pair.carries = 1231
        let found = world.pair.a.peer(with: world.pair.keyB)
        let peer = try #require(found)
        let start = world.pair.now
        while world.path?.packetSize != 1200 {
            try #require(world.pair.now - start < .seconds(2))
            let message = Array(world.block[..<1400])
            _ = try world.pair.a.write(message.span.bytes, to: world.stream, at: world.pair.now)
            world.pair.run(for: .milliseconds(2))
            for _ in 0..<4 {
                try world.pair.a.sendDatagram([1, 2, 3].span.bytes, to: peer, port: VirtualPort(9), at: world.pair.now)
                world.pair.run(for: .milliseconds(2))
            }
        }
        #expect(world.pair.a.statistics.probeTimeouts == 0)
    }

    @Test func `what the system refuses costs no round trip and no window`() throws {
        let world = try SizedTransfer(carries: 1472, refuses: true)
        _ = try #require(try world.transfer(3 << 20, within: .seconds(20)))
        #expect(world.path?.packetSize == 1472)
        #expect(world.pair.tooLarge.count <= 12)
        world.pair.run(for: .milliseconds(100))
        #expect(world.path?.bytesInFlight == 0)
        #expect(world.pair.a.statistics.packetsLost == 0)
        // The interface shrinks: what was refused is sent again in small packets.
        world.pair.carries = 1231
        let time = try #require(try world.transfer(256 << 10, within: .seconds(5)))
        #expect(time < .milliseconds(400))
        #expect(world.path?.packetSize == 1200)
    }

    @Test func `a path that carries no more than the handshake works from the first packet`() throws {
        let world = try SizedTransfer(carries: 1200)
        _ = try #require(try world.transfer(20_000, within: .milliseconds(200)))
        #expect(world.pair.tooLarge.isEmpty)
        #expect(world.pair.largest == 1200)
    }

    /// What was told of the path's size.
    private func news(_ events: [Event]) -> [Bool] {
        events.compactMap { if case .pathBelowBase(_, _, _, let isBelow) = $0 { isBelow } else { nil } }
    }

    @Test(arguments: [false, true])
    func `a path that carries less than the base goes on, is told, and is found out again when it heals`(
        isRefused: Bool
    ) throws {
        let world = try SizedTransfer(carries: 1472, refuses: isRefused)
        _ = try #require(try world.transfer(1 << 20, within: .seconds(20)))
        world.pair.carries = 1100
        _ = try #require(try world.transfer(128 << 10, within: .seconds(15)))
        #expect(world.path?.packetSize == 528)
        #expect(world.path?.mtu.carriesBase == false)
        #expect(news(world.pair.eventsA) == [true])
        let found = world.pair.a.peer(with: world.pair.keyB)
        let peer = try #require(found)
        let status = world.pair.a.status(of: peer)
        #expect(status?.carriesBase == false)
        // A ping and the smaller datagrams still arrive; larger ones are dropped, and nothing waits for them.
        world.pair.b.openDatagramPort(VirtualPort(9))
        for count in [1000, 3, 480] {
            let datagram = [UInt8](repeating: 7, count: count)
            try world.pair.a.sendDatagram(datagram.span.bytes, to: peer, port: VirtualPort(9), at: world.pair.now)
        }
        world.pair.a.ping(peer, at: world.pair.now)
        world.pair.run(for: .seconds(1))
        #expect(world.pair.eventsA.contains { if case .pong = $0 { true } else { false } })
        #expect(world.pair.a.statistics.datagramsDropped == 1)
        #expect(world.pair.b.nextDatagramSize == 3)
        world.pair.carries = 1472
        world.pair.run(for: .seconds(60))
        _ = try #require(try world.transfer(1 << 20, within: .seconds(20)))
        #expect(news(world.pair.eventsA) == [true, false])
        #expect(world.path?.packetSize == 1472)
    }

    @Test func `an outage is not taken for a path that carries less`() throws {
        let world = try SizedTransfer(carries: 1200)
        _ = try #require(try world.transfer(1 << 20, within: .seconds(20)))
        world.pair.isLost = { _, _ in true }
        _ = try world.transfer(1 << 20, within: .seconds(12))
        world.pair.isLost = { _, _ in false }
        world.read = 0
        world.pair.run(for: .seconds(4))
        #expect(world.path?.packetSize == 1200)
        #expect(news(world.pair.eventsA).isEmpty)
    }
}
