import OverlayWire
import PosternModel

// Acknowledgements, losses and time.
extension Session {
    func receive(
        _ frame: AckFrame,
        in payload: RawSpan,
        shared: inout Shared,
        at now: Instant
    ) throws(FrameFailure) {
        guard let path else { return }
        guard frame.largest.rawValue < recovery.packets.next else { throw .violation(.protocolViolation) }
        let isNewest = recovery.largestAcknowledged.map { frame.largest.rawValue > $0 } ?? true
        var outcome = recovery.beginAck(largest: frame.largest.rawValue, path: path)
        do {
            var ranges = try AckRanges(frame)
            while let range = try ranges.next(in: payload) {
                guard !recovery.skippedNumbers.overlaps(range) else { throw WireError.invalidValue }
                recovery.acknowledge(range, path: path, at: now, outcome: &outcome) {
                    acknowledged($0, shared: &shared)
                }
            }
        } catch {
            throw .violation(.protocolViolation)
        }
        if let roundTrip = outcome.roundTrip(at: now) {
            let reported = Interval.microseconds(Int64(min(frame.delay, 10_000_000)))
            path.measure(roundTrip, ackDelay: min(reported, recovery.peerMaxAckDelay), at: now)
        }
        recovery.finishAck(path: path, at: now, outcome: &outcome) { lost($0, at: now) }
        if outcome.lostCount > 0 || isBelowBaseTold { notePathSize(shared: &shared, at: now) }
        if isNewest { noteMarks(frame.ecn, outcome, shared: &shared, at: now) }
        shared.statistics.packetsLost += UInt64(outcome.lostCount)
        shared.statistics.spuriousLosses += UInt64(outcome.spuriousLossCount)
        pacedUntil = nil
    }

    /// The peer has this frame.
    func acknowledged(_ frame: SentFrame, shared: inout Shared) {
        switch frame {
        case .ack(let largest):
            received.forget(upTo: largest)
        case .stream(let slot, let generation, let offset, let count, let isFin):
            let slot = Int(slot)
            guard streams.contains(slot, generation: generation) else { return }
            let range = offset..<offset + UInt64(count)
            let before = streams[slot].send.heldBytes
            streams[slot].send.acknowledge(range, isFin: isFin, pool: &shared.pool)
            countMemory(slot, since: before)
            tellWritable(slot, shared: &shared)
            completeIfFinished(slot, shared: &shared)
        case .resetStream(let slot, let generation):
            guard streams.contains(Int(slot), generation: generation) else { return }
            streams[Int(slot)].send.acknowledgeReset()
            completeIfFinished(Int(slot), shared: &shared)
        case .sizeProbe(let pathSerial, let byteCount):
            guard let path, path.serial == pathSerial else { return }
            path.mtu.acknowledge(probe: Int(byteCount))
        case .stopSending, .maxStreamData, .maxData, .maxStreams, .candidates, .newIndex, .observedAddress:
            break
        }
    }

    /// The packet with this frame was lost: what still matters is sent again.
    func lost(_ frame: SentFrame, at now: Instant) {
        switch frame {
        case .ack:
            break
        case .stream(let slot, let generation, let offset, let count, let isFin):
            guard streams.contains(Int(slot), generation: generation) else { return }
            streams[Int(slot)].send.lose(offset..<offset + UInt64(count), isFin: isFin)
            schedule(Int(slot))
        case .resetStream(let slot, let generation):
            guard streams.contains(Int(slot), generation: generation) else { return }
            streams[Int(slot)].send.loseReset()
            schedule(Int(slot))
        case .stopSending(let slot, let generation):
            guard streams.contains(Int(slot), generation: generation) else { return }
            guard case .stopped = streams[Int(slot)].receive.phase else { return }
            streams[Int(slot)].pendingStop = streams[Int(slot)].stopCode
            schedule(Int(slot))
        case .maxStreamData(let slot, let generation):
            guard streams.contains(Int(slot), generation: generation) else { return }
            streams[Int(slot)].isCreditDue = true
            schedule(Int(slot))
        case .maxData:
            control.isMaxDataDue = true
        case .maxStreams:
            control.isMaxStreamsDue = true
        case .candidates:
            control.areCandidatesDue = true
        case .newIndex(let sequence):
            control.newIndices.append(sequence)
        case .observedAddress:
            control.isObservedDue = true
        case .sizeProbe(let pathSerial, let byteCount):
            guard let path, path.serial == pathSerial else { return }
            path.mtu.lose(probe: Int(byteCount), at: now)
        }
    }

    /// Nothing that is outstanding will arrive: its path is gone.
    func loseEverything(shared: inout Shared, at now: Instant) {
        for number in recovery.packets.lowest..<recovery.packets.next {
            recovery.settle(number) { lost($0, at: now) }
        }
    }

    // MARK: Time

    /// The earliest moment at which ``advance(to:shared:)`` has something to do.
    func deadline(settings: NodeSettings) -> Instant? {
        switch phase {
        case .connecting: return nil
        case .closing(_, _, let until): return until
        case .established: break
        }
        // What only a transmission can move is left out while that transmission is due.
        var earliest = control.isPingDue ? Instant.distantFuture : sentAt + restInterval(settings)
        func consider(_ instant: Instant?) {
            if let instant, instant < earliest { earliest = instant }
        }
        consider(received.isAckDue ? nil : received.deadline)
        if let path, recovery.probesOwed == 0, !path.isBlocked { consider(recovery.deadline(path: path)) }
        consider(antiDeadlockDeadline)
        consider(pacedUntil)
        consider(probeDeadline)
        consider(epochs.first?.ends)
        consider(confirmationDeadline)
        consider(livenessDeadline(settings: settings))
        if let waitingSince, !isUnresponsive { consider(waitingSince + unresponsiveAfter(settings)) }
        consider(abandonDeadline(settings: settings))
        return earliest
    }

    /// Since when the peer owes an answer: the last time it was heard, or the oldest thing it has not answered.
    private var waitingSince: Instant? {
        guard recovery.hasOutstanding else { return nil }
        return max(heardAt, recovery.waitingSince ?? heardAt)
    }

    /// How long a session waits for the peer when nothing would be lost with it, or when the peer has not shown yet
    /// that it has the keys: the address that it gave may be anybody's.
    private static let briefPatience = Interval.seconds(30)

    /// When the session is given up unless the peer is heard.
    private func abandonDeadline(settings: NodeSettings) -> Instant? {
        let brief = min(settings.abandonAfter, Self.briefPatience)
        guard isConfirmed else { return heardAt + brief }
        return waitingSince.map { $0 + (streams.count > 0 ? settings.abandonAfter : brief) }
    }

    /// Whether nothing authentic has come for three probe time-outs. Who acknowledges nothing, but speaks, is there.
    var isSilent: Bool { probesSinceHeard >= 3 }

    /// When a peer that has been silent is asked whether it is there: while a stream waits, or when it has been given
    /// something to relay. Nothing is asked while a question is open.
    private func livenessDeadline(settings: NodeSettings) -> Instant? {
        guard let path, !recovery.hasOutstanding, !control.isPingDue else { return nil }
        if peer.relays, relayedSince > heardAt { return relayedSince + settings.liveness / 2 }
        guard streams.count > 0 else { return nil }
        // Within a host a question costs nothing, and tells soon that a program was killed.
        guard !path.addresses.remote.isLoopback else { return heardAt + settings.liveness }
        return heardAt + inquiry.patience(progress: flow.progress, first: settings.liveness)
    }

    /// Silence of ours after which a packet leaves although there is nothing to say. A translator forgets who is silent
    /// for longer; on a local network nothing translates, and what carries a connection or a relay is kept alive
    /// itself.
    private func restInterval(_ settings: NodeSettings) -> Interval {
        let pace: Int64 =
            switch path?.addresses.remote {
            case .ipv4?, .ipv6?: path?.addresses.remote.isLocal == true ? 2 : 1
            case .connection?: 2
            case .relay?: 4
            case nil: 1
            }
        // One side begins: with its acknowledgement the other has spoken as well. The other keeps to its own pace, with
        // some room; a hub, that nothing translates, leaves it to nodes.
        let begins = peer.relays || (peer.isAdmitted && opensEvenStreams)
        if settings.acceptsUnknownPeers { return settings.keepAlive * pace * 2 }
        return settings.keepAlive * (begins ? pace * 8 : pace * 9) / 8
    }

    /// Asks a silent peer.
    private func inquire(settings: NodeSettings, at now: Instant) {
        control.isPingDue = true
        inquiry.ask(
            progress: flow.progress,
            heardAt: heardAt,
            first: settings.liveness,
            longest: restInterval(settings),
            at: now
        )
    }

    /// Silence after which the peer counts as unresponsive: who relays for us is missed at once.
    private func unresponsiveAfter(_ settings: NodeSettings) -> Interval {
        peer.relays ? min(settings.unresponsiveAfter, settings.liveness) : settings.unresponsiveAfter
    }

    /// When a session that may send nothing asks for proof itself: with a handshake, which is not limited. Without it
    /// two ends whose handshakes crossed could wait for each other for ever (RFC 9002 §6.2.2.1 knows the like).
    private var antiDeadlockDeadline: Instant? {
        // Who only answers is silent: a forged address would get our handshakes.
        guard flow.openedStreams > 0, let askableAt, !peer.needsHandshake else { return nil }
        return blockedSince.map { max($0 + Self.antiDeadlockPatience, askableAt) }
    }

    /// When a handshake may ask whether the peer lives; nil while one does, and of an unknown peer that has not spoken
    /// under its keys. A peer that may have begun a new life is left
    /// alone for as long as it repeats its first message: a handshake that names the old life would end the new one.
    private var askableAt: Instant? {
        guard peer.pending == nil, confirmationDeadline == nil else { return nil }
        guard let successor = peer.successor, successor.answeredAt >= heardAt else { return Instant(nanoseconds: .min) }
        return successor.answeredAt + AnsweredHandshakes.lifetime
    }

    private static let antiDeadlockPatience = Interval.seconds(1)

    /// What time brings: losses, probes, keep-alives. Returns the reason if the session is to be given up.
    func advance(to now: Instant, shared: inout Shared) -> ErrorCode? {
        received.advance(to: now)
        if let pacedUntil, pacedUntil <= now { self.pacedUntil = nil }
        advanceProbes(to: now, shared: &shared)
        advanceRecovery(to: now, shared: &shared)
        if let deadline = antiDeadlockDeadline, deadline <= now { peer.needsHandshake = true }
        if now >= sentAt + restInterval(shared.settings) { control.isPingDue = true }
        if let deadline = livenessDeadline(settings: shared.settings), deadline <= now {
            inquire(settings: shared.settings, at: now)
        }
        while let epoch = epochs.first, epoch.ends <= now { remove(epoch, shared: &shared) }
        if let deadline = confirmationDeadline, deadline <= now { return .aborted }
        if let waitingSince, now - waitingSince >= unresponsiveAfter(shared.settings), !isUnresponsive {
            isUnresponsive = true
            shared.events.append(.unresponsive(peer.handle, peer.key))
        }
        return abandonDeadline(settings: shared.settings).map { now >= $0 } ?? false ? .aborted : nil
    }

    private func advanceRecovery(to now: Instant, shared: inout Shared) {
        // RFC 9002 §6.2.2.1: nothing is probed for while nothing may be sent.
        guard let path, !path.isBlocked, let deadline = recovery.deadline(path: path), deadline <= now else { return }
        if recovery.isLossPending {
            shared.statistics.packetsLost += UInt64(recovery.detectLosses(path: path, at: now) { lost($0, at: now) })
            notePathSize(shared: &shared, at: now)
            return
        }
        recovery.probe(at: now) { lost($0, at: now) }
        probesSinceHeard += 1
        shared.statistics.probeTimeouts += 1
        if isPathSilent { probeAlternatives(shared: &shared, at: now) }
        if path.addresses.remote.isLocal, isSilent {
            shared.events.append(.localPathSilent(peer.handle, peer.key, path.addresses.remote))
        }
        // A peer that answers nothing may have restarted: only a handshake can tell.
        if recovery.probeCount >= 3, let askableAt, askableAt <= now { peer.needsHandshake = true }
    }
}
