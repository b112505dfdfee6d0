import OverlayWire
import PosternModel
import Testing

@testable import OverlayCore

/// What a session costs that has nothing to say.
@Suite struct RestTests {
    @Test(arguments: [
        // Across the internet a translator has to be kept, on one network nothing.
        (Endpoint.ipv4(address: 0xcb00_7101, port: 1), Endpoint.ipv4(address: 0xcb00_7102, port: 2), 5.5),
        (Pair.addressA, Pair.addressB, 3.0),
    ])
    func `a session at rest sends a few packets a minute`(a: Endpoint, b: Endpoint, perMinute: Double) throws {
        var pair = try Pair()
        pair.a.setLocalAddresses([a], candidates: [], at: pair.now)
        pair.b.setLocalAddresses([b], candidates: [], at: pair.now)
        pair.a.admit(PeerConfiguration(key: pair.keyB, candidates: Candidate.hosts([b])), at: pair.now)
        let known = pair.a.peer(with: pair.keyB)
        let peer = try #require(known)
        pair.a.connect(peer, at: pair.now)
        // What the beginning brings.
        pair.run(for: .seconds(300))
        let before = pair.sentCount
        pair.run(for: .seconds(3600))
        let count = Double(pair.sentCount - before) / 60
        #expect(count <= perMinute, "\(count) packets a minute")
        #expect(pair.a.status(of: peer)?.isConnected == true)
    }

    @Test func `where a silent mapping lives for a minute a session at rest sends three packets a minute`() throws {
        let (a, b) = (Endpoint.ipv4(address: 0xcb00_7101, port: 1), Endpoint.ipv4(address: 0xcb00_7102, port: 2))
        var pair = try Pair()
        pair.a.setLocalAddresses([a], candidates: [], at: pair.now)
        pair.b.setLocalAddresses([b], candidates: [], at: pair.now)
        pair.a.admit(PeerConfiguration(key: pair.keyB, candidates: Candidate.hosts([b])), at: pair.now)
        let known = pair.a.peer(with: pair.keyB)
        try pair.a.connect(#require(known), at: pair.now)
        pair.a.setKeepAlive(MappingLifetime.longestKeepAlive)
        pair.b.setKeepAlive(MappingLifetime.longestKeepAlive)
        pair.run(for: .seconds(300))
        let before = pair.sentCount
        pair.run(for: .seconds(3600))
        let count = Double(pair.sentCount - before) / 60
        #expect(count <= 3, "\(count) packets a minute")
    }

    @Test func `keys that have sealed something are replaced in time`() throws {
        var settings = NodeSettings.defaults
        settings.rekeyAfter = .seconds(100)
        var pair = try Pair(settings: settings)
        let known = pair.a.peer(with: pair.keyB)
        let peer = try #require(known)
        pair.a.connect(peer, at: pair.now)
        pair.run(for: .seconds(300))
        #expect(pair.a.statistics.rekeys == 0)
        let stream = try pair.a.openStream(to: peer, port: VirtualPort(9), at: pair.now)
        _ = try pair.a.write([UInt8](repeating: 7, count: 4000).span.bytes, to: stream, at: pair.now)
        pair.run(for: .seconds(1))
        // The keys are older than they may be with content in them: the next packet brings new ones.
        pair.run(for: .seconds(110))
        #expect(pair.a.statistics.rekeys == 1)
    }
}
