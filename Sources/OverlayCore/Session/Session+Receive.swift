import OverlayWire
import PosternModel

/// Why a decrypted packet ends the session or is dropped.
enum FrameFailure: Error {
    /// The peer broke the protocol.
    case violation(ErrorCode)
    /// The packet cannot be kept; as if it were lost.
    case dropped
    /// The peer closed the session.
    case closed(ErrorCode, reason: String)
}

/// What the frames of one packet amounted to.
struct PacketSummary {
    var isAckEliciting = false
    /// Whether it says that the peer uses the path it came on (RFC 9000 §9.1).
    var isNonProbing = false
}

// What the peer sends.
extension Session {
    /// Handles all frames of a decrypted packet.
    func receiveFrames(
        _ payload: RawSpan,
        on path: AddressPair,
        epoch: KeyEpoch?,
        shared: inout Shared,
        at now: Instant
    ) throws(FrameFailure) -> PacketSummary {
        var summary = PacketSummary()
        var offset = 0
        isAnsweringPacket = false
        while offset < payload.byteCount {
            let frame: Frame
            do {
                frame = try Frame.parse(payload, at: &offset)
            } catch {
                throw .violation(.protocolViolation)
            }
            switch frame {
            case .padding, .pathChallenge, .pathResponse, .newIndex, .observedAddress, .candidates, .punch,
                .attest, .attested, .delayedChallenge:
                break
            case .ping, .ack, .resetStream, .stopSending, .stream, .maxData, .maxStreamData, .maxStreams, .close,
                .datagram, .relay:
                summary.isNonProbing = true
            }
            switch frame {
            case .padding, .ack, .close, .relay:
                break
            case .ping, .resetStream, .stopSending, .stream, .maxData, .maxStreamData, .maxStreams, .newIndex,
                .pathChallenge, .pathResponse, .datagram, .observedAddress, .candidates, .punch,
                .attest, .attested, .delayedChallenge:
                summary.isAckEliciting = true
            }
            try handle(frame, in: payload, on: path, epoch: epoch, shared: &shared, at: now)
        }
        return summary
    }

    /// Handles the frames that came with message 1: STREAM and PADDING, of streams that the peer may count on
    /// (`Protocol.md` §4.5).
    func receiveEarlyFrames(_ payload: RawSpan, shared: inout Shared, at now: Instant) throws(FrameFailure) {
        var offset = 0
        while offset < payload.byteCount {
            let frame: Frame
            do {
                frame = try Frame.parse(payload, at: &offset)
            } catch {
                throw .violation(.protocolViolation)
            }
            switch frame {
            case .padding:
                break
            case .stream(let frame):
                guard frame.id.ordinal < NodeSettings.earlyStreams else { throw .violation(.flowControl) }
                try receive(frame, in: payload, shared: &shared, at: now)
            case .ping, .ack, .resetStream, .stopSending, .maxData, .maxStreamData, .maxStreams, .newIndex,
                .pathChallenge, .pathResponse, .close, .datagram, .relay, .observedAddress, .candidates, .punch,
                .attest, .attested, .delayedChallenge:
                throw .violation(.protocolViolation)
            }
        }
    }

    private func handle(
        _ frame: Frame,
        in payload: RawSpan,
        on path: AddressPair,
        epoch: KeyEpoch?,
        shared: inout Shared,
        at now: Instant
    ) throws(FrameFailure) {
        switch frame {
        case .padding, .ping:
            break
        case .ack(let ack):
            try receive(ack, in: payload, shared: &shared, at: now)
        case .stream(let frame):
            try receive(frame, in: payload, shared: &shared, at: now)
        case .resetStream(let id, let code, let finalSize):
            try receiveReset(id, code: code, finalSize: finalSize, shared: &shared, at: now)
        case .stopSending(let id, let code):
            try receiveStop(id, code: code, shared: &shared, at: now)
        case .maxData(let limit):
            if limit > flow.peerMaxData {
                flow.peerMaxData = limit
                unblockStreams()
            }
        case .maxStreamData(let id, let limit):
            try receiveCredit(id, limit: limit, shared: &shared, at: now)
        case .maxStreams(let limit):
            if limit > flow.peerMaxStreams {
                flow.peerMaxStreams = limit
                unblockStreams()
            }
        case .newIndex(let sequence, let index):
            epoch?.learn(sequence: sequence, index)
        case .pathChallenge(let token):
            guard peer.mayMeet(on: path, shared.settings) else { return }
            let byteCount = payload.byteCount + PacketLayout.Protected.overhead
            respond(to: token, on: path, byteCount: byteCount, at: now)
        case .pathResponse(let token):
            receivePathResponse(token, shared: &shared, at: now)
        case .close(let code, let reason):
            throw .closed(code, reason: text(payload, reason))
        case .datagram(let port, let data):
            receive(datagram: data, port: port, in: payload, shared: &shared)
        case .relay(let channel, let packet):
            receive(relayed: packet, channel: channel, in: payload, shared: &shared, at: now)
        case .observedAddress(let sequence, let observed):
            receive(observed: observed, base: path.local, sequence: sequence, shared: &shared)
        case .candidates(let candidates):
            receive(candidates, in: payload, shared: &shared, at: now)
        case .punch(let punch):
            receive(punch, on: path, shared: &shared, at: now)
        case .attest(let channel):
            receive(attest: channel, shared: &shared, at: now)
        case .attested(let channel, let endpoint):
            receive(attested: endpoint, channel: channel, shared: &shared)
        case .delayedChallenge(let token, let delay):
            answerLater(token, on: path, after: .milliseconds(Int64(delay)), shared: shared, at: now)
        }
    }

    private func text(_ payload: RawSpan, _ range: Range<Int>) -> String {
        guard let bytes = try? payload.copyBytes(range) else { return "" }
        return String(decoding: bytes, as: UTF8.self)
    }

    // MARK: Streams

    /// The slot of a stream that the peer names. Opens it if it is the peer's and new (those before it are open with
    /// that, RFC 9000 §2.1, but cost nothing before they are heard of); nil if it is over.
    private func slot(of id: StreamID, shared: inout Shared, at now: Instant) throws(FrameFailure) -> Int? {
        if let slot = streams.slot(of: id) { return slot }
        guard id.isEven != opensEvenStreams else {
            guard id.ordinal < flow.openedStreams else { throw .violation(.protocolViolation) }
            return nil
        }
        guard flow.isUnheard(peerStream: id.ordinal) else { return nil }
        guard id.ordinal < flow.maxStreams else { throw .violation(.flowControl) }
        flow.openPeerStreams(through: id.ordinal)
        return streams.insert(
            Stream(
                id: id,
                port: nil,
                send: SendHalf(limit: flow.peerStreamWindow, opensStream: false),
                receive: ReceiveHalf(window: shared.settings.streamWindow, at: now),
                isKnown: false
            )
        )
    }

    private func receive(
        _ frame: StreamFrame,
        in payload: RawSpan,
        shared: inout Shared,
        at now: Instant
    ) throws(FrameFailure) {
        guard let slot = try slot(of: frame.id, shared: &shared, at: now) else { return }
        let growth: UInt64
        do {
            growth = try streams[slot].receive.receive(frame, in: payload, pool: &shared.pool)
        } catch {
            throw failure(error)
        }
        try count(growth, slot: slot, shared: &shared, at: now)
        if let port = frame.port, !streams[slot].isKnown, !streams[slot].isEndTold {
            streams[slot].port = port
            streams[slot].isKnown = true
            shared.events.append(.streamOpened(handle(slot), peer.key, port))
            if let code = streams[slot].untoldStop { shared.events.append(.streamStopped(handle(slot), code)) }
        }
        tellReadable(slot, shared: &shared)
        completeIfFinished(slot, shared: &shared)
    }

    private func failure(_ refusal: ReceiveHalf.Refusal) -> FrameFailure {
        switch refusal {
        case .flowControl: .violation(.flowControl)
        case .invalid: .violation(.protocolViolation)
        case .noMemory: .dropped
        }
    }

    /// Counts bytes against the session's credit; those of a stream that nobody reads are consumed at once.
    private func count(
        _ growth: UInt64,
        slot: Int,
        shared: inout Shared,
        at now: Instant
    ) throws(FrameFailure) {
        guard growth > 0 else { return }
        guard flow.receive(growth) else { throw .violation(.flowControl) }
        switch streams[slot].receive.phase {
        case .open:
            grantData(shared: &shared, at: now)
        case .stopped, .done:
            consume(growth, shared: &shared, at: now)
        }
    }

    private func receiveReset(
        _ id: StreamID,
        code: ErrorCode,
        finalSize: UInt64,
        shared: inout Shared,
        at now: Instant
    ) throws(FrameFailure) {
        guard let slot = try slot(of: id, shared: &shared, at: now) else { return }
        let wasStopped =
            switch streams[slot].receive.phase {
            case .stopped: true
            case .open, .done: false
            }
        let wasDone = streams[slot].receive.isDone
        let unread = wasStopped || wasDone ? 0 : streams[slot].receive.highest - streams[slot].receive.read
        let growth: UInt64
        do {
            growth = try streams[slot].receive.receiveReset(finalSize: finalSize, pool: &shared.pool)
        } catch {
            throw failure(error)
        }
        try count(growth, slot: slot, shared: &shared, at: now)
        consume(unread, shared: &shared, at: now)
        streams[slot].pendingStop = nil
        if !wasStopped, !wasDone {
            // An abort ends the stream as a whole: our half goes with it.
            let before = streams[slot].send.heldBytes
            streams[slot].send.reset(code, pool: &shared.pool)
            countMemory(slot, since: before)
            endStream(slot, .reset(code), shared: &shared)
            streams[slot].isEndTold = true
            schedule(slot)
        }
        completeIfFinished(slot, shared: &shared)
    }

    private func receiveStop(
        _ id: StreamID,
        code: ErrorCode,
        shared: inout Shared,
        at now: Instant
    ) throws(FrameFailure) {
        guard let slot = try slot(of: id, shared: &shared, at: now) else { return }
        switch streams[slot].send.phase {
        case .open, .finishing:
            let before = streams[slot].send.heldBytes
            streams[slot].send.reset(code, pool: &shared.pool)
            countMemory(slot, since: before)
            if !streams[slot].isKnown {
                streams[slot].untoldStop = code
            } else if !streams[slot].isEndTold {
                shared.events.append(.streamStopped(handle(slot), code))
            }
            schedule(slot)
        case .resetting, .done:
            break
        }
    }

    private func receiveCredit(
        _ id: StreamID,
        limit: UInt64,
        shared: inout Shared,
        at now: Instant
    ) throws(FrameFailure) {
        guard let slot = try slot(of: id, shared: &shared, at: now) else { return }
        guard limit > streams[slot].send.limit else { return }
        streams[slot].send.limit = limit
        schedule(slot)
    }

    // MARK: Datagrams, relayed packets, addresses

    private func receive(
        datagram data: Range<Int>,
        port: VirtualPort,
        in payload: RawSpan,
        shared: inout Shared
    ) {
        guard shared.datagramPorts.contains(port) else {
            shared.statistics.dropped.closedPort += 1
            return
        }
        guard let block = shared.keep(payload, data) else { return }
        if shared.datagrams.count >= shared.settings.maxDatagrams, let oldest = shared.datagrams.popFirst() {
            shared.pool.giveBack(oldest.block)
            shared.statistics.datagramsDropped += 1
        }
        if shared.datagrams.isEmpty { shared.events.append(.datagramReceived) }
        let datagram = ReceivedDatagram(peer: peer.handle, key: peer.key, port: port, byteCount: data.count)
        shared.datagrams.append(IncomingDatagram(datagram: datagram, block: block))
    }

    /// A hub's peer sends something for another, or our hub hands us something.
    private func receive(
        relayed range: Range<Int>,
        channel: RelayChannel,
        in payload: RawSpan,
        shared: inout Shared,
        at now: Instant
    ) {
        guard range.count <= PacketLayout.relayedPathSize else {
            shared.statistics.dropped.unrelayed += 1
            return
        }
        relayedBytes += UInt64(range.count)
        if let route = peer.routes[channel] {
            guard peer.mayRelay(range.count, in: channel, settings: shared.settings, at: now) else {
                shared.statistics.dropped.relayRate += 1
                return
            }
            guard let block = shared.keep(payload, range) else { return }
            shared.relayedOut.append(
                RelayedPacket(
                    relay: RelayHandle(hub: route.peer, channel: route.channel),
                    block: block,
                    byteCount: range.count
                )
            )
        } else if peer.relays {
            guard let block = shared.keep(payload, range) else { return }
            shared.relayedIn.append(
                RelayedPacket(
                    relay: RelayHandle(hub: peer.handle, channel: channel),
                    block: block,
                    byteCount: range.count
                )
            )
        } else {
            shared.statistics.dropped.unrelayed += 1
        }
    }

    private func receive(observed endpoint: Endpoint, base: Endpoint, sequence: UInt64, shared: inout Shared) {
        guard sequence > observedSequence, endpoint.scope != .nowhere else { return }
        observedSequence = sequence
        shared.events.append(peer.observed(endpoint, base: base))
    }

    private func receive(
        _ frame: CandidatesFrame,
        in payload: RawSpan,
        shared: inout Shared,
        at now: Instant
    ) {
        // Whoever a hub does not know tells it nothing; and what is older than what is known says nothing.
        guard peer.isAdmitted, !peer.relays, frame.sequence > candidatesSequence else { return }
        candidatesSequence = frame.sequence
        var endpoints: [Endpoint] = []
        var offset = frame.offset
        for _ in 0..<frame.count {
            guard let endpoint = try? payload.loadEndpoint(at: &offset) else { return }
            if shared.mayReach(endpoint.scope) { endpoints.append(endpoint) }
        }
        let isNews = endpoints.contains { endpoint in !peer.mayBe(at: endpoint) }
        peer.tell(Candidate.hosts(endpoints))
        guard isNews, selector(settings: shared.settings, at: now).wantsDirectPath else { return }
        probedAt = nil
        opening.renew()
        probeCandidates(shared: &shared, at: now)
    }
}
