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
        let link = ChannelLink(.upstream, of: proxy) {
            proxy.exposure?.note(failure: nil)
            proxy.opened(upstream: .channel($0))
        }
        proxy.opening(upstream: .channel(link))
        let fail = { (error: any Error) in
            guard link.isAttached else { return }
            link.reset()
            proxy.failedToOpen(describe(error))
        }
        guard let tls = upstream.tls else {
            connect(to: upstream) { try $0.pipeline.syncOperations.addHandler(link) }
                .assumeIsolated().whenFailure(fail)
            return
        }
        tls.context.assumeIsolated().flatMap { context in
            guard link.isAttached else { return self.eventLoop.makeSucceededVoidFuture() }
            return self.connect(to: upstream) {
                try tls.secure($0, with: context, in: link, timeout: self.settings.connectTimeout, failed: fail)
            }
        }.whenFailure(fail)
    }

    /// Opens a TCP connection whose handlers `prepare` adds.
    private func connect(
        to upstream: Exposure.Upstream,
        prepare: @escaping (any Channel) throws -> Void
    ) -> EventLoopFuture<Void> {
        let prepare = NIOLoopBound(prepare, eventLoop: eventLoop)
        let bootstrap = ClientBootstrap(group: eventLoop)
            .connectTimeout(settings.connectTimeout)
            .channelOption(.autoRead, value: false)
            .channelOption(.allowRemoteHalfClosure, value: true)
            .channelOption(.tcpOption(.tcp_nodelay), value: 1)
            .channelOption(.recvAllocator, value: ReceiveAllocator(memory: node.waitingMemory))
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture { try prepare.value(channel) }
            }
        let connected =
            upstream.address.map { bootstrap.connect(to: $0) }
            ?? bootstrap.connect(host: upstream.place.host, port: Int(upstream.place.port))
        return connected.map { _ in }
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
        let described = explain(error)
        exposure.note(failure: described.message)
        return described
    }

    private func explain(_ error: any Error) -> GatewayError {
        let service = exposure.service
        if Self.isOwnLack(error) {
            gateway.log.warning(
                "there is no room for a connection to the agent behind an exposed service",
                metadata: ["service": "\(service.name)", "error": "\(error)"]
            )
            return .noRoom(service.name)
        }
        let failure = error as? TLSFailure
        let cause = failure?.cause ?? error
        let described: GatewayError =
            if let fault = failure?.fault {
                .certificateRefused(service.name, fault)
            } else if Self.isTimeout(cause) {
                .agentTimedOut(service.name)
            } else {
                failure == nil ? .agentRefused(service.name) : .handshakeFailed(service.name)
            }
        gateway.log.warning(
            "the agent behind an exposed service cannot be reached",
            metadata: [
                "service": "\(service.name)", "upstream": "\(service.upstreamAuthority)",
                "reason": "\(described.message)", "error": "\(cause)",
            ]
        )
        return described
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
