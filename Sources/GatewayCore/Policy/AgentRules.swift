import PosternModel

/// What is done about the messages of an agent beyond passing them on.
struct AgentRules: BodyPolicy {
    let cards: CardRules?
    let resource: ResourceMetadataRules?

    /// The rules of `service`; nil when its messages pass as they come.
    init?(_ service: ExposedService) {
        let agent = AgentAddresses(service)
        switch service.kind {
        case .a2a: cards = CardRules(agent: agent, signed: service.signedCards)
        case .mcp: cards = nil
        case .http, .tcp: return nil
        }
        switch service.resourceMetadata {
        case .rewrite: resource = ResourceMetadataRules(agent: agent)
        case .keep: resource = nil
        }
        if cards == nil, resource == nil { return nil }
    }

    func exchange(_ head: MessageHead, _ bytes: Span<UInt8>, host: Range<Int>) -> (any Exchange)? {
        resource?.exchange(head, bytes, host: host) ?? cards?.exchange(head, bytes, host: host)
    }
}
