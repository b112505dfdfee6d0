import GatewayCore
import Logging
import NIOCore
import NIOPosix
import OverlayCore
import OverlayNIO
import OverlayWire
import PosternModel

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// Opens upstreams for proxied connections: each form of target has one.
protocol UpstreamConnector {
    /// Opens an upstream for `proxy`: hands over its link when it is open, or tells why there is none. May be called
    /// again when an upstream is gone.
    func open(_ destination: ProxyConnection.Destination, for proxy: ProxyHandler)

    /// What a client is told whose upstream ended before its time.
    func describe(_ end: LinkEnd) -> (GatewayError, HTTP1ConnectionState.Loss)
}

extension Gateway {
    /// Opens a TCP connection for `proxy`; `describe` says what its client is told when there is none.
    func connect(
        to upstream: Exposure.Upstream,
        for proxy: ProxyHandler,
        _ describe: @escaping (any Error) -> GatewayError
    ) {
        let link = ChannelLink(.upstream, of: proxy) { proxy.opened(upstream: .channel($0)) }
        proxy.opening(upstream: .channel(link))
        let handler = NIOLoopBound(link, eventLoop: eventLoop)
        let bootstrap = ClientBootstrap(group: eventLoop)
            .connectTimeout(settings.connectTimeout)
            .channelOption(.autoRead, value: false)
            .channelOption(.allowRemoteHalfClosure, value: true)
            .channelOption(.tcpOption(.tcp_nodelay), value: 1)
            .channelOption(.recvAllocator, value: ReceiveAllocator(memory: node.waitingMemory))
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture { try channel.pipeline.syncOperations.addHandler(handler.value) }
            }
        let connected =
            upstream.address.map { bootstrap.connect(to: $0) }
            ?? bootstrap.connect(host: upstream.place.host, port: Int(upstream.place.port))
        connected.assumeIsolated().whenFailure { error in
            guard link.isAttached else { return }
            proxy.failedToOpen(describe(error))
        }
    }
}

/// The TCP connection to the agent behind an exposed service.
struct TCPConnector: UpstreamConnector {
    let exposure: Exposure
    let gateway: Gateway

    func open(_ destination: ProxyConnection.Destination, for proxy: ProxyHandler) {
        gateway.connect(to: exposure.upstream(for: destination), for: proxy, describe)
    }

    func describe(_ end: LinkEnd) -> (GatewayError, HTTP1ConnectionState.Loss) {
        (.agentBroke(exposure.service.name), .broken)
    }

    private func describe(_ error: any Error) -> GatewayError {
        let service = exposure.service
        if Self.isOwnLack(error) {
            gateway.log.warning(
                "there is no room for a connection to the agent behind an exposed service",
                metadata: ["service": "\(service.name)", "error": "\(error)"]
            )
            return .noRoom(service.name)
        }
        gateway.log.warning(
            "the agent behind an exposed service cannot be reached",
            metadata: ["service": "\(service.name)", "upstream": "\(service.upstreamAuthority)", "error": "\(error)"]
        )
        return Self.isTimeout(error) ? .agentTimedOut(service.name) : .agentRefused(service.name)
    }

    /// Whether this host, not the agent, had no room: for descriptors, memory, or local ports.
    private static func isOwnLack(_ error: any Error) -> Bool {
        switch error {
        case let error as IOError: [EMFILE, ENFILE, ENOBUFS, ENOMEM, EADDRNOTAVAIL].contains(error.errnoCode)
        case let error as NIOConnectionError: error.connectionErrors.contains { isOwnLack($0.error) }
        case _: false
        }
    }

    private static func isTimeout(_ error: any Error) -> Bool {
        switch error {
        case ChannelError.connectTimeout: true
        case let error as NIOConnectionError: error.connectionErrors.contains { isTimeout($0.error) }
        case _: false
        }
    }
}

/// The stream to a peer's service.
struct OverlayConnector: UpstreamConnector {
    let route: ServiceRoute
    /// The peer as the client's configuration names it.
    let peerName: String
    let gateway: Gateway

    // What is written to the stream at once rides in the first packet. Where it leads, the peer sees by itself.
    func open(_ destination: ProxyConnection.Destination, for proxy: ProxyHandler) {
        let link = StreamLink(.upstream, of: proxy)
        do {
            link.attach(try gateway.node.openStream(to: route.key, port: route.port, handler: link))
            proxy.opened(upstream: .stream(link))
        } catch {
            proxy.failedToOpen(describe(error))
        }
    }

    private func describe(_ error: OverlayError) -> GatewayError {
        switch error {
        case .unknownPeer: .notTrusted(peerName)
        case .notRunning: .shuttingDown(peerName)
        case .timedOut, .sessionLost: .peerAway(peerName)
        case .refused: .tooManyStreams(peerName)
        }
    }

    func describe(_ end: LinkEnd) -> (GatewayError, HTTP1ConnectionState.Loss) {
        switch end {
        case .streamEnded(.reset(let code)), .streamEnded(.sessionLost(let code)): describe(code)
        case .streamEnded(.unreachable): (.peerAway(peerName), .unavailable)
        case .connectionBroke, .streamEnded(.finished): (.streamBroke(peerName), .broken)
        }
    }

    private func describe(_ code: ErrorCode) -> (GatewayError, HTTP1ConnectionState.Loss) {
        switch code {
        case .noSuchPort: (.noSuchService(peerName), .unavailable)
        case .refused: (.notTrusted(peerName), .unavailable)
        case .overLimit: (.peerOverLimit(peerName), .unavailable)
        case .shutdown, .restarted: (.peerRestarted(peerName), .unavailable)
        case _: (.streamBroke(peerName), .broken)
        }
    }
}
