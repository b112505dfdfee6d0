import OverlayCrypto
package import OverlayWire
package import PosternModel

// Who the node talks with.
extension Node {
    /// Admits a peer, or changes what is known about one that is there: handshakes with its key are answered from now
    /// on, and candidates that are new are tried at once where that can help. Nil when the key is not a valid one, when
    /// `NodeSettings.maxPeers` is reached, or when the key is admitted as a hub and not as a peer, or the other way
    /// round: whoever names a peer as a hub must not change what is known of the peer.
    @discardableResult
    package mutating func admit(_ configuration: PeerConfiguration, at now: Instant) -> PeerHandle? {
        if let slot = slotsByKey[configuration.key], let peer = peers[slot] {
            guard !peer.isAdmitted || peer.relays == configuration.relays,
                peer.handshakeKey == configuration.handshakeKey
            else { return nil }
            peer.preSharedKey = configuration.preSharedKey
            peer.relays = configuration.relays
            peer.attests = configuration.attests
            peer.sharesCandidates = configuration.sharesCandidates
            peer.isAdmitted = true
            peer.replayFloor = max(peer.replayFloor, configuration.replayFloor)
            add(configuration.candidates, to: peer, at: now)
            return peer.handle
        }
        guard let exchangeKey = try? configuration.handshakeKey.exchangeKey(),
            peer(shakingHandsWith: configuration.handshakeKey) == nil
        else { return nil }
        let peer = addPeer(configuration, exchangeKey: exchangeKey, isAdmitted: true)
        // A first message of the time before could come now.
        if expelled.contains(configuration.key) { peer?.isFloorCertain = false }
        return peer?.handle
    }

    /// Takes the admission back: the session is closed, its streams end at once, and the key gets no answer any more.
    package mutating func expel(_ key: NodeKey, code: ErrorCode, at now: Instant) {
        guard let slot = slotsByKey[key], let peer = peers[slot] else { return }
        if expelled.count < shared.settings.maxPeers { expelled.insert(key) }
        forgetKey(of: peer)
        answered.removeAll(of: peer.handle)
        peer.isAdmitted = false
        dropPending(of: peer)
        dropSuccessor(of: peer)
        peer.needsHandshake = false
        if let session = peer.session {
            close(session, code: code, reason: "trust was revoked", at: now)
        } else {
            removePeer(peer)
        }
    }

    /// The peer with `key`, if it is admitted or connected.
    package func peer(with key: NodeKey) -> PeerHandle? {
        guard let slot = slotsByKey[key] else { return nil }
        return peers[slot]?.handle
    }

    /// The key of a peer.
    package func key(of handle: PeerHandle) -> NodeKey? { peer(handle)?.key }

    /// Begins a handshake unless there is a session.
    package mutating func connect(_ handle: PeerHandle, at now: Instant) {
        guard let peer = peer(handle), !isClosing else { return }
        _ = session(with: peer, at: now)
        settle(peer)
    }

    /// The session with the peer; begins one if there is none.
    mutating func session(with peer: Peer, at now: Instant) -> Session {
        if let session = peer.session { return session }
        let session = Session(
            peer: peer,
            ours: newSessionNumber(),
            opensEvenStreams: shared.precedes(peer),
            shared: &shared,
            at: now
        )
        peer.session = session
        peer.needsHandshake = true
        return session
    }

    mutating func newSessionNumber() -> SessionNumber {
        SessionNumber(max(1, shared.random.nextUInt64()))
    }

    /// A hub offers to relay packets to and from the peer, in conversation `channel`.
    package mutating func setRelay(for handle: PeerHandle, hub: PeerHandle, channel: RelayChannel, at now: Instant) {
        guard shared.settings.usesRelays, let peer = peer(handle), self.peer(hub)?.relays == true else { return }
        let relay = RelayHandle(hub: hub, channel: channel)
        guard peer.relay != relay else { return }
        peer.relay = relay
        if let pending = peer.pending { send(pending, of: peer, on: AddressPair(relay), at: now) }
        guard let session = peer.session, session.isEstablished else { return }
        if session.selector(settings: shared.settings, at: now).wantsDetour {
            session.probe(AddressPair(relay), reason: .followed, at: now)
        }
        settle(peer)
    }

    /// The hub no longer relays conversation `channel` with the peer. A session that used it looks for a direct path.
    package mutating func clearRelay(for handle: PeerHandle, hub: PeerHandle, channel: RelayChannel, at now: Instant) {
        let relay = RelayHandle(hub: hub, channel: channel)
        guard let peer = peer(handle), peer.relay == relay else { return }
        peer.relay = nil
        guard let session = peer.session, session.isEstablished, session.path?.addresses == AddressPair(relay) else {
            return
        }
        session.probeCandidates(shared: &shared, at: now)
        settle(peer)
    }

    /// The shell has opened a connection with the peer: packets may go through it where UDP does not lead there.
    package mutating func openConnection(_ connection: ConnectionID, with handle: PeerHandle, at now: Instant) {
        guard let peer = peer(handle) else { return }
        peer.add([Candidate(.connection(connection), kind: .relayed)])
        let way = AddressPair(connection)
        if let pending = peer.pending { send(pending, of: peer, on: way, at: now) }
        guard let session = peer.session, session.isEstablished else { return }
        if session.selector(settings: shared.settings, at: now).wantsDetour {
            session.probe(way, reason: .followed, at: now)
        }
        settle(peer)
    }

    /// The connection with the peer is gone. A session that used it looks for another way.
    package mutating func closeConnection(_ connection: ConnectionID, with handle: PeerHandle, at now: Instant) {
        guard let peer = peer(handle) else { return }
        peer.forget(connection)
        guard let session = peer.session, session.isEstablished,
            session.path?.addresses == AddressPair(connection)
        else { return }
        session.probeAlternatives(shared: &shared, at: now)
        settle(peer)
    }

    /// The session with `hub` is over, and its conversations with it: their numbers may mean others in the next.
    func clearRelays(through hub: Peer) {
        guard hub.relays else { return }
        for case let peer? in peers where peer.relay?.peer == hub.handle { peer.relay = nil }
    }

    /// The peer may be there too.
    private mutating func add(_ candidates: [Candidate], to peer: Peer, at now: Instant) {
        let fresh = peer.add(candidates)
        guard !fresh.isEmpty, shared.settings.usesDirectPaths || peer.relays else { return }
        if let pending = peer.pending { send(pending, of: peer, to: fresh, at: now) }
        guard let session = peer.session, session.isEstablished else { return }
        if session.selector(settings: shared.settings, at: now).wantsDirectPath {
            session.probeCandidates(shared: &shared, at: now)
        }
        settle(peer)
    }

    /// As a hub: forwards relayed packets between conversation `channel` with `peer` and `otherChannel` with `other`.
    package mutating func bridge(
        _ handle: PeerHandle,
        _ channel: RelayChannel,
        _ otherHandle: PeerHandle,
        _ otherChannel: RelayChannel
    ) {
        guard let peer = self.peer(handle), let other = self.peer(otherHandle) else { return }
        peer.routes[channel] = Peer.Route(peer: otherHandle, channel: otherChannel)
        other.routes[otherChannel] = Peer.Route(peer: handle, channel: channel)
    }

    /// As a hub: ends what ``bridge(_:_:_:_:)`` began, in both directions.
    package mutating func unbridge(_ handle: PeerHandle, _ channel: RelayChannel) {
        guard let route = peer(handle)?.routes.removeValue(forKey: channel) else { return }
        self.peer(route.peer)?.routes[route.channel] = nil
    }

    /// As a hub: relayed bytes may come so fast from now on; see ``NodeSettings/relayRate``.
    package mutating func limitRelays(to rate: UInt64, ofPeer ratePerPeer: UInt64) {
        shared.settings.relayRate = rate
        shared.settings.relayRatePerPeer = ratePerPeer
    }

    /// Measures the round trip on the path in use; `.pong` tells it. Nothing comes when there is no session or no
    /// answer.
    package mutating func ping(_ handle: PeerHandle, at now: Instant) {
        guard let peer = peer(handle), let session = peer.session, session.isEstablished else { return }
        session.ping(at: now)
        settle(peer)
    }

    /// Closes all sessions: CLOSE goes out with the next transmissions, and nothing new begins.
    package mutating func close(code: ErrorCode, at now: Instant) {
        isClosing = true
        for case let peer? in peers {
            dropPending(of: peer)
            dropSuccessor(of: peer)
            peer.needsHandshake = false
            if let session = peer.session {
                close(session, code: code, reason: "the node shuts down", at: now)
            }
        }
    }

    /// What is known about the peer now; nil for one that is gone.
    package func status(of handle: PeerHandle) -> PeerStatus? {
        guard let peer = peer(handle) else { return nil }
        let session = peer.session
        let path = session?.path
        return PeerStatus(
            key: peer.key,
            isConnected: session?.isEstablished ?? false,
            path: path?.addresses.remote,
            isInConnection: path.map { isInConnection($0.addresses.remote) } ?? false,
            packetSize: path?.packetSize,
            carriesBase: path?.mtu.carriesBase ?? true,
            isConnecting: peer.pending != nil && session?.isEstablished != true,
            isSilent: session.map { $0.isUnresponsive || $0.isPathSilent } ?? false,
            roundTrip: path?.roundTrip.hasSample == true ? path?.roundTrip.smoothed : nil,
            bytesSent: session?.bytesSent ?? 0,
            bytesReceived: session?.bytesReceived ?? 0,
            relayedBytes: session?.relayedBytes ?? 0,
            activeStreams: session?.streams.count ?? 0,
            heardAt: session?.heardAt
        )
    }

    private func isInConnection(_ endpoint: Endpoint) -> Bool {
        switch endpoint {
        case .ipv4, .ipv6: return false
        case .connection: return true
        case .relay(let relay):
            guard case .connection? = peer(relay.peer)?.session?.path?.addresses.remote else { return false }
            return true
        }
    }

    /// Every peer of the node.
    package var peerHandles: [PeerHandle] {
        peers.compactMap { $0.flatMap { slotsByKey[$0.key] == $0.slot ? $0.handle : nil } }
    }

    // MARK: Ends of sessions

    /// The shell found the port of a silent local path closed: the peer's program is gone, and its streams with it. A
    /// peer that was heard meanwhile, or that is on another path, is left alone.
    package mutating func peerIsGone(_ handle: PeerHandle, at endpoint: Endpoint, now: Instant) {
        guard let peer = peer(handle), let session = peer.session, session.isEstablished else { return }
        guard session.path?.addresses.remote == endpoint, endpoint.isLocal, session.isSilent else { return }
        end(session, code: .aborted, reason: "the peer's program is gone", at: now)
    }

    /// How long a closed session still answers with CLOSE.
    private static let closingTime = Interval.seconds(3)

    /// Closes from our side: streams end now, the peer is told.
    mutating func close(_ session: Session, code: ErrorCode, reason: String, at now: Instant) {
        let peer = session.peer
        switch session.phase {
        case .closing:
            return
        case .connecting:
            session.endStreams(.sessionLost(code), shared: &shared)
        case .established:
            session.endStreams(.sessionLost(code), shared: &shared)
            shared.events.append(.sessionLost(peer.handle, peer.key, code, reason: reason))
        }
        guard session.sendEpoch != nil else {
            forgetSession(of: peer, at: now)
            return
        }
        session.phase = .closing(code, reason: reason, until: now + Self.closingTime)
        session.isCloseDue = true
        settle(peer)
    }

    /// Ends a session that the peer closed or that is given up; the peer is not told.
    mutating func end(_ session: Session, code: ErrorCode, reason: String, at now: Instant) {
        let peer = session.peer
        switch session.phase {
        case .closing:
            break
        case .connecting:
            session.endStreams(.sessionLost(code), shared: &shared)
        case .established:
            session.endStreams(.sessionLost(code), shared: &shared)
            shared.events.append(.sessionLost(peer.handle, peer.key, code, reason: reason))
        }
        dropPending(of: peer)
        peer.needsHandshake = false
        forgetSession(of: peer, at: now)
    }

    mutating func dropPending(of peer: Peer) {
        if let pending = peer.pending { shared.indices.remove(pending.index) }
        peer.pending = nil
    }
}
