import PosternModel

/// The era with sessions: MCP 2025-11-25 and before.
extension Bridge {
    /// A client wants a session.
    mutating func begin(
        _ message: BridgeMessage,
        _ request: Request,
        _ exchange: ExchangeID,
        _ peer: NodeKey,
        freshID: String,
        at now: Instant
    ) {
        guard let id = message.id else { return }
        let call = Session.Call(exchange: exchange, progress: nil)
        let session = Session(id: freshID, beginning: id, calls: [id: call])
        do throws(GatewayError) {
            let child = try start(.session(session), for: peer, at: now)
            sessions[freshID] = child
            exchanges[exchange] = Exchange(child: child, takesEvents: request.takesEvents)
            queue(.send(child, message.text))
        } catch {
            queue(.answer(exchange, BridgeAnswer(error, id: id)))
        }
    }

    /// A message of the client in its session.
    mutating func receive(_ message: BridgeMessage, _ request: Request, _ exchange: ExchangeID, in child: ChildID) {
        guard message.isRequest, let id = message.id else {
            queue(.send(child, message.text))
            queue(.answer(exchange, .accepted))
            return
        }
        guard let count = withSession(child, { $0.calls.count }), count < limits.openCalls else {
            return queue(.answer(exchange, BridgeAnswer(.tooManyCalls(service), id: id)))
        }
        let isNew = withSession(child) { session in
            guard session.calls[id] == nil else { return false }
            session.calls[id] = Session.Call(exchange: exchange, progress: message.key(.wantedProgress))
            return true
        }
        guard isNew == true else { return queue(.answer(exchange, .duplicate(id))) }
        exchanges[exchange] = Exchange(child: child, takesEvents: request.takesEvents)
        queue(.send(child, message.text))
    }

    /// A client wants to hear what the program says to nobody in particular. A later stream takes the place of an
    /// earlier one, whose client may be gone without a word.
    mutating func openStream(_ request: Request, _ exchange: ExchangeID, _ peer: NodeKey, at now: Instant) {
        guard let child = child(of: request, peer) else { return refuse(request, exchange, id: nil) }
        guard request.takesEvents else { return queue(.answer(exchange, .noEvents)) }
        children[child]?.lastUse = now
        var former: ExchangeID?
        var waiting: [[UInt8]] = []
        _ = withSession(child) { session in
            former = session.stream
            session.stream = exchange
            waiting = session.waiting
            session.waiting = []
        }
        if let former, exchanges.removeValue(forKey: former) != nil { queue(.endEvents(former)) }
        exchanges[exchange] = Exchange(child: child, takesEvents: true, isOpen: true)
        queue(.openEvents(exchange))
        for message in waiting { queue(.event(exchange, message)) }
    }

    /// A program said something to the client of its session.
    mutating func tell(_ message: BridgeMessage, of child: ChildID) {
        guard message.isResponse else { return notify(message, of: child) }
        guard let id = message.id, let call = withSession(child, { $0.calls.removeValue(forKey: id) }) ?? nil else {
            statistics.dropped += 1
            return
        }
        let isFirst = withSession(child) { session in
            guard session.beginning == id else { return false }
            session.beginning = nil
            return true
        }
        guard let exchange = call.exchange else {
            statistics.dropped += 1
            return
        }
        if isFirst == true { return answerFirst(message, exchange, of: child) }
        complete(exchange, BridgeAnswer(status: 200, body: message.text))
    }

    /// The program answered `initialize`: now there is a session, or none.
    private mutating func answerFirst(_ message: BridgeMessage, _ exchange: ExchangeID, of child: ChildID) {
        let id = withSession(child) { $0.id }
        guard message[.error] != nil else {
            return complete(exchange, BridgeAnswer(status: 200, body: message.text, session: id))
        }
        if message.errorCode == BridgeAnswer.methodNotFound {
            let version = Self.withSessions[0]
            complete(exchange, .unsupported(version, supported: [Self.firstStateless], message.id))
        } else {
            complete(exchange, BridgeAnswer(status: 200, body: message.text))
        }
        childEnded(child, .stopped("it refused the session"))
        queue(.stop(child))
    }

    /// Reports of progress go where the progress is waited for, everything else to the client's stream.
    private mutating func notify(_ message: BridgeMessage, of child: ChildID) {
        guard let session = withSession(child, { $0 }) else { return }
        if message.method == "notifications/progress", let token = message.key(.toldProgress),
            let call = session.calls.values.first(where: { $0.progress == token }), let exchange = call.exchange
        {
            return event(message.text, to: exchange)
        }
        if let stream = session.stream { return event(message.text, to: stream) }
        guard session.waiting.count < limits.waitingMessages else {
            statistics.dropped += 1
            return
        }
        _ = withSession(child) { $0.waiting.append(message.text) }
    }

    /// The client of a request is gone. In this era that cancels nothing.
    mutating func leave(_ left: Exchange) {
        let open = exchanges
        let isUnknown = withSession(left.child) { session in
            if let stream = session.stream, open[stream] == nil { session.stream = nil }
            for (id, call) in session.calls {
                if let exchange = call.exchange, open[exchange] == nil { session.calls[id]?.exchange = nil }
            }
            return session.beginning != nil
        }
        guard isUnknown == true else { return }
        childEnded(left.child, .stopped("its client is gone"))
        queue(.stop(left.child))
    }
}
