package import PosternModel

extension ServiceKind {
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
    package var peer: PeerName
    package var target: ServiceTarget
    /// Numeric loopback address to listen on.
    package var listenHost: String
    /// TCP port to listen on; 0 is any free one.
    package var listenPort: Int

    package init(peer: PeerName, target: ServiceTarget, listenHost: String = "127.0.0.1", listenPort: Int = 0) {
        self.peer = peer
        self.target = target
        self.listenHost = listenHost
        self.listenPort = listenPort
    }
}
