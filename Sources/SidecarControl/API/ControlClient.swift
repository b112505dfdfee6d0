package import NIOCore
import NIOHTTP1
import NIOPosix
package import PosternModel
package import SidecarCore

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// Makes one call to the sidecar that runs on a state directory.
package struct ControlClient: Sendable {
    /// Bytes that an answer may have.
    private static let answerLimit = 16 << 20

    private let group: any EventLoopGroup
    private let socketPath: String

    /// A client of the sidecar whose control socket is at `socketPath`.
    package init(group: any EventLoopGroup, socketPath: String) {
        self.group = group
        self.socketPath = socketPath
    }

    /// The answer to `operation`. Throws ``PosternModel/Problem`` when the sidecar says no, and ``ControlClientError``.
    package func answer<Asked: Operation>(
        to operation: Asked,
        within limit: TimeAmount = .seconds(60)
    ) async throws -> Asked.Answer {
        let request = ControlRoute.request(for: operation)
        let bytes = try await exchange(request.method, request.target, request.body, limit)
        guard let document = try? JSONValue(parsing: bytes.body) else {
            throw ControlClientError.garbled
        }
        if (200..<300).contains(bytes.status) {
            guard let answer = try? Asked.Answer(decoding: document) else { throw ControlClientError.garbled }
            return answer
        }
        throw Problem(document: document).map { $0 as any Error } ?? ControlClientError.garbled
    }

    /// The answer of a program that is no sidecar to `call`. Throws as ``answer(to:within:)`` does.
    package func answer(to call: ControlCall) async throws -> JSONValue {
        let query = call.changesState ? "" : Query(call.parameters.object ?? JSONObject()).text
        let bytes = try await exchange(
            call.changesState ? "POST" : "GET",
            ControlRoute.api + call.path + (query.isEmpty ? "" : "?" + query),
            call.changesState ? call.parameters.compactBytes : [],
            .seconds(30)
        )
        guard let document = try? JSONValue(parsing: bytes.body) else { throw ControlClientError.garbled }
        if (200..<300).contains(bytes.status) { return document }
        throw Problem(document: document).map { $0 as any Error } ?? ControlClientError.garbled
    }

    /// A link that takes one browser to the status page, good for a minute. Throws as ``answer(to:within:)`` does.
    package func pageLink() async throws -> String {
        let bytes = try await exchange("POST", ControlRoute.linkPath, [], .seconds(10))
        guard let document = try? JSONValue(parsing: bytes.body) else { throw ControlClientError.garbled }
        if let url = document["url"]?.string { return url }
        throw Problem(document: document).map { $0 as any Error } ?? ControlClientError.garbled
    }

    /// A socket that may not be opened is somebody else's: whether a sidecar runs there is not for us to know.
    private static func failure(_ error: any Error, at path: String) -> ControlClientError {
        switch (error as? IOError)?.errnoCode {
        case EACCES, EPERM: .notPermitted(socketPath: path)
        case _: .notRunning(socketPath: path)
        }
    }

    /// A connection to the sidecar, which `prepare` makes ready on its loop. Throws ``ControlClientError``.
    func connect<Prepared: Sendable>(
        _ prepare: @escaping @Sendable (any Channel) throws -> Prepared
    ) async throws -> Prepared {
        do {
            return try await ClientBootstrap(group: group)
                .connectTimeout(.seconds(5))
                .connect(unixDomainSocketPath: socketPath) { channel in
                    channel.eventLoop.makeCompletedFuture { try prepare(channel) }
                }
        } catch {
            throw Self.failure(error, at: socketPath)
        }
    }

    private func exchange(
        _ method: String,
        _ target: String,
        _ body: [UInt8],
        _ limit: TimeAmount
    ) async throws -> (status: Int, body: [UInt8]) {
        let fields: HTTPHeaders = ["host": "localhost", "connection": "close", "content-length": "\(body.count)"]
        let head = HTTPRequestHead(
            version: .http1_1,
            method: HTTPMethod(rawValue: method),
            uri: target,
            headers: fields
        )
        let promise = group.next().makePromise(of: ClientAnswer.self)
        let channel: any Channel
        do {
            channel = try await connect { channel in
                let pipeline = channel.pipeline.syncOperations
                try pipeline.addHTTPClientHandlers()
                try pipeline.addHandler(
                    ClientConnection(head: head, body: body, answer: promise, byteLimit: Self.answerLimit)
                )
                return channel
            }
        } catch {
            promise.fail(error)
            throw error
        }
        let timer = channel.eventLoop.scheduleTask(in: limit) { promise.fail(ControlClientError.timedOut) }
        defer {
            timer.cancel()
            channel.close(promise: nil)
        }
        let answer = try await promise.futureResult.get()
        return (answer.status, answer.body)
    }
}

/// Why a call got no answer.
package enum ControlClientError: Error, Hashable, Sendable {
    /// Nobody listens on the control socket.
    case notRunning(socketPath: String)
    /// The control socket, or its directory, belongs to somebody else.
    case notPermitted(socketPath: String)
    /// The sidecar went away in the middle.
    case broken
    /// The sidecar took too long.
    case timedOut
    /// What came is not an answer of a sidecar.
    case garbled
}

private struct ClientAnswer: Sendable {
    var status: Int
    var body: [UInt8] = []
}

/// Asks as soon as it is connected, since the sidecar waits for a head only so long, and collects the one answer.
private final class ClientConnection: ChannelInboundHandler {
    typealias InboundIn = HTTPClientResponsePart
    typealias OutboundOut = HTTPClientRequestPart

    private let head: HTTPRequestHead
    private let body: [UInt8]
    private let answer: EventLoopPromise<ClientAnswer>
    private let byteLimit: Int
    private var collected: ClientAnswer?

    init(head: HTTPRequestHead, body: [UInt8], answer: EventLoopPromise<ClientAnswer>, byteLimit: Int) {
        self.head = head
        self.body = body
        self.answer = answer
        self.byteLimit = byteLimit
    }

    func channelActive(context: ChannelHandlerContext) {
        context.write(wrapOutboundOut(.head(head)), promise: nil)
        context.write(wrapOutboundOut(.body(.byteBuffer(ByteBuffer(bytes: body)))), promise: nil)
        context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
        context.fireChannelActive()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head(let head):
            collected = ClientAnswer(status: Int(head.status.code))
        case .body(let bytes):
            collected?.body += bytes.readableBytesView
            if collected?.body.count ?? 0 > byteLimit { fail(.garbled, context: context) }
        case .end:
            if let collected { answer.succeed(collected) }
        }
    }

    func channelInactive(context: ChannelHandlerContext) {
        answer.fail(ControlClientError.broken)
        context.fireChannelInactive()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        fail(.broken, context: context)
    }

    private func fail(_ error: ControlClientError, context: ChannelHandlerContext) {
        answer.fail(error)
        context.close(promise: nil)
    }
}
