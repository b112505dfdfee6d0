import Logging
import NIOCore
import OverlayCore
import OverlayWire
import PosternModel

// Between the core and what carries its packets.
extension OverlayNode: UnderlayClient {
    /// What went wrong below the overlay since the start.
    package var underlayFailures: UnderlayFailures { failures }

    func received(
        _ bytes: RawSpan,
        segmentSize: Int,
        from remote: Endpoint,
        to local: Endpoint,
        ecn: ECNCodepoint
    ) {
        guard case .running = phase else { return }
        core.receiveBatch(
            bytes,
            segmentSize: segmentSize,
            from: remote,
            to: local,
            ecn: ecn,
            at: turn.beginBatch()
        )
    }

    /// The underlay was read as far as it may be in this turn: streams hear what came. What they write leaves at the
    /// end of the loop's turn if another connection asked for that already, and else now, which spares a way through
    /// the loop: most packets lead to writes on other connections than ours.
    func receivedAll() {
        guard turn.isWanted else { return endTurn() }
        dispatchEvents()
        turn.endBatch()
    }

    func underlayFailed(_ error: any Error) {
        failures.reads += 1
        log.debug("reading from the underlay failed", metadata: ["error": "\(error)"])
    }

    func underlayDropped(_ count: Int) {
        failures.crowdedOut += UInt64(count)
    }

    func underlayReopened() {
        failures.reopened += 1
        networkChanged()
    }

    /// Looks at the host's addresses now and then, and tells the core when they changed.
    func watchHost() {
        eventLoop.assumeIsolated().scheduleTask(in: settings.addressCheck) { [weak self] in
            guard let self, case .running = self.phase else { return }
            // Each of them is asked.
            if self.underlays.filter({ $0.refresh() }).isEmpty == false { self.networkChanged() }
            self.udp?.closeSpares(at: self.core.takeUnusedSpares())
            self.watchHost()
        }
    }

    /// The network attachment changed: paths are tried again.
    private func networkChanged() {
        translation.forget()
        core.setMapping(mapping)
        gatewayMapping?.start()
        relearnLifetime()
        tellAddresses()
        core.networkChanged(at: now)
        needsTurn()
    }

    /// Tells the core where this host is and can be reached: at its interfaces, and where hubs see it.
    func tellAddresses() {
        let hosts = underlays.flatMap(\.reachable).enumerated().map { position, found in
            Candidate(
                found.endpoint,
                kind: .host,
                base: found.base,
                localPreference: UInt16(clamping: Int(UInt16.max) - position)
            )
        }
        let mapped = gatewayMapping?.mapping.flatMap { mapping in
            mappable.map { Candidate(mapping.endpoint, kind: .serverReflexive, base: $0.socket) }
        }
        let seen = ([mapped].compactMap(\.self) + reflexive.candidates).filter { candidate in
            !hosts.contains { $0.endpoint == candidate.endpoint }
        }
        core.setLocalAddresses(underlays.flatMap(\.localAddresses), candidates: hosts + seen, at: now)
    }

    /// Asks the gateway for a port, if this host is behind one as far as it can tell.
    func mapPort() {
        guard settings.mapsPort, let mappable else { return }
        gatewayMapping = GatewayMapping(port: mappable.port, on: eventLoop, logger: log) { [weak self] in
            guard let self, case .running = self.phase else { return }
            self.tellAddresses()
            self.needsTurn()
        }
        gatewayMapping?.start()
    }

    /// The IPv4 socket and its port, unless it is one for this host alone.
    private var mappable: (socket: Endpoint, port: UInt16)? {
        for socket in underlays.flatMap(\.localAddresses) {
            if case .ipv4(_, let port) = socket, !socket.isLoopback { return (socket, port) }
        }
        return nil
    }

    /// The same for the core.
    private var mapping: AddressMapping {
        switch translation.mapping(own: underlays.flatMap(\.reachable).map(\.endpoint)) {
        case nil: .unknown
        case .some(.none), .endpointIndependent: .independent
        case .endpointDependent: .dependent
        }
    }

    /// Opens ports for a peer to guess.
    func openPorts(for peer: PeerHandle, like base: Endpoint, count: Int) {
        guard let udp else { return }
        udp.openSpares(like: base, count: count).assumeIsolated().whenComplete { result in
            guard case .running = self.phase else { return }
            self.core.spread(peer, from: (try? result.get()) ?? [], at: self.now)
            self.needsTurn()
        }
    }

    /// What is known of the address translation in front of this host.
    package var addressTranslation: AddressTranslationStatus {
        AddressTranslationStatus(
            mapping: translation.mapping(own: underlays.flatMap(\.reachable).map(\.endpoint))?.rawValue,
            portMapping: gatewayMapping.map { $0.mapping?.method.rawValue ?? "none" },
            lifetime: trial?.lifetime ?? MappingLifetime()
        )
    }

    /// A peer sees this node at `candidate`. Hubs are believed: peers could send others elsewhere with it.
    func noteObserved(_ candidate: Candidate, by hub: NodeKey) {
        translation.note(candidate.endpoint, of: candidate.base, by: hub)
        core.setMapping(mapping)
        switch candidate.kind {
        case .serverReflexive: break
        case .host, .peerReflexive, .relayed: return
        }
        if candidate.endpoint.scope == .global { learnLifetime(with: hub, base: candidate.base) }
        guard reflexive.note(candidate, by: hub) else { return }
        tellAddresses()
        needsTurn()
    }
}

extension Node {
    /// Takes the packets of one batch, each `segmentSize` bytes long but the last.
    fileprivate mutating func receiveBatch(
        _ bytes: RawSpan,
        segmentSize: Int,
        from remote: Endpoint,
        to local: Endpoint,
        ecn: ECNCodepoint,
        at now: Instant
    ) {
        guard segmentSize > 0, segmentSize < bytes.byteCount else {
            receive(bytes, from: remote, to: local, ecn: ecn, at: now)
            return
        }
        var offset = 0
        while offset < bytes.byteCount {
            let end = min(offset + segmentSize, bytes.byteCount)
            receive(bytes.extracting(offset..<end), from: remote, to: local, ecn: ecn, at: now)
            offset = end
        }
    }
}
