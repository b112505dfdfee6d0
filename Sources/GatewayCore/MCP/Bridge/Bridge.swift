package import PosternModel

/// Offers an MCP server that speaks over standard input and output to clients over streamable HTTP (RULES S). It
/// decides which program gets a message and which request an answer; its owner starts programs, carries lines and
/// serves HTTP.
///
/// | era | a program | ids |
/// | --- | --- | --- |
/// | sessions (up to 2025-11-25) | for each session, which belongs to the key of a peer | as the client gives them |
/// | stateless (2026-07-28) | for each peer | our own, and back |
///
/// Nothing is translated between the eras. Inputs say what happened; ``nextAction()`` what is to be done.
package struct Bridge {
    /// A program that was started.
    package struct ChildID: Hashable, Sendable {
        let rawValue: UInt64
    }

    /// A request over HTTP that is not answered.
    package struct ExchangeID: Hashable, Sendable {
        let rawValue: UInt64

        /// - Parameter rawValue: another one for each request.
        package init(_ rawValue: UInt64) {
            self.rawValue = rawValue
        }
    }

    /// A request over HTTP, as far as it matters here.
    package struct Request: Sendable {
        /// The method of HTTP.
        package enum Verb: Hashable, Sendable {
            case post
            case get
            case delete
            case other
        }

        /// What is wanted.
        package var verb: Verb
        /// The values of `Mcp-Session-Id`, `MCP-Protocol-Version`, `Mcp-Method` and `Mcp-Name`.
        package var session: String?
        package var version: String?
        package var method: String?
        package var name: String?
        /// Whether the client takes `text/event-stream`.
        package var takesEvents: Bool
        package var body: [UInt8]

        package init(
            _ verb: Verb,
            session: String? = nil,
            version: String? = nil,
            method: String? = nil,
            name: String? = nil,
            takesEvents: Bool = true,
            body: [UInt8] = []
        ) {
            self.verb = verb
            self.session = session
            self.version = version
            self.method = method
            self.name = name
            self.takesEvents = takesEvents
            self.body = body
        }
    }

    /// What the owner has to do, in this order.
    package enum Action: Hashable, Sendable {
        /// Start the program for this peer, then tell by ``Bridge/childEnded(_:_:)`` when it ends or cannot be started.
        case start(ChildID, NodeKey)
        /// Write this line, without its end.
        case send(ChildID, [UInt8])
        /// End the program. Nothing more is to be told of it.
        case stop(ChildID)
        /// This is the whole answer.
        case answer(ExchangeID, BridgeAnswer)
        /// Begin an answer of events.
        case openEvents(ExchangeID)
        /// One more event: this JSON.
        case event(ExchangeID, [UInt8])
        /// The last event was sent.
        case endEvents(ExchangeID)
    }

    /// Counters since the bridge was made.
    package struct Statistics: Hashable, Sendable {
        /// Messages of programs that nobody fetched, or that belonged to nobody.
        package var dropped: UInt64 = 0
        /// Lines of programs that were no JSON-RPC.
        package var malformed: UInt64 = 0

        package init() {}
    }

    /// Why a program is gone.
    package enum End: Hashable, Sendable {
        case exited(ProgramExit)
        case notStarted(String)
        /// Its owner ended it, for this reason.
        case stopped(String)
    }

    let service: String
    let limits: ProgramLimits
    /// How long a program may have nothing to do.
    let idleTime: Interval
    package internal(set) var statistics = Statistics()

    var children: [ChildID: Child] = [:]
    /// Sessions by their ids, which are as good as secret and hold for one peer only.
    var sessions: [String: ChildID] = [:]
    /// The program of the stateless era for each peer.
    var shared: [NodeKey: ChildID] = [:]
    var exchanges: [ExchangeID: Exchange] = [:]
    private var starts: [NodeKey: RequestBudget] = [:]
    private var lastChild: UInt64 = 0
    /// Until when it is known that the program does not speak the stateless era.
    var lacksStatelessUntil: Instant?
    /// The service is no longer offered: nothing more is started.
    private var isEnded = false
    private var actions: [Action] = []

    /// The bridge for the service of this name.
    package init(service: String, limits: ProgramLimits = .defaults, idleTime: Interval = .seconds(1800)) {
        self.service = service
        self.limits = limits
        self.idleTime = idleTime
    }

    /// What to do next, or nil when everything is done.
    package mutating func nextAction() -> Action? { actions.isEmpty ? nil : actions.removeFirst() }

    mutating func queue(_ action: Action) { actions.append(action) }

    /// Which program the client of `exchange` waits for.
    package func child(of exchange: ExchangeID) -> ChildID? { exchanges[exchange]?.child }

    // MARK: Requests

    /// A client of `peer` asks.
    ///
    /// - Parameter freshID: the id of the session that this may begin: 128 random bits in text.
    package mutating func receive(
        _ request: Request,
        from exchange: ExchangeID,
        of peer: NodeKey,
        freshID: String,
        at now: Instant
    ) {
        switch request.verb {
        case .post: post(request, exchange, peer, freshID: freshID, at: now)
        case .get: openStream(request, exchange, peer, at: now)
        case .delete:
            guard let child = child(of: request, peer) else { return refuse(request, exchange, id: nil) }
            remove(child, .stopped("the client ended the session"), isAwaited: false)
            queue(.stop(child))
            queue(.answer(exchange, BridgeAnswer(status: 200)))
        case .other: queue(.answer(exchange, .notAllowed("GET, POST, DELETE")))
        }
    }

    private mutating func post(
        _ request: Request,
        _ exchange: ExchangeID,
        _ peer: NodeKey,
        freshID: String,
        at now: Instant
    ) {
        let message: BridgeMessage
        do throws(BridgeMessage.Fault) {
            message = try BridgeMessage(request.body)
        } catch {
            return queue(.answer(exchange, .malformed(error)))
        }
        if request.session != nil {
            guard let child = child(of: request, peer) else { return refuse(request, exchange, id: message.id) }
            children[child]?.lastUse = now
            return receive(message, request, exchange, in: child)
        }
        if message.method == "initialize", message.isRequest {
            return begin(message, request, exchange, peer, freshID: freshID, at: now)
        }
        guard let version = Self.statelessVersion(request, message) else {
            return queue(.answer(exchange, .sessionMissing(message.id)))
        }
        receiveStateless(message, version: version, request, exchange, peer, at: now)
    }

    /// The revision that a request without a session says, if it is one without sessions.
    private static func statelessVersion(_ request: Request, _ message: BridgeMessage) -> String? {
        if let version = message[.version]?.text { return version }
        // Revisions are dates.
        return request.version.flatMap { $0 >= firstStateless ? $0 : nil }
    }

    static let firstStateless = "2026-07-28"
    static let withSessions = ["2025-11-25", "2025-06-18", "2025-03-26", "2024-11-05"]

    /// The program of the session that `request` names, if it is one of `peer`.
    func child(of request: Request, _ peer: NodeKey) -> ChildID? {
        guard let id = request.session, let child = sessions[id], children[child]?.peer == peer else { return nil }
        return child
    }

    mutating func refuse(_ request: Request, _ exchange: ExchangeID, id: BridgeKey?) {
        queue(.answer(exchange, request.session == nil ? .sessionMissing(id) : .noSession(id)))
    }

    // MARK: Programs

    /// Has another program started for `peer`, unless there are too many.
    mutating func start(_ role: Child.Role, for peer: NodeKey, at now: Instant) throws(GatewayError) -> ChildID {
        guard !isEnded else { throw .noLongerOffered(service) }
        let count = children.values.count { $0.peer == peer }
        guard count < limits.perPeer, children.count < limits.perService else { throw .tooManyPrograms(service) }
        let budget = starts[peer] ?? RequestBudget(requestsPerMinute: limits.startsPerMinute, at: now)
        starts[peer] = budget
        guard budget.take(at: now) else { throw .tooManyStarts(service) }
        lastChild += 1
        let child = ChildID(rawValue: lastChild)
        children[child] = Child(peer: peer, role: role, lastUse: now)
        queue(.start(child, peer))
        return child
    }

    /// A program wrote this line.
    package mutating func childSaid(_ child: ChildID, _ line: [UInt8], at now: Instant) {
        guard let role = children[child]?.role else { return }
        children[child]?.lastUse = now
        guard let message = try? BridgeMessage(line) else {
            statistics.malformed += 1
            return
        }
        switch role {
        case .session: tell(message, of: child)
        case .shared: tellStateless(message, of: child, at: now)
        }
    }

    /// A program has ended, or could not be started.
    package mutating func childEnded(_ child: ChildID, _ end: End) {
        remove(child, end)
    }

    /// Trust in `peer` ended: so do its programs.
    package mutating func end(_ peer: NodeKey) {
        endAll { $0.peer == peer }
    }

    /// The service is no longer offered.
    package mutating func endAll() {
        isEnded = true
        endAll { _ in true }
    }

    private mutating func endAll(where isMeant: (Child) -> Bool) {
        for child in children.filter({ isMeant($0.value) }).keys.sorted(by: { $0.rawValue < $1.rawValue }) {
            remove(child, .stopped("the service is no longer offered"))
            queue(.stop(child))
        }
    }

    /// When the next program may have had nothing to do for too long; nil: none runs.
    package var nextDeadline: Instant? {
        children.values.lazy.filter { !$0.isBusy }.map(\.lastUse).min().map { $0 + idleTime }
    }

    /// Ends the programs that have had nothing to do for too long.
    package mutating func advance(to now: Instant) {
        for (child, state) in children where !state.isBusy && state.lastUse + idleTime <= now {
            remove(child, .stopped("it was not used"))
            queue(.stop(child))
        }
        starts = starts.filter { _, budget in !budget.isFull(at: now) }
    }

    /// The client of `exchange` is gone before its answer was complete.
    package mutating func exchangeClosed(_ exchange: ExchangeID, at now: Instant) {
        guard let left = exchanges.removeValue(forKey: exchange) else { return }
        children[left.child]?.lastUse = now
        switch children[left.child]?.role {
        case .session: leave(left)
        case .shared: leaveStateless(left, exchange)
        case nil: break
        }
    }

    // MARK: Answers

    /// Gives `message` to a client as an event, if it takes events.
    mutating func event(_ message: [UInt8], to exchange: ExchangeID) {
        guard let state = exchanges[exchange], state.takesEvents else {
            statistics.dropped += 1
            return
        }
        if !state.isOpen {
            exchanges[exchange]?.isOpen = true
            queue(.openEvents(exchange))
        }
        queue(.event(exchange, message))
    }

    /// Completes the answer to a request.
    mutating func complete(_ exchange: ExchangeID, _ answer: BridgeAnswer) {
        guard let state = exchanges.removeValue(forKey: exchange) else { return }
        if state.isOpen {
            queue(.event(exchange, answer.body))
            queue(.endEvents(exchange))
        } else {
            queue(.answer(exchange, answer))
        }
    }

    /// - Parameter isAwaited: whether who waits for the program wants to know why it is gone.
    private mutating func remove(_ child: ChildID, _ end: End, isAwaited: Bool = true) {
        guard let state = children.removeValue(forKey: child) else { return }
        let error = GatewayError.bridgeEnded(service, end)
        switch state.role {
        case .session(let session):
            sessions[session.id] = nil
            // Clients of this era take any other status for the end of the transport.
            for (id, call) in session.calls {
                guard let exchange = call.exchange else { continue }
                if isAwaited {
                    complete(exchange, BridgeAnswer(error, id: id, status: 200))
                } else if let state = exchanges.removeValue(forKey: exchange) {
                    if !state.isOpen { queue(.openEvents(exchange)) }
                    queue(.endEvents(exchange))
                }
            }
            if let stream = session.stream, exchanges.removeValue(forKey: stream) != nil { queue(.endEvents(stream)) }
        case .shared(let programs):
            shared[state.peer] = nil
            for call in programs.calls.values { complete(call.exchange, BridgeAnswer(error, id: call.id)) }
            for waiting in programs.waiting {
                complete(waiting.exchange, BridgeAnswer(error, id: waiting.message.id))
            }
        }
    }
}

extension GatewayError {
    fileprivate static func tooManyPrograms(_ service: String) -> GatewayError {
        GatewayError(
            .overLimit,
            "as many programs of service '\(service)' run as may",
            service: service,
            hint: "end a session with DELETE, or try again when others have ended"
        )
    }

    fileprivate static func noLongerOffered(_ service: String) -> GatewayError {
        GatewayError(
            .shuttingDown,
            "the service '\(service)' is no longer offered in this form",
            service: service,
            hint: "connect again"
        )
    }

    fileprivate static func tooManyStarts(_ service: String) -> GatewayError {
        GatewayError(
            .overLimit,
            "the program of service '\(service)' was started too often in the last minute",
            service: service,
            hint: "try again in a minute, or use a session for more than one call"
        )
    }

    static func tooManyCalls(_ service: String) -> GatewayError {
        GatewayError(
            .overLimit,
            "too many requests of this session are not answered by the program of service '\(service)'",
            service: service,
            hint: "cancel those that nobody waits for, or end the session with DELETE"
        )
    }

    static func bridgeEnded(_ service: String, _ end: Bridge.End) -> GatewayError {
        switch end {
        case .exited(let exit): .programEnded(service, exit)
        case .notStarted(let reason): .programNotStarted(service, reason)
        case .stopped(let reason):
            GatewayError(
                .upstreamBroken,
                "the program of service '\(service)' was ended: \(reason)",
                service: service,
                hint: "initialize again"
            )
        }
    }
}
