package import OverlayWire

/// How the gateway treats what flows to and from a service.
package enum ServiceKind: String, Hashable, Sendable, CaseIterable {
    /// Model Context Protocol over HTTP/1.1, every revision.
    case mcp
    /// Agent2Agent over HTTP/1.1.
    case a2a
    /// Any other HTTP/1.1.
    case http
    /// Bytes as they are: gRPC and everything else.
    case tcp

    /// Whether both ends read the bytes as HTTP/1.1.
    package var isHTTP: Bool {
        switch self {
        case .mcp, .a2a, .http: true
        case .tcp: false
        }
    }

    /// Whether a client may turn its connection into a WebSocket. MCP and A2A have no use for one.
    package var offersUpgrade: Bool {
        switch self {
        case .http: true
        case .mcp, .a2a, .tcp: false
        }
    }
}

/// What an agent sees in the `Host` field.
package enum HostPolicy: Hashable, Sendable {
    /// The authority of the upstream: what agents that check `Host` accept.
    case upstream
    /// What the client sent.
    case preserve
    /// This value.
    case literal(String)
}

/// A local service that peers may reach by a virtual port.
package struct ExposedService: Hashable, Sendable {
    /// The name that peers see.
    package var name: String
    package var port: VirtualPort
    package var kind: ServiceKind
    /// Name or address of the local target. It comes from configuration, never from the wire.
    package var upstreamHost: String
    /// TCP port of the local target.
    package var upstreamPort: Int
    package var hostPolicy: HostPolicy

    package init(
        name: String,
        port: VirtualPort,
        kind: ServiceKind,
        upstreamHost: String,
        upstreamPort: Int,
        hostPolicy: HostPolicy = .upstream
    ) {
        self.name = name
        self.port = port
        self.kind = kind
        self.upstreamHost = upstreamHost
        self.upstreamPort = upstreamPort
        self.hostPolicy = hostPolicy
    }

    /// The upstream's `host:port`, without the port where it is HTTP's own.
    package var upstreamAuthority: String {
        let host = upstreamHost.contains(":") ? "[\(upstreamHost)]" : upstreamHost
        return upstreamPort == 80 ? host : "\(host):\(upstreamPort)"
    }
}

/// A service of a peer that is offered to local clients.
package struct ReachedService: Hashable, Sendable {
    /// Which of the peer's services is meant.
    package enum Target: Hashable, Sendable, CustomStringConvertible {
        /// By the name that the peer gives it.
        case service(String)
        case port(VirtualPort)

        package var description: String {
            switch self {
            case .service(let name): name
            case .port(let port): "port \(port.rawValue)"
            }
        }
    }

    /// The peer as the configuration names it: did, address, name, petname or `agent://` URI.
    package var peer: String
    package var target: Target
    /// Numeric loopback address to listen on.
    package var listenHost: String
    /// TCP port to listen on; 0 is any free one.
    package var listenPort: Int

    package init(peer: String, target: Target, listenHost: String = "127.0.0.1", listenPort: Int = 0) {
        self.peer = peer
        self.target = target
        self.listenHost = listenHost
        self.listenPort = listenPort
    }
}
