import NIOCore
import NIOHTTP1
import NIOPosix
import PosternModel

/// A request to a sample agent.
struct AgentRequest: Sendable {
    let method: String
    let path: String
    let headers: HTTPHeaders
    let body: [UInt8]

    /// The body as JSON, if it is that.
    var document: JSONValue? { try? JSONValue(parsing: body) }
}

/// What a sample agent answers.
enum AgentReply: Sendable {
    /// A JSON document.
    case document(JSONValue, status: HTTPResponseStatus)
    /// Nothing, as to a notification.
    case accepted
    /// JSON documents as server-sent events, with a pause before each but the first.
    case events([JSONValue], pause: TimeAmount)
}

/// A small HTTP/1.1 server on loopback for the sample agents.
enum AgentServer {
    /// Larger requests are cut off.
    static let bodyLimit = 1 << 20

    /// Serves `answer` on any free loopback port.
    static func start(
        group: any EventLoopGroup,
        answer: @escaping @Sendable (AgentRequest) -> AgentReply
    ) async throws -> (channel: any Channel, port: Int) {
        let channel = try await ServerBootstrap(group: group)
            .serverChannelOption(.backlog, value: 64)
            .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    let pipeline = channel.pipeline.syncOperations
                    try pipeline.configureHTTPServerPipeline(withErrorHandling: true)
                    try pipeline.addHandler(AgentConnection(answer: answer))
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        return (channel, channel.localAddress?.port ?? 0)
    }
}

/// One client's connection to a sample agent.
private final class AgentConnection: ChannelInboundHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundOut = HTTPServerResponsePart

    private let answer: @Sendable (AgentRequest) -> AgentReply
    private var head: HTTPRequestHead?
    private var body: [UInt8] = []

    init(answer: @escaping @Sendable (AgentRequest) -> AgentReply) {
        self.answer = answer
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head(let head):
            self.head = head
            body = []
        case .body(let bytes):
            body += bytes.readableBytesView
            if body.count > AgentServer.bodyLimit { context.close(promise: nil) }
        case .end:
            guard let head else { return }
            let path = String(head.uri.prefix { $0 != "?" })
            let request = AgentRequest(method: head.method.rawValue, path: path, headers: head.headers, body: body)
            write(answer(request), context: context)
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        context.close(promise: nil)
    }

    private func write(_ reply: AgentReply, context: ChannelHandlerContext) {
        switch reply {
        case .document(let document, let status):
            let bytes = document.compactBytes
            let headers: HTTPHeaders = ["content-type": "application/json", "content-length": "\(bytes.count)"]
            writeHead(status, headers, context: context)
            context.write(wrapOutboundOut(.body(.byteBuffer(ByteBuffer(bytes: bytes)))), promise: nil)
            context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
        case .accepted:
            writeHead(.accepted, ["content-length": "0"], context: context)
            context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
        case .events(let documents, let pause):
            let headers: HTTPHeaders = ["content-type": "text/event-stream", "cache-control": "no-cache, no-transform"]
            writeHead(.ok, headers, context: context)
            write(documents[...], pause: pause, context: context)
        }
    }

    private func writeHead(_ status: HTTPResponseStatus, _ headers: HTTPHeaders, context: ChannelHandlerContext) {
        let head = HTTPResponseHead(version: .http1_1, status: status, headers: headers)
        context.write(wrapOutboundOut(.head(head)), promise: nil)
    }

    private func write(_ documents: ArraySlice<JSONValue>, pause: TimeAmount, context: ChannelHandlerContext) {
        guard let document = documents.first else {
            context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
            return
        }
        let event = ByteBuffer(string: "event: message\ndata: \(document.compactText)\n\n")
        context.writeAndFlush(wrapOutboundOut(.body(.byteBuffer(event))), promise: nil)
        let rest = documents.dropFirst()
        guard !rest.isEmpty else { return write(rest, pause: pause, context: context) }
        let bound = NIOLoopBound((self, context), eventLoop: context.eventLoop)
        context.eventLoop.scheduleTask(in: pause) {
            let (connection, context) = bound.value
            guard context.channel.isActive else { return }
            connection.write(rest, pause: pause, context: context)
        }
    }
}
