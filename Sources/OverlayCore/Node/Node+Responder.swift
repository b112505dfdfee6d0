import OverlayCrypto
import OverlayWire
import PosternModel

// Handshakes that others begin: `Protocol.md` §4.4.
extension Node {
    /// Takes message 1. Unknown keys, replays and floods get no answer.
    mutating func receiveInitiation(_ packet: RawSpan, on path: AddressPair, at now: Instant) {
        typealias Layout = PacketLayout.Initiation
        guard packet.byteCount == Layout.byteCount,
            let ours = answering.first(where: {
                HandshakeMAC.verify(packet, at: Layout.mac1.lowerBound, key: $0.macKey)
            }),
            let ephemeral = try? packet.loadWords32(at: Layout.noise)
        else {
            shared.statistics.dropped.malformed += 1
            return
        }
        if let answer = answered.answer(to: ephemeral, at: now) {
            repeatAnswer(answer, on: path)
            return
        }
        let isProven = cookies.prove(packet, at: Layout.mac1.upperBound, from: path.remote, at: now)
        guard !isClosing, admits(packet, to: ours, on: path, isProven: isProven, at: now) else { return }
        var noise = NoiseResponder(identity: ours.identity, prologue: ours.prologue)
        guard let theirs = try? packet.load(UInt32.self, at: Layout.senderIndex),
            let message = try? packet.copyBytes(Layout.noise..<Layout.mac1.lowerBound),
            let remote = try? noise.readSender(of: message)
        else {
            shared.statistics.dropped.unauthentic += 1
            return
        }
        guard let opened = open(&noise, from: remote) else { return }
        let initiation = opened.payload
        guard let peer = initiator(initiation, form: remote, at: now), peer.mayMeet(on: path, shared.settings)
        else { return }
        let incoming = IncomingInitiation(
            payload: initiation,
            early: opened.early,
            ephemeral: ephemeral,
            index: ReceiverIndex(theirs),
            path: path,
            isProven: isProven,
            isToFormerKey: ours.isFormer
        )
        answer(incoming, noise: noise, peer: peer, at: now)
    }

    /// Answers and cookies that wait to be sent; more are dropped.
    static let maximumAnswers = 4096

    /// The peer repeats its first message, and gets its answer again; anybody else who does gets silence.
    private mutating func repeatAnswer(_ answer: AnsweredHandshakes.Answer, on path: AddressPair) {
        guard let peer = peer(answer.peer), outgoing.count < Self.maximumAnswers else { return }
        guard path == answer.path || peer.mayBe(at: path.remote), peer.mayMeet(on: path, shared.settings) else {
            return
        }
        outgoing.append(OutgoingHandshake(path: path, bytes: answer.packet))
        // Whoever receives at the one address can have the keys now, and say that it is at the other.
        if path != answer.path { peer.successor?.isAnsweredElsewhere = true }
        guard let inUse = peer.session?.path else { return }
        if inUse.addresses == path {
            inUse.amplificationLimit?.receive(PacketLayout.Initiation.byteCount)
            inUse.spend(answer.packet.count)
        }
        if path != answer.path { inUse.amplificationLimit?.weaken() }
        settle(peer)
    }

    /// Whether a first message may cost a public-key operation; if only its sender's address is in doubt, asks for
    /// proof.
    private mutating func admits(
        _ packet: RawSpan,
        to ours: AnsweringKey,
        on path: AddressPair,
        isProven: Bool,
        at now: Instant
    ) -> Bool {
        switch gate.judge(from: path.remote, isProven: isProven, at: now) {
        case .admitted:
            return true
        case .unproven:
            sendCookie(for: packet, to: ours, on: path, at: now)
            return false
        case .overLimit:
            shared.statistics.dropped.overLimit += 1
            return false
        }
    }

    /// The payload of message 1 from the holder of `form`, under the secret of the peer that it names, and its early
    /// frames. Who is unknown has no secret.
    ///
    /// Two peers can have the same X25519 form: a key and its opposite. The secrets of both are tried.
    private mutating func open(
        _ noise: inout NoiseResponder,
        from form: ExchangeKey
    ) -> (payload: InitiationPayload, early: [UInt8])? {
        var secrets = peers(withForm: form).map(\.preSharedKey)
        if shared.settings.acceptsUnknownPeers { secrets.append(.none) }
        guard !secrets.isEmpty else {
            shared.statistics.dropped.stranger += 1
            return nil
        }
        for secret in secrets {
            guard let opened = read(&noise, psk: secret) else { continue }
            guard proves(opened.payload.key, form, with: secret) else { break }
            return opened
        }
        shared.statistics.dropped.unauthentic += 1
        return nil
    }

    /// Whether who has the static key `form` and the secret is the holder of `key`: of a peer its own secret, of an
    /// unknown key none.
    private func proves(_ key: NodeKey, _ form: ExchangeKey, with secret: PreSharedKey) -> Bool {
        if let known = peer(shakingHandsWith: key) {
            return known.exchangeKey == form && known.preSharedKey == secret
        }
        return shared.settings.acceptsUnknownPeers && secret == .none && (try? key.exchangeKey()) == form
    }

    private func read(
        _ noise: inout NoiseResponder,
        psk: PreSharedKey
    ) -> (payload: InitiationPayload, early: [UInt8])? {
        guard let bytes = try? noise.readMessage1(psk: psk),
            let (payload, end) = try? InitiationPayload.parse(unsafe bytes.span.bytes)
        else { return nil }
        return (payload, Array(bytes[end...]))
    }

    /// Answers with message 2, and begins or goes on with the session.
    private mutating func answer(
        _ incoming: IncomingInitiation,
        noise: consuming NoiseResponder,
        peer: Peer,
        at now: Instant
    ) {
        let initiation = incoming.payload
        let standing = noteInstance(initiation.parameters.instance, of: peer, at: now)
        guard standing != .refused else { return refuse(incoming, noise: noise, peer: peer, at: now) }
        let continued = [peer.session, peer.successor?.session].compactMap(\.self)
            .first { $0.continues(with: initiation) }
        let living = continued.flatMap { $0.isEstablished ? $0 : nil }
        // A life that is there goes on until the peer has shown that it has the keys of the new one.
        let isSuccessor = continued == nil && peer.session?.isEstablished == true
        if continued == nil, peer.session?.isEstablished == false,
            peer.pending.map({ $0.counter == initiation.parameters.floor }) == true
        {
            // The peer took our first message in a life that is over, and what came with it must not run twice.
            _ = replaceSession(of: peer, ours: peer.session?.ours, at: now)
        }
        raiseReplayFloor(of: peer, to: initiation.counter)
        let session = living ?? begin(isSuccessor: isSuccessor, for: initiation, of: peer, at: now)
        let takesEarly = continued == nil && !isSuccessor && mayTakeEarlyData(of: incoming, from: peer, at: now)
        let early = takesEarly ? takeEarlyData(of: incoming, session, at: now) : .success(false)
        let response = ResponsePayload(
            ours: session.ours,
            isContinued: continued != nil,
            earlyAccepted: (try? early.get()) ?? false,
            usesAES: initiation.hasAES && shared.hasAES,
            standing: standing,
            parameters: shared.settings.transportParameters(instance: shared.instance)
        )
        guard let (epoch, answerSize) = send(response, to: incoming, noise: noise, peer: peer, at: now) else {
            if isSuccessor {
                dismantle(session)
            } else if living == nil {
                end(session, code: .aborted, reason: "the handshake could not be answered", at: now)
            }
            return
        }
        session.install(epoch, sealsNow: living == nil, shared: &shared)
        if isSuccessor { return wait(for: session, incoming, answerSize, at: now) }
        // Who gives in keeps its own first message on its way: the peer may have answered that one already, and then
        // the keys of this answer open nothing there.
        if !shared.precedes(peer) { dropPending(of: peer) }
        peer.needsHandshake = false
        if living != nil {
            shared.statistics.rekeys += 1
            // The life that the peer has begun and not confirmed is answered anew; it stays what it is.
            guard session === peer.session else { return }
        }
        let (path, isProven) = (incoming.path, incoming.isProven)
        arrive(session, of: peer, on: path, isProven: isProven, areKeysElsewhere: living != nil, answerSize, at: now)
        if case .failure(let failure) = early { fail(session, failure, at: now) }
        settle(peer)
    }

    /// The life that the peer has begun waits until the peer speaks in it.
    private mutating func wait(
        for session: Session,
        _ incoming: IncomingInitiation,
        _ answerSize: Int,
        at now: Instant
    ) {
        dropSuccessor(of: session.peer)
        session.peer.successor = Successor(
            session: session,
            path: incoming.path,
            isProven: incoming.isProven,
            answerSize: answerSize,
            answeredAt: now
        )
    }

    /// Another program with this key was there first: the answer says so, and makes no session.
    private mutating func refuse(
        _ incoming: IncomingInitiation,
        noise: consuming NoiseResponder,
        peer: Peer,
        at now: Instant
    ) {
        let response = ResponsePayload(
            ours: newSessionNumber(),
            isContinued: false,
            earlyAccepted: false,
            usesAES: false,
            standing: .refused,
            parameters: shared.settings.transportParameters(instance: shared.instance)
        )
        guard let (epoch, _) = send(response, to: incoming, noise: noise, peer: peer, at: now) else { return }
        for index in epoch.ourIndices { shared.indices.remove(index) }
        raiseReplayFloor(of: peer, to: incoming.payload.counter)
    }

    /// A session that came with message 1 from `path` is there, or goes on with its keys: that is its path, as far as
    /// the peer may be there. `areKeysElsewhere`: a packet from there proves nothing, since it may be under other keys
    /// than those that message 2 took there, as in a session that goes on, or message 2 went to other addresses too.
    mutating func arrive(
        _ session: Session,
        of peer: Peer,
        on path: AddressPair,
        isProven: Bool,
        areKeysElsewhere: Bool,
        _ answerSize: Int,
        at now: Instant
    ) {
        let isProven = isProven || session.isProven(path.remote)
        let isPathNew = established(session, of: peer, on: path, roundTrip: nil, at: now)
        if isProven {
            session.prove(path.remote, shared: &shared)
        } else if isPathNew {
            // A session that has something to say for itself may need a handshake of its own.
            session.path?.amplificationLimit = AntiAmplificationLimit(
                received: PacketLayout.Initiation.byteCount,
                proof: areKeysElsewhere ? .pathResponse : .authenticPacket,
                reserve: session.flow.openedStreams > 0 ? PacketLayout.Initiation.byteCount : 0
            )
            session.path?.spend(answerSize)
        }
    }

    /// Queues message 2, keeps it for repeated first messages, and returns the keys that it makes and its size.
    private mutating func send(
        _ response: ResponsePayload,
        to incoming: IncomingInitiation,
        noise: consuming NoiseResponder,
        peer: Peer,
        at now: Instant
    ) -> (epoch: KeyEpoch, byteCount: Int)? {
        var response = response
        if !incoming.path.isDetour { response.parameters.observed = incoming.path.remote }
        let payload = PacketWriter.bytes(capacity: 256) { response.write(to: &$0) }
        let index = shared.newIndex(slot: peer.slot)
        var secrets: SessionSecrets?
        // No larger than it is: thousands are kept to be repeated.
        let packet = PacketWriter.bytes(capacity: PacketLayout.Response.minimum + payload.count) {
            $0.append(PacketType.response.rawValue)
            $0.append(bigEndian: index.rawValue)
            $0.append(bigEndian: incoming.index.rawValue)
            secrets = try? noise.writeMessage2(payload: payload, to: &$0, using: shared.random)
            HandshakeMAC.append(to: &$0, from: 0, key: HandshakeMAC.key(for: peer.handshakeKey))
            $0.appendZeros(HandshakeMAC.byteCount)
        }
        guard let secrets else {
            shared.indices.remove(index)
            return nil
        }
        answered.add(packet, to: incoming.ephemeral, peer: peer.handle, path: incoming.path, at: now)
        outgoing.append(OutgoingHandshake(path: incoming.path, bytes: packet))
        shared.statistics.handshakesAnswered += 1
        let epoch = KeyEpoch(
            serial: shared.serial(),
            secrets: secrets,
            cipher: response.usesAES ? .aes256GCM : .chaCha20Poly1305,
            ours: index,
            theirs: incoming.index,
            isInitiator: false,
            at: now
        )
        return (epoch, packet.count)
    }

    /// The session that a new life of the peer gets: our own attempt if it has not come through, else a new one.
    private mutating func respondingSession(of peer: Peer, at now: Instant) -> Session {
        guard let session = peer.session else { return replaceSession(of: peer, at: now) }
        if case .connecting = session.phase { return session }
        // A handshake of ours that is on its way has given the peer this number.
        return replaceSession(of: peer, ours: peer.pending == nil ? nil : session.ours, at: now)
    }

    /// The session that the peer begins: in the place of what is there, or to wait beside it.
    private mutating func begin(
        isSuccessor: Bool,
        for initiation: InitiationPayload,
        of peer: Peer,
        at now: Instant
    ) -> Session {
        guard isSuccessor else {
            let session = respondingSession(of: peer, at: now)
            prepare(session, for: initiation, at: now)
            announce(session)
            return session
        }
        // A handshake of ours that is on its way has given the peer this number.
        let session = Session(
            peer: peer,
            ours: peer.pending.flatMap { _ in peer.session?.ours } ?? newSessionNumber(),
            opensEvenStreams: shared.precedes(peer),
            shared: &shared,
            at: now
        )
        prepare(session, for: initiation, at: now)
        return session
    }

    /// A session begins on the peer's initiative.
    private mutating func prepare(_ session: Session, for initiation: InitiationPayload, at now: Instant) {
        if session.recovery.packets.next == 0 {
            session.recovery.file(sentAt: now, byteCount: 0, isTracked: false, path: nil)
        } else {
            session.recovery.settle(0) { _ in }
        }
        session.theirs = initiation.ours
        session.phase = .established
        session.flow.peerStreamWindow = initiation.parameters.maxStreamData
        session.restartStreams()
        session.apply(initiation.parameters)
        count(session)
    }

    /// A session that the peer began is the one that counts from now on.
    mutating func announce(_ session: Session) {
        shared.statistics.sessionsEstablished += 1
        shared.events.append(.sessionEstablished(session.peer.handle, session.peer.key, isInitiator: false))
    }
}

extension Session {
    /// Whether a first message left before its sender knew this session, whose number of the peer it gives.
    func isOutdated(_ initiation: InitiationPayload) -> Bool {
        guard initiation.ours == theirs else { return false }
        return initiation.theirs == .none || isConfirmed && initiation.theirs != ours
    }

    /// Whether a first message re-keys this session: it names both sides' numbers, or ours alone when the answer to our
    /// own first message has not come through yet.
    func continues(with initiation: InitiationPayload) -> Bool {
        guard initiation.theirs == ours else { return false }
        switch phase {
        case .connecting: return true
        case .established: return initiation.ours == theirs
        case .closing: return false
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
