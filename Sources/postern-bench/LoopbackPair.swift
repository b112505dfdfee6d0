import Logging
import NIOCore
import NIOPosix
import OverlayCore
import OverlayCrypto
import OverlayNIO
import OverlayWire
import PosternModel

/// Two nodes that talk over UDP on loopback, each on an event loop and thread of its own.
final class LoopbackPair {
    static let port = VirtualPort(80)

    /// How the two reach each other.
    enum Route {
        case direct
        /// Neither goes directly to the other: a third node, on a loop and thread of its own, relays.
        case relayed
    }

    let client: NIOLoopBound<OverlayNode>
    let server: NIOLoopBound<OverlayNode>
    let serverKey: NodeKey
    private let serverPeer: PeerConfiguration
    private let clientPeer: PeerConfiguration
    private let group: MultiThreadedEventLoopGroup
    private var relay: Relay?

    /// Starts both; `accept` makes the handlers of the streams that they open to each other.
    convenience init(
        _ route: Route = .direct,
        maxPacketSize: Int = NodeSettings.defaults.maxPacketSize,
        accept: @escaping @Sendable () -> any OverlayStreamHandler
    ) throws {
        try self.init(route, maxPacketSize: maxPacketSize) { _ in AcceptingObserver(accept: accept) }
    }

    /// Starts both; `makeObserver` makes the observer of each, on its loop.
    init(
        _ route: Route = .direct,
        maxPacketSize: Int = NodeSettings.defaults.maxPacketSize,
        makeObserver: @escaping @Sendable (OverlayNode) -> any OverlayObserver
    ) throws {
        let group = MultiThreadedEventLoopGroup(numberOfThreads: route == .direct ? 2 : 3)
        self.group = group
        let first = try NodeIdentity(seed: Array(repeating: 1, count: 32))
        let second = try NodeIdentity(seed: Array(repeating: 2, count: 32))
        serverKey = second.key
        let make = { (identity: NodeIdentity) in
            try Self.makeNode(
                identity,
                on: group.next(),
                usesDirectPaths: route == .direct,
                maxPacketSize: maxPacketSize,
                makeObserver: makeObserver
            )
        }
        (client, server) = (try make(first), try make(second))
        let clientEndpoints = try Self.start(client)
        let serverEndpoints = try Self.start(server)
        serverPeer = PeerConfiguration(
            key: second.key,
            candidates: route == .direct ? Candidate.hosts(serverEndpoints) : []
        )
        clientPeer = PeerConfiguration(
            key: first.key,
            candidates: route == .direct ? Candidate.hosts(clientEndpoints) : []
        )
        try forgetSession()
        if route == .relayed {
            relay = try Relay(between: client, first.key, and: server, second.key, on: group.next())
        }
    }

    /// Ends the session from both sides and lets each know the other again.
    func forgetSession() throws {
        let client = client
        let server = server
        let toServer = serverPeer
        let toClient = clientPeer
        try server.eventLoop.submit {
            server.value.expel(toClient.key, code: .none)
            server.value.admit(toClient)
        }.wait()
        try client.eventLoop.submit {
            client.value.expel(toServer.key, code: .none)
            client.value.admit(toServer)
        }.wait()
    }

    /// Stops both.
    func stop() throws {
        try relay?.stop()
        for node in [client, server] { try node.eventLoop.flatSubmit { node.value.stop() }.wait() }
        try group.syncShutdownGracefully()
    }

    /// Packets that the client has sent.
    func packetsSent() throws -> UInt64 {
        let client = client
        return try client.eventLoop.submit { client.value.statistics.packetsSent }.wait()
    }

    /// Packets that the relay passed on; none where there is no relay.
    func packetsRelayed() throws -> UInt64 {
        try relay?.packetsRelayed() ?? 0
    }

    /// Packets that both have sent.
    func packetsBothWays() throws -> UInt64 {
        let server = server
        return try packetsSent() + server.eventLoop.submit { server.value.statistics.packetsSent }.wait()
    }

    /// Seconds that the relay's thread has spent on a processor; none where there is no relay.
    func relaySeconds() throws -> Double {
        try relay?.processorSeconds() ?? 0
    }

    /// A node that is quiet until it is started: on loopback, or at another address of this host.
    static func makeNode(
        _ identity: NodeIdentity,
        at address: String = "127.0.0.1",
        on eventLoop: any EventLoop,
        acceptsUnknownPeers: Bool = false,
        usesDirectPaths: Bool = true,
        maxPacketSize: Int = NodeSettings.defaults.maxPacketSize,
        makeObserver: @escaping @Sendable (OverlayNode) -> any OverlayObserver
    ) throws -> NIOLoopBound<OverlayNode> {
        let place = try SocketAddress(ipAddress: address, port: 0)
        return try eventLoop.submit {
            let node = node(
                identity,
                at: place,
                on: eventLoop,
                acceptsUnknownPeers: acceptsUnknownPeers,
                usesDirectPaths: usesDirectPaths,
                maxPacketSize: maxPacketSize
            )
            node.observer = makeObserver(node)
            return NIOLoopBound(node, eventLoop: eventLoop)
        }.wait()
    }

    /// On its loop: a node that listens at `place` and takes as many packets as come.
    static func node(
        _ identity: NodeIdentity,
        at place: SocketAddress,
        on eventLoop: any EventLoop,
        acceptsUnknownPeers: Bool = false,
        usesDirectPaths: Bool = true,
        maxPacketSize: Int = NodeSettings.defaults.maxPacketSize
    ) -> OverlayNode {
        var settings = OverlayNode.Settings.defaults
        settings.listen = [place]
        settings.node.acceptsUnknownPeers = acceptsUnknownPeers
        settings.node.usesDirectPaths = usesDirectPaths
        settings.node.maxPacketSize = maxPacketSize
        // Everything comes from one address, as fast as it can.
        settings.node.maxHandshakesPerSecond = 1_000_000
        settings.node.maxHandshakesPerSource = 1_000_000
        settings.node.relayRate = .max
        settings.node.relayRatePerPeer = .max
        let quiet = Logger(label: "bench") { _ in SwiftLogNoOpLogHandler() }
        return OverlayNode(eventLoop: eventLoop, identity: identity, settings: settings, logger: quiet)
    }

    /// Starts a node; where it is then.
    static func start(_ node: NIOLoopBound<OverlayNode>) throws -> [Endpoint] {
        try node.eventLoop.flatSubmit { node.value.start() }.wait().compactMap { Endpoint($0) }
    }
}
