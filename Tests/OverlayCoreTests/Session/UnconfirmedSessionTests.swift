import OverlayWire
import PosternModel
import Testing

@testable import OverlayCore

/// Sessions that a first message has begun, until the first packet under their keys comes.
@Suite struct UnconfirmedSessionTests {
    private func losses(_ events: [Event]) -> [ErrorCode] {
        events.compactMap { if case .sessionLost(_, _, let code, _) = $0 { code } else { nil } }
    }

    /// A pair whose `a` has sent a request as early data, and nothing since.
    private func asked() throws -> Pair {
        var pair = try Pair()
        let peer = pair.a.peer(with: pair.keyB)
        let stream = try pair.a.openStream(to: #require(peer), port: VirtualPort(9), at: pair.now)
        _ = try pair.a.write([UInt8](repeating: 1, count: 300).span.bytes, to: stream, at: pair.now)
        pair.isLost = { number, _ in number > 1 }
        return pair
    }

    @Test func `a session whose peer never says anything ends after half a minute, and so does the request`() throws {
        var pair = try asked()
        pair.run(for: .seconds(29))
        let opened = pair.eventsB.contains { if case .streamOpened = $0 { true } else { false } }
        #expect(opened && losses(pair.eventsB).isEmpty)
        pair.run(for: .seconds(2))
        #expect(losses(pair.eventsB) == [.aborted])
        let endings = pair.eventsB.compactMap { if case .streamEnded(_, let end) = $0 { end } else { nil } }
        #expect(endings == [.sessionLost(.aborted)])
        #expect(pair.b.statistics.memoryInUse == 0)
    }

    @Test func `one packet under its keys, and it goes on through any silence`() throws {
        var pair = try asked()
        pair.isLost = { number, _ in number > 8 }
        pair.run(for: .seconds(600))
        #expect(pair.aAtB.session?.isConfirmed == true)
        #expect(losses(pair.eventsB).isEmpty)
    }
}
