import PosternModel
import SidecarCore

/// The description of the control API (OpenAPI 3.1), made of the table of operations.
enum OpenAPI {
    static func document(version: String) -> JSONValue {
        var paths = JSONObject()
        for operation in Operations.all { paths[ControlRoute.api + operation.outline.path] = path(of: operation) }
        paths[ControlRoute.linkPath] = link
        paths[ControlRoute.eventsPath] = events
        paths[ControlRoute.agentPath] = agent
        return [
            "openapi": "3.1.0",
            "info": [
                "title": "Postern sidecar", "version": .string(version),
                "description": "The control API of a sidecar, on its control socket and on loopback.",
            ],
            "paths": .object(paths),
            "components": [
                "schemas": ["Problem": problem],
                "securitySchemes": ["token": ["type": "http", "scheme": "bearer"]],
            ],
        ]
    }

    private static func path(of operation: any Operation.Type) -> JSONValue {
        let outline = operation.outline
        var method = JSONObject()
        method["operationId"] = .string(outline.path.replacing("/", with: "-"))
        method["summary"] = .string(outline.summary)
        let schema = schema(of: operation)
        method["security"] = [["token": []]]
        if outline.changesState {
            method["requestBody"] = ["content": json(schema)]
        } else {
            method["parameters"] = .array(queryParameters(of: schema))
        }
        method["responses"] = [
            "200": ["description": "Done.", "content": json(answerSchema(of: operation))],
            "default": failure,
        ]
        return [outline.changesState ? "post" : "get": .object(method)]
    }

    private static func json(_ schema: JSONValue) -> JSONValue { ["application/json": ["schema": schema]] }

    private static func queryParameters(of schema: JSONValue) -> [JSONValue] {
        let required = Set((schema["required"]?.array ?? []).compactMap(\.string))
        return (schema["properties"]?.object?.members ?? []).map { member in
            // A parameter that may be null is one that may be omitted.
            let type = member.value["anyOf"]?.array?.first ?? member.value
            return [
                "name": .string(member.key), "in": "query", "required": .bool(required.contains(member.key)),
                "schema": type,
            ]
        }
    }

    private static func schema<Asked: Operation>(of operation: Asked.Type) -> JSONValue {
        JSONSchema.schema(of: operation)
    }

    private static func answerSchema<Asked: Operation>(of operation: Asked.Type) -> JSONValue {
        JSONSchema.schema(of: Asked.Answer.self)
    }

    /// RFC 9457, with what the command line tells of a failure beside it.
    private static let failure: JSONValue = [
        "description": "Not done, and why.",
        "content": ["application/problem+json": ["schema": ["$ref": "#/components/schemas/Problem"]]],
    ]

    private static let events: JSONValue = [
        "get": [
            "operationId": "events",
            "summary": "What the status page shows, as server-sent events, each time it has changed.",
            "security": [["token": []]],
            "responses": [
                "200": ["description": "Events.", "content": ["text/event-stream": ["schema": ["type": "string"]]]],
                "default": failure,
            ],
        ]
    ]

    private static let agent: JSONValue = [
        "post": [
            "operationId": "mcp",
            "summary": "The agent's tools: one JSON-RPC message of MCP, 2026-07-28 or 2025-11-25.",
            "security": [["token": []]],
            "requestBody": ["content": json(["type": "object"])],
            "responses": [
                "200": [
                    "description": "A JSON-RPC message, or events with several.",
                    "content": [
                        "application/json": ["schema": ["type": "object"]],
                        "text/event-stream": ["schema": ["type": "string"]],
                    ],
                ],
                "202": ["description": "A notification was taken."],
                "400": ["description": "No message.", "content": json(["type": "object"])],
                "404": ["description": "No such method or session.", "content": json(["type": "object"])],
                "default": failure,
            ],
        ]
    ]

    private static let link: JSONValue = [
        "post": [
            "operationId": "open", "summary": "A link that takes one browser to the status page, good once.",
            "security": [["token": []]],
            "responses": [
                "200": [
                    "description": "Done.",
                    "content": json([
                        "type": "object", "required": ["url"], "properties": ["url": ["type": "string"]],
                    ]),
                ],
                "default": failure,
            ],
        ]
    ]

    private static let problem: JSONValue = [
        "type": "object", "required": ["error"],
        "properties": [
            "type": ["type": "string"], "title": ["type": "string"], "status": ["type": "integer"],
            "detail": ["type": "string"],
            "error": [
                "type": "object", "required": ["code", "message", "hint"],
                "properties": [
                    "code": ["type": "string"], "message": ["type": "string"], "hint": ["type": ["string", "null"]],
                ],
            ],
        ],
    ]
}
