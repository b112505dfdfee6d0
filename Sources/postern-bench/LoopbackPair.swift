import Logging
import NIOCore
import NIOPosix
import OverlayCore
import OverlayCrypto
import OverlayNIO
import OverlayWire

/// Two nodes that talk over UDP on loopback, each on an event loop and thread of its own.
final class LoopbackPair {
    static let port = VirtualPort(80)

    let client: NIOLoopBound<OverlayNode>
    let server: NIOLoopBound<OverlayNode>
    let serverKey: NodeKey
    private let serverPeer: PeerConfiguration
    private let clientPeer: PeerConfiguration
    private let group: MultiThreadedEventLoopGroup

    /// Starts both; `accept` makes the handlers of the streams that they open to each other.
    convenience init(accept: @escaping @Sendable () -> any OverlayStreamHandler) throws {
        try self.init { _ in AcceptingObserver(accept: accept) }
    }

    /// Starts both; `makeObserver` makes the observer of each, on its loop.
    init(makeObserver: @escaping @Sendable (OverlayNode) -> any OverlayObserver) throws {
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 2)
        self.group = group
        let first = try NodeIdentity(seed: Array(repeating: 1, count: 32))
        let second = try NodeIdentity(seed: Array(repeating: 2, count: 32))
        serverKey = second.key
        client = try Self.makeNode(first, on: group.next(), makeObserver: makeObserver)
        server = try Self.makeNode(second, on: group.next(), makeObserver: makeObserver)
        let clientEndpoints = try Self.start(client)
        let serverEndpoints = try Self.start(server)
        serverPeer = PeerConfiguration(key: second.key, candidates: serverEndpoints)
        clientPeer = PeerConfiguration(key: first.key, candidates: clientEndpoints)
        try forgetSession()
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
        for node in [client, server] { try node.eventLoop.flatSubmit { node.value.stop() }.wait() }
        try group.syncShutdownGracefully()
    }

    /// Packets that the client has sent.
    func packetsSent() throws -> UInt64 {
        let client = client
        return try client.eventLoop.submit { client.value.statistics.packetsSent }.wait()
    }

    private static func makeNode(
        _ identity: NodeIdentity,
        on eventLoop: any EventLoop,
        makeObserver: @escaping @Sendable (OverlayNode) -> any OverlayObserver
    ) throws -> NIOLoopBound<OverlayNode> {
        let loopback = try SocketAddress(ipAddress: "127.0.0.1", port: 0)
        return try eventLoop.submit {
            var settings = OverlayNode.Settings.defaults
            settings.listen = [loopback]
            let quiet = Logger(label: "bench") { _ in SwiftLogNoOpLogHandler() }
            let node = OverlayNode(eventLoop: eventLoop, identity: identity, settings: settings, logger: quiet)
            node.observer = makeObserver(node)
            return NIOLoopBound(node, eventLoop: eventLoop)
        }.wait()
    }

    private static func start(_ node: NIOLoopBound<OverlayNode>) throws -> [Endpoint] {
        try node.eventLoop.flatSubmit { node.value.start() }.wait().compactMap { Endpoint($0) }
    }
}

/// Gives every stream a handler and ignores everything else.
final class AcceptingObserver: OverlayObserver {
    private let accept: () -> any OverlayStreamHandler

    init(accept: @escaping () -> any OverlayStreamHandler) {
        self.accept = accept
    }

    func overlayAccepts(
        stream: OverlayStream,
        from peer: NodeKey,
        port: VirtualPort
    ) -> (any OverlayStreamHandler)? {
        accept()
    }

    func overlaySession(with peer: NodeKey, is change: SessionChange) {}
    func overlayReceived(datagram: ByteBuffer, from peer: NodeKey, port: VirtualPort) {}
    func overlayReplayFloor(of peer: NodeKey, is timestamp: UInt64) {}
    func overlayObserved(_ endpoint: Endpoint, by peer: NodeKey) {}
    func overlayLearned(candidates: [Endpoint], of peer: NodeKey) {}
}
