package import PosternModel

/// How a connection gets its upstream, and how long it waits for it.
extension ProxyConnection {
    /// What is known of the service that a client reaches.
    package enum Resolution: Sendable {
        /// The peer is trusted. A path to it need not exist yet.
        case ready(ForwardingPolicy)
        /// Why the client gets nothing but this error. The policy is that of the last kind known of the service, so
        /// that the client of a `tcp` service is not answered in HTTP.
        case unavailable(GatewayError, ForwardingPolicy)
    }

    /// It is known what the client reaches. A second answer is ignored.
    package mutating func resolved(_ resolution: Resolution) {
        guard case .resolving = state else { return }
        state = .open(Open())
        let turn = turn.take()
        let addressing: Addressing =
            switch turn {
            case let turn? where !turn.target.isTunnel: .proxy(turn.target)
            case _: .origin
            }
        switch resolution {
        case .ready(let policy):
            http = HTTP1ConnectionState(policy: policy, addressing: addressing, scratch: scratch)
        case .unavailable(let error, let policy):
            cancelPatience()
            if let turn { return answer(error, toHead: turn.isHead) }
            http = HTTP1ConnectionState(policy: policy, scratch: scratch)
            unavailable = error
        }
        if let turn { queue(turn.target.isTunnel ? .establish : .repeatRequest(turn.head)) }
        // A server may speak first.
        if http.carriesRawBytes { connect() }
        queue(.resume(.downstream))
        if turn?.target.isTunnel == true, downstream.hasEnded { requestsEnded() }
    }

    /// A request of a client of the forward proxy is for another target than those before, all of which are answered.
    mutating func take(_ turn: Turn) {
        cancelPatience()
        self.turn = turn
        role = .reach(peer: turn.target.host)
        state = .resolving
        reset(.upstream)
        upstream = End(presence: .absent)
        queue(.route(turn.target))
    }

    /// Wants an upstream, once per upstream.
    mutating func connect() {
        upstream = End(presence: .opening)
        if let unavailable {
            lose(unavailable, .unavailable)
        } else {
            queue(.connect(http.destination))
        }
    }

    /// The upstream is open, and got what waited for it.
    package mutating func connected() {
        guard upstream.presence == .opening else { return }
        upstream.presence = .open
        if upstream.output == .finished { queue(.finish(.upstream)) }
        queue(.resume(.downstream))
        queue(.resume(.upstream))
    }

    /// The upstream cannot be had.
    package mutating func connectFailed(_ error: GatewayError) {
        guard upstream.presence == .opening else { return }
        upstream.presence = .gone
        lose(error, .unavailable)
    }

    // MARK: Waiting for the peer

    /// Whether the reached peer is there, as far as the overlay knows; its clients do not wait for ever for one that is
    /// not.
    package mutating func notePeer(isPresent: Bool) {
        guard case .reach = role else { return }
        switch state {
        case .resolving, .open, .draining: break
        case .closing, .closed: return
        }
        if isPresent {
            cancelPatience()
        } else if !awaitsPeer, unavailable == nil {
            awaitsPeer = true
            queue(.arm(.patience))
        }
    }

    mutating func cancelPatience() {
        guard awaitsPeer else { return }
        awaitsPeer = false
        queue(.cancel(.patience))
    }

    /// The time for the peer is over.
    ///
    /// - Parameter unresolved: the policy for a service of which nothing is known.
    package mutating func patienceEnded(peerIsPresent: Bool, unresolved: @autoclosure () -> ForwardingPolicy) {
        guard case .reach(let peer) = role, awaitsPeer else { return }
        awaitsPeer = false
        switch state {
        case .resolving: resolved(.unavailable(.peerAway(peer), unresolved()))
        case .open, .draining:
            guard !peerIsPresent, !http.isResponseUnderWay, upstream.presence == .open, !http.isIdle else { return }
            lose(.peerAway(peer), .unavailable)
        case .closing, .closed: return
        }
    }

    /// The time for a client to read our last byte is over.
    package mutating func lingerEnded() {
        guard case .closing(let closing) = state, closing.isLingering else { return }
        queue(.close(.downstream))
    }

    /// The peer fell silent: fails the requests that it cannot have got.
    package mutating func giveUp(requestsSince start: Instant) {
        guard case .reach(let peer) = role, isLive, http.isKnownToBeHTTP else { return }
        guard http.outstandingCount > 0, !http.isResponseUnderWay, lastRequest >= start else { return }
        lose(.peerAway(peer), .unavailable)
    }
}
