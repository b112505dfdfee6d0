package import PosternModel

/// One client connection joined with its upstream: at each end of the overlay, a TCP connection joined with a stream.
/// What happens on one side reaches the other as it would directly: bytes as they come, half-closes, aborts, and the
/// pressure of a slow reader.
///
/// Requests come from the *downstream* side and go to the *upstream* side. The connection does no input or output and
/// keeps no bytes: its owner tells what happens on either side, sends what the plan of the ``HeadScratch`` says after
/// each ``receiveRequests(_:at:)`` and ``receiveResponses(_:)``, and then performs the actions that
/// ``nextAction()`` returns until there is none.
///
/// | state | meaning | left by |
/// | --- | --- | --- |
/// | resolving | nobody knows yet what the client reaches; nothing is read | `resolved`, patience, drain, loss |
/// | open | bytes flow, or may still | every end below |
/// | draining | no further request is taken; responses under way complete | the last response, loss |
/// | closing | downstream gets its last bytes; what it still sends is dropped | both sides gone |
/// | closed | nothing is sent any more | both sides gone: `retire` |
package struct ProxyConnection: ~Copyable {
    /// The two sides of a connection.
    package enum Side: Hashable, Sendable, CaseIterable {
        /// Where requests come from.
        case downstream
        /// Where requests go.
        case upstream

        /// The other side.
        package var opposite: Side {
            switch self {
            case .downstream: .upstream
            case .upstream: .downstream
            }
        }
    }

    /// At which end of the overlay the connection is, and what errors call the other end.
    package enum Role: Hashable, Sendable {
        /// A client's connection to a service of this peer.
        case reach(peer: String)
        /// A peer's stream to this service of ours.
        case expose(service: String)
    }

    /// Which of the addresses of a service is wanted.
    package enum Destination: Hashable, Sendable {
        case service
        /// Where the agent speaks gRPC.
        case grpc
    }

    /// What the owner waits for on the connection's behalf.
    package enum Timer: Hashable, Sendable {
        /// How long a client waits for a peer that is away.
        case patience
        /// How long the client is read after the last byte to it, so that it sees our error and not a reset.
        case linger
        /// How long a client may take for the head of a request that it began.
        case head
        /// How long a stream of events may be silent.
        case events
    }

    /// What the owner has to do, in this order.
    package enum Action: Hashable, Sendable {
        /// A client of the forward proxy asks for this target: tell what it is by ``resolved(_:)``.
        case route(ProxyTarget)
        /// Tell the client that its tunnel is open (RFC 9110 §9.3.6).
        case establish
        /// Offer these bytes as the first of the client's.
        case repeatRequest([UInt8])
        /// Open the upstream, then tell by ``connected()`` or ``connectFailed(_:)``.
        case connect(Destination)
        /// The side is wanted again: offer what it gave and was not taken, then read more.
        case resume(Side)
        /// Send this error of ours to the client; a response to HEAD has no body.
        case answer(GatewayError, toHead: Bool)
        /// Send the end behind everything that was sent to the side.
        case finish(Side)
        /// Close both halves of the side, behind everything that was sent to it.
        case close(Side)
        /// Break the side: what was not delivered is lost. Nothing more is to be told of it.
        case reset(Side)
        /// Drop what the side sends from now on.
        case discard(Side)
        case arm(Timer)
        case cancel(Timer)
        /// Nothing is open any more: forget the connection.
        case retire
    }

    var role: Role
    let scratch: HeadScratch
    var http: HTTP1ConnectionState
    var state: State
    var downstream = End(presence: .open)
    var upstream = End(presence: .absent)
    /// Why there is no upstream for this client. Told with its first request.
    var unavailable: GatewayError?
    /// What is told once the responses under way are complete.
    var rejection: GatewayError?
    /// When bytes of a request came last.
    package internal(set) var lastRequest = Instant(nanoseconds: .min)
    var awaitsPeer = false
    var awaitsHead = false
    private var awaitsEvents = false
    var isRetired = false
    /// At a forward proxy: the request for which a target is being looked for.
    var turn: Turn?
    private var actions = ActionQueue()

    /// A client's connection to a service of `peer`, of which ``resolved(_:)`` tells more.
    package init(reaching peer: String, scratch: HeadScratch) {
        role = .reach(peer: peer)
        self.scratch = scratch
        http = HTTP1ConnectionState(policy: .passthrough, scratch: scratch)
        state = .resolving
    }

    /// A client's connection to the forward proxy, whose requests say what they reach.
    package init(proxying scratch: HeadScratch) {
        role = .reach(peer: "")
        self.scratch = scratch
        let policy = ForwardingPolicy.reach(ReachPolicy(names: OwnNames(), offersUpgrade: false))
        http = HTTP1ConnectionState(policy: policy, addressing: .proxy(nil), scratch: scratch)
        state = .open(Open())
        queue(.resume(.downstream))
    }

    /// A peer's stream to our service `service`.
    ///
    /// - Parameter budget: what is left of the peer's requests to it; nil: any number.
    package init(
        exposing service: String,
        policy: ForwardingPolicy,
        budget: RequestBudget? = nil,
        scratch: HeadScratch
    ) {
        role = .expose(service: service)
        self.scratch = scratch
        http = HTTP1ConnectionState(policy: policy, budget: budget, scratch: scratch)
        state = .open(Open())
        // A server may speak first.
        if http.carriesRawBytes { connect() }
    }

    /// What to do next, or nil when everything is done.
    package mutating func nextAction() -> Action? { actions.next() }

    mutating func queue(_ action: Action) { actions.append(action) }

    // MARK: Bytes

    /// Whether bytes from `side` can be taken now. ``Action/resume(_:)`` tells when that becomes true again.
    package func wantsInput(from side: Side) -> Bool {
        switch state {
        case .resolving, .closing, .closed: return false
        case .draining(let draining) where side == .downstream && draining.reason == .rejected: return false
        case .open, .draining: break
        }
        switch side {
        case .downstream: return !downstream.hasEnded && !http.holdsRequests && upstream.hasRoom
        case .upstream: return !upstream.hasEnded && upstream.presence == .open && downstream.hasRoom
        }
    }

    /// Takes bytes that the client sent, and returns how many of them; the plan says what to send upstream for them.
    /// The rest is to be offered again.
    package mutating func receiveRequests(_ input: Span<UInt8>, at now: Instant) -> Int {
        guard takesRequests else {
            scratch.plan.clear()
            return input.count
        }
        lastRequest = now
        scratch.now = now
        do {
            let count = try http.receiveRequests(input)
            watchHead()
            if let turn = http.turn { take(turn) }
            if upstream.presence == .absent, !scratch.plan.isEmpty { connect() }
            holdsRequests = http.holdsRequests
            // The end came before it was known where a first request leads.
            if downstream.hasEnded, turn == nil { requestsEnded() }
            endIfDone()
            return count
        } catch {
            if upstream.presence == .absent, !scratch.plan.isEmpty { connect() }
            reject(error)
            return input.count
        }
    }

    /// Whether a client's connection has no request under way, and may make room for another's.
    package var isReclaimable: Bool {
        guard case .reach = role, case .open = state else { return false }
        return http.isIdle || (http.isInRequestHead && http.outstandingCount == 0)
    }

    /// The head of a client's request must be complete in time once it has begun. A peer's sidecar sends whole heads,
    /// and what it sends may be held up by the path.
    private mutating func watchHead() {
        guard awaitsHead != http.isInRequestHead, case .reach = role else { return }
        awaitsHead.toggle()
        queue(awaitsHead ? .arm(.head) : .cancel(.head))
    }

    /// The time for the head of a request is over.
    package mutating func headEnded() {
        guard awaitsHead, takesRequests, http.isInRequestHead else { return }
        awaitsHead = false
        reject(.headTooSlow)
    }

    /// Takes bytes that the upstream sent; the plan says what to send to the client for them.
    package mutating func receiveResponses(_ input: Span<UInt8>) {
        guard isLive, upstream.presence == .open else { return scratch.plan.clear() }
        do {
            try http.receiveResponses(input)
        } catch {
            return lose(error, .unavailable)
        }
        if let rejection {
            self.rejection = nil
            reject(rejection)
        } else if holdsRequests, !http.holdsRequests {
            holdsRequests = false
            queue(.resume(.downstream))
        }
        watchEvents()
        endIfDone()
    }

    private mutating func watchEvents() {
        guard awaitsEvents != http.hasEvents else { return }
        awaitsEvents.toggle()
        queue(awaitsEvents ? .arm(.events) : .cancel(.events))
    }

    /// A stream of events has been silent for long: the plan says what to send to the client, if that is possible now.
    package mutating func eventsSilent() {
        scratch.plan.clear()
        guard awaitsEvents, isLive, downstream.presence == .open, downstream.output == .open else { return }
        http.keepEventsAlive()
    }

    /// A side takes no more before what it has is sent, or takes more again.
    package mutating func setBlocked(_ side: Side, _ isBlocked: Bool) {
        guard self[side].presence == .open, self[side].output == (isBlocked ? .open : .blocked) else { return }
        self[side].output = isBlocked ? .blocked : .open
        if !isBlocked, self[side.opposite].presence == .open { queue(.resume(side.opposite)) }
    }

    subscript(side: Side) -> End {
        get {
            switch side {
            case .downstream: downstream
            case .upstream: upstream
            }
        }
        set {
            switch side {
            case .downstream: downstream = newValue
            case .upstream: upstream = newValue
            }
        }
    }
}
