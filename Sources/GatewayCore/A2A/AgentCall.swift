import PosternModel

/// A call of an A2A agent by JSON-RPC or HTTP+JSON: it may register a receiver of push notifications, and its result
/// may be the extended card.
final class AgentCall: Exchange, BodyInspector {
    /// Whose answer may be the extended card, and how it is changed.
    private let card: CardRewriter?
    private let callbacks: (any CallbackMapping)?
    /// Whether the path is that of push notification configurations.
    private let isAboutConfigurations: Bool
    private var calls = CallReader()
    private var method: String?
    private var coding = ContentCoding.identity
    /// What the request says of its body.
    private var (isJSON, isCoded) = (false, false)

    /// Bytes of a message that is collected; a longer one is edited as it comes where it says that it is JSON.
    private static let limit = 1 << 20
    /// A2A 1.0 §9.4.11, 0.3 §7.10, and before that.
    private static let cardMethods: Set<String> = [
        "GetExtendedAgentCard", "agent/getAuthenticatedExtendedCard", "agent/authenticatedExtendedCard",
    ]
    private static let names: Set<String> = ["method", "url"]

    init(card: CardRewriter?, callbacks: (any CallbackMapping)?, target: String) {
        self.card = card
        self.callbacks = callbacks
        isAboutConfigurations = PushConfigurations.stand(at: target)
    }

    var requestBody: BodyTransform {
        guard let callbacks else { return .inspect(self) }
        let editor = ContentEditor { content in self.registering(content, callbacks) }
        let stream = JSONStringStream(named: Self.names) { member in
            if member.path == ["method"] { self.method = member.text }
            return self.forwarded(member, callbacks)
        }
        return .collect(editor, limit: Self.limit, overflow: isJSON && !isCoded ? .stream(stream) : .pass)
    }

    func edit(request field: HeadField) -> FieldEdit {
        let value = String(decoding: field.value, as: UTF8.self).lowercased()
        switch field.name {
        case "content-type": isJSON = value.contains("json")
        case "content-encoding": isCoded = value != "identity"
        case _: break
        }
        return .keep
    }

    func inspect(_ content: Span<UInt8>) {
        calls.read(content)
        method = calls.method
    }

    private func registering(_ content: [UInt8], _ callbacks: any CallbackMapping) -> [UInt8]? {
        guard let members = JSONMembers.strings(named: Self.names, in: content) else { return nil }
        method = members.first { $0.path == ["method"] }?.text
        return JSONMembers.replace(members, in: content) { self.forwarded($0, callbacks) }
    }

    private func forwarded(_ member: JSONMember, _ callbacks: any CallbackMapping) -> String? {
        guard PushConfigurations.isReceiver(member, isConfiguration: isAboutReceivers) else { return nil }
        return callbacks.forward(member.text)
    }

    /// Whether the call, as far as it was read, is about a configuration with a receiver.
    private var isAboutReceivers: Bool {
        isAboutConfigurations || method.map(PushConfigurations.areReturned) ?? false
    }

    func receive(response head: ResponseHead) -> BodyTransform? {
        guard head.status / 100 == 2 else { return nil }
        let isCard = method.map(Self.cardMethods.contains) ?? false
        guard head.isReadable, let coding = ContentCoding(head.contentCoding) else {
            guard isCard, let unreadable = card?.unreadable else { return nil }
            return .collect(ContentEditor { _ in nil }, limit: 0, overflow: .reject(unreadable))
        }
        self.coding = coding
        if let card, isCard {
            let editor = ContentEditor { (content) throws(GatewayError) in try self.answer(content, card) }
            return .collect(editor, limit: DocumentExchange.limit, overflow: .reject(.cardTooLarge))
        }
        guard let callbacks, isAboutReceivers else { return nil }
        let editor = ContentEditor { content in self.answer(content, callbacks) }
        let stream = JSONStringStream(named: Self.names) { self.givenBack($0, callbacks) }
        let isStreamed = coding == .identity && head.contentType.contains("json")
        return .collect(editor, limit: Self.limit, overflow: isStreamed ? .stream(stream) : .pass)
    }

    private func givenBack(_ member: JSONMember, _ callbacks: any CallbackMapping) -> String? {
        member.path.last == "url" ? callbacks.giveBack(member.text) : nil
    }

    private func answer(_ content: [UInt8], _ card: CardRewriter) throws(GatewayError) -> [UInt8]? {
        guard let document = try card.document(in: content, coding) else { return nil }
        guard case .object(var response) = document else {
            if let unreadable = card.unreadable { throw unreadable }
            return nil
        }
        guard let result = response["result"], let rewritten = try card.rewrite(result) else { return nil }
        response["result"] = rewritten
        return JSONValue.object(response).compactBytes
    }

    private func answer(_ content: [UInt8], _ callbacks: any CallbackMapping) -> [UInt8]? {
        guard let text = try? coding.decode(content, limit: Self.limit),
            let members = JSONMembers.strings(named: Self.names, in: text)
        else { return nil }
        return JSONMembers.replace(members, in: text) { self.givenBack($0, callbacks) }
    }
}

/// Finds the calls that register receivers among the requests of clients, at the reaching end.
struct CallbackRules: BodyPolicy {
    let callbacks: any CallbackMapping

    func exchange(_ head: MessageHead, _ bytes: Span<UInt8>, host: Range<Int>) -> (any Exchange)? {
        let target = String(decoding: bytes.copy(head.target), as: UTF8.self)
        guard bytes.hasPrefix(0..<5, "post ") || PushConfigurations.stand(at: target) else { return nil }
        return AgentCall(card: nil, callbacks: callbacks, target: target)
    }
}
