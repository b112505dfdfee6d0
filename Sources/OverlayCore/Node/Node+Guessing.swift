import OverlayCrypto
package import OverlayWire
package import PosternModel

// Ports that are guessed (`Protocol.md` §9.3).
extension Node {
    /// What the shell has found out about the translator in front of this node.
    package mutating func setMapping(_ mapping: AddressMapping) { shared.mapping = mapping }

    /// The answer to ``Event/portsWanted(_:base:count:)``: sockets that were opened, which from now on may be ends of
    /// paths; none when there can be none. They are kept until ``takeUnusedSpares()`` gives them back.
    package mutating func spread(_ handle: PeerHandle, from locals: [Endpoint], at now: Instant) {
        shared.spareAddresses.formUnion(locals)
        guard let peer = peer(handle), let session = peer.session, session.isEstablished else { return }
        session.opened(locals)
        settle(peer)
    }

    /// The sockets of ``spread(_:from:at:)`` that no path needs any more: they are to be closed. Looks at every peer.
    package mutating func takeUnusedSpares() -> [Endpoint] {
        guard !shared.spareAddresses.isEmpty else { return [] }
        var unused = shared.spareAddresses
        for case let peer? in peers {
            guard let session = peer.session else { continue }
            if let local = session.path?.addresses.local { unused.remove(local) }
            for probe in session.probes { unused.remove(probe.path.local) }
            unused.subtract(session.spread?.locals ?? [])
            if let local = session.mappingProbe?.path.local { unused.remove(local) }
        }
        shared.spareAddresses.subtract(unused)
        return Array(unused)
    }

    /// The next packet by which a port is opened or guessed; nil when none is due.
    mutating func guessingPacket(of session: Session, into writer: inout PacketWriter, at now: Instant) -> Transmit? {
        // Without an index of its own it would show that it belongs to the relayed path.
        guard session.isGuessing, session.sendEpoch?.probingIndex != nil else { return nil }
        while let addresses = session.spread?.next() {
            if session.spread?.waiting.isEmpty == true {
                session.control.punch = PunchFrame(.spread, sequence: session.opening.sequence)
            }
            if let transmit = challenge(addresses, shared.random.nextUInt64(), of: session, into: &writer, at: now) {
                return transmit
            }
        }
        while let guesses = session.guesses, let due = guesses.nextAt, due <= now {
            let token = shared.random.nextUInt64()
            guard let remote = session.guesses?.guess(token, at: now) else { return nil }
            let addresses = AddressPair(local: guesses.local, remote: remote)
            if let transmit = challenge(addresses, token, of: session, into: &writer, at: now) { return transmit }
        }
        return nil
    }

    private mutating func challenge(
        _ addresses: AddressPair,
        _ token: UInt64,
        of session: Session,
        into writer: inout PacketWriter,
        at now: Instant
    ) -> Transmit? {
        guard shared.hasAddress(addresses.local) else { return nil }
        let isWritten = session.writePathPacket(
            FrameType.pathChallenge,
            tokens: [token],
            size: PathProbe.smallestPacket,
            on: addresses,
            to: &writer,
            shared: &shared,
            at: now
        )
        return isWritten ? finish(&writer, on: addresses, segmentSize: writer.count) : nil
    }

    // MARK: Attestations

    /// Hands requests to the sessions with hubs, and as a hub what it tells to the other ends.
    mutating func forwardAttests() {
        while let relay = shared.attestRequests.popFirst() {
            guard let hub = peer(relay.peer), let session = hub.session, session.isEstablished else { continue }
            session.queue(attestRequest: relay.channel)
            wake(hub)
        }
        while let (relay, endpoint) = shared.attestsOut.popFirst() {
            guard let peer = peer(relay.peer), let session = peer.session, session.isEstablished else { continue }
            session.queue(attested: endpoint, channel: relay.channel)
            wake(peer)
        }
        shared.hasAttests = !shared.attestsIn.isEmpty
    }

    /// Notes what hubs told of peers.
    mutating func takeAttests(at now: Instant) {
        forwardAttests()
        while let (relay, endpoint) = shared.attestsIn.popFirst() {
            guard let peer = peers.lazy.compactMap({ $0 }).first(where: { $0.relay == relay }) else { continue }
            peer.attestation = Peer.Attestation(endpoint: endpoint, at: now)
        }
        shared.hasAttests = false
    }
}
