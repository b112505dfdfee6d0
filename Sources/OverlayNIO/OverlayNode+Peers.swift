package import NIOCore
package import OverlayCore
package import OverlayWire
package import PosternModel

extension OverlayNode {
    /// Makes `peer` one to talk with, or changes what is known of it. False when the node is at its limit of peers, the
    /// key is none that handshakes can be made with, or the node does not run.
    @discardableResult
    package func admit(_ peer: PeerConfiguration) -> Bool {
        guard let now = instant(), let handle = core.admit(peer, at: now) else { return false }
        note(handle, peer.key)
        needsTurn()
        return true
    }

    /// Ends the session with a peer and all its streams, at both ends, and forgets the peer.
    package func expel(_ key: NodeKey, code: ErrorCode) {
        guard let now = instant() else { return }
        core.expel(key, code: code, at: now)
        offerWebSocket(nil, to: key)
        needsTurn()
    }

    /// Starts a handshake with a peer now, if there is no session.
    package func connect(_ key: NodeKey) {
        guard let now = instant(), let peer = core.peer(with: key) else { return }
        core.connect(peer, at: now)
        hope(key)
        needsTurn()
    }

    /// Packets to a peer may also go through `hub`, in its conversation `channel`.
    package func setRelay(for key: NodeKey, hub: NodeKey, channel: RelayChannel) {
        guard let now = instant(), let peer = core.peer(with: key), let relay = core.peer(with: hub) else { return }
        core.setRelay(for: peer, hub: relay, channel: channel, at: now)
        needsTurn()
    }

    /// `hub` relays conversation `channel` with a peer no more.
    package func clearRelay(for key: NodeKey, hub: NodeKey, channel: RelayChannel) {
        guard let now = instant(), let peer = core.peer(with: key), let relay = core.peer(with: hub) else { return }
        core.clearRelay(for: peer, hub: relay, channel: channel, at: now)
        needsTurn()
    }

    /// On a hub: what `a` sends in conversation `channelA` goes to `b` in `channelB`, and the other way.
    package func bridge(_ a: NodeKey, _ channelA: RelayChannel, _ b: NodeKey, _ channelB: RelayChannel) {
        guard case .running = phase, let first = core.peer(with: a), let second = core.peer(with: b) else { return }
        core.bridge(first, channelA, second, channelB)
    }

    /// On a hub: ends the bridge of conversation `channel` with `a`, both ways.
    package func unbridge(_ a: NodeKey, _ channel: RelayChannel) {
        guard case .running = phase, let peer = core.peer(with: a) else { return }
        core.unbridge(peer, channel)
    }

    /// On a hub: relayed bytes may come so fast from now on, in one conversation and from one peer.
    package func limitRelays(to bytesPerSecond: UInt64, ofPeer bytesPerSecondOfPeer: UInt64) {
        core.limitRelays(to: bytesPerSecond, ofPeer: bytesPerSecondOfPeer)
    }

    /// What is known of every peer.
    package func peerStatus() -> [PeerStatus] {
        core.peerHandles.compactMap { core.status(of: $0) }
    }

    /// What is known of one peer, or nil when it is not admitted.
    package func peerStatus(of key: NodeKey) -> PeerStatus? {
        core.peer(with: key).flatMap { core.status(of: $0) }
    }

    /// The core's counters.
    package var statistics: NodeStatistics { core.statistics }

    /// One round trip to a peer, through the overlay. Starts a handshake when there is no session. Fails with
    /// ``OverlayError``.
    package func ping(_ key: NodeKey) -> EventLoopFuture<PingResult> {
        guard let now = instant() else { return eventLoop.makeFailedFuture(OverlayError.notRunning) }
        guard let peer = core.peer(with: key) else { return eventLoop.makeFailedFuture(OverlayError.unknownPeer) }
        note(peer, key)
        // Without a session the ping goes out when there is one.
        core.connect(peer, at: now)
        core.ping(peer, at: now)
        needsTurn()
        let promise = eventLoop.makePromise(of: PingResult.self)
        pings[peer, default: []].append(promise)
        let limit = eventLoop.assumeIsolated().scheduleTask(in: settings.pingTimeout) {
            self.pings[peer]?.removeAll { $0.futureResult === promise.futureResult }
            promise.fail(OverlayError.timedOut)
        }
        promise.futureResult.whenComplete { _ in limit.cancel() }
        return promise.futureResult
    }

    func answerPings(of peer: PeerHandle, _ roundTrip: Interval) {
        guard let waiting = pings.removeValue(forKey: peer) else { return }
        let result = PingResult(roundTrip: roundTrip, path: core.status(of: peer)?.path)
        for promise in waiting { promise.succeed(result) }
    }

    func failPings(of peer: PeerHandle, _ error: OverlayError) {
        for promise in pings.removeValue(forKey: peer) ?? [] { promise.fail(error) }
    }

    func failPings() {
        for peer in pings.keys { failPings(of: peer, .notRunning) }
    }

    /// The time for a call to the core, or nil when the node does not run.
    private func instant() -> Instant? {
        eventLoop.assertInEventLoop()
        guard case .running = phase else { return nil }
        return now
    }
}
