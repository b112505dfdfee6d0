import OverlayCrypto
import OverlayWire
import PosternModel
import Testing

@testable import OverlayCore

/// A relay is offered by a hub, and goes with it.
@Suite struct RelayHandleTests {
    private static let channel = RelayChannel(4)

    private func key(_ number: UInt8) throws -> NodeKey {
        try NodeIdentity(seed: Array(repeating: number, count: 32)).key
    }

    private func handle(_ found: PeerHandle?) throws -> PeerHandle { try #require(found) }

    private func admit(_ pair: inout Pair, _ key: NodeKey, relays: Bool = false) throws -> PeerHandle {
        try handle(pair.a.admit(PeerConfiguration(key: key, relays: relays, sharesCandidates: !relays), at: pair.now))
    }

    @Test func `what a relay of a forgotten hub is to carry never reaches the peer that has its place`() throws {
        var pair = try Pair()
        let hub = try admit(&pair, key(11), relays: true)
        let far = try admit(&pair, key(12))
        pair.a.setRelay(for: far, hub: hub, channel: Self.channel, at: pair.now)
        pair.a.expel(try key(11), code: .none, at: pair.now)
        pair.a.expel(pair.keyB, code: .none, at: pair.now)
        // Two places are free; whoever has the hub's is a relay too, and connected.
        let candidates = Candidate.hosts([Pair.addressB])
        let configuration = PeerConfiguration(key: pair.keyB, candidates: candidates, relays: true)
        _ = try admit(&pair, key(13), relays: true)
        var now = try handle(pair.a.admit(configuration, at: pair.now))
        if now.slot != hub.slot {
            pair.a.expel(try key(13), code: .none, at: pair.now)
            pair.a.expel(pair.keyB, code: .none, at: pair.now)
            now = try handle(pair.a.admit(configuration, at: pair.now))
        }
        try #require(now.slot == hub.slot && now != hub)
        pair.a.connect(now, at: pair.now)
        pair.run(for: .milliseconds(200))
        let isConnected = pair.a.status(of: now)?.isConnected
        #expect(isConnected == true)
        pair.a.connect(far, at: pair.now)
        pair.run(for: .milliseconds(200))
        #expect(pair.a.statistics.dropped.unrelayed > 0)
        #expect(pair.b.statistics.dropped.unrelayed == 0)
        #expect(pair.a.statistics.relayedPackets == 0)
    }

    @Test func `only a peer that relays can offer a relay, and only while it is there`() throws {
        var pair = try Pair()
        let hub = try admit(&pair, key(11), relays: true)
        let other = try admit(&pair, key(13))
        let far = try admit(&pair, key(12))
        pair.a.expel(try key(11), code: .none, at: pair.now)
        pair.a.setRelay(for: far, hub: hub, channel: Self.channel, at: pair.now)
        pair.a.setRelay(for: far, hub: other, channel: Self.channel, at: pair.now)
        pair.a.connect(far, at: pair.now)
        pair.run(for: .milliseconds(200))
        #expect(pair.a.statistics.dropped.unrelayed == 0, "nothing was handed to a relay")
    }

    @Test(arguments: [(4, false), (5, true)])
    func `a relay that is taken back is tried no more, and another one stays`(channel: UInt32, isTried: Bool) throws {
        var pair = try Pair()
        let hub = try admit(&pair, key(11), relays: true)
        let far = try admit(&pair, key(12))
        pair.a.setRelay(for: far, hub: hub, channel: Self.channel, at: pair.now)
        pair.a.clearRelay(for: far, hub: hub, channel: RelayChannel(channel), at: pair.now)
        pair.a.connect(far, at: pair.now)
        pair.run(for: .milliseconds(200))
        // There is no session with the hub, so what is handed to the relay is dropped.
        #expect((pair.a.statistics.dropped.unrelayed > 0) == isTried)
    }

    @Test(arguments: [true, false])
    func `a session whose relay is taken back looks for a direct path at once`(isTakenBack: Bool) throws {
        var pair = try Pair()
        let peer = try handle(pair.a.peer(with: pair.keyB))
        pair.a.connect(peer, at: pair.now)
        pair.run(for: .milliseconds(200))
        let hub = try admit(&pair, key(11), relays: true)
        pair.a.setRelay(for: peer, hub: hub, channel: Self.channel, at: pair.now)
        let session = pair.a.peer(peer)?.session
        let relay = AddressPair(RelayHandle(hub: hub, channel: Self.channel))
        try #require(session).activate(relay, roundTrip: nil, shared: &pair.a.shared, at: pair.now)
        if isTakenBack { pair.a.clearRelay(for: peer, hub: hub, channel: Self.channel, at: pair.now) }
        pair.run(for: .milliseconds(100))
        let path = pair.a.status(of: peer)?.path
        #expect((path == Pair.addressB) == isTakenBack)
    }
}
