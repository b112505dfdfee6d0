import OverlayWire
import PosternModel
import Testing

@testable import OverlayCore

/// A session whose credit is used up still says what needs none.
@Suite("Streams that wait for credit")
struct BlockedStreamTests {
    /// A pair whose streams together soon reach the ceiling of unread bytes.
    private func world() throws -> Pair {
        var settings = NodeSettings.defaults
        settings.sessionWindow = 64 << 10
        settings.maxUnreadBytes = 64 << 10
        settings.streamWindow = 64 << 10
        settings.maxStreamWindow = 64 << 10
        return try Pair(settings: settings)
    }

    private func opened(_ events: [Event]) -> [StreamHandle] {
        events.compactMap { if case .streamOpened(let stream, _, _) = $0 { stream } else { nil } }
    }

    @Test func `a stream that waits for credit of the session still gives the peer credit`() throws {
        var pair = try world()
        let found = pair.a.peer(with: pair.keyB)
        let peer = try #require(found)
        // Nobody reads the first stream: it uses up the credit of the session.
        let stalled = try pair.a.openStream(to: peer, port: VirtualPort(1), at: pair.now)
        let filler = [UInt8](repeating: 1, count: 256 << 10)
        _ = try pair.a.write(filler.span.bytes, to: stalled, at: pair.now)
        pair.run(for: .seconds(1))
        let second = try pair.a.openStream(to: peer, port: VirtualPort(2), at: pair.now)
        pair.run(for: .seconds(1))
        _ = try pair.a.write(filler.span.bytes, to: second, at: pair.now)
        pair.run(for: .seconds(1))
        let incoming = try #require(opened(pair.eventsB).last)
        // The peer sends three windows on the second stream; we read all of them.
        var received = 0
        var sent = 0
        for _ in 0..<60 {
            if sent < 192 << 10 {
                sent += try pair.b.write(
                    Array(filler.prefix((192 << 10) - sent)).span.bytes,
                    to: incoming,
                    at: pair.now
                )
            }
            pair.run(for: .milliseconds(100))
            received += pair.readA(second).bytes.count
        }
        #expect(received == 192 << 10)
    }

    @Test func `a stream that waits for credit of the session is still reset at once`() throws {
        var pair = try world()
        let found = pair.a.peer(with: pair.keyB)
        let peer = try #require(found)
        let stalled = try pair.a.openStream(to: peer, port: VirtualPort(1), at: pair.now)
        let filler = [UInt8](repeating: 1, count: 256 << 10)
        _ = try pair.a.write(filler.span.bytes, to: stalled, at: pair.now)
        let second = try pair.a.openStream(to: peer, port: VirtualPort(2), at: pair.now)
        pair.run(for: .seconds(1))
        _ = try pair.a.write(filler.span.bytes, to: second, at: pair.now)
        pair.run(for: .seconds(1))
        pair.a.reset(second, code: .aborted, at: pair.now)
        pair.run(for: .milliseconds(100))
        #expect(
            pair.eventsB.contains { if case .streamEnded(_, .reset(.aborted)) = $0 { true } else { false } }
        )
    }
}
