import GatewayCore
import GatewayNIO
import Logging
import NIOCore
import OverlayCore
import OverlayNIO
import OverlayWire
import PosternModel
import TrustCore

/// Two sidecars in this process: the client's reaches an HTTP service that the server's exposes.
final class SidecarPair {
    private let pair: LoopbackPair
    /// Where clients of the reached service connect.
    let entrance: SocketAddress

    /// Exposes the HTTP service at `upstream` and reaches it.
    init(upstream: SocketAddress) throws {
        guard let port = upstream.port else { throw BenchError("the upstream has no port") }
        let pair = try LoopbackPair { node in GatewayObserver(node: node, upstreamPort: port) }
        self.pair = pair
        let client = pair.client
        let key = pair.serverKey
        let reached = ReachedService(
            peer: PeerName(key),
            target: .port(LoopbackPair.port)
        )
        entrance = try client.eventLoop.flatSubmit { () -> EventLoopFuture<SocketAddress> in
            guard let observer = client.value.observer as? GatewayObserver else {
                return client.eventLoop.makeFailedFuture(BenchError("the client has no gateway"))
            }
            observer.authority.route = ServiceRoute(key: key, port: LoopbackPair.port, kind: .http)
            client.value.connect(key)
            return observer.gateway.reach(reached)
        }.wait()
    }

    /// Seconds that both sidecars' threads have spent on processors.
    func processorSeconds() throws -> Double {
        try [pair.client, pair.server].reduce(0) { try $0 + $1.eventLoop.submit { threadSeconds() }.wait() }
    }

    func stop() throws {
        for node in [pair.client, pair.server] {
            try node.eventLoop.flatSubmit {
                (node.value.observer as? GatewayObserver)?.gateway.stop(within: .milliseconds(100))
                    ?? node.eventLoop.makeSucceededVoidFuture()
            }.wait()
        }
        try pair.stop()
    }
}

/// A sidecar's part between node and gateway, without trust: whoever is a peer may reach everything.
private final class GatewayObserver: OverlayObserver {
    let gateway: Gateway
    let authority = OpenAuthority()

    init(node: OverlayNode, upstreamPort: Int) {
        guard let name = ServiceName("agent") else { preconditionFailure("the name is valid") }
        let service = ExposedService(
            service: Service(name: name, port: LoopbackPair.port, kind: .http),
            upstream: .loopback(UInt16(upstreamPort))
        )
        gateway = Gateway(
            node: node,
            authority: authority,
            expose: [service],
            logger: Logger(label: "bench") { _ in SwiftLogNoOpLogHandler() }
        )
    }

    func overlayAccepts(
        stream: OverlayStream,
        from peer: NodeKey,
        port: VirtualPort
    ) -> (any OverlayStreamHandler)? {
        gateway.accept(stream, from: peer, port: port)
    }

    func overlaySession(with peer: NodeKey, is change: SessionChange) {
        gateway.noteSession(with: peer, change)
    }

    func overlayReceived(datagram: ByteBuffer, from peer: NodeKey, port: VirtualPort) {}
    func overlayStores(replayFloor: UInt64, of peer: NodeKey) -> Bool { true }
    func overlaySees(_ duplicate: DuplicateIdentity) {}
    func overlayObserved(_ endpoint: Endpoint, by peer: NodeKey) {}
    func overlayLearned(candidates: [Endpoint], of peer: NodeKey) {}
}

/// Knows one service, and lets every peer reach it.
private final class OpenAuthority: GatewayAuthority {
    var route: ServiceRoute?

    func decide(_ peer: NodeKey, _ port: VirtualPort) -> Access {
        guard let name = ServiceName("agent") else { preconditionFailure("the name is valid") }
        return .admitted(Service(name: name, port: port, kind: .http), .grant)
    }

    func trusts(_ peer: NodeKey) -> Bool { true }
    func noteReceiver(_ place: String, of peer: NodeKey) {}
    func noteRefused(_ method: String?, of peer: NodeKey, _ port: VirtualPort) {}
    func noteReceiversEnded(of peer: NodeKey) {}
    func peerName(_ key: NodeKey) -> String? { nil }
    func isKnown(_ peer: PeerName) -> Bool { true }

    func resolve(
        _ peer: PeerName,
        _ target: ServiceTarget,
        insteadOf refused: VirtualPort?,
        then: @escaping (PeerResolution) -> Void
    ) {
        guard let route else { preconditionFailure("only the client reaches, and it knows the route by then") }
        then(.ready(route))
    }
}
