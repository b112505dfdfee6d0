import GatewayCore
import NIOCore
import NIOHTTP1
import PosternModel

/// One connection of a client to a bridge: its requests, one after the other, and their answers.
final class BridgeExchange: ChannelInboundHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundOut = HTTPServerResponsePart

    private let host: BridgeHost
    private let peer: NodeKey
    private var context: ChannelHandlerContext?
    private var head: HTTPRequestHead?
    private var body: [UInt8] = []
    /// The request that is not answered yet.
    private var current: Bridge.ExchangeID?

    init(_ host: BridgeHost, peer: NodeKey) {
        self.host = host
        self.peer = peer
    }

    /// Whether the client has not taken what it was sent.
    var isBlocked: Bool { context?.channel.isWritable == false }

    // MARK: Requests

    func channelActive(context: ChannelHandlerContext) {
        self.context = context
        context.read()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch Self.unwrapInboundIn(data) {
        case .head(let head):
            self.head = head
            body = []
        case .body(let part):
            guard head != nil else { return }
            body += part.readableBytesView
            if body.count > host.messageLimit {
                head = nil
                answer(.tooLarge(host.messageLimit))
                context.close(mode: .output, promise: nil)
            }
        case .end:
            guard let head else { return }
            let request = Bridge.Request(head, body: body)
            self.head = nil
            body = []
            isReceiving = true
            let number = host.receive(request, from: self, of: peer)
            isReceiving = false
            if isAnswered { isAnswered = false } else { current = number }
        }
    }

    /// Whether the answer may come before the request has its number.
    private var isReceiving = false
    private var isAnswered = false

    func channelReadComplete(context: ChannelHandlerContext) {
        context.read()
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        if context.channel.isWritable { host.resume() }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        context.close(promise: nil)
    }

    func channelInactive(context: ChannelHandlerContext) {
        self.context = nil
        if let current { host.closed(current) }
        current = nil
    }

    // MARK: Answers

    /// The whole answer.
    func answer(_ answer: BridgeAnswer) {
        complete()
        var fields = HTTPHeaders()
        if !answer.body.isEmpty { fields.add(name: "Content-Type", value: "application/json") }
        fields.add(name: "Content-Length", value: "\(answer.body.count)")
        if let session = answer.session { fields.add(name: "Mcp-Session-Id", value: session) }
        if let error = answer.error { fields.add(name: "Postern-Error", value: error.rawValue) }
        if let allow = answer.allow { fields.add(name: "Allow", value: allow) }
        write(.head(HTTPResponseHead(version: .http1_1, status: .init(statusCode: answer.status), headers: fields)))
        if !answer.body.isEmpty { write(.body(.byteBuffer(ByteBuffer(bytes: answer.body)))) }
        finish()
    }

    /// The head of an answer of events.
    func openEvents() {
        let fields: HTTPHeaders = [
            "Content-Type": "text/event-stream", "Cache-Control": "no-cache, no-transform", "X-Accel-Buffering": "no",
        ]
        write(.head(HTTPResponseHead(version: .http1_1, status: .ok, headers: fields)))
        context?.flush()
    }

    /// One event.
    func send(_ message: [UInt8]) {
        var event = ByteBuffer(string: "event: message\ndata: ")
        event.writeBytes(message)
        event.writeString("\n\n")
        write(.body(.byteBuffer(event)))
        context?.flush()
    }

    /// The end of the events.
    func endEvents() {
        complete()
        finish()
    }

    private func complete() {
        current = nil
        if isReceiving { isAnswered = true }
    }

    private func write(_ part: HTTPServerResponsePart) {
        context?.write(Self.wrapOutboundOut(part), promise: nil)
    }

    private func finish() {
        context?.writeAndFlush(Self.wrapOutboundOut(.end(nil)), promise: nil)
        context?.read()
    }
}

extension Bridge.Request {
    /// The request that has this head. What stands twice is what nobody said: two readers would differ.
    fileprivate init(_ head: HTTPRequestHead, body: [UInt8]) {
        let verb: Verb =
            switch head.method {
            case .POST: .post
            case .GET: .get
            case .DELETE: .delete
            case _: .other
            }
        func field(_ name: String) -> String? {
            let values = head.headers[name]
            return values.count == 1 ? values[0] : values.isEmpty ? nil : ""
        }
        let accept = head.headers[canonicalForm: "accept"]
        self.init(
            verb,
            session: field("Mcp-Session-Id"),
            version: field("MCP-Protocol-Version"),
            method: field("Mcp-Method"),
            name: field("Mcp-Name"),
            takesEvents: accept.contains {
                $0.hasPrefix("text/event-stream") || $0.hasPrefix("text/*") || $0.hasPrefix("*/*")
            },
            body: body
        )
    }
}
