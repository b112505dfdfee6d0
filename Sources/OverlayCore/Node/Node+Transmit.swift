package import OverlayWire
package import PosternModel

// What goes to the network.
extension Node {
    /// Fills `writer`, which is empty and has room for at least one packet of ``maximumPacketSize``, with the next
    /// packets for one destination: up to `maxSegments` of equal size, the last may be shorter. Nil when nothing
    /// waits.
    package mutating func pollTransmit(
        into writer: inout PacketWriter,
        maxSegments: Int,
        at now: Instant
    ) -> Transmit? {
        while true {
            while let next = outgoing.popFirst() {
                if let transmit = emit(next, into: &writer) { return transmit }
            }
            forwardRelayed(at: now)
            if shared.hasAttests { forwardAttests() }
            guard let slot = ready.first else { return nil }
            guard let peer = peers[slot], peer.isReady else {
                _ = ready.popFirst()
                continue
            }
            if peer.needsHandshake {
                startHandshake(with: peer, at: now)
                settleDeadline(of: peer)
                continue
            }
            _ = ready.popFirst()
            if let transmit = nextBatch(of: peer, into: &writer, maxSegments: maxSegments, at: now) {
                if peer.hasMore {
                    // The others come first.
                    ready.append(slot)
                } else {
                    peer.isReady = false
                    settleDeadline(of: peer)
                }
                return transmit
            }
            peer.isReady = false
            settleDeadline(of: peer)
        }
    }

    /// Sends a handshake packet: directly, or into the session that relays it.
    private mutating func emit(_ packet: OutgoingHandshake, into writer: inout PacketWriter) -> Transmit? {
        switch packet.path.remote {
        case .ipv4, .ipv6, .connection:
            writer.append(packet.bytes)
            shared.statistics.packetsSent += 1
            shared.statistics.bytesSent += UInt64(packet.bytes.count)
            return Transmit(
                source: packet.path.local,
                destination: packet.path.remote,
                ecn: .notECT,
                byteCount: writer.count,
                segmentSize: writer.count
            )
        case .relay(let handle):
            let bytes = packet.bytes
            relay(unsafe bytes.span.bytes, through: handle)
            return nil
        }
    }

    /// Hands a packet to the session with the hub that relays it.
    private mutating func relay(_ packet: RawSpan, through relay: RelayHandle) {
        guard let block = shared.keep(packet, 0..<packet.byteCount) else { return }
        shared.relayedOut.append(RelayedPacket(relay: relay, block: block, byteCount: packet.byteCount))
    }

    /// The next packets of a peer's session; nil when it has nothing for a UDP address now.
    private mutating func nextBatch(
        of peer: Peer,
        into writer: inout PacketWriter,
        maxSegments: Int,
        at now: Instant
    ) -> Transmit? {
        guard let session = peer.session else { return nil }
        switch session.phase {
        case .connecting:
            return nil
        case .closing(let code, let reason, _):
            return closingPacket(of: session, code: code, reason: reason, into: &writer, at: now)
        case .established:
            break
        }
        noteRekey(session, at: now)
        // Without keys that may seal, nothing leaves but the handshake for new ones.
        guard session.sendEpoch?.maySeal(at: now) == true else { return nil }
        if let transmit = pathPacket(of: session, into: &writer, at: now) { return transmit }
        guard let path = session.path else { return nil }
        guard !path.isBlocked else {
            if session.blockedSince == nil, session.hasContentToSend { session.blockedSince = now }
            return nil
        }
        session.blockedSince = nil
        if let size = session.dueSizeProbe(at: now),
            session.writeSizeProbe(size: size, to: &writer, shared: &shared, at: now)
        {
            return finish(&writer, on: path.addresses, segmentSize: writer.count)
        }
        let isSingle = path.isRelayed || path.amplificationLimit != nil || session.isTryingSizes
        let maxSegments = isSingle ? 1 : maxSegments
        // The session's own frames go first, and then it is the relayed packets' turn, whatever else there is.
        if session.isRelayNext {
            session.isRelayNext = false
            let relayed = relayBatch(of: session, path: path, into: &writer, maxSegments: maxSegments, at: now)
            if let relayed { return relayed }
        }
        if let own = ownBatch(of: session, path: path, into: &writer, maxSegments: maxSegments, at: now) {
            session.isRelayNext = true
            return own
        }
        return relayBatch(of: session, path: path, into: &writer, maxSegments: maxSegments, at: now)
    }

    /// Packets of the session's own frames; nil when there are none that may leave by a UDP address now.
    private mutating func ownBatch(
        of session: Session,
        path: Path,
        into writer: inout PacketWriter,
        maxSegments: Int,
        at now: Instant
    ) -> Transmit? {
        while true {
            let size = session.packetSize
            let ecn = session.codepoint(at: now)
            let isDone = !fill(&writer, session: session, size: size, maxSegments: maxSegments, at: now)
            guard !isDone else { return nil }
            let segmentSize = min(writer.count, size)
            let byteCount = writer.count
            if let transmit = finish(&writer, on: path.addresses, segmentSize: segmentSize, ecn: ecn) {
                return transmit
            }
            session.relayedBytes += UInt64(byteCount)
        }
    }

    /// Turns what is written into a transmission, or hands it to the relay and empties the writer.
    mutating func finish(
        _ writer: inout PacketWriter,
        on path: AddressPair,
        segmentSize: Int,
        ecn: ECNCodepoint = .notECT
    ) -> Transmit? {
        switch path.remote {
        case .ipv4, .ipv6, .connection:
            return Transmit(
                source: path.local,
                destination: path.remote,
                ecn: ecn,
                byteCount: writer.count,
                segmentSize: segmentSize
            )
        case .relay(let handle):
            writer.withSpan { relay($0, through: handle) }
            writer.truncate(to: 0)
            return nil
        }
    }

    /// Old keys are replaced by a handshake beside the traffic.
    private mutating func noteRekey(_ session: Session, at now: Instant) {
        guard let epoch = session.sendEpoch else { return }
        let settings = shared.settings
        let age = epoch.isAtRest ? settings.rekeyAfter * KeyEpoch.restFactor : settings.rekeyAfter
        let isOverdue =
            epoch.sealedBytes / 2 >= settings.rekeyAfterBytes || now - epoch.createdAt >= age + settings.rekeyAfter * 2
        if isOverdue, !epoch.isOverdueTold {
            epoch.isOverdueTold = true
            shared.events.append(.rekeyOverdue(session.peer.handle, session.peer.key))
        }
        guard session.peer.pending == nil else { return }
        // The initiator goes first; the other side only if it does not.
        let patience = epoch.isInitiator ? age : age * 5 / 4
        if epoch.sealedBytes >= settings.rekeyAfterBytes || now - epoch.createdAt >= patience {
            startHandshake(with: session.peer, at: now)
        }
    }

    private mutating func closingPacket(
        of session: Session,
        code: ErrorCode,
        reason: String,
        into writer: inout PacketWriter,
        at now: Instant
    ) -> Transmit? {
        guard session.isCloseDue, let path = session.path, !path.isBlocked else { return nil }
        session.isCloseDue = false
        let isWritten = session.writeClose(
            code: code,
            reason: reason,
            size: min(path.sendSize, path.mtu.base),
            to: &writer,
            shared: &shared,
            at: now
        )
        session.path?.spend(writer.count)
        return isWritten ? finish(&writer, on: path.addresses, segmentSize: writer.count) : nil
    }

    /// Relayed packets of one size, one behind the other.
    private mutating func relayBatch(
        of session: Session,
        path: Path,
        into writer: inout PacketWriter,
        maxSegments: Int,
        at now: Instant
    ) -> Transmit? {
        var segmentSize = 0
        var segments = 0
        while segments < maxSegments, let next = session.relayQueue.first {
            let size = PacketLayout.Protected.overhead + 5 + next.byteCount
            if segments > 0, size > segmentSize { break }
            guard writer.remaining >= size, size <= path.amplificationLimit?.left ?? size else { break }
            guard session.writeRelayedPacket(to: &writer, shared: &shared, at: now) else { break }
            session.path?.spend(size)
            segments += 1
            if segments == 1 { segmentSize = size }
            if size < segmentSize { break }
        }
        guard segments > 0 else { return nil }
        return finish(&writer, on: path.addresses, segmentSize: segmentSize)
    }

    /// Appends packets of up to `size` bytes for the path in use until one is not full, the writer is, or window and
    /// pacer forbid more. False when nothing was appended.
    private mutating func fill(
        _ writer: inout PacketWriter,
        session: Session,
        size: Int,
        maxSegments: Int,
        at now: Instant
    ) -> Bool {
        guard let path = session.path else { return false }
        let rate = path.pacingRate
        var allowance = path.pacedBytes(at: now)
        var segments = 0
        while segments < maxSegments, writer.remaining >= size {
            let start = writer.count
            let isProbe = session.recovery.probesOwed > 0
            let mayElicit = isProbe || (session.path?.hasWindow ?? false) && allowance >= size
            let isWritten = session.writePacket(
                to: &writer,
                size: size,
                content: isProbe && session.recovery.isOutage ? .ping : mayElicit ? .all : .acknowledgements,
                shared: &shared,
                at: now
            )
            guard isWritten else {
                if !session.hasContentToSend { path.noteAppLimited() }
                if !mayElicit { notePacing(session, rate: rate, size: size, allowance: allowance, at: now) }
                break
            }
            segments += 1
            let byteCount = writer.count - start
            allowance -= byteCount
            session.path?.pacer.spend(byteCount)
            session.path?.spend(byteCount)
            if byteCount < size { break }
        }
        return segments > 0
    }

    /// Something waits and may not leave yet: if it is the pacer that forbids it, notes when to come back.
    private func notePacing(_ session: Session, rate: UInt64, size: Int, allowance: Int, at now: Instant) {
        guard let path = session.path, session.hasContentToSend, path.hasWindow, allowance < size else { return }
        session.pacedUntil = max(
            path.pacer.nextRelease(rate: rate, packetSize: size, after: now),
            now + .microseconds(10)
        )
    }
}
