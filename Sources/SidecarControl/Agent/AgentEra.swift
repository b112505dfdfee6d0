import PosternModel

/// The revisions of MCP in which the agent may speak with us.
enum AgentEra: Hashable, Sendable {
    /// Each request says who asks and in which revision: 2026-07-28.
    case stateless
    /// A session begins with `initialize`: 2025-11-25 and before.
    case session

    static let statelessVersion = "2026-07-28"
    static let sessionVersions = ["2025-11-25", "2025-06-18", "2025-03-26", "2024-11-05"]
    /// Of what MCP says in `_meta`.
    static let metaPrefix = "io.modelcontextprotocol/"
}

/// JSON-RPC's codes for errors, and MCP's.
enum AgentErrorCode {
    static let parseError: Int64 = -32_700
    static let invalidRequest: Int64 = -32_600
    static let methodNotFound: Int64 = -32_601
    static let invalidParams: Int64 = -32_602
    static let headerMismatch: Int64 = -32_020
    static let unsupportedVersion: Int64 = -32_022
    static let resourceNotFound: Int64 = -32_002
}

/// A message of the agent, read as far as we go by it.
struct AgentMessage: Sendable {
    /// Nil for a notification.
    let id: JSONValue?
    let method: String
    let params: JSONObject
    let era: AgentEra
    /// How the agent's client calls itself.
    let client: String

    /// What is wrong with a body that is no message.
    enum Fault: Error {
        case syntax
        case notAMessage
        case noSession
        case unsupported(String, id: JSONValue?)
    }

    /// Reads `body`; `session` is the name that the client gave itself when it began one.
    init(_ body: [UInt8], session: String?) throws(Fault) {
        guard let document = try? JSONValue(parsing: body) else { throw .syntax }
        guard let object = document.object, object["jsonrpc"] == "2.0", let method = object["method"]?.string else {
            throw .notAMessage
        }
        let id = object["id"]
        switch id {
        case nil, .string?, .integer?: break
        case .null?, .bool?, .double?, .array?, .object?: throw .notAMessage
        }
        if let params = object["params"], params.object == nil { throw .notAMessage }
        self.id = id
        self.method = method
        params = object["params"]?.object ?? JSONObject()
        let meta = params["_meta"]
        if let version = meta?[AgentEra.metaPrefix + "protocolVersion"]?.string {
            guard version == AgentEra.statelessVersion else { throw .unsupported(version, id: id) }
            era = .stateless
        } else {
            era = .session
        }
        let info = meta?[AgentEra.metaPrefix + "clientInfo"] ?? params["clientInfo"]
        client = PlainText.clean(info?["name"]?.string ?? session ?? "unnamed", limit: 64)
    }

    /// Under which name the client wants to hear of progress; nil: it does not.
    var progressToken: JSONValue? {
        switch params["_meta"]?["progressToken"] {
        case let token? where token.string != nil || token.integer != nil: token
        case _: nil
        }
    }

    /// What a request is about, which fields of HTTP repeat.
    var name: String? {
        switch method {
        case "tools/call", "prompts/get": params["name"]?.string
        case "resources/read": params["uri"]?.string
        case _: nil
        }
    }
}
