import NIOCore
import NIOHTTP1
import PosternModel
import SidecarCore

/// A POST of the agent: the message, and what the fields say beside it.
struct AgentExchange: Sendable {
    let body: [UInt8]
    let version: String?
    let method: String?
    let name: String?
    let session: String?
    let takesEvents: Bool

    init(_ head: HTTPRequestHead, body: [UInt8]) {
        self.body = body
        version = head.headers.first(name: "mcp-protocol-version")
        method = head.headers.first(name: "mcp-method")
        name = head.headers.first(name: "mcp-name")
        session = head.headers.first(name: "mcp-session-id")
        takesEvents = head.headers["accept"].contains { $0.lowercased().contains("text/event-stream") }
    }
}

/// The agent's MCP endpoint over HTTP (MCP 2026-07-28 and 2025-11-25, Streamable HTTP).
///
/// It keeps no state: the id of a session is the name that the client gave itself, so that no restart of the sidecar
/// loses one. There is nothing that it would say on its own, so it has no GET.
struct AgentEndpoint: Sendable {
    let backend: any ControlBackend
    let loop: any EventLoop
    /// Whether the fields have to say what the body says, since programs between decide by them.
    let isStrict: Bool

    func answer(_ exchange: AgentExchange) -> EventLoopFuture<ControlOutcome> {
        let message: AgentMessage
        do throws(AgentMessage.Fault) {
            let client = try exchange.session.map { id throws(AgentMessage.Fault) in try Self.client(of: id) }
            message = try AgentMessage(exchange.body, session: client)
        } catch {
            return done(Self.refusal(error))
        }
        // Nothing is to be said to a notification, and there is none by which we would go.
        guard message.id != nil else { return done(ControlReply(status: .accepted)) }
        if let field = disagreement(exchange, message) {
            let text = "the field \(field) and the body do not say the same"
            return done(Self.reply(.init(code: AgentErrorCode.headerMismatch, message: text), message.id, .badRequest))
        }
        let server = AgentServer(backend: backend, loop: loop)
        if exchange.takesEvents, message.progressToken != nil || server.isSlow(message) {
            return loop.makeSucceededFuture(
                .events(fields: [:]) { sink in
                    server.answer(message) { sink.send("message", $0.compactText) }.whenSuccess { answer in
                        if let answer { sink.send("message", answer.compactText) }
                        sink.end()
                    }
                }
            )
        }
        return server.answer(message).map { .reply(Self.reply(to: message, with: $0 ?? .null)) }
    }

    private func done(_ reply: ControlReply) -> EventLoopFuture<ControlOutcome> {
        loop.makeSucceededFuture(.reply(reply))
    }

    private static func reply(to message: AgentMessage, with answer: JSONValue) -> ControlReply {
        var reply = ControlReply(answer, status: status(of: answer, message.era))
        if message.method == "initialize", answer["result"] != nil {
            reply.fields["Mcp-Session-Id"] = sessionPrefix + Base64URL.encode(Array(message.client.utf8))
        }
        return reply
    }

    /// MCP 2026-07-28: the errors that have a status of their own.
    private static func status(of answer: JSONValue, _ era: AgentEra) -> HTTPResponseStatus {
        guard era == .stateless else { return .ok }
        switch answer["error"]?["code"]?.integer {
        case AgentErrorCode.methodNotFound?: return .notFound
        case AgentErrorCode.invalidRequest?, AgentErrorCode.invalidParams?: return .badRequest
        case _: return .ok
        }
    }

    private static let sessionPrefix = "agent-"

    /// The client of the session `id`.
    private static func client(of id: String) throws(AgentMessage.Fault) -> String {
        guard id.hasPrefix(sessionPrefix), let bytes = Base64URL.decode(String(id.dropFirst(sessionPrefix.count))),
            let name = String(validating: bytes, as: UTF8.self)
        else { throw .noSession }
        return name
    }

    /// The field that does not say what the body says.
    private func disagreement(_ exchange: AgentExchange, _ message: AgentMessage) -> String? {
        guard isStrict else { return nil }
        switch message.era {
        case .session:
            return exchange.version == AgentEra.statelessVersion ? "MCP-Protocol-Version" : nil
        case .stateless:
            if exchange.version != AgentEra.statelessVersion { return "MCP-Protocol-Version" }
            if exchange.method != message.method { return "Mcp-Method" }
            guard let name = message.name else { return nil }
            return exchange.name.map(Self.decoded) == name ? nil : "Mcp-Name"
        }
    }

    /// The value of a field: what is not visible ASCII is encoded.
    private static func decoded(_ value: String) -> String {
        let prefix = "=?base64?"
        guard value.hasPrefix(prefix), value.hasSuffix("?=") else { return value }
        let text = value.dropFirst(prefix.count).dropLast(2).prefix { $0 != "=" }
        let bytes = Base64URL.decode(text.replacing("+", with: "-").replacing("/", with: "_"))
        return bytes.map { String(decoding: $0, as: UTF8.self) } ?? value
    }

    private static func refusal(_ fault: AgentMessage.Fault) -> ControlReply {
        switch fault {
        case .syntax:
            return reply(.init(code: AgentErrorCode.parseError, message: "the body is not JSON"), nil, .badRequest)
        case .notAMessage:
            let text = "the body is not one JSON-RPC request or notification"
            return reply(.init(code: AgentErrorCode.invalidRequest, message: text), nil, .badRequest)
        case .noSession:
            let text = "there is no such session: initialize again"
            return reply(.init(code: -32_001, message: text), nil, .notFound)
        case .unsupported(let version, let id):
            let text = "MCP \(PlainText.clean(version, limit: 32)) is not spoken here"
            let data: JSONValue = [
                "supported": .texts([AgentEra.statelessVersion] + AgentEra.sessionVersions),
                "requested": .string(version),
            ]
            let failure = AgentServer.Failure(code: AgentErrorCode.unsupportedVersion, message: text, data: data)
            return reply(failure, id, .badRequest)
        }
    }

    private static func reply(
        _ failure: AgentServer.Failure,
        _ id: JSONValue?,
        _ status: HTTPResponseStatus
    ) -> ControlReply {
        ControlReply(AgentServer.error(failure, id: id), status: status)
    }
}
