import OverlayCrypto
import OverlayWire

// Handshakes: `Protocol.md` §4.
extension Node {
    // MARK: As initiator

    /// Builds message 1 for the peer, with as much early data as fits, and queues it for every way to the peer.
    mutating func startHandshake(with peer: Peer, at now: Instant) {
        peer.needsHandshake = false
        guard let session = peer.session, peer.pending == nil else { return }
        guard
            var noise = try? NoiseInitiator(
                identity: shared.identity,
                responder: peer.exchangeKey,
                psk: peer.preSharedKey,
                ephemeralSeed: shared.random.bytes(32),
                prologue: PacketLayout.prologue
            )
        else { return }
        let payload = InitiationPayload(
            timestamp: timestamp(at: now),
            key: shared.identity.key,
            ours: session.ours,
            theirs: session.theirs,
            hasAES: shared.hasAES,
            parameters: shared.settings.transportParameters
        )
        let isFirst = !session.isEstablished
        let encoded = PacketWriter.bytes(capacity: Self.handshakePayloadSize) {
            payload.write(to: &$0)
            if isFirst { writeEarlyData(of: session, to: &$0, at: now) }
        }
        let index = shared.newIndex(slot: peer.slot)
        var isWritten = true
        let packet = PacketWriter.bytes(capacity: PacketLayout.maximumHandshakeSize) {
            $0.append(PacketType.initiation.rawValue)
            $0.append(bigEndian: index.rawValue)
            do {
                try noise.writeMessage1(payload: encoded, to: &$0)
            } catch {
                isWritten = false
            }
            HandshakeMAC.append(to: &$0, from: 0, key: HandshakeMAC.key(for: peer.key))
            $0.appendZeros(HandshakeMAC.byteCount)
        }
        guard isWritten else {
            shared.indices.remove(index)
            return
        }
        let pending = PendingHandshake(
            index: index,
            packet: packet,
            noise: noise,
            startedAt: now,
            retryAt: now + shared.settings.handshakeRetry
        )
        peer.pending = pending
        shared.statistics.handshakesStarted += 1
        sendEverywhere(pending, of: peer)
    }

    /// What is left for the payload of message 1.
    private static let handshakePayloadSize =
        PacketLayout.maximumHandshakeSize - PacketLayout.Initiation.minimum

    /// Puts frames of the streams that wait into message 1. They are filed as packet 0 of the session.
    private mutating func writeEarlyData(of session: Session, to writer: inout PacketWriter, at now: Instant) {
        guard session.recovery.packets.next == 0 else { return }
        let start = writer.count
        session.writeStreams(to: &writer, shared: &shared)
        session.recovery.file(
            sentAt: now,
            byteCount: writer.count - start,
            isTracked: writer.count > start,
            pathSerial: 0,
            isAppLimited: true
        )
    }

    /// Queues message 1 for every way to the peer: direct ones first, then the relay (DESIGN §7).
    private mutating func sendEverywhere(_ pending: PendingHandshake, of peer: Peer) {
        var ways: [Endpoint] = []
        if let endpoint = peer.session?.path?.endpoint { ways.append(endpoint) }
        if shared.settings.usesDirectPaths || peer.isHub { ways += peer.candidates.filter { !ways.contains($0) } }
        if let relay = peer.relay, !ways.contains(relay) { ways.append(relay) }
        for way in ways { outgoing.append(OutgoingHandshake(destination: way, bytes: pending.packet)) }
    }

    /// No answer came in time: sends again, or gives up when there is nothing to lose but the attempt.
    mutating func retry(_ pending: PendingHandshake, of peer: Peer, at now: Instant) {
        let isFirst = peer.session.map { !$0.isEstablished } ?? true
        if isFirst, now - pending.startedAt >= shared.settings.handshakeTimeout {
            dropPending(of: peer)
            if let session = peer.session {
                session.endStreams(.unreachable, shared: &shared)
                shared.events.append(.handshakeFailed(peer.handle, peer.key))
                forgetSession(of: peer)
            }
            return
        }
        if !isFirst, now - pending.startedAt >= shared.settings.handshakeTimeout {
            // Fresh keys for a re-key that took long; the session lives on.
            dropPending(of: peer)
            startHandshake(with: peer, at: now)
            return
        }
        pending.retries += 1
        let factor = Int64(1) << Int64(min(pending.retries, 6))
        pending.retryAt = now + min(shared.settings.handshakeRetry * factor, shared.settings.maxProbeTimeout)
        sendEverywhere(pending, of: peer)
    }

    /// Takes message 2.
    mutating func receiveResponse(_ packet: RawSpan, from endpoint: Endpoint, at now: Instant) {
        let macOffset = packet.byteCount - PacketLayout.Response.macs
        guard packet.byteCount >= PacketLayout.Response.minimum,
            HandshakeMAC.verify(packet, at: macOffset, key: macKey),
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
        peer.pending = nil
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
        established(current, of: peer, by: epoch, from: endpoint, roundTrip: roundTrip, at: now)
        if let observed = response.parameters.observed {
            shared.events.append(.observedAddress(by: peer.handle, peer.key, observed))
        }
        for early in pending.early {
            receiveProtected(unsafe early.bytes.span.bytes, from: early.from, ecn: early.ecn, into: scratch, at: now)
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
        case .established where response.isContinued && response.ours == session.theirs:
            shared.statistics.rekeys += 1
            session.install(epoch, sealsNow: true, shared: &shared)
            session.control.isPingDue = true
            return session
        case .established, .closing:
            let next = replaceSession(of: peer, isInitiator: true, at: now)
            begin(next, response, epoch: epoch)
            next.recovery.file(sentAt: now, byteCount: 0, isTracked: false, pathSerial: 0, isAppLimited: true)
            return next
        case .connecting:
            begin(session, response, epoch: epoch)
            if session.recovery.packets.next == 0 {
                session.recovery.file(sentAt: now, byteCount: 0, isTracked: false, pathSerial: 0, isAppLimited: true)
            }
            session.settleEarlyData(isAccepted: response.earlyAccepted, shared: &shared)
            return session
        }
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
    private mutating func replaceSession(of peer: Peer, isInitiator: Bool, at now: Instant) -> Session {
        if let old = peer.session {
            switch old.phase {
            case .connecting, .established:
                old.endStreams(.sessionLost(.restarted), shared: &shared)
                shared.events.append(.sessionLost(peer.handle, peer.key, .restarted, reason: "the peer restarted"))
            case .closing:
                break
            }
            old.dismantle(shared: &shared)
        }
        let session = Session(
            peer: peer,
            ours: newSessionNumber(),
            isInitiator: isInitiator,
            settings: shared.settings,
            at: now
        )
        peer.session = session
        return session
    }

    /// New keys are there: the way they came is the path, unless a session that goes on has a living one.
    private mutating func established(
        _ session: Session,
        of peer: Peer,
        by epoch: KeyEpoch,
        from endpoint: Endpoint,
        roundTrip: Interval?,
        at now: Instant
    ) {
        session.heardAt = now
        if session.path == nil || session.recovery.probeCount >= 2 {
            session.activate(endpoint, roundTrip: roundTrip, shared: &shared, at: now)
            session.control.areCandidatesDue = true
        }
        if !endpoint.isRelay { peer.add(candidates: [endpoint]) }
        if session.path?.endpoint.isRelay ?? false { session.probeCandidates(shared: &shared, at: now) }
    }

    // MARK: As responder

    /// Takes message 1. Strangers, replays and floods get no answer.
    mutating func receiveInitiation(_ packet: RawSpan, from endpoint: Endpoint, at now: Instant) {
        let macOffset = packet.byteCount - PacketLayout.Initiation.macs
        guard packet.byteCount >= PacketLayout.Initiation.minimum,
            packet.byteCount <= PacketLayout.maximumHandshakeSize,
            HandshakeMAC.verify(packet, at: macOffset, key: macKey),
            let ephemeral = try? packet.loadWords32(at: PacketLayout.Initiation.noise)
        else {
            shared.statistics.dropped.malformed += 1
            return
        }
        if let answer = answered.answer(to: ephemeral) {
            outgoing.append(OutgoingHandshake(destination: endpoint, bytes: answer))
            return
        }
        guard !isClosing, handshakeBudget.take(at: now) else {
            shared.statistics.dropped.overLimit += 1
            return
        }
        var noise = NoiseResponder(identity: shared.identity, prologue: PacketLayout.prologue)
        guard let theirs = try? packet.load(UInt32.self, at: PacketLayout.Initiation.senderIndex),
            let message = try? packet.copyBytes(PacketLayout.Initiation.noise..<macOffset),
            let (remote, payload) = try? noise.readMessage1(message),
            let (initiation, end) = try? InitiationPayload.parse(unsafe payload.span.bytes),
            let claimed = try? initiation.key.exchangeKey(), claimed == remote
        else {
            shared.statistics.dropped.unauthentic += 1
            return
        }
        guard let peer = initiator(initiation, at: now) else { return }
        answer(
            initiation,
            noise: noise,
            early: Array(payload[end...]),
            ephemeral: ephemeral,
            theirs: ReceiverIndex(theirs),
            peer: peer,
            from: endpoint,
            at: now
        )
    }

    /// The peer that may begin this handshake; nil for strangers, replays and the loser of a simultaneous start.
    private mutating func initiator(_ initiation: InitiationPayload, at now: Instant) -> Peer? {
        let known = slotsByKey[initiation.key].flatMap { peers[$0] }
        guard known != nil || shared.settings.acceptsUnknownPeers else {
            shared.statistics.dropped.stranger += 1
            return nil
        }
        guard let peer = known ?? addPeer(PeerConfiguration(key: initiation.key), isAdmitted: false) else {
            shared.statistics.dropped.overLimit += 1
            return nil
        }
        guard initiation.timestamp > peer.replayFloor else {
            shared.statistics.dropped.replayed += 1
            return nil
        }
        // Both began at once: the handshake of the lower key stands, unless the other's gets no answer.
        let isOurs = peer.key.precedes(shared.identity.key) == false
        if let pending = peer.pending, isOurs, pending.retries < 2 { return nil }
        return peer
    }

    /// Writes message 2 and begins or goes on with the session.
    private mutating func answer(
        _ initiation: InitiationPayload,
        noise: consuming NoiseResponder,
        early: [UInt8],
        ephemeral: Words32,
        theirs: ReceiverIndex,
        peer: Peer,
        from endpoint: Endpoint,
        at now: Instant
    ) {
        let current = peer.session
        let isContinued =
            current.map { $0.isEstablished && $0.ours == initiation.theirs && $0.theirs == initiation.ours } ?? false
        let session = isContinued ? current ?? respondingSession(of: peer, at: now) : respondingSession(of: peer, at: now)
        let usesAES = initiation.hasAES && shared.hasAES
        var response = ResponsePayload(
            ours: session.ours,
            isContinued: isContinued,
            earlyAccepted: !isContinued,
            usesAES: usesAES,
            parameters: shared.settings.transportParameters
        )
        if !endpoint.isRelay { response.parameters.observed = endpoint }
        let index = shared.newIndex(slot: peer.slot)
        var secrets: SessionSecrets?
        let seed = shared.random.bytes(32)
        let packet = PacketWriter.bytes(capacity: PacketLayout.maximumHandshakeSize) {
            $0.append(PacketType.response.rawValue)
            $0.append(bigEndian: index.rawValue)
            $0.append(bigEndian: theirs.rawValue)
            let payload = PacketWriter.bytes(capacity: 256) { response.write(to: &$0) }
            secrets = try? noise.writeMessage2(payload: payload, psk: peer.preSharedKey, ephemeralSeed: seed, to: &$0)
            HandshakeMAC.append(to: &$0, from: 0, key: HandshakeMAC.key(for: peer.key))
            $0.appendZeros(HandshakeMAC.byteCount)
        }
        guard let secrets else {
            shared.indices.remove(index)
            return
        }
        peer.replayFloor = initiation.timestamp
        shared.events.append(.replayFloor(peer.key, initiation.timestamp))
        let epoch = KeyEpoch(
            serial: shared.serial(),
            secrets: secrets,
            cipher: usesAES ? .aes256GCM : .chaCha20Poly1305,
            ours: index,
            theirs: theirs,
            isInitiator: false,
            at: now
        )
        answered.add(packet, to: ephemeral, peer: peer.handle, at: now)
        outgoing.append(OutgoingHandshake(destination: endpoint, bytes: packet))
        shared.statistics.handshakesAnswered += 1
        dropPending(of: peer)
        peer.needsHandshake = false
        if isContinued {
            shared.statistics.rekeys += 1
            session.install(epoch, sealsNow: false, shared: &shared)
        } else {
            begin(session, initiation, epoch: epoch, early: early, from: endpoint, at: now)
        }
        established(session, of: peer, by: epoch, from: endpoint, roundTrip: nil, at: now)
        settle(peer)
    }

    /// The session that a new life of the peer gets: our own attempt if it has not come through, else a new one.
    private mutating func respondingSession(of peer: Peer, at now: Instant) -> Session {
        if let session = peer.session, case .connecting = session.phase { return session }
        return replaceSession(of: peer, isInitiator: false, at: now)
    }

    private mutating func begin(
        _ session: Session,
        _ initiation: InitiationPayload,
        epoch: KeyEpoch,
        early: [UInt8],
        from endpoint: Endpoint,
        at now: Instant
    ) {
        if session.recovery.packets.next == 0 {
            session.recovery.file(sentAt: now, byteCount: 0, isTracked: false, pathSerial: 0, isAppLimited: true)
        } else {
            session.recovery.settle(0) { _ in }
        }
        session.theirs = initiation.ours
        session.phase = .established
        session.flow.peerStreamWindow = initiation.parameters.maxStreamData
        session.restartStreams(asInitiator: false)
        session.apply(initiation.parameters)
        session.install(epoch, sealsNow: true, shared: &shared)
        shared.statistics.sessionsEstablished += 1
        shared.events.append(.sessionEstablished(session.peer.handle, session.peer.key, isInitiator: false))
        guard !early.isEmpty else { return }
        do {
            _ = try session.receiveFrames(
                unsafe early.span.bytes,
                from: endpoint,
                epoch: nil,
                shared: &shared,
                at: now
            )
        } catch {
            fail(session, error, at: now)
        }
    }
}

extension Session {
    /// The answer to message 1 tells whether its early data counts.
    func settleEarlyData(isAccepted: Bool, shared: inout Shared) {
        recovery.settle(0) {
            if isAccepted { acknowledged($0, shared: &shared) } else { lost($0) }
        }
    }
}

extension NodeKey {
    /// Whether the bytes of this key come before those of `other`.
    func precedes(_ other: NodeKey) -> Bool {
        for (mine, theirs) in [
            (words.a, other.words.a), (words.b, other.words.b), (words.c, other.words.c), (words.d, other.words.d),
        ] where mine != theirs {
            return mine.byteSwapped < theirs.byteSwapped
        }
        return false
    }
}
