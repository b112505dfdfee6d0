import NIOCore
import OverlayCore
import OverlayCrypto
import OverlayWire
import PosternModel
import Testing

@testable import OverlayNIO

/// A node whose hub is not where it looks for it over UDP.
@Suite(.timeLimit(.minutes(1)))
struct WebSocketTests {
    private static let port = VirtualPort(80)
    /// Nothing listens there (RFC 863: discard).
    private static let nowhere = Endpoint.ipv4(address: 0x7f00_0001, port: 9)

    @Test func `where UDP leads nowhere a stream goes through a WebSocket`() async throws {
        try await Self.run { pair, url in
            pair.serverObserver.accept = { _, _ in EchoHandler() }
            let handler = CollectingHandler(pair.client.eventLoop)
            Self.look(pair, at: [Self.nowhere], url)
            return pair.client.ping(pair.serverKey).assumeIsolated().flatMapThrowing { pong in
                guard case .connection? = pong.path else { throw OverlayError.unknownPeer }
                #expect(pair.client.peerStatus(of: pair.serverKey)?.isInConnection == true)
                let stream = try pair.client.openStream(to: pair.serverKey, port: Self.port, handler: handler)
                stream.write(ByteBuffer(repeating: 4, count: 300_000))
                stream.finish()
            }.flatMap {
                handler.ended.futureResult
            }.map { end in
                #expect(end == .finished)
                #expect(handler.received.readableBytes == 300_000)
            }.nonisolated()
        }
    }

    @Test func `where UDP leads to the hub no connection is opened`() async throws {
        try await Self.run { pair, url in
            Self.look(pair, at: pair.server.boundEndpoints, url)
            return pair.client.ping(pair.serverKey).assumeIsolated().flatMap { pong in
                #expect(pong.path == pair.server.boundEndpoints.first)
                return pair.client.eventLoop.assumeIsolated().scheduleTask(in: HubConnection.patience * 2) {
                    #expect(pair.client.peerStatus(of: pair.serverKey)?.isInConnection == false)
                    #expect(pair.client.webSockets?.connections.isEmpty == true)
                }.futureResult
            }.nonisolated()
        }
    }

    @Test func `a connection that is cut is opened anew, and the session goes on`() async throws {
        try await Self.run { pair, url in
            pair.serverObserver.accept = { _, _ in EchoHandler() }
            let handler = CollectingHandler(pair.client.eventLoop)
            Self.look(pair, at: [Self.nowhere], url)
            return pair.client.ping(pair.serverKey).assumeIsolated().flatMapThrowing { _ in
                for id in Array((pair.server.webSockets?.connections ?? [:]).keys) { pair.server.webSockets?.close(id) }
                let stream = try pair.client.openStream(to: pair.serverKey, port: Self.port, handler: handler)
                stream.write(ByteBuffer(repeating: 4, count: 1000))
                stream.finish()
            }.flatMap {
                handler.ended.futureResult
            }.map { end in
                #expect(end == .finished && handler.received.readableBytes == 1000)
                #expect(pair.client.peerStatus(of: pair.serverKey)?.isInConnection == true)
                #expect(pair.clientObserver.changes.count { $0 == .established(isInitiator: true) } == 1)
            }.nonisolated()
        }
    }

    /// Nodes of which the server takes WebSocket connections as a hub.
    private static func run(
        _ body: @escaping @Sendable (OverlayPair, WebSocketURL) throws -> EventLoopFuture<Void>
    ) async throws {
        try await OverlayPair.run { pair in
            let address = try SocketAddress(ipAddress: "127.0.0.1", port: 0)
            return pair.server.listenForWebSockets(at: address, identity: nil).assumeIsolated().flatMap { bound in
                let place = HostPort.loopback(UInt16(bound.port ?? 0))
                do {
                    return try body(pair, WebSocketURL(plainAt: place))
                } catch {
                    return pair.client.eventLoop.makeFailedFuture(error)
                }
            }.nonisolated()
        }
    }

    /// The client knows the server as a hub at `candidates`, or at `url`.
    private static func look(_ pair: OverlayPair, at candidates: [Endpoint], _ url: WebSocketURL) {
        pair.client.expel(pair.serverKey, code: .none)
        pair.server.expel(pair.clientKey, code: .none)
        pair.server.admit(PeerConfiguration(key: pair.clientKey, sharesCandidates: false))
        pair.client.admit(
            PeerConfiguration(
                key: pair.serverKey,
                candidates: Candidate.hosts(candidates),
                relays: true,
                sharesCandidates: false
            )
        )
        pair.client.offerWebSocket(url, to: pair.serverKey)
        pair.client.connect(pair.serverKey)
    }
}
