import PosternModel

/// The stateless era: MCP 2026-07-28.
extension Bridge {
    /// A request that stands for itself.
    mutating func receiveStateless(
        _ message: BridgeMessage,
        version: String,
        _ request: Request,
        _ exchange: ExchangeID,
        _ peer: NodeKey,
        at now: Instant
    ) {
        // This era has no notifications of clients.
        guard message.isRequest, let id = message.id else { return queue(.answer(exchange, .accepted)) }
        if let field = Self.disagreement(request, message, version: version) {
            return queue(.answer(exchange, .disagreement(field, id)))
        }
        if let until = lacksStatelessUntil, until > now {
            return queue(.answer(exchange, .unsupported(version, supported: Self.withSessions, id)))
        }
        do throws(GatewayError) {
            let child: ChildID
            if let running = shared[peer] { child = running } else { child = try startShared(for: peer, at: now) }
            children[child]?.lastUse = now
            exchanges[exchange] = Exchange(child: child, takesEvents: request.takesEvents)
            let isKnown = withShared(child) { shared in
                if !shared.isKnown {
                    shared.waiting.append(Shared.Waiting(exchange: exchange, message: message, version: version))
                }
                return shared.isKnown
            }
            if isKnown == true { forward(message, exchange, to: child) }
        } catch {
            queue(.answer(exchange, BridgeAnswer(error, id: id)))
        }
    }

    /// The field that does not say what the body says: who decides by the fields must not be deceived about the body.
    private static func disagreement(_ request: Request, _ message: BridgeMessage, version: String) -> String? {
        if request.version != version { return "MCP-Protocol-Version" }
        if request.method != message.method { return "Mcp-Method" }
        guard let name = message.name, ["tools/call", "resources/read", "prompts/get"].contains(message.method) else {
            return nil
        }
        return request.name.map(decoded) == name ? nil : "Mcp-Name"
    }

    /// The value of a mirrored field: MCP 2026-07-28 encodes what is not visible ASCII.
    private static func decoded(_ value: String) -> String {
        let prefix = "=?base64?"
        guard value.hasPrefix(prefix), value.hasSuffix("?=") else { return value }
        let text = value.dropFirst(prefix.count).dropLast(2).prefix { $0 != "=" }
        let bytes = Base64URL.decode(text.replacing("+", with: "-").replacing("/", with: "_"))
        return bytes.map { String(decoding: $0, as: UTF8.self) } ?? value
    }

    private mutating func startShared(for peer: NodeKey, at now: Instant) throws(GatewayError) -> ChildID {
        let child = try start(.shared(Shared()), for: peer, at: now)
        shared[peer] = child
        queue(.send(child, Self.question))
        return child
    }

    /// A server of this era answers it, and one of the other knows no such method.
    private static let question = Array(
        """
        {"jsonrpc":"2.0","id":0,"method":"server/discover","params":{"_meta":{\
        "io.modelcontextprotocol/protocolVersion":"\(firstStateless)",\
        "io.modelcontextprotocol/clientInfo":{"name":"postern","version":"1"},\
        "io.modelcontextprotocol/clientCapabilities":{}}}}
        """.utf8
    )

    /// Sends a request under an id of ours, since clients that know nothing of each other choose the same.
    private mutating func forward(_ message: BridgeMessage, _ exchange: ExchangeID, to child: ChildID) {
        guard let id = message.id else { return }
        let number = withShared(child) { shared in
            shared.lastID += 1
            let progress = message.key(.wantedProgress)
            shared.calls[shared.lastID] = Shared.Call(exchange: exchange, id: id, progress: progress)
            return shared.lastID
        }
        guard let number else { return }
        let key = BridgeKey(number)
        queue(.send(child, message.replacing([(.id, key), (.wantedProgress, key)])))
    }

    /// A program said something.
    mutating func tellStateless(_ message: BridgeMessage, of child: ChildID, at now: Instant) {
        if message.isResponse {
            guard let id = message.id, !id.isString, let number = Int(id.text) else {
                statistics.dropped += 1
                return
            }
            number == 0 ? learnEra(message, of: child, at: now) : answer(message, number, of: child)
        } else if message.isRequest {
            // Servers of this era ask nothing.
            let refusal = BridgeAnswer(status: 200, BridgeAnswer.methodNotFound, "no client answers", id: message.id)
            queue(.send(child, refusal.body))
            statistics.dropped += 1
        } else {
            notifyStateless(message, of: child)
        }
    }

    private mutating func learnEra(_ message: BridgeMessage, of child: ChildID, at now: Instant) {
        let waiting = withShared(child) { shared in
            defer { shared.waiting = [] }
            return shared.isKnown ? [] : shared.waiting
        }
        guard let waiting, children[child] != nil else { return }
        guard Self.speaksStateless(message) else {
            lacksStatelessUntil = now + idleTime
            for call in waiting {
                let answer = BridgeAnswer.unsupported(call.version, supported: Self.withSessions, call.message.id)
                complete(call.exchange, answer)
            }
            childEnded(child, .stopped("it speaks another era"))
            return queue(.stop(child))
        }
        _ = withShared(child) { $0.isKnown = true }
        for call in waiting where exchanges[call.exchange] != nil { forward(call.message, call.exchange, to: child) }
    }

    private static func speaksStateless(_ message: BridgeMessage) -> Bool {
        guard message[.error] == nil else { return message.errorCode == -32_022 }
        let text = String(decoding: message.text, as: UTF8.self)
        let versions = (try? JSONValue(parsing: text))?["result"]?["supportedVersions"]?.array
        return versions?.contains { ($0.string ?? "") >= firstStateless } ?? true
    }

    private mutating func answer(_ message: BridgeMessage, _ number: Int, of child: ChildID) {
        guard let call = withShared(child, { $0.calls.removeValue(forKey: number) }) ?? nil else {
            statistics.dropped += 1
            return
        }
        let status = BridgeAnswer.status(ofError: message[.error] == nil ? nil : message.errorCode)
        let body = message.replacing([(.id, call.id), (.resultSubscription, call.id)])
        complete(call.exchange, BridgeAnswer(status: status, body: body))
    }

    private mutating func notifyStateless(_ message: BridgeMessage, of child: ChildID) {
        guard let shared = withShared(child, { $0 }) else { return }
        let key = message.key(.toldProgress) ?? message.key(.subscription)
        if let key, !key.isString, let number = Int(key.text) {
            guard let call = shared.calls[number] else { return }
            let token = call.progress ?? call.id
            return event(message.replacing([(.toldProgress, token), (.subscription, call.id)]), to: call.exchange)
        }
        // What names no request can be meant for one only where there is no other.
        guard shared.calls.count == 1, let call = shared.calls.first?.value else {
            statistics.dropped += 1
            return
        }
        event(message.text, to: call.exchange)
    }

    /// The client of a request is gone: in this era that is how it cancels.
    mutating func leaveStateless(_ left: Exchange, _ exchange: ExchangeID) {
        let number = withShared(left.child) { shared -> Int? in
            shared.waiting.removeAll { $0.exchange == exchange }
            guard let number = shared.calls.first(where: { $0.value.exchange == exchange })?.key else { return nil }
            // It will not be answered.
            shared.calls[number] = nil
            return number
        }
        guard let number = number ?? nil else { return }
        let text = """
            {"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":\(number),\
            "reason":"the client is gone"}}
            """
        queue(.send(left.child, Array(text.utf8)))
    }
}
