import NIOCore
import PosternModel
import SidecarCore

/// One thing that the agent can ask for by MCP: an operation, told in words that say what follows from it.
struct AgentTool: Sendable {
    /// What a tool does to the world, as clients that ask their user before a call want to know it.
    enum Effect: Sendable {
        /// It only looks.
        case looks
        /// It adds something that can be taken back.
        case adds
        /// It takes something away, or cannot be taken back.
        case ends
    }

    let name: String
    let title: String
    let description: String
    let permission: AgentPermission
    let effect: Effect
    /// Whether it waits for peers or hubs, so that its caller may want to hear of progress.
    let isSlow: Bool
    let inputSchema: JSONValue
    let outputSchema: JSONValue
    /// Does it; the result is a JSON object that follows the schema. Fails with ``PosternModel/Problem``.
    let run: @Sendable (AgentCall) -> EventLoopFuture<JSONValue>
    /// What a call with these arguments needs beside ``permission``.
    let needs: @Sendable (JSONValue) -> AgentPermission?

    /// A tool that performs an operation.
    init<Asked: Operation>(
        _ operation: Asked.Type,
        _ name: String,
        _ title: String,
        _ permission: AgentPermission,
        _ effect: Effect,
        isSlow: Bool = false,
        needs: @escaping @Sendable (JSONValue) -> AgentPermission? = { _ in nil },
        _ description: String
    ) {
        self.init(
            name,
            title,
            permission,
            effect,
            isSlow: isSlow,
            needs: needs,
            description,
            input: JSONSchema.schema(of: Asked.self),
            output: JSONSchema.schema(of: Asked.Answer.self)
        ) { call in
            do {
                let asked = try Asked(decoding: call.arguments)
                return call.backend.perform(asked, by: call.requester).map { JSONValue(encoding: $0) }
            } catch {
                return call.loop.makeFailedFuture(error)
            }
        }
    }

    /// A tool that does more than one operation.
    init(
        _ name: String,
        _ title: String,
        _ permission: AgentPermission,
        _ effect: Effect,
        isSlow: Bool,
        needs: @escaping @Sendable (JSONValue) -> AgentPermission? = { _ in nil },
        _ description: String,
        input: JSONValue,
        output: JSONValue,
        run: @escaping @Sendable (AgentCall) -> EventLoopFuture<JSONValue>
    ) {
        self.name = name
        self.title = title
        self.description = description
        self.permission = permission
        self.effect = effect
        self.isSlow = isSlow
        self.needs = needs
        inputSchema = Self.arguments(input)
        let isObject = output["type"] == "object"
        outputSchema = isObject ? output : Self.list(output)
        self.run = { call in run(call).map { $0.object == nil ? ["items": $0] : $0 } }
    }

    /// The names that arguments may have.
    var argumentNames: Set<String> { Set(inputSchema["properties"]?.object?.keys ?? []) }

    /// The entry of `tools/list`.
    var document: JSONValue {
        [
            "name": .string(name), "title": .string(title), "description": .string(description),
            "inputSchema": inputSchema, "outputSchema": outputSchema,
            "annotations": [
                "title": .string(title), "readOnlyHint": .bool(effect == .looks),
                "destructiveHint": .bool(effect == .ends), "idempotentHint": .bool(effect == .looks),
                "openWorldHint": .bool(isSlow),
            ],
        ]
    }

    /// The schema with what each argument means; nothing else may be given.
    private static func arguments(_ schema: JSONValue) -> JSONValue {
        var object = schema.object ?? JSONObject()
        object["type"] = "object"
        var properties = JSONObject()
        for member in object["properties"]?.object?.members ?? [] {
            var property = member.value.object ?? JSONObject()
            if let meaning = AgentTools.argumentMeanings[member.key] { property["description"] = .string(meaning) }
            properties[member.key] = .object(property)
        }
        object["properties"] = .object(properties)
        object["additionalProperties"] = false
        return .object(object)
    }

    private static func list(_ schema: JSONValue) -> JSONValue {
        ["type": "object", "properties": ["items": schema], "required": ["items"]]
    }
}

/// One call of a tool.
struct AgentCall: Sendable {
    let arguments: JSONValue
    let requester: Requester
    let backend: any ControlBackend
    let loop: any EventLoop
    /// Tells how much is done, of how much, and what.
    let progress: @Sendable (_ done: Double, _ total: Double?, _ message: String) -> Void
}
