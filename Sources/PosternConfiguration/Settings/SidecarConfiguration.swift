package import PosternModel

/// What `postern.yaml` says, checked and with every default filled in. The table of keys documents each.
package struct SidecarConfiguration: Hashable, Sendable {
    /// How the sidecar introduces itself.
    package var name: String
    /// The state directory, absolute.
    package var state: String
    /// Whether the key file may be readable by its group.
    package var sharesKeyWithGroup: Bool
    /// The hubs, at most 8.
    package var hubs: [HubURL]
    /// Where the HTTP control API is served besides the control socket.
    package var control: ControlListener
    /// Whether every program on this machine may read the metrics there.
    package var hasOpenMetrics: Bool
    /// The forward proxy; nil: none.
    package var proxy: ProxyConfiguration?
    /// Whether every service that a trusted peer offers gets a local port by itself.
    package var autoReach: Bool
    /// How packets travel.
    package var underlay: UnderlayConfiguration
    /// What peers may reach, each with its own name and virtual port.
    package var expose: [ExposeConfiguration]
    /// Services of peers that are offered on this machine.
    package var reach: [ReachConfiguration]
    /// Whose requests for trust are accepted without the operator.
    package var accept: [AcceptanceRule]
    /// The networks to take part in, of those that were joined; nil: all.
    package var networks: Set<String>?
    /// How much is open and waits at a time.
    package var limits: LimitsConfiguration
    /// What is logged.
    package var log: LogConfiguration
    /// What the agent may do over MCP.
    package var agentMay: Set<AgentPermission>
}

/// Where the control API listens besides `DIR/control.sock`.
package enum ControlListener: Hashable, Sendable {
    /// Nowhere.
    case off
    /// On this loopback address.
    case at(HostPort)
    /// On this loopback address, or on any free port when that one is taken.
    case preferably(HostPort)
}

/// `proxy:`
package struct ProxyConfiguration: Hashable, Sendable {
    /// The loopback address; port 0 is any free one.
    package var listen: HostPort
    /// What becomes of requests for hosts outside the overlay.
    package var others: Others
    /// Foreign origins that may call services of peers.
    package var origins: [String]

    /// What becomes of requests for hosts outside the overlay.
    package enum Others: String, Hashable, Sendable {
        case refuse
        case direct
    }
}

/// `underlay:`
package struct UnderlayConfiguration: Hashable, Sendable {
    /// The UDP address; port 0 is any free one.
    package var listen: HostPort
    /// Which paths may be used.
    package var relay: RelayUse
    /// Whether the gateway is asked to lead a port here.
    package var mapsPort: Bool
    /// Whether ports are guessed where a translator takes another one for each peer.
    package var guessesPorts: Bool
    /// Whether packets are padded to few sizes.
    package var padsPackets: Bool
    /// Whether hubs are reached over WebSocket where UDP does not lead to them.
    package var usesWebSocket: Bool
    /// The file with the authorities of hubs' certificates; nil: those of the system.
    package var authoritiesPath: String?
    /// What it says.
    package var authorities: String?

    /// Which paths packets may take.
    package enum RelayUse: String, Hashable, Sendable {
        /// Direct where possible, else through a hub.
        case auto
        /// Always through a hub.
        case only
        /// Never through a hub.
        case never
    }
}

/// One entry of `expose:`.
package struct ExposeConfiguration: Hashable, Sendable {
    /// The name that peers see, the virtual port, and what is spoken there.
    package var service: Service
    /// Where the agent listens; nil: a program is started.
    package var upstream: Upstream?
    /// What is started; nil: an agent listens.
    package var program: ProgramConfiguration?
    /// How the connection to it is secured; nil: not at all.
    package var tls: UpstreamTLSConfiguration?
    /// Whether what leaves the host may do so without TLS.
    package var isInsecure: Bool
    /// `trusted` or peers; empty: nobody.
    package var allow: [AllowRule]
    /// The networks and groups whose members find it; empty: none.
    package var publish: [AllowRule]
    /// Which `Host` the agent sees.
    package var host: HostHeader
    /// Where the agent speaks gRPC; nil: nowhere.
    package var grpc: HostPort?
    /// What becomes of signed agent cards.
    package var signedCards: SignedCards
    /// The file with the keys of which one has to have signed the agent's card; nil: none has to.
    package var cardKeysPath: String?
    /// What stands there.
    package var cardKeys: [JSONWebKey]?
    /// Whether receivers of push notifications lead back to the peer that registers them.
    package var push: Bool
    /// Whether the agent's name as a protected resource becomes the one by which the client reached us.
    package var rewritesResourceMetadata: Bool
    /// The headers that tell the agent the peer's did, how it is called here, and the network in which it is known.
    package var peerHeader: String
    package var peerNameHeader: String
    package var networkHeader: String
    /// Whether a signed assertion of who calls stands beside them.
    package var assertsIdentity: Bool
    /// Which methods peers may call; nil: all that are not denied.
    package var allowedMethods: [MethodPattern]?
    /// Which methods they may not call.
    package var deniedMethods: [MethodPattern]
    /// Connections of one peer at a time; nil: no limit of its own.
    package var concurrency: Int?
    /// Requests of one peer in a minute; nil: any number.
    package var requestsPerMinute: Int?

    /// What becomes of signed agent cards.
    package enum SignedCards: String, Hashable, Sendable {
        case strip
        case passthrough
        case resign
        case reject
    }

    /// Which `Host` header the agent sees.
    package enum HostHeader: String, Hashable, Sendable {
        /// The agent's own authority.
        case upstream
        /// What the client sent.
        case preserve
    }
}

/// `command`, `environment` and `bridge` of an exposed service of kind stdio.
package struct ProgramConfiguration: Hashable, Sendable {
    /// The program and its arguments; never empty.
    package var command: [String]
    /// Its variables beside those that every program needs.
    package var environment: [String: String]
    /// Whether it is an MCP server that is offered over HTTP.
    package var isBridged: Bool
}

/// `tls:` of an exposed service whose agent listens at https.
package struct UpstreamTLSConfiguration: Hashable, Sendable {
    /// The file with the certificates of the authorities that may have issued the agent's; nil: those of the system.
    package var authoritiesPath: String?
    /// What that file says, in PEM.
    package var authorities: String?
    /// The name that the agent's certificate is for; nil: the upstream's host.
    package var serverName: String?
}

extension ExposeConfiguration {
    /// Where its agent is, as it was written.
    package var targetText: String { upstream?.text ?? program?.command.joined(separator: " ") ?? "" }

    /// Whether peers may call some methods only. gRPC passes as it is, so that no rule would hold for it: it is not
    /// carried then (RULES J).
    package var hasMethodRules: Bool { allowedMethods != nil || !deniedMethods.isEmpty }

    /// Where calls by gRPC are led; nil: nowhere.
    package var carriedGRPC: HostPort? { hasMethodRules ? nil : grpc }

    /// Whether the way to the agent leaves the host without TLS.
    var hasOpenUpstream: Bool { tls == nil && upstream.map { !$0.place.isLoopback } ?? false }

    /// Whether something between us and the agent leaves the host without TLS.
    package var hasOpenLeg: Bool {
        hasOpenUpstream || grpc.map { !$0.isLoopback } ?? false
    }
}

/// One entry of `reach:`.
package struct ReachConfiguration: Hashable, Sendable {
    /// Whose service.
    package var peer: PeerName
    /// Which service.
    package var target: ServiceTarget
    /// The local address; nil: a free port that stays the same.
    package var listen: HostPort?
    /// Which receivers of push notifications clients may register.
    package var push: PushScope
    /// Foreign origins that may call.
    package var origins: [String]
    /// How long event streams may be silent before a comment is put in, in milliseconds; 0: for ever.
    package var eventSilence: Int
    /// Whether clients on other machines are served.
    package var exposesToNetwork: Bool
    /// Whether what leaves the host may do so without TLS.
    package var isInsecure: Bool
    /// What clients on other machines may call us.
    package var hosts: [String]
    /// Where clients on other machines may come from.
    package var clients: [AddressRange]

    /// Which receivers of push notifications clients may register.
    package enum PushScope: String, Hashable, Sendable {
        case loopback
        case any
        case off
    }
}

/// `limits:`
package struct LimitsConfiguration: Hashable, Sendable {
    /// Connections of clients and peers together; nil: what the descriptors have room for.
    package var connections: Int?
    /// Connections of one peer.
    package var connectionsPerPeer: Int
    /// Memory for everything that waits, in bytes.
    package var memory: Int
}

/// `log:`
package struct LogConfiguration: Hashable, Sendable {
    /// The least severe lines that are written: trace, debug, info, notice, warning, error.
    package var level: String
    /// How a line looks.
    package var format: Format
    /// Whether each request that passes gets a line.
    package var hasAccess = false

    /// How a line looks.
    package enum Format: String, Hashable, Sendable {
        case text
        case json
    }
}

/// What a hub's file says, checked and with every default filled in.
package struct HubConfiguration: Hashable, Sendable {
    /// The UDP address nodes reach.
    package var listen: HostPort
    /// The state directory, absolute.
    package var state: String
    /// Whether the key file may be readable by its group.
    package var sharesKeyWithGroup: Bool
    /// Names and addresses under which nodes reach the hub; may be empty.
    package var publicHosts: [PublicHost]
    /// Where it takes WebSocket connections; nil: nowhere.
    package var websocket: HubWebSocketConfiguration?
    /// Where the registry is kept; nil: in SQLite, in the state directory.
    package var database: HubDatabaseConfiguration?
    /// Where the status page is served besides the control socket.
    package var control: ControlListener
    /// Whether every program on this machine may read the metrics there.
    package var hasOpenMetrics: Bool
    /// The nodes that may register; nil: any.
    package var allowed: Set<NodeKey>?
    /// The nodes whose operators may administer it.
    package var admins: Set<NodeKey>
    /// What nodes may take.
    package var limits: HubLimitsConfiguration
    /// What is logged.
    package var log: LogConfiguration
}

/// A hub's `websocket:`.
package struct HubWebSocketConfiguration: Hashable, Sendable {
    /// The TCP address; nil: the port with the number of the UDP one, if it is free.
    package var listen: HostPort?
    /// The files of certificate and key.
    package var certificatePath: String?
    package var keyPath: String?
    /// What they say; nil: no TLS.
    package var certificate: String?
    package var key: String?
    /// Where nodes reach it; nil: at `public` and its own port.
    package var url: WebSocketURL?
}

/// A hub's `database:`
package struct HubDatabaseConfiguration: Hashable, Sendable {
    /// The URL, which may hold a password.
    package var url: String
    /// Whether the connection may leave this host without TLS.
    package var isInsecure: Bool
    /// The file with what the hubs of the database have in common; nil: `cluster.secret` in the state directory.
    package var secret: String?

    /// The database at `url`, with the defaults.
    package init(url: String) {
        self.url = url
        isInsecure = false
    }
}

/// A hub's `limits:`, of which what is nil has the default.
package struct HubLimitsConfiguration: Hashable, Sendable {
    /// Registered nodes.
    package var nodes: Int?
    /// New nodes of one network in an hour.
    package var newNodesPerHour: Int?
    /// Strangers' mail of one network in an hour.
    package var strangerMailPerHour: Int?
    /// Disk for strangers' mail, in MiB.
    package var strangerMailMiB: Int?
    /// Requests of one node, and of all that come from one network, in a minute.
    package var requestsPerMinute: Int?
    package var sourceRequestsPerMinute: Int?
    /// Entries of one network of members, and what these ask, in a minute.
    package var entriesPerMinute: Int?
    package var questionsPerMinute: Int?
    /// Relayed Mbit/s between two nodes, each way.
    package var relayMbitPerPair: Int?
    /// Relayed Mbit/s that one node sends.
    package var relayMbitPerNode: Int?
}
