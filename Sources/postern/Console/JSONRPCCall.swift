import NIOCore
import NIOHTTP1
import NIOPosix
import PosternModel
import SidecarControl

/// One JSON-RPC call over HTTP/1.1 to a local port, its answers told as they come.
struct JSONRPCCall: Sendable {
    /// Bytes of one answer or event.
    private static let answerLimit = 16 << 20

    var port: Int
    var path: String
    var fields: [(String, String)]
    var body: JSONValue

    /// What stands before the body of a response.
    struct Head {
        /// The HTTP status.
        var status = 0
        /// The code of an error of a sidecar, the one here or the peer's; nil: the agent answers.
        var sidecarError: String?
        /// The session that the agent has begun (MCP 2025-11-25, basic/transports).
        var session: String?

        var isSuccess: Bool { (200..<300).contains(status) }
    }

    /// Makes the call. `each` gets every document of the response: the one of a JSON body, or those of its events.
    func perform(group: any EventLoopGroup, each: (JSONValue, Head) -> Void) async throws -> Head {
        try await Self.exchange(
            group: group,
            port: port,
            method: .POST,
            path: path,
            fields: fields + [("content-type", "application/json"), ("accept", "application/json, text/event-stream")],
            body: body.compactBytes,
            each: each
        )
    }

    /// The document at `path`.
    static func get(_ path: String, port: Int, group: any EventLoopGroup) async throws -> (Int, JSONValue?) {
        var document: JSONValue?
        let head = try await exchange(
            group: group,
            port: port,
            method: .GET,
            path: path,
            fields: [("accept", "application/json")],
            body: [],
            each: { found, _ in document = found }
        )
        return (head.status, document)
    }

    /// Ends the session that `fields` name, which the agent may refuse.
    static func end(path: String, port: Int, fields: [(String, String)], group: any EventLoopGroup) async throws {
        _ = try await exchange(
            group: group,
            port: port,
            method: .DELETE,
            path: path,
            fields: fields,
            body: [],
            each: { _, _ in }
        )
    }

    private static func exchange(
        group: any EventLoopGroup,
        port: Int,
        method: HTTPMethod,
        path: String,
        fields: [(String, String)],
        body: [UInt8],
        each: (JSONValue, Head) -> Void
    ) async throws -> Head {
        let channel = try await ClientBootstrap(group: group)
            .connectTimeout(.seconds(5))
            .connect(host: "127.0.0.1", port: port) { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHTTPClientHandlers()
                    return try NIOAsyncChannel<HTTPClientResponsePart, HTTPClientRequestPart>(
                        wrappingChannelSynchronously: channel
                    )
                }
            }
        return try await channel.executeThenClose { inbound, outbound in
            var head = HTTPRequestHead(version: .http1_1, method: method, uri: path)
            head.headers.add(name: "host", value: "127.0.0.1:\(port)")
            head.headers.add(name: "connection", value: "close")
            if method == .POST { head.headers.add(name: "content-length", value: "\(body.count)") }
            for (name, value) in fields { head.headers.add(name: name, value: value) }
            var parts = [HTTPClientRequestPart.head(head)]
            if !body.isEmpty { parts.append(.body(.byteBuffer(ByteBuffer(bytes: body)))) }
            // Who refuses the call may have answered and closed before all of it was written: what it says is read.
            try? await outbound.write(contentsOf: parts + [.end(nil)])
            var answer = Head()
            var reader = EventReader(limit: answerLimit)
            for try await part in inbound {
                switch part {
                case .head(let head):
                    answer.status = Int(head.status.code)
                    answer.sidecarError = head.headers.first(name: "postern-error")
                    answer.session = head.headers.first(name: MCPSession.field)
                    reader.isEventStream =
                        head.headers.first(name: "content-type")?.hasPrefix("text/event-stream") == true
                case .body(let bytes):
                    do throws(EventReader.TooLarge) {
                        for document in try reader.read(bytes.readableBytesView) { each(document, answer) }
                    } catch {
                        throw CommandFailure(
                            .failed,
                            code: "too-large",
                            message: "the answer is too large",
                            hint: "use an HTTP client"
                        )
                    }
                case .end:
                    if let document = reader.end() { each(document, answer) }
                    return answer
                }
            }
            throw CommandFailure(.failed, code: "broken", message: "the answer was cut off", hint: "try again")
        }
    }
}
