import OverlayCrypto
import OverlayWire
import PosternModel

// Challenges and responses (RFC 9000 §8.2): packets of their own, that may go elsewhere than on the path in use.
extension Node {
    /// A challenge or response that is due.
    mutating func pathPacket(of session: Session, into writer: inout PacketWriter, at now: Instant) -> Transmit? {
        while let response = session.pendingResponses.popLast() {
            if let transmit = send(response, of: session, into: &writer, at: now) { return transmit }
        }
        if session.uncommon != nil {
            if let transmit = mappingPacket(of: session, into: &writer, at: now) { return transmit }
            if let transmit = guessingPacket(of: session, into: &writer, at: now) { return transmit }
        }
        var position = 0
        while position < session.probes.count {
            defer { position += 1 }
            let probe = session.probes[position]
            guard probe.nextAt <= now, !probe.isUsedUp else { continue }
            let verdict = session.judge(
                probe.path,
                wanted: session.challengeSize(on: probe.path),
                smallest: PathProbe.smallestPacket,
                at: now
            )
            switch verdict {
            case .allowed(let byteCount):
                let token = shared.random.nextUInt64()
                session.probes[position].send(token, byteCount: byteCount, at: now)
                let transmit = send(
                    FrameType.pathChallenge,
                    tokens: [token],
                    byteCount: byteCount,
                    on: probe.path,
                    of: session,
                    into: &writer,
                    at: now
                )
                if let transmit { return transmit }
            case .wait(let until):
                guard !session.probes[position].wait(until: until) else { continue }
                session.probes.remove(at: position)
                position -= 1
            case .refused:
                session.probes.remove(at: position)
                position -= 1
            }
        }
        return nil
    }

    /// RFC 9000 §8.2.2: a response has no more bytes than what it answers, so it amplifies nothing.
    private mutating func send(
        _ response: PathResponse,
        of session: Session,
        into writer: inout PacketWriter,
        at now: Instant
    ) -> Transmit? {
        let smallest = PacketLayout.Protected.overhead + response.tokens.count * PacketLayout.pathFrameSize
        let wanted = max(smallest, min(response.byteCount, PathProbe.fullSize(on: response.path)))
        switch session.judge(response.path, wanted: wanted, smallest: smallest, at: now) {
        case .wait, .refused:
            return nil
        case .allowed(let byteCount):
            return send(
                FrameType.pathResponse,
                tokens: response.tokens,
                byteCount: byteCount,
                on: response.path,
                of: session,
                into: &writer,
                at: now
            )
        }
    }

    mutating func send(
        _ type: UInt8,
        tokens: [UInt64],
        byteCount: Int,
        on path: AddressPair,
        of session: Session,
        into writer: inout PacketWriter,
        at now: Instant
    ) -> Transmit? {
        // An address that this node has no more proves nothing.
        guard path.isDetour || shared.hasAddress(path.local) else { return nil }
        let isWritten = session.writePathPacket(
            type,
            tokens: tokens,
            size: byteCount,
            on: path,
            to: &writer,
            shared: &shared,
            at: now
        )
        guard isWritten else { return nil }
        session.spend(writer.count, on: path, at: now)
        return finish(&writer, on: path, segmentSize: writer.count)
    }
}
