package import PosternModel

/// `status`.
package struct StatusDocument: Codable, Hashable, Sendable {
    /// A hub in use.
    package struct Hub: Codable, Hashable, Sendable {
        package let url: HubURL
        package let connected: Bool
        /// What carries packets to it.
        package let transport: Transport
        package let rttMs: Double?
        /// Whether peers meet us there first.
        package let home: Bool
        /// Whether it has no room for us: peers do not find us there.
        package let full: Bool
        /// Whether its operator does not want us there.
        package let closed: Bool
        /// Whether it is about to end; peers meet us at another one meanwhile.
        package let draining: Bool
        /// Whether it is one of our own configuration, or of a peer.
        package let configured: Bool
        /// How far its clock is ahead of this host's, as it said when it registered us; nil: it has not.
        package let clockMs: Int64?
        /// Why it is not connected; nil: it is, or is just being tried.
        package let problem: String?
    }

    /// What is known of the address translation in front of us.
    package struct NAT: Codable, Hashable, Sendable {
        /// How addresses are translated: `none`, `endpoint-independent` or `endpoint-dependent` (RFC 4787 §4.1); nil as
        /// long as fewer than two hubs and peers have told how they see this node.
        package let mapping: String?
        /// Nil: it is not measured.
        package let filtering: String?
        /// How the gateway leads a port here: `pcp` or `nat-pmp`, or `none` when it does not; nil when it is not asked.
        package let portMapping: String?
        /// The longest silence after which a hub's answer still came in, by trial (RFC 5780 §4.6); nil: none was tried
        /// yet, or none did.
        package let lifetimeMs: Int64?

        package init(mapping: String?, filtering: String?, portMapping: String?, lifetimeMs: Int64? = nil) {
            self.mapping = mapping
            self.filtering = filtering
            self.portMapping = portMapping
            self.lifetimeMs = lifetimeMs
        }
    }

    /// A service of a peer that is offered to local clients.
    package struct Reach: Codable, Hashable, Sendable {
        package let peer: PeerName
        package let service: ServiceName?
        package let port: VirtualPort?
        package let listen: HostPort
        package let state: String
        package let leg: Leg
    }

    /// A service that peers may reach.
    package struct Expose: Codable, Hashable, Sendable {
        package let service: ServiceName
        package let port: VirtualPort
        package let kind: ServiceKind
        package let upstream: String
        package let allow: [AllowRule]
        package let activeStreams: Int
        package let leg: Leg
        /// Why its agent could not be reached the last time.
        package let problem: String?
    }

    /// A name in the configuration that is bound to nobody: what it stands for waits until it is.
    package struct UnboundName: Codable, Hashable, Sendable {
        package let name: String
        /// Where the configuration uses it: `reach 127.0.0.1:7701`, `allow on planner`.
        package let uses: [String]
        /// The peers that call themselves so, which proves nothing.
        package let claimedBy: [NodeKey]
    }

    /// What is wrong with a state directory that is older than its node: nobody is trusted until `trust recover`.
    package struct Outdated: Codable, Hashable, Sendable {
        /// How far its journal has come.
        package let sequence: Int64
        /// How far the node's has come before, as hubs and peers know.
        package let known: Int64
    }

    /// Which configuration is in use.
    package struct Configuration: Codable, Hashable, Sendable {
        /// The file that it was read from; nil: none, the defaults hold.
        package let file: String?
        /// When it was taken up.
        package let since: Timestamp
        /// The mistakes in the file as it is now, which is why it is not in use: `FILE:LINE: key: …`. Empty: it is.
        package let mistakes: [String]
        /// Keys of the file that wait for the next start.
        package let waiting: [String]

        package init(file: String?, since: Timestamp, mistakes: [String] = [], waiting: [String] = []) {
            self.file = file
            self.since = since
            self.mistakes = mistakes
            self.waiting = waiting
        }
    }

    /// Who we are.
    package let did: NodeKey
    package let address: OverlayAddress
    package let name: String
    package let version: String
    package let uptimeMs: Int64
    package let configuration: Configuration
    package let hubs: [Hub]
    package let nat: NAT
    package let udp: [HostPort]
    package let reach: [Reach]
    package let expose: [Expose]
    package let unbound: [UnboundName]
    /// The networks that were founded or joined, and those to which somebody has added us.
    package let networks: [NetworkSummary]
    /// Keys that two programs have used at a time in the last ten minutes, as copies of one state directory do.
    package let sharedKeys: [NodeKey]
    /// Trusted peers that said of their next key something else than at first, as a thief of their key would.
    package let contradictions: [NodeKey]
    /// Requests for trust that wait for a decision.
    package let pending: Int
    /// Decisions that stand in memory alone, because the disk did not take them: a restart would lose them.
    package let unstored: Int
    /// Nil as long as nothing says that this state is older than the node.
    package let outdated: Outdated?
}

/// Tells identity, hubs, services and pending requests.
package struct ShowStatus: Operation {
    package init() {}

    package typealias Answer = StatusDocument
    package static let outline = OperationOutline.reporting(
        "status",
        "Identity, hubs, services and pending requests of the sidecar."
    )

    package func perform(
        on sidecar: inout Sidecar,
        id: CommandID,
        at now: Clocks,
        seeing view: any SidecarView
    ) -> [SidecarAction] {
        [.answer(id, sidecar.statusDocument(at: now, seeing: view))]
    }
}

/// Reads the configuration again, and answers when it is in effect.
package struct ReadConfiguration: Operation {
    package init() {}

    package typealias Answer = StatusDocument.Configuration
    package static let outline = OperationOutline.changing(
        "configuration/read",
        "Read the configuration file again; answered when it is in effect."
    )

    package func perform(
        on sidecar: inout Sidecar,
        id: CommandID,
        at now: Clocks,
        seeing view: any SidecarView
    ) -> [SidecarAction] {
        [.readConfiguration(id)]
    }
}

/// Reads the audit trail.
package struct ListAudit: Operation {
    /// Only entries from this time on; nil: all.
    package let since: Timestamp?

    package init(since: Timestamp? = nil) {
        self.since = since
    }

    /// The entries as they are stored.
    package typealias Answer = [JSONValue]
    package static let outline = OperationOutline.reporting(
        "audit",
        "The entries of the audit trail, the oldest first."
    )

    package func perform(
        on sidecar: inout Sidecar,
        id: CommandID,
        at now: Clocks,
        seeing view: any SidecarView
    ) -> [SidecarAction] {
        [.readAudit(id, since: since)]
    }
}
