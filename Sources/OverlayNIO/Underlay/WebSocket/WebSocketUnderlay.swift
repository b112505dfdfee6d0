import Logging
import NIOCore
import NIOSSL
import OverlayCore
import OverlayWire
import PosternModel

/// WebSocket connections (RFC 6455) in which each message is a packet: what leads to hubs where UDP does not
/// (`Protocol.md` §3.5). A hub takes them, a node opens one.
final class WebSocketUnderlay: Underlay {
    private let eventLoop: any EventLoop
    private let log: Logger
    private let maxConnections: Int
    private(set) var connections: [ConnectionID: WebSocketConnection] = [:]
    private var lastID: UInt64 = 0
    private var listeners: [any Channel] = []
    private var client: (any UnderlayClient)?

    /// It takes at most `maxConnections` from others.
    init(maxConnections: Int, on eventLoop: any EventLoop, logger: Logger) {
        self.maxConnections = maxConnections
        self.eventLoop = eventLoop
        log = logger
    }

    // Connections have no addresses.
    let localAddresses: [Endpoint] = []
    let reachable: [(endpoint: Endpoint, base: Endpoint)] = []
    let maximumSegments = 1

    func start(for client: any UnderlayClient) -> EventLoopFuture<Void> {
        self.client = client
        return eventLoop.makeSucceededVoidFuture()
    }

    func stop() -> EventLoopFuture<Void> {
        client = nil
        let closed = listeners.map(\.closeFuture) + connections.values.compactMap { $0.close() }
        for listener in listeners { listener.close(promise: nil) }
        listeners.removeAll()
        connections.removeAll()
        return EventLoopFuture.andAllComplete(closed, on: eventLoop)
    }

    func refresh() -> Bool { false }

    func send(_ bytes: UnsafeRawBufferPointer, _ transmit: Transmit) -> SendOutcome {
        guard case .connection(let id) = transmit.destination, let connection = connections[id] else { return .unbound }
        let crowdedOut = connection.send(bytes, segmentSize: transmit.segmentSize)
        // TCP has no room: packets are dropped as a full link drops them, and never wait here without a bound.
        if crowdedOut > 0 { client?.underlayDropped(crowdedOut) }
        return .sent
    }

    // MARK: Connections

    /// Closes a connection.
    func close(_ id: ConnectionID) {
        _ = connections.removeValue(forKey: id)?.close()
    }

    /// Takes connections at `address`, over TLS if there is a `context`. The result is the bound address.
    func listen(at address: SocketAddress, context: NIOSSLContext?) -> EventLoopFuture<SocketAddress> {
        let listener = WebSocketListener(
            context: context,
            hasRoom: { self.connections.count < self.maxConnections },
            adopt: { _ = try self.adopt($0, role: .server, closed: { _ in }) }
        )
        return listener.bind(to: address, on: eventLoop).assumeIsolated().flatMapThrowing { channel in
            self.listeners.append(channel)
            guard let bound = channel.localAddress else { throw ChannelError.alreadyClosed }
            return bound
        }.nonisolated()
    }

    /// Opens a connection; `closed` is told when it is over.
    func open(_ dialer: WebSocketDialer, closed: @escaping (ConnectionID) -> Void) -> EventLoopFuture<ConnectionID> {
        dialer.dial(on: eventLoop) { try self.adopt($0, role: .client, closed: closed) }
    }

    /// A channel has become a WebSocket.
    private func adopt(
        _ channel: any Channel,
        role: WebSocketConnection.Role,
        closed: @escaping (ConnectionID) -> Void
    ) throws -> ConnectionID {
        guard client != nil else { throw ChannelError.alreadyClosed }
        lastID += 1
        let id = ConnectionID(lastID)
        let connection = WebSocketConnection(role: role) { event in
            switch event {
            case .packet(let bytes): self.received(bytes, from: id)
            case .rested: self.client?.receivedAll()
            case .closed:
                self.connections[id] = nil
                closed(id)
            }
        }
        try channel.pipeline.syncOperations.addHandlers([
            IdleStateHandler(readTimeout: WebSocketConnection.longestSilence), connection,
        ])
        connections[id] = connection
        log.debug("a WebSocket connection stands", metadata: ["connection": "\(id.rawValue)", "role": "\(role)"])
        return id
    }

    private func received(_ bytes: ByteBuffer, from id: ConnectionID) {
        client?.received(
            bytes.readableBytesSpan,
            segmentSize: bytes.readableBytes,
            from: .connection(id),
            to: .connection(id),
            ecn: .notECT
        )
    }
}
