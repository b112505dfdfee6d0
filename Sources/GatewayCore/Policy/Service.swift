package import PosternModel

extension ServiceKind {
    /// Whether a client may turn its connection into a WebSocket. MCP and A2A have no use for one.
    package var offersUpgrade: Bool {
        switch self {
        case .http: true
        case .mcp, .a2a, .tcp, .udp, .stdio: false
        }
    }

    /// Whether a client may speak HTTP/2 there, as gRPC does.
    package var carriesHTTP2: Bool {
        switch self {
        case .a2a: true
        case .mcp, .http, .tcp, .udp, .stdio: false
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

/// A local service that peers may reach by a virtual port, as the gateway serves it.
package struct ExposedService: Hashable, Sendable {
    package var service: Service
    /// The local target. It comes from configuration, never from the wire.
    package var upstream: HostPort
    /// The program that is started in the place of an upstream; nil: an agent listens there.
    package var program: Program?
    /// How the connection to it is secured; nil: not at all.
    package var tls: UpstreamTLS?
    package var hostPolicy: HostPolicy
    package var limits: ServiceLimits
    /// Where the agent speaks gRPC; nil where it does not.
    package var grpc: HostPort?
    package var signedCards: SignedCards
    /// The keys of which one has to have signed the agent's card; nil: none has to.
    package var cardKeys: [JSONWebKey]?
    package var resourceMetadata: ResourceMetadata
    /// Whether receivers of push notifications lead back to the peer that registers them.
    package var push: Bool
    /// Which methods peers may call; nil: all.
    package var methods: MethodRules?
    /// By which fields the agent is told who calls.
    package var identity: IdentityFields

    package init(
        service: Service,
        upstream: HostPort,
        program: Program? = nil,
        tls: UpstreamTLS? = nil,
        hostPolicy: HostPolicy = .upstream,
        limits: ServiceLimits = .none,
        grpc: HostPort? = nil,
        signedCards: SignedCards = .strip,
        cardKeys: [JSONWebKey]? = nil,
        resourceMetadata: ResourceMetadata = .rewrite,
        push: Bool = true,
        methods: MethodRules? = nil,
        identity: IdentityFields = IdentityFields()
    ) {
        self.service = service
        self.upstream = upstream
        self.program = program
        self.tls = tls
        self.hostPolicy = hostPolicy
        self.limits = limits
        self.grpc = grpc
        self.signedCards = signedCards
        self.cardKeys = cardKeys
        self.resourceMetadata = resourceMetadata
        self.push = push
        self.methods = methods
        self.identity = identity
    }

    /// The name that peers see.
    package var name: String { service.name.description }
    /// Where peers reach it.
    package var port: VirtualPort { service.port }
    /// How its bytes are treated.
    package var kind: ServiceKind { service.kind }

    /// The port of an authority that names none (RFC 9110 §4.2).
    var defaultPort: UInt16 { tls == nil ? 80 : 443 }

    /// The upstream's `host:port`, without the port where it is that of its scheme.
    package var upstreamAuthority: String {
        guard upstream.port == defaultPort else { return upstream.description }
        return upstream.host.contains(":") ? "[\(upstream.host)]" : upstream.host
    }
}

/// A service of a peer that is offered to local clients.
package struct ReachedService: Hashable, Sendable {
    package var peer: PeerName
    package var target: ServiceTarget
    /// Address and TCP port to listen on; port 0 is any free one. Loopback, unless `network` says more.
    package var listen: HostPort
    /// Foreign origins that may call: see ``OriginRules``.
    package var origins: [String]
    /// Where push notifications to its clients may lead.
    package var push: PushScope
    /// How long a stream of events may be silent before a comment is put into it; zero: for ever.
    package var eventSilence: Interval
    /// Who may use it from other machines; nil: nobody.
    package var network: NetworkAccess?

    package init(
        peer: PeerName,
        target: ServiceTarget,
        listen: HostPort = .loopback(0),
        origins: [String] = [],
        push: PushScope = .loopback,
        eventSilence: Interval = .zero,
        network: NetworkAccess? = nil
    ) {
        self.peer = peer
        self.target = target
        self.listen = listen
        self.origins = origins
        self.push = push
        self.eventSilence = eventSilence
        self.network = network
    }
}

/// Which receivers of push notifications a client may register through the gateway.
package enum PushScope: String, Hashable, Sendable {
    /// Those on its own host; others are left to the agent.
    case loopback
    /// Whatever this host reaches over plain HTTP.
    case any
    /// None: all are left to the agent.
    case off
}

/// Who may use a reached service from other machines.
package struct NetworkAccess: Hashable, Sendable {
    /// What a client may call us in `Host`, beside the names of loopback.
    package var hosts: [String]
    /// Where clients may come from, beside loopback.
    package var clients: [AddressRange]

    package init(hosts: [String], clients: [AddressRange]) {
        self.hosts = hosts
        self.clients = clients
    }

    /// Whether a client at `address`, as text, is served.
    package func admits(_ address: String) -> Bool {
        HostPort(host: address, port: 0)?.isLoopback == true || clients.contains { $0.contains(address) }
    }
}
