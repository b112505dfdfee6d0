import PosternModel

/// A whole answer of a bridge over HTTP.
package struct BridgeAnswer: Hashable, Sendable {
    package var status: Int
    /// JSON; empty where nothing is said.
    package var body: [UInt8] = []
    /// The session that it begins.
    package var session: String?
    /// The value of `Postern-Error`, where the error is ours.
    package var error: GatewayError.Code?
    /// The methods that are allowed, where that is the error (RFC 9110 §10.2.1).
    package var allow: String?

    init(status: Int, body: [UInt8] = [], session: String? = nil) {
        self.status = status
        self.body = body
        self.session = session
    }

    /// A JSON-RPC error about `id`.
    init(status: Int, _ code: Int, _ message: String, data: JSONValue? = nil, id: BridgeKey?) {
        var error = JSONObject()
        error["code"] = .integer(Int64(code))
        error["message"] = .string(message)
        error["data"] = data
        let id = id.map { String(decoding: $0.json, as: UTF8.self) } ?? "null"
        let text = "{\"jsonrpc\":\"2.0\",\"id\":\(id),\"error\":\(JSONValue.object(error).compactText)}"
        self.init(status: status, body: Array(text.utf8))
    }

    /// An error of the gateway about the request `id`.
    init(_ error: GatewayError, id: BridgeKey?, status: Int? = nil) {
        var error = error
        if let id { error.call = GatewayError.RefusedCall(ids: [String(decoding: id.json, as: UTF8.self)]) }
        self.init(status: status ?? error.status, body: Array(error.json.utf8))
        self.error = error.code
    }
}

extension BridgeAnswer {
    // JSON-RPC 2.0 §5.1, and MCP's own beside it.
    private static let parseError = -32_700
    private static let invalidRequest = -32_600
    private static let headerMismatch = -32_020
    private static let unsupportedVersion = -32_022
    private static let sessionNotFound = -32_001
    static let methodNotFound = -32_601

    /// Nothing is to be said to a notification or a response.
    static let accepted = BridgeAnswer(status: 202)

    static func malformed(_ fault: BridgeMessage.Fault) -> BridgeAnswer {
        switch fault {
        case .syntax: BridgeAnswer(status: 400, parseError, "the body is not JSON", id: nil)
        case .notAMessage: BridgeAnswer(status: 400, invalidRequest, "the body is not one JSON-RPC message", id: nil)
        }
    }

    /// A request with the id of one that is not answered yet: who would get the answer?
    static func duplicate(_ id: BridgeKey) -> BridgeAnswer {
        BridgeAnswer(status: 200, invalidRequest, "a request with this id is not answered yet", id: id)
    }

    /// MCP wants 404 here, upon which clients begin a new session: the one exception from "never 404".
    static func noSession(_ id: BridgeKey?) -> BridgeAnswer {
        BridgeAnswer(
            status: 404,
            sessionNotFound,
            "there is no such session, or its program has ended",
            data: ["hint": "initialize again"],
            id: id
        )
    }

    static func sessionMissing(_ id: BridgeKey?) -> BridgeAnswer {
        BridgeAnswer(
            status: 400,
            invalidRequest,
            "Mcp-Session-Id is missing",
            data: ["hint": "initialize first, or say the revision 2026-07-28 by MCP-Protocol-Version"],
            id: id
        )
    }

    static func disagreement(_ field: String, _ id: BridgeKey?) -> BridgeAnswer {
        BridgeAnswer(status: 400, headerMismatch, "the field \(field) and the body do not say the same", id: id)
    }

    static func unsupported(_ requested: String, supported: [String], _ id: BridgeKey?) -> BridgeAnswer {
        BridgeAnswer(
            status: 400,
            unsupportedVersion,
            "the program does not speak MCP \(requested)",
            data: ["supported": .array(supported.map { .string($0) }), "requested": .string(requested)],
            id: id
        )
    }

    static func notAllowed(_ allow: String) -> BridgeAnswer {
        var answer = BridgeAnswer(status: 405, invalidRequest, "this HTTP method has no meaning here", id: nil)
        answer.allow = allow
        return answer
    }

    /// The body has more than `limit` bytes.
    package static func tooLarge(_ limit: Int) -> BridgeAnswer {
        BridgeAnswer(status: 413, invalidRequest, "the body has more than \(limit >> 20) MiB", id: nil)
    }

    static var noEvents: BridgeAnswer {
        BridgeAnswer(status: 406, invalidRequest, "the field Accept does not name text/event-stream", id: nil)
    }

    /// MCP 2026-07-28: the errors of a program that have a status of their own.
    static func status(ofError code: Int?) -> Int {
        switch code {
        case methodNotFound: 404
        case parseError, invalidRequest, -32_602, headerMismatch, -32_021, unsupportedVersion: 400
        case _: 200
        }
    }
}
