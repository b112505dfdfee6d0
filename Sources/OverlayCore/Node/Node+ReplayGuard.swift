import OverlayCrypto
import OverlayWire
import PosternModel

// Which first messages count: `Protocol.md` §4.4, §4.9.
extension Node {
    /// The peer that may begin this handshake; nil at the limit of peers, for replays and for the loser of a
    /// simultaneous start. `form` is the X25519 form of its key.
    mutating func initiator(_ initiation: InitiationPayload, form: ExchangeKey, at now: Instant) -> Peer? {
        guard let peer = claimedPeer(initiation.key, form) else { return nil }
        guard isFresh(initiation, of: peer, at: now) else {
            shared.statistics.dropped.replayed += 1
            // The very message that was taken last is a copy; its sender will find out from silence.
            if initiation.counter < peer.replayFloor { tellFloor(to: peer, at: now) }
            return nil
        }
        if let floor = initiation.parameters.floor { peer.counterFloor = max(peer.counterFloor, floor) }
        // A late copy of a first message that lost against ours, or that looked for a session before this one: what it
        // was to begin lives already.
        if let session = peer.session, session.isEstablished, session.isOutdated(initiation) {
            raiseReplayFloor(of: peer, to: initiation.counter)
            shared.statistics.dropped.replayed += 1
            return nil
        }
        // Both began at once: the handshake of the lower key stands, unless the other's gets no answer.
        // One that names our attempt shows that the peer has answered it already, and one whose floor ours does not
        // exceed, that it never will.
        let isOurs = shared.precedes(peer)
        let hasAnswered = peer.session.map { !$0.isEstablished && $0.ours == initiation.theirs } ?? false
        let patience = shared.settings.handshakeRetry * PendingHandshake.patience
        if let pending = peer.pending, isOurs, !hasAnswered, now - pending.startedAt < patience,
            pending.counter > initiation.parameters.floor ?? 0
        {
            peer.passedOver = max(peer.passedOver, initiation.counter)
            return nil
        }
        return peer
    }

    /// The peer with `key`, which has proved to be it, and to have `form`. One that is unknown is added; nil at the
    /// limit.
    private mutating func claimedPeer(_ key: NodeKey, _ form: ExchangeKey) -> Peer? {
        if let known = peer(shakingHandsWith: key) { return known }
        // Who is known by it has another key now.
        guard slotsByKey[key] == nil else { return nil }
        guard unconfirmedStrangers < Self.maximumUnconfirmed else {
            shared.statistics.dropped.overLimit += 1
            return nil
        }
        let peer = addPeer(PeerConfiguration(key: key, sharesCandidates: false), exchangeKey: form, isAdmitted: false)
        if peer == nil { shared.statistics.dropped.overLimit += 1 }
        return peer
    }

    /// Whether the message is none that was taken already, nor older than one.
    private mutating func isFresh(_ initiation: InitiationPayload, of peer: Peer, at now: Instant) -> Bool {
        if peer.instanceFloors != nil {
            let instance = initiation.parameters.instance
            guard peer.instanceFloors?.take(initiation.counter, of: instance) == true else { return false }
            shared.events.append(.sharedFloor(peer.key, instance: instance, initiation.counter))
            return true
        }
        return initiation.counter > peer.replayFloor || mayReturn(peer, at: now)
    }

    /// Silence after which an unknown peer whose counters went back may be a restored one: a living one keeps its
    /// mappings alive more often.
    private static let strangersAbsence = Interval.seconds(30)

    /// Whether a counter at or below the floor is no reason against a message. Nothing that an unknown peer sends has
    /// an effect before it has shown that it has the keys; so a hub lets one begin anew that was restored from a
    /// backup.
    private func mayReturn(_ peer: Peer, at now: Instant) -> Bool {
        guard !peer.isAdmitted else { return false }
        let heardAt = [peer.session?.heardAt, peer.successor?.answeredAt].compactMap(\.self).max()
        return heardAt.map { now - $0 >= Self.strangersAbsence } ?? true
    }

    /// Times of ``tellFloor(to:at:)``: silence of the peer's sessions before, and between two.
    private static let tellingSilence = Interval.seconds(2)
    private static let tellingPause = Interval.seconds(10)

    /// A peer's authentic message is old: somebody repeats it, or the peer's state was restored from a backup. It gets
    /// no answer, but a handshake of ours where we know it to be, which tells it what its counters must exceed.
    private mutating func tellFloor(to peer: Peer, at now: Instant) {
        guard peer.isAdmitted, peer.instanceFloors == nil, !isClosing, peer.pending == nil else { return }
        if let heardAt = peer.session?.heardAt ?? peer.former?.heardAt, now - heardAt < Self.tellingSilence { return }
        if let last = peer.toldFloorAt, now - last < Self.tellingPause { return }
        peer.toldFloorAt = now
        _ = session(with: peer, at: now)
        peer.needsHandshake = true
        settle(peer)
    }

    /// Handshakes of the peer up to `counter` are replays from now on.
    mutating func raiseReplayFloor(of peer: Peer, to counter: UInt64) {
        guard peer.instanceFloors == nil, counter > peer.replayFloor else { return }
        peer.replayFloor = counter
        shared.events.append(.replayFloor(peer.key, counter))
    }
}
