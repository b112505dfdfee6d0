import NIOCore
import OverlayCore
import OverlayCrypto
import OverlayWire
import PosternModel
import Testing

@testable import OverlayNIO

@Suite(.timeLimit(.minutes(1)))
struct RelayTests {
    private static let port = VirtualPort(80)
    private static let clientChannel = RelayChannel(7)
    private static let serverChannel = RelayChannel(9)

    @Test func `a hub carries a stream between two nodes that do not know where the other is`() async throws {
        try await OverlayPair.run { pair in
            let hub = OverlayNode(
                eventLoop: pair.client.eventLoop,
                identity: try NodeIdentity(seed: Array(repeating: 3, count: 32)),
                settings: pair.settings,
                logger: pair.client.log
            )
            let hubKey = try NodeIdentity(seed: Array(repeating: 3, count: 32)).key
            pair.serverObserver.accept = { _, _ in EchoHandler() }
            let handler = CollectingHandler(pair.client.eventLoop)
            return hub.start().assumeIsolated().flatMap { _ in
                Self.forgetPaths(pair)
                return Self.connect(pair, to: hub, hubKey)
            }.flatMapThrowing {
                hub.bridge(pair.clientKey, Self.clientChannel, pair.serverKey, Self.serverChannel)
                pair.client.setRelay(for: pair.serverKey, hub: hubKey, channel: Self.clientChannel)
                pair.server.setRelay(for: pair.clientKey, hub: hubKey, channel: Self.serverChannel)
                let stream = try pair.client.openStream(to: pair.serverKey, port: Self.port, handler: handler)
                stream.write(ByteBuffer(repeating: 4, count: 100_000))
                stream.finish()
            }.flatMap {
                handler.ended.futureResult
            }.flatMap { end in
                #expect(end == .finished)
                #expect(handler.received.readableBytes == 100_000)
                #expect(hub.statistics.relayedPackets > 0)
                return hub.stop()
            }.nonisolated()
        }
    }

    /// Both nodes know each other, but not where.
    private static func forgetPaths(_ pair: OverlayPair) {
        pair.client.expel(pair.serverKey, code: .none)
        pair.server.expel(pair.clientKey, code: .none)
        pair.client.admit(PeerConfiguration(key: pair.serverKey))
        pair.server.admit(PeerConfiguration(key: pair.clientKey))
    }

    /// Sessions of both nodes with the hub.
    private static func connect(_ pair: OverlayPair, to hub: OverlayNode, _ hubKey: NodeKey) -> EventLoopFuture<Void> {
        for (node, key) in [(pair.client, pair.clientKey), (pair.server, pair.serverKey)] {
            hub.admit(PeerConfiguration(key: key, sharesCandidates: false))
            let candidates = Candidate.hosts(hub.boundEndpoints)
            node.admit(
                PeerConfiguration(key: hubKey, candidates: candidates, relays: true, sharesCandidates: false)
            )
        }
        return pair.client.ping(hubKey).and(pair.server.ping(hubKey)).map { _ in }
    }
}
