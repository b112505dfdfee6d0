import PosternModel

/// A request that may be a JSON-RPC call, to a service with rules about methods.
final class MethodExchange: Exchange {
    private let rules: MethodRules
    private let gate: MethodGate
    /// What the rest of the gateway does about the request.
    private let inner: (any Exchange)?
    private(set) var refusal: GatewayError?
    private var coding = ContentCoding.identity
    private var hasSeenType = false

    /// - Parameter calls: the method that the path calls by itself; the body is none of JSON-RPC then.
    init(_ rules: MethodRules, calls method: String?, inner: (any Exchange)?) {
        self.rules = rules
        self.inner = inner
        gate = MethodGate(rules, pathMethod: method)
        if let method, !rules.allow(method, name: nil) {
            refusal = .deniedCall(method, name: nil, GatewayError.RefusedCall(isToldByStatus: true))
        }
        if refusal == nil { refusal = inner?.refusal }
    }

    var newTarget: [UInt8]? { inner?.newTarget }
    var newHost: [UInt8]? { inner?.newHost }
    var isLast: Bool { inner?.isLast ?? false }

    var requestBody: BodyTransform {
        switch inner?.requestBody ?? .pass {
        case .pass: return .gate(gate, then: nil)
        case .inspect(let inspector): return .gate(gate, then: inspector)
        case .collect(let editor, let limit, _):
            let checked = ContentEditor { [gate] (content) throws(GatewayError) in
                _ = try gate.read(content.span, ends: true)
                return try editor.replacement(for: content)
            }
            return .collect(checked, limit: limit, overflow: .reject(gate.tooLong))
        case .stream, .gate: preconditionFailure("rules about methods stand outermost")
        }
    }

    func edit(request field: HeadField) -> FieldEdit {
        let value = String(decoding: field.value, as: UTF8.self)
        switch field.name {
        // A body in another form than ours to read could be a call that only the agent can read.
        case "content-encoding": if value.lowercased() != "identity" { refusal = gate.unreadable }
        case "content-type":
            let isUTF8 = !value.lowercased().contains("charset") || value.lowercased().contains("utf-8")
            if !isUTF8 || hasSeenType { refusal = gate.unreadable }
            hasSeenType = true
        case "mcp-method": gate.mirror(method: value)
        case "mcp-name": gate.mirror(name: value)
        case _: break
        }
        return inner?.edit(request: field) ?? .keep
    }

    func receive(response head: ResponseHead) -> BodyTransform? {
        guard gate.calls("tools/list"), head.status == 200, let coding = ContentCoding(head.contentCoding) else {
            return inner?.receive(response: head)
        }
        self.coding = coding
        let isStream = head.contentType.hasPrefix("text/event-stream")
        let editor = ContentEditor { content in self.filtered(content, isStream: isStream) }
        return .collect(editor, limit: ToolList.limit, overflow: .reject(.toolListTooLarge))
    }

    func edit(response field: HeadField) -> FieldEdit { inner?.edit(response: field) ?? .keep }

    private func filtered(_ content: [UInt8], isStream: Bool) -> [UInt8]? {
        guard let text = try? coding.decode(content, limit: ToolList.limit) else { return nil }
        let isAllowed = { [rules] (tool: String) in rules.allow("tools/call", name: tool) }
        return isStream ? ToolList.filter(events: text, isAllowed) : ToolList.filter(text, isAllowed)
    }
}

/// The result of `tools/list`, without the tools that may not be called (MCP 2025-11-25, server/tools).
enum ToolList {
    /// Bytes of a list.
    static let limit = 4 << 20

    /// `text` without the tools that are not allowed; nil when all of them are.
    static func filter(_ text: [UInt8], _ isAllowed: (String) -> Bool) -> [UInt8]? {
        guard let document = try? JSONValue(parsing: text), let filtered = filter(document, isAllowed) else {
            return nil
        }
        return filtered.compactBytes
    }

    /// The same for a stream of events, whose data may be messages.
    static func filter(events text: [UInt8], _ isAllowed: (String) -> Bool) -> [UInt8]? {
        var result: [UInt8] = []
        var isChanged = false
        func edit(_ bytes: [UInt8]) -> [UInt8]? {
            let event = EventText(bytes)
            guard let data = event.data, let filtered = filter(data, isAllowed) else { return nil }
            isChanged = true
            return event.replacing(data: filtered)
        }
        var events = EventSplitter()
        events.take(text.span, into: &result, edit)
        // The last event may lack the empty line at its end, of which some readers make nothing.
        var rest: [UInt8] = []
        events.flush(into: &rest)
        result += edit(rest) ?? rest
        return isChanged ? result : nil
    }

    private static func filter(_ document: JSONValue, _ isAllowed: (String) -> Bool) -> JSONValue? {
        switch document {
        case .array(let messages):
            let filtered = messages.map { filter($0, isAllowed) }
            guard filtered.contains(where: { $0 != nil }) else { return nil }
            return .array(zip(messages, filtered).map { $1 ?? $0 })
        case .object(var message):
            guard var result = message["result"]?.object, let tools = result["tools"]?.array else { return nil }
            let left = tools.filter { tool in tool["name"]?.string.map(isAllowed) ?? false }
            guard left.count < tools.count else { return nil }
            result["tools"] = .array(left)
            message["result"] = .object(result)
            return .object(message)
        case .null, .bool, .integer, .double, .string: return nil
        }
    }
}
