import OverlayCrypto
import OverlayWire

// Which way packets take (DESIGN §7; RFC 9000 §8.2, §9).
extension Session {
    /// Silence after which a direct path no longer holds against the relay that the peer uses.
    private static let directPatience = Interval.milliseconds(1500)
    /// How much shorter a round trip has to be for another direct path to be worth a change.
    private static let improvement = Interval.milliseconds(5)

    func respond(to token: UInt64, at endpoint: Endpoint) {
        guard pendingResponses.count < PathResponse.maximum else { return }
        pendingResponses.append(PathResponse(token: token, endpoint: endpoint))
    }

    /// Sends a challenge to `endpoint` unless one is on its way for the same reason.
    func probe(_ endpoint: Endpoint, reason: PathProbe.Reason, shared: inout Shared, at now: Instant) {
        let isKnown = probes.contains {
            switch ($0.reason, reason) {
            case (.candidate, .candidate), (.followed, .followed), (.silence, .silence): $0.endpoint == endpoint
            case (.ping, _), (.candidate, _), (.followed, _), (.silence, _): false
            }
        }
        guard !isKnown, probes.count < PathProbe.maximum else { return }
        probes.append(
            PathProbe(
                token: shared.random.nextUInt64(),
                endpoint: endpoint,
                reason: reason,
                sentAt: now,
                nextAt: now
            )
        )
    }

    /// Looks for a direct path.
    func probeCandidates(shared: inout Shared, at now: Instant) {
        guard shared.settings.usesDirectPaths, !peer.isHub else { return }
        for endpoint in peer.candidates where endpoint != path?.endpoint {
            probe(endpoint, reason: .candidate, shared: &shared, at: now)
        }
        upgradeAt = now + shared.settings.upgradeInterval
    }

    /// The path in use is silent: tries every other way.
    func probeAlternatives(shared: inout Shared, at now: Instant) {
        let direct = shared.settings.usesDirectPaths ? peer.candidates : []
        for endpoint in [peer.relay].compactMap(\.self) + direct where endpoint != path?.endpoint {
            probe(endpoint, reason: .silence, shared: &shared, at: now)
        }
    }

    /// The round trip on the path in use, for whoever asks.
    func ping(shared: inout Shared, at now: Instant) {
        guard let path else { return }
        probe(path.endpoint, reason: .ping, shared: &shared, at: now)
    }

    /// An authenticated packet with the highest number so far, and with more than probes in it, came from elsewhere:
    /// the peer uses another path. It is followed once it is validated.
    ///
    /// Between two known addresses the node with the lower key leads while its path lives: if both followed, both would
    /// change places for ever. A new address means that the peer has moved, and is followed at once.
    func follow(_ endpoint: Endpoint, shared: inout Shared, at now: Instant) {
        guard let path else { return }
        if !endpoint.isRelay, !shared.settings.usesDirectPaths { return }
        // A path that the peer never used holds against nothing.
        let silence = path.amplificationLimit == nil ? now - path.heardAt : .seconds(3600)
        if endpoint.isRelay, !path.endpoint.isRelay, silence < Self.directPatience { return }
        let patience = path.roundTrip.probeTimeout(maxAckDelay: shared.settings.maxAckDelay) * 2
        let isLeading = opensEvenStreams && path.endpoint.isRelay == endpoint.isRelay
        if isLeading, silence < min(patience, Self.directPatience), peer.mayBe(at: endpoint) { return }
        if !endpoint.isRelay { peer.add(candidates: [endpoint]) }
        probe(endpoint, reason: .followed, shared: &shared, at: now)
    }

    func receivePathResponse(_ token: UInt64, shared: inout Shared, at now: Instant) {
        guard let position = probes.firstIndex(where: { $0.token == token }) else { return }
        let probe = probes.remove(at: position)
        let roundTrip = now - probe.sentAt
        if case .ping = probe.reason {
            shared.events.append(.pong(peer.handle, peer.key, roundTrip))
            return
        }
        guard probe.endpoint != path?.endpoint, isBetter(probe, roundTrip: roundTrip, at: now) else { return }
        activate(probe.endpoint, roundTrip: roundTrip, shared: &shared, at: now)
    }

    private func isBetter(_ probe: PathProbe, roundTrip: Interval, at now: Instant) -> Bool {
        guard let path else { return true }
        let isSilent = recovery.probeCount >= 2
        switch probe.reason {
        case .followed:
            return true
        case .silence:
            return isSilent
        case .candidate:
            if path.endpoint.isRelay || isSilent { return true }
            return roundTrip + Self.improvement < path.roundTrip.smoothed
        case .ping:
            return false
        }
    }

    /// Packets take `endpoint` from now on. Congestion state begins anew (RFC 9000 §9.4), under another receiver index.
    func activate(_ endpoint: Endpoint, roundTrip: Interval?, shared: inout Shared, at now: Instant) {
        let isFirst = path == nil
        let next = Path(
            endpoint: endpoint,
            serial: shared.serial(),
            algorithm: shared.settings.congestion,
            maximumPacketSize: min(shared.settings.maxPacketSize, peerMaxPacketSize),
            seed: shared.random.nextUInt64(),
            at: now
        )
        if let roundTrip { next.measure(roundTrip, ackDelay: .zero, at: now) }
        let wasSilent = recovery.probeCount >= 2
        path = next
        pacedUntil = nil
        probes.removeAll {
            switch $0.reason {
            case .silence, .followed: true
            case .candidate, .ping: false
            }
        }
        upgradeAt = endpoint.isRelay ? now + shared.settings.upgradeInterval : nil
        if !isFirst {
            sendEpoch?.changeIndex()
            if wasSilent { loseEverything(shared: &shared, at: now) }
            recovery.forgetSilence()
        }
        if !endpoint.isRelay { control.isObservedDue = true }
        control.isPingDue = true
        shared.events.append(.pathChanged(peer.handle, peer.key, endpoint))
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
