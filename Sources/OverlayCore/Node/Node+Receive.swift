import OverlayCrypto
package import OverlayWire
package import PosternModel

// What comes from the network. Nothing that is not authentic is answered (DESIGN §5).
extension Node {
    /// Takes one UDP datagram from `remote`. `local`: which of our addresses it came in on, as
    /// ``setLocalAddresses(_:candidates:at:)`` named it. `ecn`: the mark in its IP header.
    package mutating func receive(
        _ datagram: RawSpan,
        from remote: Endpoint,
        to local: Endpoint,
        ecn: ECNCodepoint,
        at now: Instant
    ) {
        let path = AddressPair(local: local, remote: remote)
        receivePacket(datagram, on: path, ecn: ecn, into: scratch, at: now)
        forwardRelayed(at: now)
        if shared.hasAttests { takeAttests(at: now) }
        let relayScratch = relayScratch
        while let packet = shared.relayedIn.popFirst() {
            let path = AddressPair(packet.relay)
            let bytes = PacketWriter.bytes(capacity: packet.byteCount) {
                shared.pool.load(packet.block, at: 0, count: packet.byteCount, into: &$0)
            }
            shared.pool.giveBack(packet.block)
            receivePacket(unsafe bytes.span.bytes, on: path, ecn: .notECT, into: relayScratch, at: now)
        }
    }

    private mutating func receivePacket(
        _ datagram: RawSpan,
        on path: AddressPair,
        ecn: ECNCodepoint,
        into scratch: Scratch,
        at now: Instant
    ) {
        shared.statistics.packetsReceived += 1
        shared.statistics.bytesReceived += UInt64(datagram.byteCount)
        guard let type = (try? datagram.loadByte(at: 0)).flatMap(PacketType.init) else {
            shared.statistics.dropped.malformed += 1
            return
        }
        switch type {
        case .protected:
            receiveProtected(datagram, on: path, ecn: ecn, into: scratch, at: now)
        case .initiation:
            receiveInitiation(datagram, on: path, at: now)
        case .response:
            receiveResponse(datagram, on: path, at: now)
        case .cookie:
            receiveCookie(datagram, on: path, at: now)
        }
    }

    mutating func receiveProtected(
        _ packet: RawSpan,
        on path: AddressPair,
        ecn: ECNCodepoint,
        into scratch: Scratch,
        at now: Instant
    ) {
        guard packet.byteCount >= PacketLayout.Protected.overhead,
            let rawIndex = try? packet.load(UInt32.self, at: PacketLayout.Protected.index)
        else {
            shared.statistics.dropped.malformed += 1
            return
        }
        let index = ReceiverIndex(rawIndex)
        guard let slot = shared.indices.slot(of: index), let peer = peers[slot] else {
            shared.statistics.dropped.unknownIndex += 1
            return
        }
        guard let session = peer.session, let epoch = session.epochs.last(where: { $0.isAddressed(by: index) }) else {
            if confirmsSuccessor(of: peer, packet, index: index, into: scratch, at: now) {
                return receiveProtected(packet, on: path, ecn: ecn, into: scratch, at: now)
            }
            keepEarly(packet, index: index, peer: peer, on: path, ecn: ecn)
            return
        }
        let largest = session.received.largest.map(PacketNumber.init)
        guard let number = epoch.opener.number(of: packet, largest: largest) else {
            shared.statistics.dropped.malformed += 1
            return
        }
        // The window is asked last: its answer must not depend on what nobody has authenticated.
        guard let opened = try? epoch.opener.open(packet, as: number, into: scratch) else {
            shared.statistics.dropped.unauthentic += 1
            noteFailure(of: epoch, session: session)
            return
        }
        guard session.replay.isFresh(number) else {
            shared.statistics.dropped.replayed += 1
            return
        }
        session.replay.mark(number)
        session.bytesReceived += UInt64(packet.byteCount)
        if path.isRelayed { session.relayedBytes += UInt64(packet.byteCount) }
        heard(session, epoch: epoch, index: index, at: now)
        session.hear(packet.byteCount, on: path, shared: &shared, at: now)
        scratch.withSpan(opened.byteCount) {
            receiveFrames($0, number: number, session: session, epoch: epoch, on: path, ecn: ecn, at: now)
        }
    }

    /// An authentic packet came under `index`.
    private mutating func heard(_ session: Session, epoch: KeyEpoch, index: ReceiverIndex, at now: Instant) {
        session.heardAt = now
        session.probesSinceHeard = 0
        if session.isUnresponsive {
            session.isUnresponsive = false
            shared.events.append(.responsive(session.peer.handle, session.peer.key))
        }
        if !epoch.isConfirmed {
            epoch.isConfirmed = true
            confirm(session)
            if let pending = session.peer.pending, pending.startedAt <= epoch.createdAt {
                dropPending(of: session.peer)
            }
            if epoch !== session.sendEpoch { session.seal(with: epoch, shared: &shared) }
        }
        session.replenishIndices(of: epoch, behind: index, shared: &shared)
    }

    /// A packet was not sealed with these keys. Keys that refuse too many are given up.
    private mutating func noteFailure(of epoch: KeyEpoch, session: Session) {
        epoch.failedOpens += 1
        guard epoch.failedOpens >= KeyEpoch.maximumFailedOpens else { return }
        session.remove(epoch, shared: &shared)
        if epoch === session.sendEpoch, session.peer.pending == nil { session.peer.needsHandshake = true }
        settle(session.peer)
    }

    private mutating func receiveFrames(
        _ payload: RawSpan,
        number: PacketNumber,
        session: Session,
        epoch: KeyEpoch,
        on path: AddressPair,
        ecn: ECNCodepoint,
        at now: Instant
    ) {
        switch session.phase {
        case .closing:
            if (try? payload.loadByte(at: 0)) == FrameType.close {
                // RFC 9000 §10.2.2: both sides have closed; an answer would be answered, and so on without end.
                forgetSession(of: session.peer, at: now)
            } else {
                session.receiveWhileClosing()
                settle(session.peer)
            }
            return
        case .connecting, .established:
            break
        }
        let isLargest = session.received.largest.map { number.rawValue > $0 } ?? true
        do {
            let summary = try session.receiveFrames(
                payload,
                on: path,
                epoch: epoch,
                shared: &shared,
                at: now
            )
            session.received.receive(
                number.rawValue,
                isAckEliciting: summary.isAckEliciting,
                ecn: ecn,
                maxAckDelay: shared.settings.maxAckDelay,
                roundTrip: session.path?.roundTrip.smoothed ?? RoundTripEstimator.initial,
                at: now
            )
            if path != session.path?.addresses, isLargest, summary.isNonProbing {
                session.follow(path, shared: &shared, at: now)
            }
            settle(session.peer)
        } catch {
            fail(session, error, at: now)
        }
    }

    /// The frames of a packet ended the session, or could not be kept.
    mutating func fail(_ session: Session, _ failure: FrameFailure, at now: Instant) {
        switch failure {
        case .dropped:
            shared.statistics.dropped.noMemory += 1
            settle(session.peer)
        case .violation(let code):
            close(session, code: code, reason: "the peer broke the protocol", at: now)
        case .closed(let code, let reason):
            end(session, code: code, reason: reason, at: now)
        }
    }

    /// A packet overtook the answer to our handshake: it is kept until the keys are there.
    private func keepEarly(
        _ packet: RawSpan,
        index: ReceiverIndex,
        peer: Peer,
        on path: AddressPair,
        ecn: ECNCodepoint
    ) {
        guard let pending = peer.pending, pending.index == index,
            pending.early.count < PendingHandshake.maximumEarly,
            let bytes = try? packet.copyBytes(0..<packet.byteCount)
        else { return }
        pending.early.append((bytes, path, ecn))
    }

    /// Hands relayed packets to the sessions that carry them on.
    mutating func forwardRelayed(at now: Instant) {
        guard !shared.relayedOut.isEmpty else { return }
        while let packet = shared.relayedOut.popFirst() {
            guard let carrier = peer(packet.relay.peer), let session = carrier.session, session.isEstablished else {
                dropRelayed(packet)
                continue
            }
            let settings = shared.settings
            let lost = session.relayQueue.append(packet, limit: settings.maxRelayFlow, total: settings.maxRelayQueue)
            if let lost { dropRelayed(lost) }
            wake(carrier)
        }
    }

    private mutating func dropRelayed(_ packet: RelayedPacket) {
        shared.pool.giveBack(packet.block)
        shared.statistics.dropped.unrelayed += 1
    }
}
