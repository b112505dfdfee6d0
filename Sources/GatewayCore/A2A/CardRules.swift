import PosternModel

/// What becomes of an agent card that is signed. Any change of an address makes its signatures wrong.
package enum SignedCards: String, Hashable, Sendable {
    /// The signatures are removed with the addresses that they covered.
    case strip
    /// The card passes as it is, with the addresses that it has.
    case passthrough
    /// The client gets an error.
    case reject
}

/// Finds the agent cards among the messages of an A2A service.
struct CardRules: BodyPolicy {
    let agent: AgentAddresses
    let signed: SignedCards

    func exchange(_ head: MessageHead, _ bytes: Span<UInt8>, host: Range<Int>) -> (any Exchange)? {
        if head.isHeadRequest || bytes.hasPrefix(0..<4, "get ") {
            guard Self.isCard(bytes, head.target) else { return nil }
            return DocumentExchange(rewriter(bytes, host), isHead: head.isHeadRequest)
        }
        guard bytes.hasPrefix(0..<5, "post ") else { return nil }
        return CardCall(rewriter(bytes, host))
    }

    private func rewriter(_ bytes: Span<UInt8>, _ host: Range<Int>) -> CardRewriter {
        CardRewriter(agent: agent, signed: signed, authority: String(decoding: bytes.copy(host), as: UTF8.self))
    }

    /// Whether a card stands at the path of `target`. An agent may be one of several below a prefix.
    private static func isCard(_ bytes: Span<UInt8>, _ target: Range<Int>) -> Bool {
        var end = target.lowerBound
        while end < target.upperBound, bytes[end] != UInt8(ascii: "?") { end += 1 }
        let path = bytes.copy(target.lowerBound..<end)
        return paths.contains { path.count >= $0.count && path.suffix($0.count).elementsEqual($0) }
    }

    private static let paths: [[UInt8]] = [
        // A2A 1.0 §8.2 and 0.3 §5.3; before that.
        "/.well-known/agent-card.json", "/.well-known/agent.json",
        // The extended card: A2A 1.0 §11.3, 0.3 §7.10, and before that.
        "/extendedAgentCard", "/v1/card", "/agent/authenticatedExtendedCard",
    ].map { Array($0.utf8) }
}

/// A JSON-RPC call, whose result may be the extended card.
final class CardCall: Exchange, BodyInspector, BodyEditor {
    private let rewriter: CardRewriter
    private var calls = CallReader()
    private var coding = ContentCoding.identity

    /// A2A 1.0 §9.4.11, 0.3 §7.10, and before that.
    private static let methods: Set<String> = [
        "GetExtendedAgentCard", "agent/getAuthenticatedExtendedCard", "agent/authenticatedExtendedCard",
    ]

    init(_ rewriter: CardRewriter) {
        self.rewriter = rewriter
    }

    var requestBody: BodyTransform { .inspect(self) }

    func inspect(_ content: Span<UInt8>) { calls.read(content) }

    func edit(request field: HeadField) -> FieldEdit { .keep }
    func edit(response field: HeadField) -> FieldEdit { .keep }

    func receive(response head: ResponseHead) -> BodyTransform? {
        guard head.status == 200, let method = calls.method, Self.methods.contains(method),
            let coding = ContentCoding(head.contentCoding), !head.contentType.hasPrefix("text/event-stream")
        else { return nil }
        self.coding = coding
        return .collect(self, limit: DocumentExchange.limit, overflow: .reject(.cardTooLarge))
    }

    func replacement(for content: [UInt8]) throws(GatewayError) -> [UInt8]? {
        guard let text = coding.decode(content, limit: DocumentExchange.limit),
            case .object(var response)? = try? JSONValue(parsing: text), let card = response["result"],
            let rewritten = try rewriter.rewrite(card)
        else { return nil }
        response["result"] = rewritten
        return JSONValue.object(response).compactBytes
    }
}
