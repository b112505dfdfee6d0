import PosternModel

/// Makes an agent card lead back to the gateway: every address by which the agent means itself becomes the one by
/// which this client reached us. All other addresses stay.
struct CardRewriter: DocumentRewriter {
    let rules: CardRules
    /// The client's `Host`.
    let authority: String

    /// Where cards have lists of addresses: 1.0, drafts of it, and 0.3.
    private static let lists = ["supportedInterfaces", "interfaces", "additionalInterfaces"]

    private var agent: AgentAddresses { rules.agent }

    var variant: String { "card \(authority) \(agent.servesGRPC) \(rules.signed)" }
    var tooLarge: GatewayError { .cardTooLarge }
    /// Who may refuse a card has to have read it.
    var unreadable: GatewayError? { rules.pins != nil || rules.signed == .reject ? .cardUnreadable : nil }

    func rewrite(_ document: JSONValue) throws(GatewayError) -> JSONValue? {
        guard case .object(var card) = document else {
            if let unreadable { throw unreadable }
            return nil
        }
        if let pins = rules.pins { card = try pins.verified(card) }
        if let signatures = card["signatures"], signatures != .null, signatures != [] {
            switch rules.signed {
            case .strip, .resign: card["signatures"] = nil
            // Of a card that was verified nothing goes on but what was read.
            case .passthrough: return rules.pins == nil ? nil : .object(card)
            case .reject: throw .cardIsSigned
            }
        }
        for list in Self.lists {
            guard let entries = card[list]?.array else { continue }
            card[list] = .array(
                entries.compactMap { rewrite(entry: $0, protocolKeys: ["protocolBinding", "transport"]) }
            )
        }
        rewritePreferred(in: &card)
        rewriteLinks(in: &card)
        if rules.signed == .resign, let signer = rules.signatures { card["signatures"] = signatures(card, by: signer) }
        return .object(card)
    }

    /// The address that 0.3 keeps outside its list. When it is lost, the first of the list takes its place.
    private func rewritePreferred(in card: inout JSONObject) {
        guard card["url"]?.string != nil else { return }
        if case .object(let entry)? = rewrite(entry: .object(card), protocolKeys: ["preferredTransport"]) {
            card["url"] = entry["url"]
            return
        }
        let next = card["additionalInterfaces"]?.array?.first
        card["url"] = next?["url"]
        card["preferredTransport"] = next?["transport"]
    }

    /// Where a card leads people to, if that is the agent itself.
    private func rewriteLinks(in card: inout JSONObject) {
        for name in ["documentationUrl", "iconUrl"] { card[name] = card[name].map(moved) }
        guard case .object(var provider)? = card["provider"], let url = provider["url"] else { return }
        provider["url"] = moved(url)
        card["provider"] = .object(provider)
    }

    private func moved(_ value: JSONValue) -> JSONValue {
        guard let address = value.string.flatMap({ WebAddress($0) }), agent.contain(address),
            ["http", "https"].contains(address.scheme)
        else { return value }
        return .string(address.moved(to: authority))
    }

    /// `entry` with the address that this client is to use; nil when there is none.
    private func rewrite(entry: JSONValue, protocolKeys: [String]) -> JSONValue? {
        guard case .object(var interface) = entry, let text = interface["url"]?.string,
            let address = WebAddress(text), agent.contain(address)
        else { return entry }
        let binding = protocolKeys.lazy.compactMap { interface[$0]?.string }.first ?? ""
        let isGRPC = binding.uppercased() == "GRPC" || ["", "grpc", "grpcs"].contains(address.scheme)
        if isGRPC, !agent.servesGRPC { return nil }
        interface["url"] = .string(address.moved(to: isGRPC ? authorityWithPort : authority))
        return .object(interface)
    }

    /// gRPC names always have a port.
    private var authorityWithPort: String {
        WebAddress("http://" + authority)?.port == nil ? authority + ":80" : authority
    }
}
