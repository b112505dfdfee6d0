import NIOCore
import NIOHTTP1
import NIOPosix
import NIOSSL
import NIOWebSocket
import OverlayCore

/// Takes WebSocket connections at a TCP port, with TLS or without, straight from nodes or from a reverse proxy:
/// whatever the path is. Other requests get 426.
struct WebSocketListener {
    let context: NIOSSLContext?
    /// Whether another connection is taken.
    let hasRoom: () -> Bool
    /// A channel has become a WebSocket.
    let adopt: (any Channel) throws -> Void

    /// How long a connection may take until it is a WebSocket.
    private static let patience = TimeAmount.seconds(10)

    /// Binds to `address`.
    func bind(to address: SocketAddress, on eventLoop: any EventLoop) -> EventLoopFuture<any Channel> {
        let owner = NIOLoopBound(self, eventLoop: eventLoop)
        var bootstrap = ServerBootstrap(group: eventLoop)
            .serverChannelOption(.backlog, value: 256)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
        if case .v6 = address {
            // The IPv4 port of the same number is another listener.
            bootstrap = bootstrap.serverChannelOption(
                ChannelOptions.Types.SocketOption(level: .ipv6, name: .ipv6_v6only),
                value: 1
            )
        }
        return
            bootstrap
            .serverChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(AcceptBackoffHandler())
                }
            }
            .childWebSocketOptions()
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    let listener = owner.value
                    guard listener.hasRoom() else { throw ChannelError.connectPending }
                    try listener.receive(channel, owner: owner)
                }
            }
            .bind(to: address)
    }

    /// Waits for the request of a new connection.
    private func receive(_ channel: any Channel, owner: NIOLoopBound<WebSocketListener>) throws {
        let pipeline = channel.pipeline.syncOperations
        if let context { try pipeline.addHandler(NIOSSLServerHandler(context: context)) }
        let upgrader = NIOWebSocketServerUpgrader(
            maxFrameSize: Node.maximumPacketSize,
            shouldUpgrade: { channel, _ in channel.eventLoop.makeSucceededFuture(HTTPHeaders()) },
            upgradePipelineHandler: { channel, _ in
                channel.eventLoop.makeCompletedFuture {
                    let pipeline = channel.pipeline.syncOperations
                    pipeline.removeHandler(context: try pipeline.context(handlerType: Visit.self), promise: nil)
                    try owner.value.adopt(channel)
                }
            }
        )
        try pipeline.configureHTTPServerPipeline(
            withServerUpgrade: (upgraders: [upgrader], completionHandler: { _ in })
        )
        try pipeline.addHandler(Visit(patience: Self.patience))
    }
}

/// A connection that is no WebSocket yet, and is answered and closed if it does not become one.
private final class Visit: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundOut = HTTPServerResponsePart

    private let patience: TimeAmount
    private var deadline: Scheduled<Void>?

    init(patience: TimeAmount) {
        self.patience = patience
    }

    func handlerAdded(context: ChannelHandlerContext) {
        deadline = context.eventLoop.assumeIsolated().scheduleTask(in: patience) { context.close(promise: nil) }
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        deadline?.cancel()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch Self.unwrapInboundIn(data) {
        case .head, .body: break
        case .end: answer(in: context)
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        context.close(promise: nil)
    }

    /// RFC 9110 §15.5.22.
    private func answer(in context: ChannelHandlerContext) {
        let body = ByteBuffer(string: "This is a Postern hub; nodes reach it here over WebSocket.\n")
        let headers: HTTPHeaders = [
            "Upgrade": "websocket", "Connection": "upgrade, close", "Content-Type": "text/plain",
            "Content-Length": "\(body.readableBytes)",
        ]
        let head = HTTPResponseHead(version: .http1_1, status: .upgradeRequired, headers: headers)
        context.write(Self.wrapOutboundOut(.head(head)), promise: nil)
        context.write(Self.wrapOutboundOut(.body(.byteBuffer(body))), promise: nil)
        context.writeAndFlush(Self.wrapOutboundOut(.end(nil))).assumeIsolated().whenComplete { _ in
            context.close(promise: nil)
        }
    }
}

extension ChannelOptions.Types.WriteBufferWaterMark {
    /// How much of packets waits for TCP.
    static var packets: Self {
        Self(low: WebSocketConnection.lowWater, high: WebSocketConnection.highWater)
    }
}

extension ServerBootstrap {
    /// The options of a connection that carries packets.
    fileprivate func childWebSocketOptions() -> ServerBootstrap {
        let bootstrap = childChannelOption(.writeBufferWaterMark, value: .packets)
            .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
        #if os(Linux)
        return bootstrap.childChannelOption(.tcpOption(.notSentLowWater), value: unsentBytes)
        #else
        return bootstrap
        #endif
    }
}

#if os(Linux)
extension NIOBSDSocket.Option {
    /// `TCP_NOTSENT_LOWAT` of Linux's `tcp.h`.
    static let notSentLowWater = NIOBSDSocket.Option(rawValue: 25)
}

/// Bytes that wait in the kernel beside those on their way: more would only make packets late.
let unsentBytes: SocketOptionValue = 128 << 10
#endif
