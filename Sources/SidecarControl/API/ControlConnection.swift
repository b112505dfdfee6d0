import Logging
import NIOCore
import NIOHTTP1
import PosternModel
import SidecarCore

/// One connection of the control API: collects a request, asks the backend, writes the response.
final class ControlConnection: ChannelInboundHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundOut = HTTPServerResponsePart

    private enum State {
        /// Between requests.
        case idle
        /// The body is coming.
        case reading(HTTPRequestHead, body: [UInt8])
        /// The rest of a body that is too large is thrown away.
        case skipping(HTTPRequestHead)
        /// The backend works.
        case answering
    }

    private let door: ControlDoor
    private let server: ControlServer
    private let connections: ConnectionTable
    private let backend: any ControlBackend
    private let settings: ControlSettings
    private let logger: Logger
    private var state = State.idle
    /// When the next request has to be here.
    private var deadline: Scheduled<Void>?

    init(
        door: ControlDoor,
        server: ControlServer,
        connections: ConnectionTable,
        backend: any ControlBackend,
        settings: ControlSettings,
        logger: Logger
    ) {
        self.door = door
        self.server = server
        self.connections = connections
        self.backend = backend
        self.settings = settings
        self.logger = logger
    }

    func channelActive(context: ChannelHandlerContext) {
        expectRequest(within: settings.requestTimeout, context: context)
        context.fireChannelActive()
    }

    func channelInactive(context: ChannelHandlerContext) {
        deadline?.cancel()
        context.fireChannelInactive()
    }

    /// However slowly it trickles in, the whole request is here by then, or the connection ends.
    private func expectRequest(within limit: TimeAmount, context: ChannelHandlerContext) {
        deadline = context.eventLoop.assumeIsolated().scheduleTask(in: limit) { context.close(promise: nil) }
    }

    private func requestCame(_ context: ChannelHandlerContext) {
        deadline?.cancel()
        connections.asked(context.channel)
        state = .answering
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch (unwrapInboundIn(data), state) {
        case (.head(let head), _):
            state = .reading(head, body: [])
        case (.body(let bytes), .reading(let head, var body)):
            if body.count + bytes.readableBytes > settings.bodyLimit(of: head.uri) {
                state = .skipping(head)
            } else {
                body += bytes.readableBytesView
                state = .reading(head, body: body)
            }
        case (.body, .idle), (.body, .skipping), (.body, .answering):
            break
        case (.end, .reading(let head, let body)):
            requestCame(context)
            answer(head, body: body, context: context)
        case (.end, .skipping(let head)):
            requestCame(context)
            write(.tooLarge(limit: settings.bodyLimit(of: head.uri)), to: head, closing: true, context: context)
        case (.end, .idle), (.end, .answering):
            break
        }
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if event is IdleStateHandler.IdleStateEvent {
            context.close(promise: nil)
        } else {
            context.fireUserInboundEventTriggered(event)
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        context.close(promise: nil)
    }

    private func answer(_ head: HTTPRequestHead, body: [UInt8], context: ChannelHandlerContext) {
        let outcome: EventLoopFuture<ControlOutcome>
        do {
            let client = LoopbackClient(local: context.channel.localAddress, remote: context.channel.remoteAddress)
            let route = try Self.route(of: head, body: body, from: client, through: door)
            outcome = serve(route, head, context: context)
        } catch {
            outcome = context.eventLoop.makeSucceededFuture(.reply(error.reply))
        }
        let bound = NIOLoopBound((self, context), eventLoop: context.eventLoop)
        outcome.hop(to: context.eventLoop).whenComplete { result in
            let (connection, context) = bound.value
            switch result {
            case .success(.reply(let reply)): connection.write(reply, to: head, closing: false, context: context)
            case .success(.events(let fields, let start)):
                connection.beginEvents(fields, start: start, context: context)
            case .failure: context.close(promise: nil)
            }
        }
    }

    private func serve(
        _ route: ControlRoute,
        _ head: HTTPRequestHead,
        context: ChannelHandlerContext
    ) -> EventLoopFuture<ControlOutcome> {
        switch route {
        case .events where !backend.isSidecar, .agent where !backend.isSidecar:
            return context.eventLoop.makeSucceededFuture(.reply(ControlReply(RouteError.unknownPath)))
        case .events where head.method == .HEAD:
            return context.eventLoop.makeSucceededFuture(.reply(ControlReply(status: .ok)))
        case .events:
            let (backend, loop) = (backend, context.eventLoop)
            return loop.makeSucceededFuture(
                .events(fields: [:]) { PageFeed(backend: backend, loop: loop).run(into: $0) }
            )
        case .agent(let body):
            let endpoint = AgentEndpoint(backend: backend, loop: context.eventLoop, isStrict: door.isOpenToAll)
            return endpoint.answer(AgentExchange(head, body: body))
        case .page, .health, .readiness, .keys, .metrics, .description, .entry, .link, .operation, .other:
            return serve(route, accepting: head.headers["accept"]).map { .reply($0) }
        }
    }

    /// What the request asks for, after everything that forbids it was looked at.
    private static func route(
        of head: HTTPRequestHead,
        body: [UInt8],
        from client: LoopbackClient?,
        through door: ControlDoor
    ) throws(Rejection) -> ControlRoute {
        let now = NIODeadline.now()
        let caller = ControlCaller(
            hosts: head.headers["host"],
            origins: head.headers["origin"],
            sites: head.headers["sec-fetch-site"],
            cookies: head.headers["cookie"],
            authorization: head.headers.first(name: "authorization"),
            isOwnUser: { client?.isOwnUser ?? true }
        )
        do {
            // Who may not ask at all learns nothing of the paths.
            try door.check(caller, route: .health, at: now)
        } catch {
            throw Rejection(ControlReply(error))
        }
        let route: ControlRoute
        do {
            route = try ControlRoute(method: head.method.rawValue, target: head.uri, body: body)
        } catch {
            // Nor of what a request has to hold.
            do { try door.check(caller, route: .description, at: now) } catch { throw Rejection(ControlReply(error)) }
            throw Rejection(ControlReply(error))
        }
        do {
            try door.check(caller, route: route, at: now)
        } catch {
            throw Rejection(ControlReply(error))
        }
        return route
    }

    private func serve(_ route: ControlRoute, accepting types: [String]) -> EventLoopFuture<ControlReply> {
        switch route {
        case .page:
            if let page = backend.page() {
                return page.map { page in
                    ControlReply(status: .ok, contentType: "text/html; charset=utf-8", body: page.html)
                }
            }
            return backend.readiness().map { _ in
                ControlReply(status: .ok, contentType: "text/html; charset=utf-8", body: StatusPage.html)
            }
        case .health:
            return backend.readiness().map { _ in ControlReply(["alive": true]) }
        case .readiness:
            return backend.readiness().map {
                ControlReply(JSONValue(encoding: $0), status: $0.isReady ? .ok : .serviceUnavailable)
            }
        case .keys:
            return backend.readiness().map { [backend] _ in ControlReply(backend.keySet) }
        case .metrics:
            let format = MetricText.Format(accepting: types)
            return backend.metrics().map {
                ControlReply(status: .ok, contentType: format.contentType, body: MetricText.write($0, as: format))
            }
        case .description:
            return backend.readiness().map { [backend] _ in ControlReply(OpenAPI.document(version: backend.version)) }
        case .entry(let secret):
            let cookie = server.enter(secret, at: .now())
            return backend.readiness().map { _ in cookie.map(ControlReply.entered) ?? .usedLink }
        case .link:
            let link = server.link(at: .now())
            return backend.readiness().map { _ in
                link.map { ControlReply(["url": .string($0)]) } ?? .noPage
            }
        case .operation(let operation):
            return perform(operation)
        case .other(let call):
            guard let answer = backend.answer(call) else {
                return backend.readiness().map { _ in ControlReply(RouteError.unknownPath) }
            }
            return reply(with: answer)
        case .events, .agent: preconditionFailure("these are answered by streams")
        }
    }

    private func perform(_ operation: some Operation) -> EventLoopFuture<ControlReply> {
        reply(with: backend.perform(operation, by: .owner).map { JSONValue(encoding: $0) })
    }

    private func reply(with answer: EventLoopFuture<JSONValue>) -> EventLoopFuture<ControlReply> {
        answer.map { ControlReply($0) }.flatMapErrorThrowing { [logger] error in
            if let problem = error as? Problem { return ControlReply(problem) }
            logger.error("a control call failed", metadata: ["error": "\(error)"])
            return ControlReply(
                Problem(code: "internal", message: "the sidecar could not do it: \(error)", hint: "see its log")
            )
        }
    }

    private static func commonFields(_ contentType: String, _ more: [String: String]) -> HTTPHeaders {
        var headers = HTTPHeaders()
        if !contentType.isEmpty { headers.add(name: "content-type", value: contentType) }
        headers.add(name: "cache-control", value: "no-store")
        headers.add(name: "x-content-type-options", value: "nosniff")
        headers.add(name: "referrer-policy", value: "no-referrer")
        headers.add(name: "content-security-policy", value: StatusPage.policy)
        for (name, value) in more { headers.add(name: name, value: value) }
        return headers
    }

    /// Begins a response of events, behind which the connection ends.
    private func beginEvents(
        _ fields: [String: String],
        start: (EventSink) -> Void,
        context: ChannelHandlerContext
    ) {
        var headers = Self.commonFields("text/event-stream", fields)
        headers.replaceOrAdd(name: "cache-control", value: "no-cache, no-store, no-transform")
        headers.add(name: "connection", value: "close")
        let head = HTTPResponseHead(version: .http1_1, status: .ok, headers: headers)
        context.writeAndFlush(wrapOutboundOut(.head(head)), promise: nil)
        start(EventSink(context.channel))
    }

    private func write(
        _ reply: ControlReply,
        to head: HTTPRequestHead,
        closing: Bool,
        context: ChannelHandlerContext
    ) {
        state = .idle
        connections.answered(context.channel)
        expectRequest(within: settings.idleTimeout, context: context)
        let isLast = closing || !head.isKeepAlive
        var headers = Self.commonFields(reply.contentType, reply.fields)
        headers.add(name: "content-length", value: "\(reply.body.count)")
        if isLast { headers.add(name: "connection", value: "close") }
        let version = HTTPVersion.http1_1
        let responseHead = HTTPResponseHead(version: version, status: reply.status, headers: headers)
        context.write(wrapOutboundOut(.head(responseHead)), promise: nil)
        if head.method != .HEAD {
            context.write(wrapOutboundOut(.body(.byteBuffer(ByteBuffer(bytes: reply.body)))), promise: nil)
        }
        let written = context.eventLoop.makePromise(of: Void.self)
        if isLast {
            let bound = NIOLoopBound(context, eventLoop: context.eventLoop)
            written.futureResult.whenComplete { _ in bound.value.close(promise: nil) }
        }
        context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: written)
    }
}

/// A request that is answered without asking the backend.
private struct Rejection: Error {
    let reply: ControlReply

    init(_ reply: ControlReply) {
        self.reply = reply
    }
}
