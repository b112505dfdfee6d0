import PosternModel

/// A stream of events that a client of an MCP agent asks for by GET. In the transport of 2024-11-05 its first event
/// names the address to which the client posts, and the results of calls come in it.
final class AgentEvents: Exchange, StreamEditor {
    private let agent: AgentAddresses
    /// The client's `Host`.
    private let authority: String
    private let rules: MethodRules?
    private var events = EventSplitter()
    private var hasBegun = false

    /// How the first event is called (MCP 2024-11-05, basic/transports).
    private static let endpoint = "endpoint"

    init(agent: AgentAddresses, authority: String, rules: MethodRules?) {
        self.agent = agent
        self.authority = authority
        self.rules = rules
    }

    func receive(response head: ResponseHead) -> BodyTransform? {
        guard head.status == 200, head.contentType.hasPrefix("text/event-stream"),
            case .identity? = ContentCoding(head.contentCoding)
        else { return nil }
        return .stream(self)
    }

    func edit(_ content: Span<UInt8>, into output: inout [UInt8]) {
        guard rules != nil || !hasBegun else { return output.append(contentsOf: content, content.indices) }
        events.take(content, into: &output) { edited($0) }
        if rules == nil, hasBegun { events.flush(into: &output) }
    }

    func finish(into output: inout [UInt8]) { events.flush(into: &output) }

    private func edited(_ bytes: [UInt8]) -> [UInt8]? {
        let event = EventText(bytes)
        guard let data = event.data else { return nil }
        let isFirst = !hasBegun
        hasBegun = true
        if isFirst, event.type == Self.endpoint {
            guard let address = WebAddress(String(decoding: data, as: UTF8.self)), agent.contain(address),
                ["http", "https"].contains(address.scheme)
            else { return nil }
            return event.replacing(data: Array(address.moved(to: authority).utf8))
        }
        guard let rules else { return nil }
        return ToolList.filter(data) { rules.allow("tools/call", name: $0) }.map { event.replacing(data: $0) }
    }
}
