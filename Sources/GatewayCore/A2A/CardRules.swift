import PosternModel

/// What becomes of an agent card that is signed. Any change of an address makes its signatures wrong.
package enum SignedCards: String, Hashable, Sendable {
    /// The signatures are removed with the addresses that they covered.
    case strip
    /// The card passes as it is, with the addresses that it has.
    case passthrough
    /// The card is signed anew, by this node.
    case resign
    /// The client gets an error.
    case reject
}

/// Finds the agent cards that an A2A service gives by GET.
struct CardRules: BodyPolicy {
    let agent: AgentAddresses
    let signed: SignedCards
    /// The keys of which one has to have signed the card; nil: anybody may have, or nobody.
    let pins: CardPins?
    /// Signs cards anew.
    let signatures: (any GatewaySignatures)?

    func exchange(_ head: MessageHead, _ bytes: Span<UInt8>, host: Range<Int>) -> (any Exchange)? {
        guard head.isHeadRequest || bytes.hasPrefix(0..<4, "get "), Self.isCard(bytes, head.target) else { return nil }
        return DocumentExchange(rewriter(bytes, host), isHead: head.isHeadRequest)
    }

    /// Changes cards for the client that knows us by the `host` in `bytes`.
    func rewriter(_ bytes: Span<UInt8>, _ host: Range<Int>) -> CardRewriter {
        CardRewriter(rules: self, authority: String(decoding: bytes.copy(host), as: UTF8.self))
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
