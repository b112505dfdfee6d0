/// How a connection ends: in order, by an error that can still be told, or broken.
extension ProxyConnection {
    // MARK: In order

    /// A side sends no more, and everything that it sent was taken. The plan says what is still to be sent to the other
    /// side.
    package mutating func ended(_ side: Side) {
        scratch.plan.clear()
        guard self[side].presence == .open else { return }
        switch state {
        case .open, .draining: break
        case .closing:
            // Everything is said in both directions.
            if side == .downstream, downstream.output == .sent { queue(.close(.downstream)) }
            return
        case .resolving:
            guard side == .downstream else { return }
            if turn == nil { closeDownstream() } else { downstream.hasEnded = true }
            return
        case .closed: return
        }
        self[side].hasEnded = true
        switch side {
        case .downstream: requestsEnded()
        case .upstream: responsesEnded()
        }
    }

    mutating func requestsEnded() {
        guard !upstream.isFinished, takesRequests else { return }
        if let error = http.endRequests() { return reject(error) }
        switch upstream.presence {
        case .opening, .open: finish(.upstream)
        // A client that connected and left without asking for anything.
        case .absent, .gone: closeDownstream()
        }
    }

    private mutating func responsesEnded() {
        guard !downstream.isFinished else { return }
        if let error = http.endResponses() { return lose(error, .closed) }
        if http.carriesRawBytes {
            finish(.downstream)
        } else {
            // Nothing can be answered any more: what the client may still send needs no other half.
            finish(.upstream)
            closeDownstream()
        }
    }

    /// Sends the end of what goes to `side`, behind everything else.
    private mutating func finish(_ side: Side) {
        guard !self[side].isFinished else { return }
        self[side].output = .finished
        switch (self[side].presence, side) {
        case (.open, .downstream): queue(upstream.output == .stopped ? .close(.downstream) : .finish(.downstream))
        case (.open, .upstream): queue(.finish(.upstream))
        // `connected` makes up for it.
        case (.opening, _): break
        case (.absent, _), (.gone, _): break
        }
    }

    /// Both halves of `side` are done, in order.
    package mutating func closed(_ side: Side) {
        guard self[side].presence == .open else { return }
        if side == .downstream, !downstream.isFinished { return lostDownstream() }
        self[side].presence = .gone
        if side == .downstream { abandonUpstream() }
        retireIfDone()
    }

    /// Nobody is left to whom the upstream could bring anything, once the last byte to the client was sent.
    private mutating func abandonUpstream() {
        guard case .closing = state else { return }
        switch role {
        case .reach: reset(.upstream)
        case .expose: if upstream.presence == .open { queue(.close(.upstream)) }
        }
    }

    /// Everything that was sent to `side` has left, its end with it.
    package mutating func sent(_ side: Side) {
        guard self[side].output == .finished else { return }
        self[side].output = .sent
        if side == .downstream { linger() }
    }

    /// Reads and drops what the client still sends, and closes soon after the last byte to it. Closing at once would
    /// reset a connection with unread bytes, and the client would lose what it was told.
    private mutating func linger() {
        guard case .closing(let closing) = state, !closing.isLingering, downstream.output == .sent else { return }
        state = .closing(Closing(isLingering: true))
        queue(.arm(.linger))
    }

    // MARK: Errors that can be told

    /// The client's request is not to be forwarded.
    mutating func reject(_ error: GatewayError) {
        if !http.isKnownToBeHTTP, [.badRequest, .requestTimeout].contains(error.code) { return breakUp() }
        switch http.answerToRejectedRequest {
        case .respond(let toHead):
            reset(.upstream)
            answer(error, toHead: toHead)
        case .wait:
            rejection = error
            state = .draining(Draining(reason: .rejected))
        case .close:
            reset(.upstream)
            closeDownstream()
        case .abort: breakUp()
        }
    }

    /// The upstream is lost, or cannot be had.
    mutating func lose(_ error: GatewayError, _ loss: HTTP1ConnectionState.Loss) {
        guard isLive else { return }
        reset(.upstream)
        switch http.answerToLoss(loss) {
        case .respond(let toHead): answer(error, toHead: toHead)
        case .wait, .close: closeDownstream()
        case .abort: breakUp()
        }
    }

    mutating func answer(_ error: GatewayError, toHead: Bool) {
        guard !downstream.isFinished else { return breakUp() }
        queue(.answer(error, toHead: toHead))
        closeDownstream()
    }

    /// Ends the downstream side behind what was sent to it; what it still sends is dropped.
    mutating func closeDownstream() {
        cancelPatience()
        rejection = nil
        state = .closing(Closing())
        finish(.downstream)
        if downstream.presence == .open {
            queue(.discard(.downstream))
            linger()
        }
        if upstream.presence == .open { queue(.discard(.upstream)) }
        retireIfDone()
    }

    // MARK: Broken

    /// Breaks `side`: it sees an abort, not an end.
    mutating func reset(_ side: Side) {
        switch self[side].presence {
        case .absent, .gone: return
        case .opening, .open: break
        }
        self[side].presence = .gone
        queue(.reset(side))
    }

    /// Breaks both sides.
    mutating func breakUp() {
        cancelPatience()
        rejection = nil
        state = .closed
        reset(.upstream)
        reset(.downstream)
        retireIfDone()
    }

    /// The client is gone before the end of what it is concerned with.
    package mutating func lostDownstream() {
        guard downstream.presence == .open else { return }
        downstream.presence = .gone
        switch state {
        case .resolving, .open, .draining: breakUp()
        case .closing, .closed:
            abandonUpstream()
            retireIfDone()
        }
    }

    /// The upstream is gone before the end of what it is concerned with.
    ///
    /// - Parameter error: what a client is told that waits for an answer.
    package mutating func lostUpstream(_ error: GatewayError, _ loss: HTTP1ConnectionState.Loss) {
        guard upstream.presence == .open else { return }
        upstream.presence = .gone
        switch state {
        case .open, .draining:
            // It closed for good after its last response: the client is told that nobody reads any more.
            if upstream.hasEnded { closeDownstream() } else { lose(error, loss) }
        case .resolving, .closing, .closed: retireIfDone()
        }
    }

    /// A side reads no more: what is sent to it from now on is dropped.
    package mutating func stopped(_ side: Side) {
        guard self[side].presence == .open else { return }
        switch side {
        case .downstream: breakUp()
        case .upstream:
            upstream.output = .stopped
            if isLive, downstream.presence == .open, downstream.isFinished { queue(.close(.downstream)) }
        }
    }

    // MARK: From above

    /// Time is up.
    package mutating func cut() {
        if case .closed = state { return }
        breakUp()
    }

    /// Trust in the peer ended: a client whose request is not answered yet is told so, everything else breaks.
    package mutating func cutForTrust() {
        if case .reach(let peer) = role, isLive, http.isKnownToBeHTTP { return lose(.notTrusted(peer), .unavailable) }
        cut()
    }

    /// No further request is taken; ends as soon as nothing is under way.
    package mutating func drain() {
        switch state {
        case .resolving: closeDownstream()
        case .open(let open):
            state = .draining(Draining(reason: .stopping, holdsRequests: open.holdsRequests))
            endIfDone()
        case .draining, .closing, .closed: break
        }
    }

    /// Ends in order when nothing is under way and no request is to follow: at a drain, and for a client that asked for
    /// it with its last request, even when the agent keeps its connection (RFC 9112 §9.6).
    mutating func endIfDone() {
        switch (state, role) {
        case (.draining(let draining), _) where draining.reason == .stopping: break
        case (.open, .reach) where http.isComplete: break
        case (.open, _), (.draining, _), (.resolving, _), (.closing, _), (.closed, _): return
        }
        guard http.isIdle else { return }
        finish(.upstream)
        closeDownstream()
    }

    private mutating func retireIfDone() {
        guard downstream.presence == .gone, !isRetired else { return }
        switch upstream.presence {
        case .opening, .open: return
        case .absent, .gone: break
        }
        cancelPatience()
        if case .closing(let closing) = state, closing.isLingering { queue(.cancel(.linger)) }
        state = .closed
        isRetired = true
        queue(.retire)
    }
}
