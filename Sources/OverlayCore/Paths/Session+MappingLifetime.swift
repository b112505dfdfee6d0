import OverlayCrypto
package import OverlayWire
package import PosternModel

// How long translators keep a silent mapping (`Protocol.md` §9.4).
extension Session {
    /// As a hub: the answer to a challenge leaves after `delay`. One waits at a time, the latest.
    func answerLater(
        _ token: UInt64,
        on addresses: AddressPair,
        after delay: Interval,
        shared: borrowing Shared,
        at now: Instant
    ) {
        guard shared.settings.acceptsUnknownPeers, !addresses.isDetour else { return }
        let response = PathResponse(token: token, path: addresses, byteCount: PathProbe.smallestPacket)
        delayedAnswer = (response, now + delay)
    }

    /// Sends the answer whose time has come.
    func answerDelayed(at now: Instant) {
        guard let (response, due) = delayedAnswer, due <= now else { return }
        delayedAnswer = nil
        guard pendingResponses.count < PathResponse.maximum else { return }
        pendingResponses.append(response)
    }

    /// The hub's answer has come in.
    func mappingAnswered(_ probe: MappingProbe, shared: inout Shared) {
        guard let delay = probe.delay else { return }
        mappingProbe = nil
        shared.events.append(.mappingAlive(peer.handle, delay: delay))
    }
}

extension Node {
    /// Challenges a hub from the spare socket at `local`; the answer comes after `delay`, or at once without one. Only
    /// the former is told (``Event/mappingAlive(_:delay:)``). False when there is no direct way to the hub now.
    package mutating func probeMapping(
        _ handle: PeerHandle,
        from local: Endpoint,
        delay: Interval?,
        at now: Instant
    ) -> Bool {
        guard let peer = peer(handle), peer.relays, let session = peer.session, session.isEstablished,
            let path = session.path, !path.isDetour
        else { return false }
        shared.spareAddresses.insert(local)
        let addresses = AddressPair(local: local, remote: path.addresses.remote)
        session.mappingProbe = MappingProbe(path: addresses, token: shared.random.nextUInt64(), delay: delay)
        settle(peer)
        return true
    }

    /// The trial is over: its socket may be closed.
    package mutating func endMappingProbe(_ handle: PeerHandle) { peer(handle)?.session?.mappingProbe = nil }

    /// Silence of ours after which mappings are kept alive, from now on; see ``NodeSettings/keepAlive``.
    package mutating func setKeepAlive(_ interval: Interval) {
        guard shared.settings.keepAlive != interval else { return }
        shared.settings.keepAlive = interval
        for case let peer? in peers { settle(peer) }
    }

    /// The challenge that waits to leave.
    mutating func mappingPacket(of session: Session, into writer: inout PacketWriter, at now: Instant) -> Transmit? {
        guard let probe = session.mappingProbe, probe.isDue, session.sendEpoch?.probingIndex != nil else { return nil }
        session.mappingProbe?.isDue = false
        guard shared.hasAddress(probe.path.local) else { return nil }
        let isWritten = session.writePathPacket(
            FrameType.pathChallenge,
            tokens: [probe.token],
            delay: probe.delay,
            size: PathProbe.smallestPacket + 8,
            on: probe.path,
            to: &writer,
            shared: &shared,
            at: now
        )
        return isWritten ? finish(&writer, on: probe.path, segmentSize: writer.count) : nil
    }
}
