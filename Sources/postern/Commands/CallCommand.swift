import ArgumentParser
import NIOPosix
import PosternModel
import SidecarControl

/// `postern call`
struct CallCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "call",
        abstract: "One JSON-RPC call to a peer's service; streaming answers are printed as they come.",
        discussion: """
            For MCP services the call follows the revision of 2026-07-28; for A2A the methods of 1.0. For example:
              postern call research:tools tools/call '{"name":"echo","arguments":{"text":"hello"}}'
            """
    )

    @Argument(
        help: ArgumentHelp(
            "Whose service: PEER:SERVICE, SERVICE being a name or a virtual port.",
            valueName: "peer:service"
        )
    )
    var target: String

    @Argument(help: ArgumentHelp("The JSON-RPC method.", valueName: "method"))
    var method: String

    @Argument(help: ArgumentHelp("The parameters, a JSON object.", valueName: "params-json"))
    var params = "{}"

    @Option(name: .long, help: ArgumentHelp("The path at the agent. Default: /mcp for MCP, else /.", valueName: "path"))
    var path: String?

    @OptionGroup var sidecar: SidecarOptions
    @OptionGroup var output: OutputOptions

    func validate() throws {
        guard let colon = target.lastIndex(of: ":"), colon > target.startIndex, target.last != ":" else {
            throw ValidationError("\(target) is not PEER:SERVICE")
        }
        guard (try? JSONValue(parsing: params))?.object != nil else {
            throw ValidationError("the parameters are not a JSON object")
        }
    }

    func run() async throws {
        guard let colon = target.lastIndex(of: ":") else { return }
        let peer = String(target[..<colon])
        let service = String(target[target.index(after: colon)...])
        let kind = try await kind(of: service, at: peer)
        let door = try await sidecar.ask(.door(peer: peer, service: service))
        guard let port = door["listen"]?.string?.split(separator: ":").last.flatMap({ Int($0) }) else {
            throw CommandFailure(ControlClientError.garbled)
        }
        var isError = false
        let call = JSONRPCCall(
            port: port,
            path: path ?? (kind == "mcp" ? "/mcp" : "/"),
            fields: Self.fields(kind: kind, method: method, params: try JSONValue(parsing: params)),
            body: [
                "jsonrpc": "2.0", "id": 1, "method": .string(method), "params": try Self.params(params, kind: kind),
            ]
        )
        let status = try await call.perform(group: MultiThreadedEventLoopGroup.singleton) { document in
            if document["error"] != nil { isError = true }
            Console.print(document.compactText)
        }
        guard (200..<300).contains(status), !isError else { throw ExitCode(1) }
    }

    private func kind(of service: String, at peer: String) async throws -> String {
        let offered = try await sidecar.ask(.services(peer: peer)).array ?? []
        let entry = offered.first { entry in
            entry["service"]?.string == service || entry["port"]?.integer.map(String.init) == service
        }
        guard let kind = entry?["kind"]?.string else {
            throw CommandFailure(
                .failed,
                code: "no-such-service",
                message: "\(peer) offers us no service \(service)",
                hint: "see `postern services \(peer)`"
            )
        }
        guard kind != "tcp" else {
            throw CommandFailure(
                .failed,
                code: "wrong-kind",
                message: "\(service) of \(peer) is a tcp service, not one of JSON-RPC",
                hint: "reach it with an entry in `reach:` and its own client"
            )
        }
        return kind
    }

    /// The headers that the protocol of `kind` wants with `method`.
    static func fields(kind: String, method: String, params: JSONValue) -> [(String, String)] {
        switch kind {
        case "mcp":
            var fields = [("mcp-protocol-version", "2026-07-28"), ("mcp-method", method)]
            // MCP 2026-07-28: these methods mirror what they are about.
            let named = ["tools/call": "name", "prompts/get": "name", "resources/read": "uri"]
            if let name = named[method].flatMap({ params[$0]?.string }) { fields.append(("mcp-name", name)) }
            return fields
        case "a2a": return [("a2a-version", "1.0")]
        case _: return []
        }
    }

    /// The parameters with what MCP wants in every request.
    private static func params(_ text: String, kind: String) throws -> JSONValue {
        let params = try JSONValue(parsing: text)
        return kind == "mcp" ? params.withClientMetadata : params
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
