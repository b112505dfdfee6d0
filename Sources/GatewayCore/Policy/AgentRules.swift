import PosternModel

/// What is done about the messages of an agent beyond passing them on.
struct AgentRules: BodyPolicy {
    let agent: AgentAddresses
    let cards: CardRules?
    let resource: ResourceMetadataRules?
    let callbacks: (any CallbackMapping)?
    let methods: MethodRules?

    /// The rules of `service`; nil when its messages pass as they come.
    ///
    /// - Parameters:
    ///   - callbacks: what becomes of receivers of push notifications; nil leaves them.
    ///   - signatures: verifies and signs agent cards.
    init?(_ service: ExposedService, callbacks: (any CallbackMapping)?, signatures: (any GatewaySignatures)?) {
        self.callbacks = callbacks
        methods = service.methods
        agent = AgentAddresses(service)
        switch service.kind {
        case .a2a:
            let pins = service.cardKeys.flatMap { keys in
                signatures.map { CardPins(keys: keys, signatures: $0) }
            }
            cards = CardRules(agent: agent, signed: service.signedCards, pins: pins, signatures: signatures)
        case .mcp: cards = nil
        case .http, .tcp, .udp, .stdio: return nil
        }
        switch service.resourceMetadata {
        case .rewrite: resource = ResourceMetadataRules(agent: agent)
        case .keep: resource = nil
        }
    }

    func exchange(_ head: MessageHead, _ bytes: Span<UInt8>, host: Range<Int>) -> (any Exchange)? {
        let inner = unruled(head, bytes, host: host)
        guard let methods else { return inner }
        var called: String?
        if cards != nil {
            let verb = String(decoding: bytes.copy(0..<head.target.lowerBound - 1), as: UTF8.self)
            called = MethodNames.method(verb, String(decoding: bytes.copy(head.target), as: UTF8.self))
        }
        let hasBody = head.isChunked || head.contentLength > 0
        guard hasBody || called != nil else { return inner }
        return MethodExchange(methods, calls: called, inner: inner)
    }

    /// What is done apart from rules about methods.
    private func unruled(_ head: MessageHead, _ bytes: Span<UInt8>, host: Range<Int>) -> (any Exchange)? {
        if let exchange = resource?.exchange(head, bytes, host: host) { return exchange }
        guard let cards else {
            guard bytes.hasPrefix(0..<4, "get ") else { return nil }
            let authority = String(decoding: bytes.copy(host), as: UTF8.self)
            return AgentEvents(agent: agent, authority: authority, rules: methods)
        }
        if let exchange = cards.exchange(head, bytes, host: host) { return exchange }
        let isCall = bytes.hasPrefix(0..<5, "post ")
        guard isCall || callbacks != nil else { return nil }
        let target = String(decoding: bytes.copy(head.target), as: UTF8.self)
        guard isCall || PushConfigurations.stand(at: target) else { return nil }
        return AgentCall(card: cards.rewriter(bytes, host), callbacks: callbacks, target: target)
    }
}
