import Foundation
import NIOCore
import NIOHTTP1
import PosternModel

/// A sample MCP server with three tools. It speaks the revision of 2026-07-28, where each request stands alone, and the
/// ones before, which begin with `initialize`.
struct SampleToolAgent: Sendable {
    private static let modern = "2026-07-28"
    private static let legacy = ["2025-11-25", "2025-06-18", "2025-03-26"]

    /// The answer to a request at `/mcp`.
    func answer(_ request: AgentRequest) -> AgentReply {
        guard request.path == "/mcp" else {
            return Self.failure(nil, -32_600, "the endpoint is /mcp", status: .notFound)
        }
        guard request.method == "POST" else {
            return Self.failure(nil, -32_600, "the endpoint takes POST", status: .methodNotAllowed)
        }
        guard let document = request.document, let method = document["method"]?.string else {
            return Self.failure(nil, -32_700, "the body is no JSON-RPC request", status: .badRequest)
        }
        guard let id = document["id"] else { return .accepted }
        let version = request.headers.first(name: "mcp-protocol-version")
        let isModern = version == Self.modern
        if let version, !isModern, !Self.legacy.contains(version) {
            let supported = ([Self.modern] + Self.legacy).map { JSONValue.string($0) }
            return Self.failure(
                id,
                -32_022,
                "the protocol version is not supported",
                data: ["supported": .array(supported)],
                status: .badRequest
            )
        }
        // Revision 2026-07-28, Streamable HTTP: routing headers and body must agree.
        if isModern, request.headers.first(name: "mcp-method") != method {
            return Self.failure(id, -32_020, "Mcp-Method and the body disagree", status: .badRequest)
        }
        return perform(method, params: document["params"], id: id, isModern: isModern)
    }

    private func perform(_ method: String, params: JSONValue?, id: JSONValue, isModern: Bool) -> AgentReply {
        switch method {
        case "initialize":
            let wanted = params?["protocolVersion"]?.string ?? ""
            let version = Self.legacy.contains(wanted) ? wanted : Self.legacy[0]
            return Self.success(
                id,
                ["protocolVersion": .string(version), "capabilities": ["tools": [:]], "serverInfo": Self.serverInfo]
            )
        case "server/discover":
            return Self.success(
                id,
                [
                    "resultType": "complete", "supportedVersions": [.string(Self.modern)],
                    "capabilities": ["tools": [:]], "serverInfo": Self.serverInfo, "ttlMs": 60_000,
                    "cacheScope": "public",
                ]
            )
        case "ping":
            return Self.success(id, [:])
        case "tools/list":
            var result: JSONObject = JSONObject()
            if isModern {
                result["resultType"] = "complete"
                result["ttlMs"] = 60_000
                result["cacheScope"] = "public"
            }
            result["tools"] = Self.tools
            return Self.success(id, .object(result))
        case "tools/call":
            return call(params, id: id, isModern: isModern)
        case _:
            return Self.failure(id, -32_601, "no method \(method)", status: isModern ? .notFound : .ok)
        }
    }

    private func call(_ params: JSONValue?, id: JSONValue, isModern: Bool) -> AgentReply {
        let arguments = params?["arguments"]
        switch params?["name"]?.string {
        case "echo":
            return Self.success(id, Self.result(arguments?["text"]?.string ?? "", isModern: isModern))
        case "time":
            let now = Date().formatted(.iso8601)
            return Self.success(id, Self.result(now, isModern: isModern))
        case "slow":
            let steps = Int(min(max(arguments?["steps"]?.integer ?? 3, 1), 20))
            var events: [JSONValue] = []
            if let token = params?["_meta"]?["progressToken"] {
                events = (1...steps).map { Self.progress(token, step: $0, of: steps) }
            }
            events.append(Self.message(id, Self.result("done in \(steps) steps", isModern: isModern)))
            return .events(events, pause: .milliseconds(300))
        case let name:
            return Self.failure(id, -32_602, "no tool \(name ?? "")", status: .ok)
        }
    }

    private static let serverInfo: JSONValue = ["name": "postern sample tools", "version": .string(Postern.version)]

    private static let tools: JSONValue = [
        [
            "name": "echo", "description": "Answers with the text it is given.",
            "inputSchema": [
                "type": "object", "properties": ["text": ["type": "string"]], "required": ["text"],
            ],
        ],
        ["name": "time", "description": "Tells the time where the agent runs.", "inputSchema": ["type": "object"]],
        [
            "name": "slow", "description": "Works in steps of 300 ms and tells its progress.",
            "inputSchema": [
                "type": "object", "properties": ["steps": ["type": "integer", "minimum": 1, "maximum": 20]],
            ],
        ],
    ]

    private static func result(_ text: String, isModern: Bool) -> JSONValue {
        var result = JSONObject()
        if isModern { result["resultType"] = "complete" }
        result["content"] = [["type": "text", "text": .string(text)]]
        result["isError"] = false
        return .object(result)
    }

    private static func progress(_ token: JSONValue, step: Int, of steps: Int) -> JSONValue {
        [
            "jsonrpc": "2.0", "method": "notifications/progress",
            "params": [
                "progressToken": token, "progress": .integer(Int64(step)), "total": .integer(Int64(steps)),
                "message": .string("step \(step) of \(steps)"),
            ],
        ]
    }

    private static func message(_ id: JSONValue, _ result: JSONValue) -> JSONValue {
        ["jsonrpc": "2.0", "id": id, "result": result]
    }

    private static func success(_ id: JSONValue, _ result: JSONValue) -> AgentReply {
        .document(message(id, result), status: .ok)
    }

    private static func failure(
        _ id: JSONValue?,
        _ code: Int64,
        _ message: String,
        data: JSONValue? = nil,
        status: AgentStatus
    ) -> AgentReply {
        var error = JSONObject()
        error["code"] = .integer(code)
        error["message"] = .string(message)
        error["data"] = data
        return .document(["jsonrpc": "2.0", "id": id ?? .null, "error": .object(error)], status: status)
    }
}
