import PosternModel
import Testing

@testable import OverlayCore

/// A node near the end of its memory slows its peers down, loses nothing and goes on.
@Suite("Streams under memory pressure")
struct MemoryPressureTests {
    private static let memory = 1 << 20

    private var settings: NodeSettings {
        var settings = NodeSettings.defaults
        settings.maxMemory = Self.memory
        settings.streamWindow = 64 << 10
        settings.sessionWindow = 256 << 10
        return settings
    }

    private func opened(_ events: [Event]) -> [StreamHandle] {
        events.compactMap { if case .streamOpened(let stream, _, _) = $0 { stream } else { nil } }
    }

    /// What is written on each stream.
    private static let content = streamBytes(0..<400_000)

    /// Writes all that the streams take.
    private func write(_ streams: [StreamHandle], _ written: inout [Int], _ pair: inout Pair) throws {
        for position in streams.indices where written[position] < Self.content.count {
            let rest = Array(Self.content[written[position]...])
            written[position] += try pair.a.write(rest.span.bytes, to: streams[position], at: pair.now)
        }
    }

    @Test func `readers that stall use up no more than their share, and nothing is lost when they go on`() throws {
        var pair = try Pair(settings: settings)
        let found = pair.a.peer(with: pair.keyB)
        let peer = try #require(found)
        var streams: [StreamHandle] = []
        for _ in 0..<4 { streams.append(try pair.a.openStream(to: peer, port: VirtualPort(1), at: pair.now)) }
        var written = Array(repeating: 0, count: streams.count)
        for _ in 0..<20 {
            try write(streams, &written, &pair)
            pair.run(for: .milliseconds(50))
            #expect(pair.a.statistics.memoryInUse <= Self.memory)
            #expect(pair.b.statistics.memoryInUse <= Self.memory / 3)
        }
        #expect(written.allSatisfy { $0 > 0 && $0 < Self.content.count }, "held up, but not shut out")
        #expect(pair.a.statistics.memoryInUse >= Self.memory / 4, "the writers would take more than there is")
        #expect(pair.a.statistics.memoryInUse <= Self.memory / 3 + 96 << 10, "one session leaves most to the others")
        // A call between the stalled streams comes through all the same.
        let call = try pair.a.openStream(to: peer, port: VirtualPort(2), at: pair.now)
        _ = try pair.a.write(streamBytes(0..<300).span.bytes, to: call, at: pair.now)
        pair.a.finish(call, at: pair.now)
        pair.run(for: .milliseconds(50))
        let incoming = opened(pair.eventsB)
        let request = pair.readB(try #require(incoming.last))
        #expect(request.bytes == streamBytes(0..<300) && request.isAtEnd)
        // The readers go on.
        var received: [[UInt8]] = Array(repeating: [], count: streams.count)
        for _ in 0..<400 where received.contains(where: { $0.count < Self.content.count }) {
            for position in streams.indices { received[position] += pair.readB(incoming[position]).bytes }
            try write(streams, &written, &pair)
            pair.run(for: .milliseconds(50))
        }
        #expect(received.allSatisfy { $0 == Self.content })
        pair.run(for: .seconds(1))
        #expect(pair.a.statistics.memoryInUse == 0 && pair.b.statistics.memoryInUse == 0)
    }

    @Test func `a stream takes what keeps the path full and no more`() throws {
        var pair = try Pair()
        let found = pair.a.peer(with: pair.keyB)
        let peer = try #require(found)
        let stream = try pair.a.openStream(to: peer, port: VirtualPort(1), at: pair.now)
        #expect(pair.a.writableByteCount(stream) == Session.smallestBacklog)
        pair.run(for: .milliseconds(100))
        // With a larger congestion window more may wait, but never more than half of it beside what is in flight.
        let bytes = [UInt8](repeating: 1, count: 4 << 20)
        var most = 0
        for _ in 0..<30 {
            let count = try pair.a.write(bytes.span.bytes, to: stream, at: pair.now)
            most = max(most, count)
            let window = pair.a.peers[Int(peer.slot)]?.session?.path?.congestion.window ?? 0
            let half = try #require(pair.a.peers[Int(peer.slot)]?.session?.streams[Int(stream.slot)].send)
            #expect(Int(half.unsentBytes) <= max(Session.smallestBacklog, window / 2))
            #expect(half.bufferedBytes <= window * 3 / 2 + Session.smallestBacklog)
            pair.run(for: .milliseconds(10))
            for incoming in opened(pair.eventsB) { _ = pair.readB(incoming) }
        }
        #expect(most > Session.smallestBacklog)
    }
}
