import ArgumentParser
import NIOCore
import NIOPosix
import PosternModel
import SidecarControl
import SidecarCore

/// `postern call`
struct CallCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "call",
        abstract: "One JSON-RPC call to a peer's service; streaming answers are printed as they come.",
        discussion: """
            For MCP services the call follows the revision of 2026-07-28, or is made in a session where the agent wants
            one; for A2A the methods of 1.0. For example:
              postern call research:tools tools/call '{"name":"echo","arguments":{"text":"hello"}}'

            Exit status 1 for an error of the agent, which is printed as its answer, and where no answer came.
            """
    )

    @Argument(
        help: ArgumentHelp(
            "Whose service: PEER:SERVICE, SERVICE being a name or a virtual port.",
            valueName: "peer:service"
        )
    )
    var target: RemoteService

    @Argument(help: ArgumentHelp("The JSON-RPC method.", valueName: "method"))
    var method: String

    @Argument(help: ArgumentHelp("The parameters, a JSON object.", valueName: "params-json"))
    var params = "{}"

    @Option(
        name: .long,
        help: ArgumentHelp("How long to wait for a peer that is away. Default: 4s.", valueName: "time")
    )
    var timeout = Lifetime.seconds(4)

    @Option(name: .long, help: ArgumentHelp("The path at the agent. Default: /mcp for MCP, else /.", valueName: "path"))
    var path: String?

    @OptionGroup var sidecar: SidecarOptions
    @OptionGroup var output: OutputOptions

    func validate() throws {
        guard (try? JSONValue(parsing: params))?.object != nil else {
            throw ValidationError("the parameters are not a JSON object")
        }
    }

    func run() async throws {
        let kind = try await kind()
        let port = try await sidecar.ask(OpenLocalPort(peer: target.peer, service: target.service)).listen.port
        let params = try JSONValue(parsing: params)
        let body = { [method] (params: JSONValue) -> JSONValue in
            ["jsonrpc": "2.0", "id": 1, "method": .string(method), "params": params]
        }
        let call = JSONRPCCall(
            port: Int(port),
            path: path ?? (kind == .mcp ? "/mcp" : "/"),
            fields: Self.fields(kind: kind, method: method, params: params),
            body: body(kind == .mcp ? params.withClientMetadata : params)
        )
        var answer = try await Self.perform(call, mayNeedSession: kind == .mcp)
        if let refusal = answer.refusal {
            let group = MultiThreadedEventLoopGroup.singleton
            if let session = try await MCPSession(path: call.path, port: call.port, group: group) {
                answer = try await Self.perform(session.call(body(params)), mayNeedSession: false)
                await session.end()
            } else if refusal != .null {
                answer.take(refusal)
            }
        }
        if let failure = answer.failure { throw failure }
        if answer.isSilent { throw Self.noAnswer(answer.head) }
        guard answer.head.isSuccess, !answer.isError else {
            if !output.json, let hint = Self.hint(for: method, kind: kind) { Console.complain("hint: \(hint)") }
            throw ExitCode(1)
        }
    }

    /// What came of a call; its documents are printed as they come.
    private struct Answer {
        var head = JSONRPCCall.Head()
        var isSilent = true
        var isError = false
        var failure: CommandFailure?
        /// The agent may want a session first, and said this in the place of an answer.
        var refusal: JSONValue?

        mutating func take(_ document: JSONValue) {
            isSilent = false
            failure = failure ?? CallCommand.failure(document, head)
            guard failure == nil else { return }
            if document["error"] != nil { isError = true }
            Console.print(document.compactText)
        }
    }

    private static func perform(_ call: JSONRPCCall, mayNeedSession: Bool) async throws -> Answer {
        var answer = Answer()
        answer.head = try await call.perform(group: MultiThreadedEventLoopGroup.singleton) { document, head in
            answer.head = head
            if mayNeedSession, answer.isSilent, MCPSession.mayHelp(document, head) {
                answer.refusal = answer.refusal ?? document
            } else {
                answer.take(document)
            }
        }
        if mayNeedSession, answer.isSilent, MCPSession.mayHelp(nil, answer.head) {
            answer.refusal = answer.refusal ?? .null
        }
        return answer
    }

    /// Why `document` is no answer to the call; nil: it is one.
    static func failure(_ document: JSONValue, _ head: JSONRPCCall.Head) -> CommandFailure? {
        if let code = head.sidecarError {
            let error = document["error"]
            return CommandFailure(
                .failed,
                code: code,
                message: cleaned(error?["message"]) ?? "the call was refused with status \(head.status)",
                hint: cleaned(error?["data"]?["hint"]) ?? "`postern doctor PEER` looks at each step of the way to it"
            )
        }
        guard !head.isSuccess, document["jsonrpc"] == nil else { return nil }
        return noAnswer(head, cleaned(.string(document.compactText)))
    }

    /// What came was no JSON-RPC, but `text`; nil: no JSON at all.
    private static func noAnswer(_ head: JSONRPCCall.Head, _ text: String? = nil) -> CommandFailure {
        CommandFailure(
            .failed,
            code: "no-answer",
            message: "the agent answers with status \(head.status) and " + (text.map { "\($0)" } ?? "no JSON"),
            hint: "see whether it speaks JSON-RPC there; --path names another path"
        )
    }

    /// A text of strangers as a terminal may show it.
    private static func cleaned(_ text: JSONValue?) -> String? { text?.string.map { PlainText.clean($0, limit: 500) } }

    /// The method that was probably meant; nil: this one is.
    static func hint(for method: String, kind: ServiceKind) -> String? {
        switch kind {
        case .a2a:
            if let renamed = A2ANames.current[method] { return "A2A 1.0 calls \(method) \(renamed)" }
            let methods = Array(A2ANames.current.values)
            guard !methods.contains(method) else { return nil }
            return Suggestion.nearest(to: method, among: methods).map { "did you mean \($0)?" }
        case .mcp:
            guard !Self.mcpMethods.contains(method) else { return nil }
            return Suggestion.nearest(to: method, among: Self.mcpMethods).map { "did you mean \($0)?" }
        case .http, .tcp, .udp, .stdio:
            return nil
        }
    }

    /// Requests of MCP 2026-07-28.
    private static let mcpMethods = [
        "tools/list", "tools/call", "prompts/list", "prompts/get", "resources/list", "resources/read",
        "resources/templates/list", "completion/complete", "server/discover",
    ]

    private func kind() async throws -> ServiceKind {
        let offered: [Service]
        do {
            offered = try await sidecar.withClient {
                try await $0.answer(
                    to: ListServices(peer: target.peer),
                    within: .nanoseconds(timeout.interval.nanoseconds)
                )
            }
        } catch let failure as CommandFailure where ["timeout", "peer-away"].contains(failure.code) {
            throw CommandFailure(
                .failed,
                code: "peer-away",
                message: "\(target.peer) does not answer",
                hint: "`postern doctor \(target.peer)` looks at each step of the way to it"
            )
        }
        guard let kind = offered.first(where: target.service.matches)?.kind else {
            throw CommandFailure(
                .failed,
                code: "no-such-service",
                message: "\(target.peer) offers us no service \(target.service)",
                hint: "see `postern services \(target.peer)`"
            )
        }
        guard kind.isHTTP else {
            throw CommandFailure(
                .failed,
                code: "wrong-kind",
                message: "\(target.service) of \(target.peer) is a \(kind.rawValue) service, not one of JSON-RPC",
                hint: "reach it with an entry in `reach:` and its own client"
            )
        }
        return kind
    }

    /// The headers that the protocol of `kind` wants with `method`.
    static func fields(kind: ServiceKind, method: String, params: JSONValue) -> [(String, String)] {
        switch kind {
        case .mcp:
            var fields = [("mcp-protocol-version", "2026-07-28"), ("mcp-method", method)]
            // MCP 2026-07-28: these methods mirror what they are about.
            let named = ["tools/call": "name", "prompts/get": "name", "resources/read": "uri"]
            if let name = named[method].flatMap({ params[$0]?.string }) { fields.append(("mcp-name", name)) }
            return fields
        case .a2a: return [("a2a-version", "1.0")]
        case .http, .tcp, .udp, .stdio: return []
        }
    }
}

/// How A2A 1.0 calls what earlier versions named by paths.
private enum A2ANames {
    static let current = [
        "message/send": "SendMessage", "message/stream": "SendStreamingMessage", "tasks/get": "GetTask",
        "tasks/list": "ListTasks", "tasks/cancel": "CancelTask", "tasks/resubscribe": "SubscribeToTask",
        "agent/getAuthenticatedExtendedCard": "GetExtendedAgentCard",
    ]
}

/// A service of a peer, written PEER:SERVICE.
struct RemoteService: ExpressibleByArgument {
    let peer: PeerName
    let service: ServiceTarget

    init?(argument: String) {
        guard let colon = argument.lastIndex(of: ":"), let peer = PeerName(argument[..<colon]),
            let service = ServiceTarget(argument[argument.index(after: colon)...])
        else { return nil }
        self.peer = peer
        self.service = service
    }
}

extension JSONValue {
    /// The parameters with MCP's `_meta` of 2026-07-28: every request says revision and client.
    var withClientMetadata: JSONValue {
        guard var object else { return self }
        var meta = object["_meta"]?.object ?? JSONObject()
        let prefix = "io.modelcontextprotocol/"
        let own: [(String, JSONValue)] = [
            ("protocolVersion", "2026-07-28"),
            ("clientInfo", ["name": "postern", "version": .string(Postern.version)]),
            ("clientCapabilities", [:]),
        ]
        for (key, value) in own where meta[prefix + key] == nil { meta[prefix + key] = value }
        object["_meta"] = .object(meta)
        return .object(object)
    }
}
