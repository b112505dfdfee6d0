import OverlayCore
import OverlayWire
import PosternModel

/// Between a node and its surroundings: packets in, packets out, events to the application, wake-ups.
extension World {
    func deliver(_ arrival: Network.Arrival) {
        let host = hosts[arrival.host.index]
        switch host.condition {
        case .down, .asleep(.suspended):
            trace.add(.dropped, arrival.bytes, from: arrival.from, to: arrival.to, at: now, note: "host-down")
        case .asleep(.stopped):
            let held = host.backlog.reduce(0) { $0 + $1.bytes.count }
            if held + arrival.bytes.count <= Host.backlogByteCount { host.backlog.append(arrival) }
        case .running:
            guard passes(arrival), host.isListening(at: arrival.port) else { return }
            receive(arrival, at: host)
            settle(host)
        }
    }

    func receive(_ arrival: Network.Arrival, at host: Host) {
        trace.add(
            .delivered,
            arrival.bytes,
            from: arrival.from,
            to: arrival.to,
            at: now,
            note: arrival.isCorrupted ? "corrupted" : ""
        )
        let answeredBefore = host.node.statistics.handshakesAnswered
        host.node.receive(
            arrival.bytes.span.bytes,
            from: arrival.from,
            to: Network.anyAddress.with(port: arrival.port),
            ecn: arrival.ecn,
            at: host.clock.local(now)
        )
        if !arrival.isCorrupted, let sender = network.owner(of: arrival.from), isMutual(host.id, sender) {
            let isFirstMessage = arrival.bytes.first == PacketType.initiation.rawValue
            let isUsed = !isFirstMessage || host.node.statistics.handshakesAnswered > answeredBefore
            attacker.overhear(arrival, isUsed: isUsed)
        }
    }

    /// An attacker's packet arrives at once.
    func inject(_ packet: Attacker.Forged) {
        let host = hosts[packet.to.index]
        guard host.condition == .running, let to = network.endpoints(of: host.id).first else { return }
        trace.add(.delivered, packet.bytes, from: packet.from, to: to, at: now, note: "attacker")
        host.node.receive(
            packet.bytes.span.bytes,
            from: packet.from,
            to: Network.anyAddress,
            ecn: .notECT,
            at: host.clock.local(now)
        )
        settle(host)
    }

    /// Whether both hosts admit each other now.
    func isMutual(_ one: HostID, _ other: HostID) -> Bool {
        hosts[one.index].index(of: other) != nil && hosts[other.index].index(of: one) != nil
    }

    /// Handles what the node has to say and sends what it has to send until it has nothing more, then plans its
    /// wake-up.
    func settle(_ host: Host) {
        var sentCount = 0
        var isMoving = true
        while isMoving, findings.first == nil {
            isMoving = false
            while let event = host.node.pollEvent() {
                handle(event, at: host)
                isMoving = true
            }
            let count = transmit(host)
            sentCount += count
            // Sending, also into a relay that has no way, can make room for streams that wait for it.
            isMoving = isMoving || count > 0 || host.node.statistics.pendingEvents > 0
            if sentCount > Self.maximumPacketsPerTurn {
                findings.report(.progress, "\(host.id) sends without end at one instant")
            }
        }
        checkBounds(of: host)
        noteHeard(at: host)
        for request in applications[host.id.index].takeRequests() {
            switch request {
            case .resume(let handle, let at): queue.add(.resume(host.id, life: host.life, handle), at: at)
            case .reopen(let tag, let at): queue.add(.open(tag), at: at)
            }
        }
        logMetrics(of: host)
        planWake(of: host)
    }

    /// Tells the checker of sessions in whose life `host` has heard its peer by now.
    private func noteHeard(at host: Host) {
        for acquaintance in host.acquaintances where sessions.isUnheard(host.id, acquaintance.host) {
            guard let peer = host.node.peer(with: acquaintance.key) else { continue }
            if host.node.status(of: peer)?.bytesReceived ?? 0 > 0 { sessions.heard(at: host.id, acquaintance.host) }
        }
    }

    private func planWake(of host: Host) {
        guard let deadline = host.node.nextDeadline, deadline < .distantFuture else { return }
        let at = max(now, host.clock.world(deadline))
        if let planned = host.plannedWake, planned <= at { return }
        host.plannedWake = at
        queue.add(.wake(host.id, life: host.life), at: at)
    }

    /// Sends everything the node has ready and returns how many packets that were.
    private func transmit(_ host: Host) -> Int {
        var count = 0
        while count <= Self.maximumPacketsPerTurn {
            var transmit: Transmit?
            let bytes = PacketWriter.bytes(capacity: 16 * Node.maximumPacketSize) { writer in
                transmit = host.node.pollTransmit(into: &writer, maxSegments: 16, at: host.clock.local(now))
            }
            guard let transmit else { break }
            if transmit.byteCount != bytes.count || transmit.segmentSize < 1 {
                findings.report(.sizes, "\(host.id) says \(transmit.byteCount) bytes and wrote \(bytes.count)")
                break
            }
            for start in stride(from: 0, to: bytes.count, by: transmit.segmentSize) {
                let packet = Array(bytes[start..<min(bytes.count, start + transmit.segmentSize)])
                send(packet, ecn: transmit.ecn, from: host, port: transmit.source.port, to: transmit.destination)
                count += 1
            }
        }
        for seal in host.node.takeSeals() {
            nonces.sealed(seal, by: host.id, life: host.life, findings: findings)
        }
        return count
    }

    private func send(
        _ packet: [UInt8],
        ecn: ECNCodepoint,
        from host: Host,
        port: UInt16?,
        to destination: Endpoint
    ) {
        // Who was restored from a backup takes a recorded handshake once more.
        if !host.hasLostFloors { reflections.sent(packet, by: host.id, to: destination, findings: findings) }
        ephemerals.sent(packet, by: host.id, findings: findings)
        SizeChecker().sent(packet, by: host.id, findings: findings)
        quiet?.sent(by: host.id, peerCount: conversationCount(of: host), at: now, findings: findings)
        passOn(packet, from: host.id, sentTo: destination)
        let port = port ?? Network.port
        let verdict = network.send(packet, ecn: ecn, from: host.id, port: port, to: destination, at: now)
        trace.add(.sent, packet, from: verdict.source, to: destination, at: now)
        if let drop = verdict.drop {
            trace.add(.dropped, packet, from: verdict.source, to: destination, at: now, note: drop.rawValue)
        }
        if let first = verdict.first { queue.add(.arrival(first), at: first.at) }
        if let second = verdict.second { queue.add(.arrival(second), at: second.at) }
    }

    private func checkBounds(of host: Host) {
        let statistics = host.node.statistics
        if statistics.memoryInUse > host.settings.maxMemory {
            findings.report(.bounds, "\(host.id) holds \(statistics.memoryInUse) of \(host.settings.maxMemory) bytes")
        }
        if findings.first == nil, statistics.pendingEvents > 0 {
            findings.report(.bounds, "\(host.id) has \(statistics.pendingEvents) events left that cannot be polled")
        }
    }

    private func handle(_ event: Event, at host: Host) {
        let application = applications[host.id.index]
        switch event {
        case .sessionEstablished(_, let key, _):
            let peer = host.host(of: key)
            sessions.began(at: host.id, with: peer, isMutual: peer.map { wasMutual(host.id, $0) } ?? false)
            if peer != nil, peer == scenario.hub { connectRelays() }
        case .sessionLost(_, let key, let code, let reason):
            guard let peer = hostID(of: key) else { return }
            let hasStreams = streams.hasStreams(at: host.id, with: peer)
            sessions.lost(at: host.id, with: peer, code, reason: reason, hasStreams: hasStreams)
            if peer == scenario.hub { queue.add(.connectHub(host.id, life: host.life), at: now + .seconds(1)) }
        case .handshakeFailed(_, let key):
            guard let peer = hostID(of: key) else { return }
            sessions.handshakeFailed(at: host.id, with: peer)
            if peer == scenario.hub { queue.add(.connectHub(host.id, life: host.life), at: now + .seconds(1)) }
        case .pathChanged(_, let key, let endpoint):
            if let peer = hostID(of: key) { paths.append((now, host.id, peer, endpoint)) }
        case .replayFloor(let key, let floor):
            host.store(replayFloor: floor, of: key)
        case .sharedFloor:
            // Every host has a key of its own.
            break
        case .countersLow:
            host.reserveCounters()
        case .localPathSilent:
            // No simulated port is ever closed: a crashed host is only silent.
            break
        case .streamOpened(let handle, let key, let port):
            application.accepted(handle, from: host.host(of: key), port: port)
        case .streamReadable(let handle):
            application.readable(handle)
        case .streamWritable(let handle):
            application.writable(handle)
        case .streamStopped(let handle, let code):
            application.stopped(handle, code: code)
        case .streamEnded(let handle, let end):
            application.ended(handle, end)
        case .datagramReceived:
            while let (datagram, bytes) = host.takeDatagram() {
                application.received(bytes, from: host.host(of: datagram.key), port: datagram.port)
            }
        case .observedAddress(_, let key, let candidate):
            guard hostID(of: key) == scenario.hub, host.reflexive != candidate else { return }
            host.reflexive = candidate
            tellAddresses(host)
        case .portsWanted(let peer, let base, let count):
            host.node.spread(peer, from: host.openPorts(count).map { base.with(port: $0) }, at: host.clock.local(now))
        case .mappingAlive:
            // Nobody here tries mappings.
            break
        case .pathBelowBase, .unresponsive, .responsive, .candidates, .pong, .duplicateIdentity,
            .identityShared, .rekeyOverdue:
            break
        }
    }

    private func hostID(of key: NodeKey) -> HostID? {
        hosts.first { $0.key == key }?.id
    }

    /// Whether both hosts admit each other, or did until one expelled the other while packets were on their way.
    private func wasMutual(_ one: HostID, _ other: HostID) -> Bool {
        isMutual(one, other) || history.mayBreak(HostPair(one, other), since: now - .seconds(120))
    }
}
