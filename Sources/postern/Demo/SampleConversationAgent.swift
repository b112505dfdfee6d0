import NIOCore
import NIOHTTP1
import PosternModel

/// The status of an agent's response.
typealias AgentStatus = HTTPResponseStatus

/// A sample A2A agent that answers what it is told. It speaks A2A 1.0 and 0.3 over JSON-RPC.
struct SampleConversationAgent: Sendable {
    /// `http://127.0.0.1:PORT`: what its card says.
    let base: String

    /// The answer to a request for the card, or to a JSON-RPC call at `/`.
    func answer(_ request: AgentRequest) -> AgentReply {
        if request.method == "GET" {
            let isCard = request.path == "/.well-known/agent-card.json"
            return isCard
                ? .document(card, status: .ok) : Self.failure(.null, -32_600, "no such page", status: .notFound)
        }
        guard let document = request.document, let method = document["method"]?.string, let id = document["id"] else {
            return Self.failure(.null, -32_700, "the body is no JSON-RPC request", status: .badRequest)
        }
        let said = (document["params"]?["message"]?["parts"]?.array ?? []).compactMap { $0["text"]?.string }
        let text = "You said: \(said.joined(separator: " "))"
        switch method {
        case "SendMessage":
            return Self.success(id, ["message": Self.message(text)])
        case "message/send":
            let parts: JSONValue = [["kind": "text", "text": .string(text)]]
            return Self.success(id, ["kind": "message", "messageId": "answer-1", "role": "agent", "parts": parts])
        case "SendStreamingMessage":
            return .events(Self.stream(text).map { Self.response(id, $0) }, pause: .milliseconds(300))
        case _:
            return Self.failure(id, -32_601, "no method \(method)", status: .ok)
        }
    }

    private var card: JSONValue {
        [
            "name": "Sample agent", "description": "Answers what it is told.", "version": .string(Postern.version),
            "supportedInterfaces": [
                ["url": .string(base + "/"), "protocolBinding": "JSONRPC", "protocolVersion": "1.0"],
                ["url": .string(base + "/"), "protocolBinding": "JSONRPC", "protocolVersion": "0.3"],
            ],
            "protocolVersion": "0.3.0", "url": .string(base + "/"), "preferredTransport": "JSONRPC",
            "capabilities": ["streaming": true, "pushNotifications": false],
            "defaultInputModes": ["text/plain"], "defaultOutputModes": ["text/plain"],
            "skills": [
                ["id": "echo", "name": "Echo", "description": "Says what it heard.", "tags": ["sample"]]
            ],
        ]
    }

    /// A task that works, gives its text in two pieces, and is done.
    private static func stream(_ text: String) -> [JSONValue] {
        let task = "task-1"
        let context = "context-1"
        func update(_ state: String) -> JSONValue {
            [
                "statusUpdate": [
                    "taskId": .string(task), "contextId": .string(context), "status": ["state": .string(state)],
                ]
            ]
        }
        let half = text.index(text.startIndex, offsetBy: text.count / 2)
        let pieces = [text[..<half], text[half...]].enumerated().map { position, piece -> JSONValue in
            let artifact: JSONValue = ["artifactId": "answer", "parts": [["text": .string(String(piece))]]]
            return [
                "artifactUpdate": [
                    "taskId": .string(task), "contextId": .string(context), "artifact": artifact,
                    "append": .bool(position > 0), "lastChunk": .bool(position == 1),
                ]
            ]
        }
        let first: JSONValue = [
            "task": [
                "id": .string(task), "contextId": .string(context), "status": ["state": "TASK_STATE_WORKING"],
            ]
        ]
        return [first] + pieces + [update("TASK_STATE_COMPLETED")]
    }

    private static func message(_ text: String) -> JSONValue {
        ["messageId": "answer-1", "role": "ROLE_AGENT", "parts": [["text": .string(text)]]]
    }

    private static func response(_ id: JSONValue, _ result: JSONValue) -> JSONValue {
        ["jsonrpc": "2.0", "id": id, "result": result]
    }

    private static func success(_ id: JSONValue, _ result: JSONValue) -> AgentReply {
        .document(response(id, result), status: .ok)
    }

    private static func failure(_ id: JSONValue, _ code: Int64, _ message: String, status: AgentStatus) -> AgentReply {
        let error: JSONValue = ["code": .integer(code), "message": .string(message)]
        return .document(["jsonrpc": "2.0", "id": id, "error": error], status: status)
    }
}
