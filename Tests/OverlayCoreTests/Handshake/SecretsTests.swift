import OverlayCrypto
import OverlayWire
import PosternModel
import Testing

@testable import OverlayCore

@Suite("The secret of a pair and its first message")
struct SecretsTests {
    private func secret(_ byte: UInt8) throws -> PreSharedKey {
        try #require(PreSharedKey(bytes: Array(repeating: byte, count: 32)))
    }

    private func isEstablished(_ pair: borrowing Pair) -> Bool {
        let key = pair.keyA
        return pair.eventsB.contains {
            guard case .sessionEstablished(_, key, isInitiator: false) = $0 else { return false }
            return true
        }
    }

    private func connect(_ pair: inout Pair) throws {
        let peer = pair.a.peer(with: pair.keyB)
        pair.a.connect(try #require(peer), at: pair.now)
    }

    @Test func `who lacks the secret gets no answer and costs no session`() throws {
        var pair = try Pair()
        pair.b.admit(PeerConfiguration(key: pair.keyA, preSharedKey: try secret(7)), at: pair.now)
        try connect(&pair)
        pair.run(for: .seconds(1))
        let isIn = isEstablished(pair)
        #expect(!isIn)
        #expect(pair.b.statistics.handshakesAnswered == 0)
        #expect(pair.b.statistics.dropped.unauthentic > 0)
    }

    @Test(arguments: [false, true])
    func `a peer whose key is the opposite of another's keeps nobody out`(_ isOppositeFirst: Bool) throws {
        var pair = try Pair(admitsBoth: false)
        let own = PeerConfiguration(key: pair.keyA, preSharedKey: try secret(7))
        let opposite = PeerConfiguration(key: pair.keyA.negated, preSharedKey: try secret(8))
        for configuration in isOppositeFirst ? [opposite, own] : [own, opposite] {
            pair.b.admit(configuration, at: pair.now)
        }
        pair.a.admit(PeerConfiguration(key: pair.keyB, preSharedKey: try secret(7)), at: pair.now)
        try connect(&pair)
        pair.run(for: .seconds(1))
        let isIn = isEstablished(pair)
        #expect(isIn)
        pair.b.expel(pair.keyA.negated, code: .refused, at: pair.now)
        let left = pair.b.peers(withForm: try pair.keyA.exchangeKey()).map(\.key)
        #expect(left == [pair.keyA])
    }

    @Test func `a hub takes a key that has a secret with no other, and unknown keys with none`() throws {
        var settings = NodeSettings.defaults
        settings.acceptsUnknownPeers = true
        var pair = try Pair(settings: settings, admitsBoth: false)
        pair.b.admit(PeerConfiguration(key: pair.keyA, preSharedKey: try secret(7)), at: pair.now)
        try connect(&pair)
        pair.run(for: .seconds(1))
        let isIn = isEstablished(pair)
        #expect(!isIn)
        pair.b.expel(pair.keyA, code: .refused, at: pair.now)
        pair.run(for: .seconds(3))
        let isInNow = isEstablished(pair)
        #expect(isInNow)
    }
}
