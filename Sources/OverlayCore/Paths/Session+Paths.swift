import OverlayCrypto
import PosternModel

// Which way packets take (DESIGN §7; RFC 9000 §8.2, §9).
extension Session {
    func respond(to token: UInt64, on addresses: AddressPair) {
        guard pendingResponses.count < PathResponse.maximum else { return }
        pendingResponses.append(PathResponse(token: token, path: addresses))
    }

    /// Sends a challenge on a path unless one is on its way for the same reason.
    func probe(_ addresses: AddressPair, reason: PathProbe.Reason, shared: inout Shared, at now: Instant) {
        let isKnown = probes.contains {
            switch ($0.reason, reason) {
            case (.candidate, .candidate), (.followed, .followed), (.silence, .silence): $0.path == addresses
            case (.ping, _), (.candidate, _), (.followed, _), (.silence, _): false
            }
        }
        guard !isKnown, probes.count < PathProbe.maximum else { return }
        probes.append(
            PathProbe(
                token: shared.random.nextUInt64(),
                path: addresses,
                reason: reason,
                sentAt: now,
                nextAt: now
            )
        )
    }

    /// Sends a challenge to each of `candidates` from each of our addresses, but not on the path in use.
    private func probe(
        _ candidates: [Candidate],
        reason: PathProbe.Reason,
        shared: inout Shared,
        at now: Instant
    ) {
        for candidate in candidates {
            for addresses in AddressPair.all(from: shared.localAddresses, to: candidate.endpoint)
            where addresses != path?.addresses {
                probe(addresses, reason: reason, shared: &shared, at: now)
            }
        }
    }

    /// Looks for a direct path. A relay itself is always reached directly.
    func probeCandidates(shared: inout Shared, at now: Instant) {
        guard shared.settings.usesDirectPaths, !peer.relays else { return }
        probe(peer.candidates, reason: .candidate, shared: &shared, at: now)
        upgradeAt = now + shared.settings.upgradeInterval
    }

    /// The path in use is silent: tries every other one.
    func probeAlternatives(shared: inout Shared, at now: Instant) {
        let alternatives = peer.candidates(includingDirect: shared.settings.usesDirectPaths)
        // The relay first: there may be more paths than probes.
        probe(alternatives.reversed(), reason: .silence, shared: &shared, at: now)
    }

    /// The round trip on the path in use, for whoever asks.
    func ping(shared: inout Shared, at now: Instant) {
        guard let path else { return }
        probe(path.addresses, reason: .ping, shared: &shared, at: now)
    }

    /// What the choice of a path is made of, now.
    func selector(settings: NodeSettings, at now: Instant) -> PathSelector {
        let inUse = path.map {
            PathSelector.PathInUse(
                isRelay: $0.isRelayed,
                silence: $0.amplificationLimit == nil ? now - $0.heardAt : nil,
                roundTrip: $0.roundTrip.smoothed,
                probeTimeout: $0.roundTrip.probeTimeout(maxAckDelay: settings.maxAckDelay),
                timeouts: recovery.probeCount
            )
        }
        return PathSelector(inUse: inUse, usesDirectPaths: settings.usesDirectPaths)
    }

    /// An authenticated packet with the highest number so far, and with more than probes in it, came on another path
    /// than the one in use: the peer has moved there. It is followed once the path is validated.
    func follow(_ addresses: AddressPair, shared: inout Shared, at now: Instant) {
        let migration = PathSelector.Migration(
            isRelay: addresses.isRelayed,
            isKnown: peer.mayBe(at: addresses.remote),
            isLeading: opensEvenStreams
        )
        guard selector(settings: shared.settings, at: now).follows(migration) else { return }
        peer.noteReflexive(addresses.remote)
        probe(addresses, reason: .followed, shared: &shared, at: now)
    }

    func receivePathResponse(_ token: UInt64, shared: inout Shared, at now: Instant) {
        guard let position = probes.firstIndex(where: { $0.token == token }) else { return }
        let probe = probes.remove(at: position)
        let roundTrip = now - probe.sentAt
        if case .ping = probe.reason {
            shared.events.append(.pong(peer.handle, peer.key, roundTrip))
            return
        }
        guard probe.path != path?.addresses else { return }
        guard selector(settings: shared.settings, at: now).prefers(probe.reason, roundTrip: roundTrip) else { return }
        activate(probe.path, roundTrip: roundTrip, shared: &shared, at: now)
    }

    /// Packets take this path from now on. Congestion state begins anew (RFC 9000 §9.4), under another receiver index.
    func activate(_ addresses: AddressPair, roundTrip: Interval?, shared: inout Shared, at now: Instant) {
        let isFirst = path == nil
        let next = Path(
            addresses: addresses,
            serial: shared.serial(),
            algorithm: shared.settings.congestion,
            maximumPacketSize: min(shared.settings.maxPacketSize, peerMaxPacketSize),
            seed: shared.random.nextUInt64(),
            at: now
        )
        if let roundTrip { next.measure(roundTrip, ackDelay: .zero, at: now) }
        let wasSilent = recovery.probeCount >= PathSelector.silentTimeouts
        path = next
        pacedUntil = nil
        probes.removeAll {
            switch $0.reason {
            case .silence, .followed: true
            case .candidate, .ping: false
            }
        }
        upgradeAt = next.isRelayed ? now + shared.settings.upgradeInterval : nil
        if !isFirst {
            sendEpoch?.changeIndex()
            if wasSilent { loseEverything(shared: &shared, at: now) }
            recovery.forgetSilence()
        }
        if !next.isRelayed { control.isObservedDue = true }
        control.isPingDue = true
        shared.events.append(.pathChanged(peer.handle, peer.key, addresses.remote))
    }

    /// Our end of the path in use is gone: goes on from another of our addresses to the same remote one, which has
    /// proven itself (RFC 9000 §9.2), or looks for another path.
    func leaveLostAddress(shared: inout Shared, at now: Instant) {
        guard let lost = path?.addresses, !lost.isRelayed, !shared.localAddresses.contains(lost.local) else { return }
        guard let next = AddressPair.all(from: shared.localAddresses, to: lost.remote).first else {
            probeAlternatives(shared: &shared, at: now)
            return
        }
        let limit = path?.amplificationLimit
        activate(next, roundTrip: nil, shared: &shared, at: now)
        path?.amplificationLimit = limit
    }

    /// Moves probes on whose time has come; those without tries left go.
    func advanceProbes(to now: Instant, shared: inout Shared) {
        probes.removeAll { $0.nextAt <= now && $0.tries > PathProbe.spacing.count }
        if let upgradeAt, upgradeAt <= now { probeCandidates(shared: &shared, at: now) }
    }

    var probeDeadline: Instant? {
        let next = probes.map(\.nextAt).min()
        guard let upgradeAt else { return next }
        return min(next ?? upgradeAt, upgradeAt)
    }
}
