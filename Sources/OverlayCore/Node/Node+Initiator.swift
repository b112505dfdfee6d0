import OverlayCrypto
import OverlayWire
import PosternModel

// Handshakes that this node begins: `Protocol.md` §4.
extension Node {
    /// Builds message 1 for the peer, with as much early data as fits, and queues it for every way to the peer.
    mutating func startHandshake(with peer: Peer, at now: Instant) {
        peer.needsHandshake = false
        guard let session = peer.session, peer.pending == nil else { return }
        guard let number = counter.next(above: peer.counterFloor) else { return askForCounters() }
        askForCounters()
        peer.counterFloor = max(peer.counterFloor, number - 1)
        var noise = NoiseInitiator(
            identity: shared.identity,
            responder: peer.exchangeKey,
            psk: peer.preSharedKey,
            prologue: PacketLayout.prologue(to: peer.handshakeKey),
            using: shared.random
        )
        let payload = InitiationPayload(
            counter: number,
            key: shared.identity.currentKey,
            ours: session.ours,
            theirs: session.theirs,
            hasAES: shared.hasAES,
            parameters: parameters(for: peer, session, at: now)
        )
        let isFirst = !session.isEstablished
        let encoded = PacketWriter.bytes(capacity: PacketLayout.Initiation.payloadSize) {
            payload.write(to: &$0)
            if isFirst { writeEarlyData(of: session, to: &$0, at: now) }
            // PADDING: every initiation has the same size.
            $0.appendZeros($0.remaining)
        }
        let index = shared.newIndex(slot: peer.slot)
        var isWritten = true
        let packet = PacketWriter.bytes(capacity: PacketLayout.Initiation.byteCount) {
            $0.append(PacketType.initiation.rawValue)
            $0.append(bigEndian: index.rawValue)
            do {
                try noise.writeMessage1(payload: encoded, to: &$0)
            } catch {
                isWritten = false
            }
            HandshakeMAC.append(to: &$0, from: 0, key: HandshakeMAC.key(for: peer.handshakeKey))
            $0.appendZeros(HandshakeMAC.byteCount)
        }
        guard isWritten else {
            shared.indices.remove(index)
            return
        }
        let pending = PendingHandshake(
            index: index,
            counter: number,
            packet: packet,
            noise: noise,
            startedAt: now,
            retryAt: now + shared.settings.handshakeRetry
        )
        peer.pending = pending
        shared.statistics.handshakesStarted += 1
        sendEverywhere(pending, of: peer, at: now)
    }

    /// What message 1 tells of this node.
    private func parameters(for peer: Peer, _ session: Session, at now: Instant) -> TransportParameters {
        var parameters = shared.settings.transportParameters(instance: shared.instance)
        if peer.replayFloor > 0 { parameters.floor = peer.replayFloor }
        if session.theirs == .none, let former = peer.former {
            parameters.formerSession = FormerSession(
                number: former.theirs,
                silentMilliseconds: UInt64(max(0, (now - former.heardAt).milliseconds))
            )
        }
        return parameters
    }

    /// Puts frames of the streams that wait into message 1. They are filed as packet 0 of the session.
    private mutating func writeEarlyData(of session: Session, to writer: inout PacketWriter, at now: Instant) {
        guard session.recovery.packets.next == 0 else { return }
        let start = writer.count
        session.writeEarlyStreams(to: &writer, shared: &shared)
        session.recovery.file(
            sentAt: now,
            byteCount: writer.count - start,
            isTracked: writer.count > start,
            path: nil
        )
    }

    /// Repetitions of a re-key on the path in use alone, before the others are tried.
    private static let patientRetries = 2

    /// Queues message 1 for every way to the peer: direct ones first, then the relay (DESIGN §7). New keys for a path
    /// that is well are agreed there alone: the same bytes elsewhere would link the paths.
    private mutating func sendEverywhere(_ pending: PendingHandshake, of peer: Peer, at now: Instant) {
        let inUse = peer.session?.path?.addresses
        // Where our own configuration or records say that the peer is, a few first messages are in order at any time.
        if let inUse, peer.session?.mayBeginHandshake == true || peer.isKnown(inUse.remote) {
            send(pending, of: peer, on: inUse, at: now)
        }
        if let session = peer.session, session.isEstablished, !session.isPathSilent,
            pending.retries <= Self.patientRetries
        {
            return
        }
        let usesDirectPaths = shared.settings.usesDirectPaths || peer.relays
        send(pending, of: peer, to: peer.candidates(includingDirect: usesDirectPaths), besides: inUse, at: now)
    }

    /// Queues message 1 for each of `candidates` from each of our addresses, but not for the path `inUse`.
    mutating func send(
        _ pending: PendingHandshake,
        of peer: Peer,
        to candidates: [Candidate],
        besides inUse: AddressPair? = nil,
        at now: Instant
    ) {
        for candidate in candidates {
            for path in AddressPair.all(from: shared.localAddresses, to: candidate.endpoint) where path != inUse {
                send(pending, of: peer, on: path, at: now)
            }
        }
    }

    /// No answer came in time: sends again, or gives up when there is nothing to lose but the attempt.
    mutating func retry(_ pending: PendingHandshake, of peer: Peer, at now: Instant) {
        let isFirst = peer.session.map { !$0.isEstablished } ?? true
        if isFirst, now - pending.startedAt >= shared.settings.handshakeTimeout {
            dropPending(of: peer)
            // Our state may be older than what the peer remembers of us.
            counter.leapAhead()
            askForCounters()
            if let session = peer.session {
                session.endStreams(.unreachable, shared: &shared)
                shared.events.append(.handshakeFailed(peer.handle, peer.key))
                forgetSession(of: peer, at: now)
            }
            return
        }
        if !isFirst, now - pending.startedAt >= shared.settings.handshakeTimeout {
            // Fresh keys for a re-key that took long; the session lives on.
            dropPending(of: peer)
            counter.leapAhead()
            askForCounters()
            startHandshake(with: peer, at: now)
            return
        }
        pending.retries += 1
        let factor = Int64(1) << Int64(min(pending.retries, 6))
        let wait = min(shared.settings.handshakeRetry * factor, shared.settings.maxProbeTimeout)
        // RFC 8085 §3.1.1: who has been silent for long is asked seldom.
        pending.retryAt = now + (peer.session?.recovery.isOutage == true ? LossRecovery.longestWait : wait)
        sendEverywhere(pending, of: peer, at: now)
    }

    /// Takes message 2.
    mutating func receiveResponse(_ packet: RawSpan, on path: AddressPair, at now: Instant) {
        let macOffset = packet.byteCount - PacketLayout.Response.macs
        guard packet.byteCount >= PacketLayout.Response.minimum,
            HandshakeMAC.verify(packet, at: macOffset, key: answering[0].macKey),
            let theirs = try? packet.load(UInt32.self, at: PacketLayout.Response.senderIndex),
            let ours = try? packet.load(UInt32.self, at: PacketLayout.Response.receiverIndex),
            let message = try? packet.copyBytes(PacketLayout.Response.noise..<macOffset)
        else {
            shared.statistics.dropped.malformed += 1
            return
        }
        guard let slot = shared.indices.slot(of: ReceiverIndex(ours)), let peer = peers[slot],
            let pending = peer.pending, pending.index.rawValue == ours, let session = peer.session
        else {
            shared.statistics.dropped.unknownIndex += 1
            return
        }
        guard let (payload, secrets) = try? pending.noise.readMessage2(message),
            let response = try? ResponsePayload.parse(unsafe payload.span.bytes),
            !response.usesAES || shared.hasAES
        else {
            shared.statistics.dropped.unauthentic += 1
            return
        }
        guard noteStanding(response, of: peer, session, at: now) else { return }
        let isReached = path.isRelayed || session.isProven(path.remote) || pending.proves(path.remote, of: peer)
        peer.pending = nil
        raiseReplayFloor(of: peer, to: peer.passedOver)
        let epoch = KeyEpoch(
            serial: shared.serial(),
            secrets: secrets,
            cipher: response.usesAES ? .aes256GCM : .chaCha20Poly1305,
            ours: pending.index,
            theirs: ReceiverIndex(theirs),
            isInitiator: true,
            at: now
        )
        let roundTrip = pending.retries == 0 ? now - pending.startedAt : nil
        let current = take(response, for: session, of: peer, epoch: epoch, at: now)
        confirm(current)
        // From now on packets may be authentic under keys that the path in use has not been given.
        if current.path?.addresses != path { current.path?.amplificationLimit?.weaken() }
        established(current, of: peer, on: path, roundTrip: roundTrip, at: now)
        arrive(current, on: path, isReached: isReached, packet.byteCount, at: now)
        if let observed = response.parameters.observed {
            shared.events.append(peer.observed(observed, base: path.local))
        }
        for early in pending.early {
            receiveProtected(unsafe early.bytes.span.bytes, on: early.path, ecn: early.ecn, into: scratch, at: now)
        }
        settle(peer)
    }

    /// Decides what message 2 means: our session begins, goes on under new keys, or was lost by the peer.
    private mutating func take(
        _ response: ResponsePayload,
        for session: Session,
        of peer: Peer,
        epoch: KeyEpoch,
        at now: Instant
    ) -> Session {
        switch session.phase {
        case .established where response.ours == session.theirs:
            shared.statistics.rekeys += 1
            session.install(epoch, sealsNow: true, shared: &shared)
            session.control.isPingDue = true
            return session
        case .established, .closing:
            // The peer knows the new life by the number that our message gave.
            let next = replaceSession(of: peer, ours: session.ours, at: now)
            begin(next, response, epoch: epoch)
            next.recovery.file(sentAt: now, byteCount: 0, isTracked: false, path: nil)
            return next
        case .connecting:
            begin(session, response, epoch: epoch)
            if session.recovery.packets.next == 0 {
                session.recovery.file(sentAt: now, byteCount: 0, isTracked: false, path: nil)
            }
            session.settleEarlyData(isAccepted: response.earlyAccepted, shared: &shared, at: now)
            return session
        }
    }

    /// Message 2 of `byteCount` bytes came on `path`. `isReached`: message 1 went there.
    private mutating func arrive(
        _ session: Session,
        on path: AddressPair,
        isReached: Bool,
        _ byteCount: Int,
        at now: Instant
    ) {
        if isReached {
            // Who answers message 1 has received it, whatever the peer began itself meanwhile.
            session.prove(path.remote, shared: &shared)
        } else if session.path?.addresses == path {
            session.path?.amplificationLimit = AntiAmplificationLimit(
                received: byteCount,
                proof: .pathResponse
            )
            session.probe(path, reason: .proof, at: now)
        }
    }

    /// What message 2 says about who uses which key. False when the peer talks with another program that has ours; then
    /// the session is over.
    private mutating func noteStanding(
        _ response: ResponsePayload,
        of peer: Peer,
        _ session: Session,
        at now: Instant
    ) -> Bool {
        counter.settle()
        noteInstance(response.parameters.instance, of: peer, at: now)
        switch response.standing {
        case .unique:
            return true
        case .shared:
            shared.events.append(.identityShared(by: peer.handle, peer.key, isRefused: false))
            return true
        case .refused:
            shared.events.append(.identityShared(by: peer.handle, peer.key, isRefused: true))
            end(session, code: .duplicateIdentity, reason: "another program uses this node's key", at: now)
            return false
        }
    }

    /// The process `instance` speaks with the key of `peer`.
    @discardableResult
    mutating func noteInstance(_ instance: UInt64, of peer: Peer, at now: Instant) -> IdentityStanding {
        guard peer.instanceFloors == nil else { return .unique }
        let (standing, isNews) = peer.instances.meet(instance, at: now)
        if isNews { shared.events.append(.duplicateIdentity(peer.handle, peer.key)) }
        return standing
    }

    private mutating func begin(_ session: Session, _ response: ResponsePayload, epoch: KeyEpoch) {
        session.theirs = response.ours
        session.phase = .established
        session.apply(response.parameters)
        session.install(epoch, sealsNow: true, shared: &shared)
        shared.statistics.sessionsEstablished += 1
        shared.events.append(.sessionEstablished(session.peer.handle, session.peer.key, isInitiator: true))
    }

    /// The peer has begun a new life: what belonged to the old one ends, and a new session takes its place.
    mutating func replaceSession(of peer: Peer, ours: SessionNumber? = nil, at now: Instant) -> Session {
        if let old = peer.session {
            switch old.phase {
            case .connecting:
                old.endStreams(.sessionLost(.restarted), shared: &shared)
            case .established:
                old.endStreams(.sessionLost(.restarted), shared: &shared)
                shared.events.append(.sessionLost(peer.handle, peer.key, .restarted, reason: "the peer restarted"))
            case .closing:
                break
            }
            dismantle(old)
            clearRelays(through: peer)
        }
        dropSuccessor(of: peer)
        let session = Session(
            peer: peer,
            ours: ours ?? newSessionNumber(),
            opensEvenStreams: shared.precedes(peer),
            shared: &shared,
            at: now
        )
        peer.session = session
        return session
    }

    /// New keys are there: the way they came is the path, unless a session that goes on has a living one. Says whether
    /// it is.
    @discardableResult
    mutating func established(
        _ session: Session,
        of peer: Peer,
        on path: AddressPair,
        roundTrip: Interval?,
        at now: Instant
    ) -> Bool {
        session.heardAt = now
        guard session.selector(settings: shared.settings, at: now).takesPathOfKeys else { return false }
        session.activate(path, roundTrip: nil, shared: &shared, at: now)
        if let roundTrip { session.path?.measure(handshake: roundTrip, at: now) }
        session.control.areCandidatesDue = true
        if path.isRelayed { session.probeCandidates(shared: &shared, at: now) }
        return true
    }
}

extension Session {
    /// The answer to message 1 tells whether its early data counts.
    func settleEarlyData(isAccepted: Bool, shared: inout Shared, at now: Instant) {
        recovery.settle(0) {
            if isAccepted { acknowledged($0, shared: &shared) } else { lost($0, at: now) }
        }
    }
}
