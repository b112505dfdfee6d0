import OverlayCrypto
import OverlayWire
import PosternModel
import Testing

@testable import OverlayCore

@Suite("Handshakes of a node that has changed its key")
struct FormerKeyTests {
    /// A pair whose B has the key of seed 9 now, and still holds its first one.
    private func pair() throws -> Pair {
        var pair = try Pair(admitsBoth: false)
        let first = try NodeIdentity(seed: Array(repeating: 2, count: 32))
        let next = try next()
        pair.b = Node(
            identity: NodeIdentity(next, of: first.key, succession: [1], former: [first]),
            settings: .defaults,
            seed: Array(repeating: 4, count: 32),
            counters: 1_700_000_000_000_000_000..<UInt64.max
        )
        pair.b.setLocalAddresses([Pair.addressB], candidates: [], at: pair.now)
        return pair
    }

    private func next() throws -> NodeIdentity { try NodeIdentity(seed: Array(repeating: 9, count: 32)) }

    private func connect(_ pair: inout Pair) throws {
        let peer = pair.a.peer(with: pair.keyB)
        pair.a.connect(try #require(peer), at: pair.now)
        pair.run(for: .seconds(1))
    }

    private func isEstablished(_ events: [Event], with key: NodeKey) -> Bool {
        events.contains {
            guard case .sessionEstablished(_, key, _) = $0 else { return false }
            return true
        }
    }

    @Test func `who does not know of the change is answered, and knows the node by its first key`() throws {
        var pair = try pair()
        pair.b.admit(PeerConfiguration(key: pair.keyA), at: pair.now)
        try connect(&pair)
        #expect(isEstablished(pair.eventsA, with: pair.keyB))
        #expect(isEstablished(pair.eventsB, with: pair.keyA))
    }

    @Test(arguments: [true, false])
    func `who knows the new key meets it, under the first one's name`(beginsA: Bool) throws {
        var pair = try pair()
        pair.a.expel(pair.keyB, code: .none, at: pair.now)
        let home = Candidate.hosts([Pair.addressB])
        let known = PeerConfiguration(key: pair.keyB, handshakeKey: try next().key, candidates: home)
        pair.a.admit(known, at: pair.now)
        pair.b.admit(PeerConfiguration(key: pair.keyA, candidates: Candidate.hosts([Pair.addressA])), at: pair.now)
        if beginsA {
            try connect(&pair)
        } else {
            let peer = pair.b.peer(with: pair.keyA)
            pair.b.connect(try #require(peer), at: pair.now)
            pair.run(for: .seconds(1))
        }
        #expect(isEstablished(pair.eventsA, with: pair.keyB))
        #expect(isEstablished(pair.eventsB, with: pair.keyA))
    }

    @Test func `whoever has the former key alone is a stranger to those who know the new one`() throws {
        var pair = try Pair(admitsBoth: false)
        let next = try next()
        pair.b.admit(PeerConfiguration(key: pair.keyA, handshakeKey: next.key), at: pair.now)
        try connect(&pair)
        #expect(!isEstablished(pair.eventsB, with: pair.keyA))
        #expect(pair.b.statistics.dropped.stranger > 0)
        pair.b.expel(pair.keyA, code: .none, at: pair.now)
        pair.b.admit(PeerConfiguration(key: pair.keyA), at: pair.now)
        let handles = pair.b.peers(withForm: try pair.keyA.exchangeKey()).map(\.key)
        #expect(handles == [pair.keyA])
        #expect(pair.b.peers(withForm: try next.key.exchangeKey()).isEmpty)
    }
}
