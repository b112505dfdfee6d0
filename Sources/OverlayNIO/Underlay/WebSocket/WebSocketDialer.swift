import NIOCore
import NIOHTTP1
import NIOPosix
import NIOSSL
import NIOWebSocket
import OverlayCore
import PosternModel

/// Opens a WebSocket connection to a hub: TCP, a proxy's tunnel if there is one, TLS if the URL says so, and the
/// upgrade (RFC 6455 §4.1).
struct WebSocketDialer {
    let url: WebSocketURL
    let proxy: WebProxies.Proxy?
    /// For a secured URL.
    let context: NIOSSLContext?

    /// How long TCP and all together may take.
    private static let connectPatience = TimeAmount.seconds(5)
    private static let patience = TimeAmount.seconds(10)

    /// Connects. `adopt` is given the channel once it is a WebSocket.
    func dial<Result: Sendable>(
        on eventLoop: any EventLoop,
        adopt: @escaping (any Channel) throws -> Result
    ) -> EventLoopFuture<Result> {
        let place = proxy?.place ?? url.place
        let promise = eventLoop.makePromise(of: Result.self)
        bootstrap(eventLoop).connect(host: place.host, port: Int(place.port)).assumeIsolated().whenComplete {
            switch $0 {
            case .success(let channel):
                let limit = eventLoop.assumeIsolated().scheduleTask(in: Self.patience) {
                    promise.fail(ChannelError.connectTimeout(Self.patience))
                }
                promise.futureResult.assumeIsolated().whenComplete {
                    limit.cancel()
                    if case .failure = $0 { channel.close(promise: nil) }
                }
                self.tunnel(channel).assumeIsolated().flatMapThrowing {
                    try self.upgrade(channel, promise: promise, adopt: adopt)
                }.whenFailure(promise.fail)
            case .failure(let error):
                promise.fail(error)
            }
        }
        return promise.futureResult
    }

    private func bootstrap(_ eventLoop: any EventLoop) -> ClientBootstrap {
        let bootstrap = ClientBootstrap(group: eventLoop)
            .connectTimeout(Self.connectPatience)
            .channelOption(.writeBufferWaterMark, value: .packets)
            .channelOption(.tcpOption(.tcp_nodelay), value: 1)
        #if os(Linux)
        return bootstrap.channelOption(.tcpOption(.notSentLowWater), value: unsentBytes)
        #else
        return bootstrap
        #endif
    }

    /// Asks the proxy to lead to the hub.
    private func tunnel(_ channel: any Channel) -> EventLoopFuture<Void> {
        guard let proxy else { return channel.eventLoop.makeSucceededVoidFuture() }
        let opened = channel.eventLoop.makePromise(of: Void.self)
        do {
            let tunnel = ProxyTunnel(to: url.place, authorization: proxy.authorization, opened: opened)
            try channel.pipeline.syncOperations.addHandler(tunnel)
        } catch {
            opened.fail(error)
        }
        return opened.futureResult
    }

    private func upgrade<Result: Sendable>(
        _ channel: any Channel,
        promise: EventLoopPromise<Result>,
        adopt: @escaping (any Channel) throws -> Result
    ) throws {
        let pipeline = channel.pipeline.syncOperations
        if let context {
            // RFC 6066 §3: addresses are not indicated.
            let name = url.place.address == nil ? url.place.host : nil
            try pipeline.addHandler(NIOSSLClientHandler(context: context, serverHostname: name))
        }
        let owner = NIOLoopBound(adopt, eventLoop: channel.eventLoop)
        let upgrader = NIOWebSocketClientUpgrader(maxFrameSize: Node.maximumPacketSize) { channel, _ in
            channel.eventLoop.makeCompletedFuture {
                let pipeline = channel.pipeline.syncOperations
                pipeline.removeHandler(context: try pipeline.context(handlerType: Knock.self), promise: nil)
                promise.completeWith(Swift.Result { try owner.value(channel) })
            }
        }
        try pipeline.addHTTPClientHandlers(
            leftOverBytesStrategy: .forwardBytes,
            withClientUpgrade: (upgraders: [upgrader], completionHandler: { _ in })
        )
        try pipeline.addHandler(Knock(at: url, refused: promise.fail))
    }
}

/// Why there is no WebSocket connection.
enum WebSocketRefusal: Error, CustomStringConvertible {
    /// The hub, or what stands before it, answered with this status.
    case answered(UInt)
    /// The proxy did.
    case proxyAnswered(String)
    /// The connection ended before.
    case closed

    var description: String {
        switch self {
        case .answered(let status): "the answer to the WebSocket request was \(status)"
        case .proxyAnswered(let line): "the proxy answered \(line)"
        case .closed: "the connection was closed before it was a WebSocket"
        }
    }
}

/// Sends the request for a WebSocket, and hears of it if it is refused.
private final class Knock: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPClientResponsePart
    typealias OutboundOut = HTTPClientRequestPart

    private let url: WebSocketURL
    private let refused: (any Error) -> Void

    init(at url: WebSocketURL, refused: @escaping (any Error) -> Void) {
        self.url = url
        self.refused = refused
    }

    func handlerAdded(context: ChannelHandlerContext) {
        let head = HTTPRequestHead(version: .http1_1, method: .GET, uri: url.path, headers: ["Host": url.authority])
        context.write(Self.wrapOutboundOut(.head(head)), promise: nil)
        context.writeAndFlush(Self.wrapOutboundOut(.end(nil)), promise: nil)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch Self.unwrapInboundIn(data) {
        case .head(let head): refused(WebSocketRefusal.answered(head.status.code))
        case .body, .end: break
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        refused(error)
    }

    func channelInactive(context: ChannelHandlerContext) {
        refused(WebSocketRefusal.closed)
        context.fireChannelInactive()
    }
}
