import OverlayWire
import PosternModel
import Testing

@testable import OverlayCore

/// What a responder sends to an address that has not proven itself (`Protocol.md` §4.8).
@Suite("Anti-amplification limit")
struct AntiAmplificationLimitTests {
    /// A pair, and the stream on which `a` waits for its answer.
    private struct Answering: ~Copyable {
        var pair: Pair
        let stream: StreamHandle
    }

    /// A pair of which `a` has asked with its first message, and `b` answers with `byteCount` bytes; nothing reaches
    /// `b` any more.
    private func answering(_ byteCount: Int) throws -> Answering {
        var pair = try Pair()
        let peer = pair.a.peer(with: pair.keyB)
        let stream = try pair.a.openStream(to: #require(peer), port: VirtualPort(9), at: pair.now)
        _ = try pair.a.write([UInt8](repeating: 1, count: 300).span.bytes, to: stream, at: pair.now)
        pair.flush()
        pair.isLost = { _, toB in toB }
        pair.now = pair.now + pair.delay
        let first = pair.wire.removeFirst()
        pair.b.receive(first.bytes.span.bytes, from: first.from, to: Pair.addressB, ecn: .notECT, at: pair.now)
        pair.flush()
        let opened = pair.eventsB.compactMap { if case .streamOpened(let handle, _, _) = $0 { handle } else { nil } }
        let answer = [UInt8](repeating: 2, count: byteCount)
        _ = try pair.b.write(answer.span.bytes, to: #require(opened.first), at: pair.now)
        return Answering(pair: pair, stream: stream)
    }

    @Test func `an answer of three thousand bytes arrives after one round trip`() throws {
        var world = try answering(3000)
        world.pair.run(for: .milliseconds(11))
        let read = world.pair.readA(world.stream)
        #expect(read.bytes.count == 3000)
    }

    @Test func `nobody is sent more than three times what came from there, and nothing is probed for in vain`() throws {
        var world = try answering(100_000)
        world.pair.run(for: .seconds(10))
        // One message came, and A's repetitions of what it sends were lost.
        #expect(world.pair.b.statistics.bytesSent <= 3 * UInt64(PacketLayout.Initiation.byteCount))
        #expect(world.pair.b.statistics.bytesSent > 3 * UInt64(PacketLayout.Initiation.byteCount) - 320)
        #expect(world.pair.b.statistics.probeTimeouts == 0)
        let early = world.pair.readA(world.stream)
        #expect((3000..<3600).contains(early.bytes.count))
        // The first packet that comes through opens the way.
        world.pair.isLost = { _, _ in false }
        world.pair.run(for: .seconds(4))
        let rest = world.pair.readA(world.stream)
        #expect(early.bytes.count + rest.bytes.count == 100_000)
    }

    @Test func `every repeated first message is worth three times itself`() throws {
        var world = try answering(100_000)
        world.pair.wire = []
        world.pair.isLost = { _, _ in true }
        world.pair.run(for: .milliseconds(200))
        let before = world.pair.b.statistics.bytesSent
        world.pair.isLost = { _, toB in !toB }
        world.pair.run(for: .milliseconds(150))
        let gained = world.pair.b.statistics.bytesSent - before
        let worth = 3 * UInt64(PacketLayout.Initiation.byteCount)
        #expect(gained > worth - 320 && gained <= worth + 320)
    }

    @Test func `nodes that begin at once with much to say limit each other only until they are heard`() throws {
        var pair = try Pair()
        pair.b.admit(PeerConfiguration(key: pair.keyA, candidates: Candidate.hosts([Pair.addressA])), at: pair.now)
        let (toB, toA) = (pair.a.peer(with: pair.keyB), pair.b.peer(with: pair.keyA))
        let fromA = try pair.a.openStream(to: #require(toB), port: VirtualPort(1), at: pair.now)
        let fromB = try pair.b.openStream(to: #require(toA), port: VirtualPort(2), at: pair.now)
        let bytes = [UInt8](repeating: 3, count: 50_000)
        _ = try pair.a.write(bytes.span.bytes, to: fromA, at: pair.now)
        _ = try pair.b.write(bytes.span.bytes, to: fromB, at: pair.now)
        pair.run(for: .milliseconds(300))
        let atA = pair.eventsA.compactMap { if case .streamOpened(let handle, _, _) = $0 { handle } else { nil } }
        let atB = pair.eventsB.compactMap { if case .streamOpened(let handle, _, _) = $0 { handle } else { nil } }
        let (readA, readB) = try (pair.readA(#require(atA.first)), pair.readB(#require(atB.first)))
        #expect(readA.bytes.count == 50_000 && readB.bytes.count == 50_000)
        #expect(pair.a.statistics.probeTimeouts == 0 && pair.b.statistics.probeTimeouts == 0)
    }

    @Test func `a limit never falls below nothing`() {
        var limit = AntiAmplificationLimit(received: 100)
        #expect(limit.left == 300)
        limit.spend(400)
        #expect(limit.left == 0)
        limit.receive(50)
        #expect(limit.left == 150)
    }
}
