import OverlayWire
import PosternModel

// Direct paths where one translator takes another port for each destination (`Protocol.md` §9.3). Packets go to nobody
// but where a hub of this node's own choice sees the peer.
extension Session {
    /// How long ports are guessed for a peer behind its last stream.
    private static let useMemory = Interval.seconds(5)
    /// How long an attestation counts.
    private static let attestationLifetime = Interval.seconds(60)

    /// Whether packets of §9.3 are to leave.
    var isGuessing: Bool { uncommon?.isGuessing == true }

    private func isInUse(at now: Instant) -> Bool {
        streams.count > 0 || streamEndedAt.map { now - $0 < Self.useMemory } ?? false
    }

    /// Every try of a simultaneous opening has failed.
    func tryGuessing(shared: inout Shared, at now: Instant) {
        guard isInUse(at: now) else { return opening.end() }
        switch shared.mapping {
        case .dependent, .unknown:
            beginSpreading(isOurs: true, shared: &shared, at: now)
        case .independent:
            yieldTurn(shared: &shared, at: now)
        }
    }

    /// The peer opens its ports now, if it has some that can be guessed.
    private func yieldTurn(shared: inout Shared, at now: Instant) {
        guard mayGuess(shared: shared, at: now) else { return opening.end() }
        opening.beginGuessing(isOurs: true, until: now + SpreadPorts.patience)
        control.punch = PunchFrame(.turn, sequence: opening.sequence)
    }

    /// Opens ports of ours to the peer, if they are worth guessing.
    func beginSpreading(isOurs: Bool, shared: inout Shared, at now: Instant) {
        guard shared.mapping != .independent, mayGuess(shared: shared, at: now),
            let base = base(in: shared), let remote = target(shared: shared, at: now), peer.spreading.take(at: now)
        else { return opening.end() }
        spread = SpreadPorts(remote: remote)
        opening.beginSpreading(isOurs: isOurs, until: now + SpreadPorts.patience)
        shared.events.append(.portsWanted(peer.handle, base: base, count: SpreadPorts.count))
    }

    /// The sockets are there; none: there can be none now.
    func opened(_ locals: [Endpoint]) {
        guard spread != nil else { return }
        guard !locals.isEmpty else {
            spread = nil
            return opening.end()
        }
        spread?.open(locals)
    }

    /// The peer has had its time to guess.
    func endSpreading(shared: inout Shared, at now: Instant) {
        spread = nil
        guard opening.isOurs, shared.mapping == .unknown, isInUse(at: now) else { return opening.end() }
        yieldTurn(shared: &shared, at: now)
    }

    /// The peer has opened its ports: guesses them.
    func beginGuessing(shared: inout Shared, at now: Instant) {
        guard shared.mapping != .dependent, mayGuess(shared: shared, at: now),
            case .ipv4(let address, let port)? = place(shared: shared, at: now), let base = publicBase(in: shared),
            peer.guessing.take(at: now)
        else { return }
        guesses = PortGuesses(local: base, address: address, near: port, at: now)
        opening.beginGuessing(isOurs: opening.isOurs, until: now + PortGuesses.span)
    }

    /// The peer received at `remote`: the path is validated like any other.
    func guessed(_ remote: Endpoint, shared: inout Shared, at now: Instant) {
        guard let local = guesses?.local else { return }
        guesses = nil
        prove(remote, shared: &shared)
        var probe = PathProbe(path: AddressPair(local: local, remote: remote), reason: .opening, at: now)
        probe.restart(at: now)
        probes.append(probe)
    }

    /// Nothing is guessed any more.
    func endGuessing() {
        guard uncommon != nil else { return }
        guesses = nil
        spread = nil
    }

    private func mayGuess(shared: borrowing Shared, at now: Instant) -> Bool {
        shared.settings.guessesPorts && shared.settings.usesDirectPaths && path?.isRelayed == true
            && place(shared: shared, at: now) != nil
    }

    // MARK: Addresses

    /// Where a hub of ours sees the peer, if that is an IPv4 address.
    private func attested(at now: Instant) -> Endpoint? {
        guard let attestation = peer.attestation, now - attestation.at < Self.attestationLifetime else { return nil }
        guard case .ipv4 = attestation.endpoint else { return nil }
        return attestation.endpoint
    }

    /// The same if it is public, or of private networks of a kind in which this node has an address as well.
    private func place(shared: borrowing Shared, at now: Instant) -> Endpoint? {
        guard let attested = attested(at: now) else { return nil }
        switch attested.scope {
        case .global: return attested
        case .site: return shared.mayReach(attested.scope) ? attested : nil
        case .loopback, .link, .nowhere: return nil
        }
    }

    /// Whether a hub of ours sees the peer at the address of `endpoint`.
    func isAttested(_ endpoint: Endpoint, at now: Instant) -> Bool {
        guard case .ipv4(let address, _) = endpoint, case .ipv4(address, _)? = attested(at: now) else { return false }
        return true
    }

    /// The peer's first candidate at the address where a hub of ours sees it.
    private func target(shared: borrowing Shared, at now: Instant) -> Endpoint? {
        guard case .ipv4(let place, _)? = place(shared: shared, at: now) else { return nil }
        return peer.told.map(\.endpoint).first { endpoint in
            if case .ipv4(place, _) = endpoint { true } else { false }
        }
    }

    /// Our own end of our first public IPv4 address, or else the one that hubs see.
    private func publicBase(in shared: borrowing Shared) -> Endpoint? {
        let candidate = shared.localCandidates.first { candidate in
            if case .ipv4 = candidate.endpoint { candidate.endpoint.scope == .global } else { false }
        }
        return candidate?.base ?? base(in: shared)
    }

    /// A socket to the outside.
    private func base(in shared: borrowing Shared) -> Endpoint? {
        shared.localAddresses.first { address in
            if case .ipv4 = address { !address.isLoopback } else { false }
        }
    }

    // MARK: Attestations

    /// Asks the hub that relays to tell the peer where it sees this node.
    func requestAttest(shared: inout Shared) {
        guard shared.settings.guessesPorts, case .relay(let relay)? = path?.addresses.remote else { return }
        shared.hasAttests = true
        shared.attestRequests.append(relay)
    }

    /// Attestations that one session asks for in a second, and that wait in it.
    private static let attestRate = Rate(perSecond: 8)
    private static let maximumAttests = 16

    /// As a hub: the peer wants the other end of `channel` to know where it is. Nothing is said while it is in doubt
    /// whether somebody only forwards its packets.
    func receive(attest channel: RelayChannel, shared: inout Shared, at now: Instant) {
        guard let route = peer.routes[channel], let path, !path.isDetour, path.amplificationLimit == nil,
            !probes.contains(where: { $0.reason == .previous }),
            Self.attestRate.take(&attestDue, at: now)
        else { return }
        let relay = RelayHandle(hub: route.peer, channel: route.channel)
        shared.hasAttests = true
        shared.attestsOut.append((relay, path.addresses.remote))
    }

    /// A hub says where the other end of `channel` is.
    func receive(attested endpoint: Endpoint, channel: RelayChannel, shared: inout Shared) {
        guard peer.relays, peer.attests else { return }
        shared.hasAttests = true
        shared.attestsIn.append((RelayHandle(hub: peer.handle, channel: channel), endpoint))
    }

    /// Puts what waits into a packet.
    func writeAttests(to writer: inout PacketWriter) {
        guard var attests = control.attests else { return }
        while let channel = attests.requests.last, writer.remaining >= 5 {
            attests.requests.removeLast()
            writer.append(attest: channel)
        }
        while let attest = attests.told.last, writer.remaining >= 24 {
            attests.told.removeLast()
            writer.append(attested: attest.channel, at: attest.endpoint)
        }
        control.attests = attests.requests.isEmpty && attests.told.isEmpty ? nil : attests
    }

    /// One more waits in this session, which is a hub's or, at a hub, a node's.
    func queue(attestRequest channel: RelayChannel) {
        guard control.attests?.requests.count ?? 0 < Self.maximumAttests else { return }
        control.attests = control.attests ?? Attests()
        control.attests?.requests.append(channel)
    }

    func queue(attested endpoint: Endpoint, channel: RelayChannel) {
        guard control.attests?.told.count ?? 0 < Self.maximumAttests else { return }
        control.attests = control.attests ?? Attests()
        control.attests?.told.append((channel, endpoint))
    }
}
