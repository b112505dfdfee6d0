import OverlayCrypto
import OverlayWire
import PosternModel

// Which way packets take (DESIGN §7; RFC 9000 §8.2, §9).
extension Session {
    /// A challenge came in a packet of `byteCount` bytes. Those of one packet are answered in one.
    func respond(to token: UInt64, on addresses: AddressPair, byteCount: Int, at now: Instant) {
        // RFC 9000 §9.3.3: who is asked on the path in use shows that it uses it, so that nobody who only forwards
        // packets takes its place.
        if addresses == path?.addresses { control.isPingDue = true }
        if isAnsweringPacket, let last = pendingResponses.indices.last {
            pendingResponses[last].add(token)
            return
        }
        guard pendingResponses.count < PathResponse.maximum, PathResponse.rate.take(&responsesDue, at: now) else {
            return
        }
        isAnsweringPacket = true
        pendingResponses.append(PathResponse(token: token, path: addresses, byteCount: byteCount))
    }

    /// Sends a challenge on a path unless one is on its way for the same reason.
    func probe(_ addresses: AddressPair, reason: PathProbe.Reason, at now: Instant) {
        let isRepeated =
            switch reason {
            case .ping: false
            case .candidate, .opening, .followed, .previous, .silence, .proof:
                probes.contains { $0.reason == reason && $0.path == addresses }
            }
        guard !isRepeated, probes.count < PathProbe.maximum else { return }
        probes.append(PathProbe(path: addresses, reason: reason, at: now))
    }

    /// Sends a challenge to each of `candidates` from each of our addresses, but not on the path in use.
    func probe(
        _ candidates: [Candidate],
        reason: PathProbe.Reason,
        shared: inout Shared,
        at now: Instant
    ) {
        for candidate in candidates {
            let remote = candidate.endpoint
            if !isProven(remote) {
                unproven.offer(remote, smallest: PathProbe.smallestPacket, isNamed: peer.isKnown(remote), at: now)
            }
            for addresses in AddressPair.all(from: shared.localAddresses, to: remote)
            where addresses != path?.addresses {
                probe(addresses, reason: reason, at: now)
            }
        }
    }

    /// The least time between two looks for a direct path, however often the peer tells where it is.
    private static let probeSpacing = Interval.seconds(1)

    /// Looks for a direct path, by challenges and by a simultaneous opening; again after a while, and then more and
    /// more seldom unless `isEvent`: something has changed. A relay itself is reached over UDP unless that is blocked.
    func probeCandidates(isEvent: Bool = true, shared: inout Shared, at now: Instant) {
        guard peer.relays ? path?.isDetour == true : shared.settings.usesDirectPaths else { return }
        let interval = firstUpgradeWait(shared.settings)
        if isEvent { upgradeWait = interval }
        if let probedAt, now - probedAt < Self.probeSpacing {
            upgradeAt = min(upgradeAt ?? .distantFuture, probedAt + Self.probeSpacing)
            return
        }
        probedAt = now
        let isRelayed = path?.isRelayed ?? false
        let candidates = peer.candidatesToProbe.filter { !isRelayed || !needsOpening($0.endpoint) }
        probe(candidates, reason: .candidate, shared: &shared, at: now)
        let wait = upgradeWait ?? interval
        upgradeAt = now + wait
        upgradeWait = min(wait * 2, shared.settings.upgradeIntervalMaximum)
        beginOpening(isEvent: isEvent, shared: &shared, at: now)
    }

    /// The first wait for another look for a direct path. One to a hub serves all that it relays.
    private func firstUpgradeWait(_ settings: NodeSettings) -> Interval {
        peer.relays ? min(Self.hubUpgradeInterval, settings.upgradeInterval) : settings.upgradeInterval
    }

    private static let hubUpgradeInterval = Interval.seconds(5)

    /// The path in use is silent: tries every other one.
    func probeAlternatives(shared: inout Shared, at now: Instant) {
        // The relay first: there may be more paths than probes.
        if let relay = peer.relay, AddressPair(relay) != path?.addresses {
            probe(AddressPair(relay), reason: .silence, at: now)
        }
        guard shared.settings.usesDirectPaths || peer.relays else { return }
        probe(peer.candidatesToProbe, reason: .silence, shared: &shared, at: now)
    }

    /// The round trip on the path in use, for whoever asks.
    func ping(at now: Instant) {
        guard let path else { return }
        probe(path.addresses, reason: .ping, at: now)
    }

    /// What the choice of a path is made of, now.
    func selector(settings: NodeSettings, at now: Instant) -> PathSelector {
        let inUse = path.map {
            PathSelector.PathInUse(
                isDetour: $0.isDetour,
                silence: $0.amplificationLimit == nil ? now - $0.heardAt : nil,
                roundTrip: $0.roundTrip.smoothed,
                probeTimeout: $0.roundTrip.probeTimeout(maxAckDelay: settings.maxAckDelay),
                timeouts: recovery.probeCount,
                carriesBase: $0.mtu.carriesBase
            )
        }
        return PathSelector(inUse: inUse, usesDirectPaths: settings.usesDirectPaths)
    }

    /// An authentic packet with the highest number so far, and with more than probes in it, came on another path than
    /// the one in use: the peer has moved there, or somebody forwards its packets. It is followed once the path is
    /// validated.
    func follow(_ addresses: AddressPair, shared: inout Shared, at now: Instant) {
        let migration = PathSelector.Migration(
            isDetour: addresses.isDetour,
            isKnown: peer.mayBe(at: addresses.remote),
            isLeading: opensEvenStreams
        )
        guard selector(settings: shared.settings, at: now).follows(migration) else { return }
        if let forwarder, forwarder.addresses == addresses, now < forwarder.until, !isPathSilent { return }
        guard mayFollow(addresses, at: now) else { return }
        probe(addresses, reason: .followed, at: now)
        // RFC 9000 §9.3.3: the path in use is asked as well, in case the peer is still there.
        if let path, isDoubtful(addresses) { probe(path.addresses, reason: .previous, at: now) }
    }

    /// How often a direct path that carries packets is left for another one because the peer sends from there. Two
    /// translators that take another port for each destination and let everybody in show another address after each
    /// change: both sides would follow each other for ever.
    private static let followRate = Rate(each: .seconds(30), burst: 4)

    private func mayFollow(_ addresses: AddressPair, at now: Instant) -> Bool {
        guard let path, !path.isDetour, !addresses.isDetour, !isPathSilent else { return true }
        if probes.contains(where: { $0.reason == .followed && $0.path == addresses }) { return true }
        return Self.followRate.take(&followDue, at: now)
    }

    /// Whether the peer may be at the far end of the path in use and somebody else at that of `addresses`.
    private func isDoubtful(_ addresses: AddressPair) -> Bool {
        guard let path, path.amplificationLimit == nil else { return false }
        return !path.isDetour && !addresses.isDetour && !peer.mayBe(at: addresses.remote)
    }

    func receivePathResponse(_ token: UInt64, shared: inout Shared, at now: Instant) {
        for position in probes.indices {
            guard let answered = probes[position].answered(by: token) else { continue }
            let probe = probes[position]
            let isDoubtful = isDoubtful(probe.path)
            // In an outage all challenges are small: a path that answers is better than none.
            let isSmall = answered.byteCount < PathProbe.fullSize(on: probe.path) && !recovery.isOutage
            prove(probe.path.remote, shared: &shared)
            switch probe.reason {
            case .candidate where isSmall, .opening where isSmall, .silence where isSmall:
                // The address is the peer's. Whether full packets arrive there as well shows the next try.
                probes[position].restart(at: now)
                return
            case .candidate, .opening, .silence, .followed, .previous, .proof, .ping:
                probes.remove(at: position)
            }
            validated(probe, roundTrip: now - answered.sentAt, isDoubtful: isDoubtful, shared: &shared, at: now)
            return
        }
        if let probe = mappingProbe, probe.token == token { return mappingAnswered(probe, shared: &shared) }
        if let remote = guesses?.endpoint(answeredBy: token) { guessed(remote, shared: &shared, at: now) }
    }

    /// The path of `probe` carries packets in both directions.
    private func validated(
        _ probe: PathProbe,
        roundTrip: Interval,
        isDoubtful: Bool,
        shared: inout Shared,
        at now: Instant
    ) {
        switch probe.reason {
        case .ping:
            shared.events.append(.pong(peer.handle, peer.key, roundTrip))
        case .proof:
            break
        case .previous:
            staysOnPrevious(probe.path, shared: &shared, at: now)
        case .candidate, .opening, .followed, .silence:
            guard probe.path != path?.addresses else { return }
            let selector = selector(settings: shared.settings, at: now)
            guard selector.prefers(probe.reason, isDetour: probe.path.isDetour, roundTrip: roundTrip) else { return }
            let left = path
            activate(probe.path, roundTrip: roundTrip, shared: &shared, at: now)
            previous = isDoubtful ? left : nil
        }
    }

    /// How long who forwards packets of a peer is not taken for the peer again.
    private static let forwarderMemory = Interval.seconds(10)

    /// The path that was in use when packets came from elsewhere still leads to the peer: whoever sent them has only
    /// forwarded them (RFC 9000 §9.3.3). Its congestion state goes on.
    private func staysOnPrevious(_ addresses: AddressPair, shared: inout Shared, at now: Instant) {
        if let previous, previous.addresses == addresses, let current = path, current.addresses != addresses {
            forwarder = (current.addresses, now + Self.forwarderMemory)
            peer.forget(current.addresses.remote)
            proven.removeAll { $0 == current.addresses.remote }
            // What became of its packets meanwhile was not counted.
            previous.resume(recovery.packets)
            use(previous, shared: &shared)
            recovery.forgetSilence()
            return
        }
        guard addresses == path?.addresses else { return }
        for probe in probes where probe.reason == .followed && isDoubtful(probe.path) {
            forwarder = (probe.path, now + Self.forwarderMemory)
        }
        probes.removeAll { $0.reason == .followed && isDoubtful($0.path) }
    }

    /// The size of a challenge to a proven address: that of the base, but for a path that is known to carry less.
    func challengeSize(on addresses: AddressPair) -> Int {
        let full = PathProbe.fullSize(on: addresses)
        guard let path, path.addresses == addresses, !path.mtu.carriesBase else { return full }
        return min(full, path.packetSize)
    }

    // MARK: What is proven

    /// Whether the peer has shown that it receives at `remote`. A relay has: the hub between has. The handshake of a
    /// connection has shown it too.
    func isProven(_ remote: Endpoint) -> Bool {
        if remote.isDetour || proven.contains(remote) { return true }
        guard let path, path.addresses.remote == remote else { return false }
        return path.amplificationLimit == nil
    }

    /// The peer has shown that it receives at `remote`.
    func prove(_ remote: Endpoint, shared: inout Shared) {
        if path?.addresses.remote == remote { path?.amplificationLimit = nil }
        guard !remote.isDetour else { return }
        unproven.prove(remote)
        if !proven.contains(remote) {
            if proven.count == Peer.maximumCandidates { proven.removeFirst() }
            proven.append(remote)
        }
        if let news = peer.noteAnswer(from: remote) { shared.events.append(news) }
    }

    /// An authentic packet of `byteCount` bytes came on `addresses`.
    func hear(_ byteCount: Int, on addresses: AddressPair, shared: inout Shared, at now: Instant) {
        guard let path, path.addresses == addresses else {
            if !isProven(addresses.remote) { unproven.hear(addresses.remote, byteCount: byteCount, at: now) }
            return
        }
        let wasLimited = path.amplificationLimit != nil
        path.hear(byteCount, at: now)
        guard wasLimited else { return }
        if path.amplificationLimit == nil {
            prove(addresses.remote, shared: &shared)
        } else if path.needsPathResponse {
            probe(addresses, reason: .proof, at: now)
        }
    }

    /// How long a challenge waits for an index each time; the peer's first packet brings some.
    private static let indexPatience = Interval.milliseconds(25)

    /// Whether a packet with challenges or responses may go to the far end of `addresses`: with `wanted` bytes, or with
    /// `smallest` where nobody has proven to receive them.
    func judge(
        _ addresses: AddressPair,
        wanted: Int,
        smallest: Int,
        at now: Instant
    ) -> UnprovenAddresses.Verdict {
        if addresses == path?.addresses, let limit = path?.amplificationLimit {
            return limit.left >= smallest ? .allowed(smallest) : .refused
        }
        // Without an index of its own the packet would show that it belongs to the path in use.
        guard addresses == path?.addresses || sendEpoch?.probingIndex != nil || isPathSilent else {
            return .wait(until: now + Self.indexPatience)
        }
        if isProven(addresses.remote) { return .allowed(recovery.isOutage ? smallest : wanted) }
        let isAttested = isAttested(addresses.remote, at: now)
        return unproven.judge(addresses.remote, wanted: wanted, smallest: smallest, isAttested: isAttested, at: now)
    }

    /// Such a packet left.
    func spend(_ byteCount: Int, on addresses: AddressPair, at now: Instant) {
        if addresses == path?.addresses {
            path?.spend(byteCount)
        } else if !isProven(addresses.remote) {
            let isAttested = isAttested(addresses.remote, at: now)
            unproven.spend(addresses.remote, byteCount: byteCount, isAttested: isAttested, at: now)
        }
    }

    /// Whether nothing has come back on the path in use for some time.
    var isPathSilent: Bool { recovery.probeCount >= PathSelector.silentTimeouts }

    /// Whether a handshake may go out on the path in use.
    var mayBeginHandshake: Bool {
        path?.amplificationLimit.map { $0.left >= PacketLayout.Initiation.byteCount } ?? true
    }

    // MARK: The path in use

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
        let wasSilent = isPathSilent
        probes.removeAll {
            switch $0.reason {
            case .silence, .followed, .proof, .opening: true
            case .candidate, .previous, .ping: false
            }
        }
        upgradeAt = next.isDetour ? now + firstUpgradeWait(shared.settings) : nil
        upgradeWait = nil
        opening = Opening(after: opening)
        endGuessing()
        use(next, shared: &shared)
        guard !isFirst else { return }
        if wasSilent { loseEverything(shared: &shared, at: now) }
        recovery.forgetSilence()
    }

    private func use(_ next: Path, shared: inout Shared) {
        let isFirst = path == nil
        path = next
        previous = nil
        pacedUntil = nil
        if !isFirst { sendEpoch?.changeIndex() }
        if !next.isDetour { control.isObservedDue = true }
        control.isPingDue = true
        shared.events.append(.pathChanged(peer.handle, peer.key, next.addresses.remote))
        guard isBelowBaseTold else { return }
        isBelowBaseTold = false
        shared.events.append(.pathBelowBase(peer.handle, peer.key, next.addresses.remote, false))
    }

    /// Our end of the path in use is gone: goes on from another of our addresses to the same remote one, which has
    /// proven itself (RFC 9000 §9.2), or looks for another path.
    func leaveLostAddress(shared: inout Shared, at now: Instant) {
        guard let lost = path?.addresses, !lost.isDetour, !shared.hasAddress(lost.local) else { return }
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
        probes.removeAll { $0.nextAt <= now && $0.isUsedUp }
        if let upgradeAt, upgradeAt <= now { probeCandidates(isEvent: false, shared: &shared, at: now) }
        advanceOpening(to: now, shared: &shared)
        answerDelayed(at: now)
    }

    var probeDeadline: Instant? {
        var next = probes.map(\.nextAt).min()
        for deadline in [upgradeAt, opening.deadline] {
            guard let deadline else { continue }
            next = min(next ?? deadline, deadline)
        }
        guard let uncommon else { return next }
        // Guesses wait for an index of their own, which comes in a packet.
        let guessAt = sendEpoch?.probingIndex == nil ? nil : uncommon.guesses?.nextAt
        for deadline in [guessAt, uncommon.delayedAnswer?.at] {
            guard let deadline else { continue }
            next = min(next ?? deadline, deadline)
        }
        return next
    }
}
