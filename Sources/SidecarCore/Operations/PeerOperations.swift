package import OverlayCore
import OverlayWire
package import PosternModel

/// What carries packets.
package enum Transport: String, Codable, WordList, Sendable {
    case udp
    case websocket

    /// What carries those of `session`.
    init(_ session: PeerStatus?) {
        self = session?.isInConnection == true ? .websocket : .udp
    }
}

/// The way that packets to a node take.
package struct PathDocument: Codable, Hashable, Sendable {
    /// Whether a hub carries them.
    package enum Kind: String, Codable, WordList, Sendable {
        case direct
        case relay
    }

    /// Direct, or through a hub.
    package let kind: Kind
    /// What carries them, at least to the hub.
    package let transport: Transport
    /// `ipv4` or `ipv6`; nil for a relay or a WebSocket.
    package let family: String?
    /// The largest UDP payload that is sent there, in bytes.
    package let packetSize: Int?
    /// What is wrong with it; nil: nothing is known to be.
    package let problem: String?

    /// The path in use of `session`; nil when there is none.
    package init?(_ session: PeerStatus?) {
        guard let session, session.isConnected, let path = session.path else { return nil }
        transport = Transport(session)
        packetSize = session.packetSize
        problem = session.carriesBase ? nil : "carries less than 1200 bytes"
        switch path {
        case .relay: (kind, family) = (.relay, nil)
        case .connection: (kind, family) = (.direct, nil)
        case .ipv4: (kind, family) = (.direct, "ipv4")
        case .ipv6: (kind, family) = (.direct, "ipv6")
        }
    }
}

/// A peer that is trusted or a fellow member, as `peers` shows it.
package struct PeerDocument: Codable, Hashable, Sendable {
    package let did: NodeKey
    /// The name that is bound to the peer; nil: it can be meant by its did only.
    package let name: String?
    /// What the peer calls itself, which identifies nobody.
    package let claims: String
    package let address: OverlayAddress
    package let networks: [String]
    package let trusted: Bool
    /// Since when a trust stands or stood; nil: none ever did.
    package let since: Timestamp?
    package let connected: Bool
    package let path: PathDocument?
    package let rttMs: Double?
    package let bytesSent: UInt64
    package let bytesReceived: UInt64
    package let relayedBytes: UInt64
    package let lastSeen: Timestamp?
    /// The version of Postern that it has said to be; nil: it has not.
    package let version: String?
}

/// Lists the peers.
package struct ListPeers: Operation {
    package init() {}

    package typealias Answer = [PeerDocument]
    package static let outline = OperationOutline.reporting(
        "peers",
        "Trusted peers and fellow members with address, path and round trip."
    )

    package func perform(
        on sidecar: inout Sidecar,
        id: CommandID,
        at now: Clocks,
        seeing view: any SidecarView
    ) -> [SidecarAction] {
        [.answer(id, sidecar.peerDocuments(at: now, seeing: view))]
    }
}

/// Asks a peer's sidecar what it offers us.
package struct ListServices: Operation {
    package let peer: PeerName

    package init(peer: PeerName) {
        self.peer = peer
    }

    package typealias Answer = [Service]
    package static let outline = OperationOutline.reporting("services", "What a peer offers to us.")

    package func perform(
        on sidecar: inout Sidecar,
        id: CommandID,
        at now: Clocks,
        seeing view: any SidecarView
    ) throws(Problem) -> [SidecarAction] {
        sidecar.askServices(of: try sidecar.trusted(peer, at: now), for: .command(id), at: now)
    }
}

/// Measures round trips to a peer, one after another.
package struct PingPeer: Operation {
    package let peer: PeerName
    /// From 1 to 100; nil: 4.
    package let count: Int?

    package init(peer: PeerName, count: Int? = nil) {
        self.peer = peer
        self.count = count
    }

    /// The round trips; lost ones are counted.
    package struct Answer: Codable, Hashable, Sendable {
        /// Of the round trips that were measured.
        package struct Times: Codable, Hashable, Sendable {
            package let min: Double
            /// Of an even number the mean of the two in the middle.
            package let median: Double
            package let max: Double

            /// Nil when there is none.
            package init?(_ milliseconds: [Double]) {
                let sorted = milliseconds.sorted()
                guard let first = sorted.first, let last = sorted.last else { return nil }
                min = first
                median = (sorted[(sorted.count - 1) / 2] + sorted[sorted.count / 2]) / 2
                max = last
            }
        }

        /// Round trips that were begun, and those that came back.
        package let sent: Int
        package let received: Int
        package let rttMs: Times?
        package let path: PathDocument?

        /// The round trips that took `milliseconds`, of `sent`.
        package init(sent: Int, milliseconds: [Double], path: PathDocument?) {
            self.sent = sent
            received = milliseconds.count
            rttMs = Times(milliseconds)
            self.path = path
        }
    }

    package static let outline = OperationOutline.acting("ping", "Round trips through the overlay, and their path.")

    package func perform(
        on sidecar: inout Sidecar,
        id: CommandID,
        at now: Clocks,
        seeing view: any SidecarView
    ) throws(Problem) -> [SidecarAction] {
        let count = count ?? 4
        guard (1...100).contains(count) else {
            throw Problem(code: "bad-arguments", message: "\"count\" must be from 1 to 100", hint: "omit it for 4")
        }
        let key = try sidecar.trusted(peer, at: now)
        return sidecar.want(key, at: now) + [.ping(id, key, count: count)]
    }
}

/// Starts a session with a peer now.
package struct ConnectPeer: Operation {
    package let peer: PeerName

    package init(peer: PeerName) {
        self.peer = peer
    }

    /// Whether there is one already.
    package struct Answer: Codable, Hashable, Sendable {
        package let did: NodeKey
        package let connected: Bool
    }

    package static let outline = OperationOutline.acting("connect", "Start a session with a peer now.")

    package func perform(
        on sidecar: inout Sidecar,
        id: CommandID,
        at now: Clocks,
        seeing view: any SidecarView
    ) throws(Problem) -> [SidecarAction] {
        let key = try sidecar.trusted(peer, at: now)
        let answer = Answer(did: key, connected: view.session(with: key)?.isConnected ?? false)
        return sidecar.want(key, at: now) + [.connect(key), .answer(id, answer)]
    }
}

/// Offers a peer's service on a local port until the sidecar ends, or tells at which one it is offered already.
package struct OpenLocalPort: Operation {
    package let peer: PeerName
    package let service: ServiceTarget

    package init(peer: PeerName, service: ServiceTarget) {
        self.peer = peer
        self.service = service
    }

    /// Where local clients find it.
    package struct Answer: Codable, Hashable, Sendable {
        package let peer: PeerName
        package let service: ServiceTarget
        package let listen: HostPort

        /// The answer that tells of `port`.
        package init(_ port: LocalPort) {
            peer = port.peer
            service = port.target
            listen = port.listen
        }
    }

    package static let outline = OperationOutline.acting(
        "local-ports",
        "Offer a peer's service on a local port until the sidecar ends."
    )

    package func perform(
        on sidecar: inout Sidecar,
        id: CommandID,
        at now: Clocks,
        seeing view: any SidecarView
    ) -> [SidecarAction] {
        let known = view.localPorts.first { $0.peer == peer && $0.target == service }
        return known.map { [.answer(id, Answer($0))] } ?? [.openLocalPort(id, peer, service)]
    }
}

extension ServiceTarget: TextRepresentable {
    package static var textMeaning: String { "a service's name or virtual port" }
    package static var textExample: String { "tools" }

    /// The form that ``init(text:)`` reads.
    package func encode(to encoder: any Encoder) throws {
        switch self {
        case .name(let name): try name.description.encode(to: encoder)
        case .port(let port): try String(port.rawValue).encode(to: encoder)
        }
    }

    package init(text: String) throws(Problem) {
        guard let target = ServiceTarget(text) else { throw .notAccepted(text, meaning: Self.textMeaning) }
        self = target
    }
}

extension Service: Codable {
    private enum CodingKeys: String, CodingKey {
        case name = "service"
        case port
        case kind
    }

    package init(from decoder: any Decoder) throws {
        let values = try decoder.container(keyedBy: CodingKeys.self)
        self.init(
            name: try values.decode(ServiceName.self, forKey: .name),
            port: try values.decode(VirtualPort.self, forKey: .port),
            kind: try values.decode(ServiceKind.self, forKey: .kind)
        )
    }

    package func encode(to encoder: any Encoder) throws {
        var values = encoder.container(keyedBy: CodingKeys.self)
        try values.encode(name, forKey: .name)
        try values.encode(port, forKey: .port)
        try values.encode(kind, forKey: .kind)
    }
}
