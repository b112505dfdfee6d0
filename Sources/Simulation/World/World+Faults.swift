import OverlayCore
import OverlayCrypto
import OverlayWire
import PosternModel

/// What scenarios do to the world, and how it recovers.
extension World {
    func inject(_ fault: Fault) {
        guard applies(fault) else { return }
        history.record(fault, at: now)
        switch fault {
        case .partition(let senders, let receivers, let span):
            part(senders, receivers)
            queue.add(.join(senders: senders, receivers: receivers), at: now + span)
        case .crash(let id, let span):
            crash(hosts[id.index])
            queue.add(.boot(id), at: now + span)
        case .roam(let id, let isTold):
            roam(hosts[id.index], isTold: isTold)
        case .rebind(let id):
            network.rebind(id)
        case .sleep(let id, let rest, let span):
            hosts[id.index].condition = .asleep(rest)
            hosts[id.index].asleepSince = now
            queue.add(.rise(id, rest, span: span), at: now + span)
        case .restore(let id):
            hosts[id.index].isRestored = true
        case .expel(let id, let peer, let code):
            expel(peer, from: hosts[id.index], code: code)
        case .admit(let id, let peer):
            readmit(peer, at: hosts[id.index])
        case .relink(let pair, let profile):
            setProfile(profile, between: pair)
        case .firewall(let pair, let isUp):
            network.setFirewall(isUp, between: pair.low, and: pair.high)
        }
    }

    /// Whether `fault` can happen now: not to a host that is down, and not twice.
    private func applies(_ fault: Fault) -> Bool {
        switch fault {
        case .crash(let id, _): hosts[id.index].condition != .down
        case .sleep(let id, _, _): hosts[id.index].condition == .running
        case .expel(let id, let peer, _):
            hosts[id.index].condition == .running && hosts[id.index].index(of: peer) != nil
        case .admit(let id, let peer): hosts[id.index].condition == .running && hosts[id.index].index(of: peer) == nil
        case .partition, .roam, .rebind, .restore, .relink, .firewall: true
        }
    }

    // MARK: the network

    private func part(_ senders: [HostID], _ receivers: [HostID]) {
        for sender in senders {
            for receiver in receivers where receiver != sender { network.part(sender, from: receiver) }
        }
    }

    func join(_ senders: [HostID], _ receivers: [HostID]) {
        for sender in senders {
            for receiver in receivers where receiver != sender { network.join(sender, to: receiver) }
        }
    }

    private func roam(_ host: Host, isTold: Bool) {
        network.readdress(host.id)
        guard isTold, host.condition == .running else { return }
        tellAddresses(host)
        host.node.networkChanged(at: host.clock.local(now))
        settle(host)
    }

    func setProfile(_ profile: LinkProfile, between pair: HostPair) {
        network.setProfile(profile, from: pair.low, to: pair.high)
        network.setProfile(profile, from: pair.high, to: pair.low)
    }

    // MARK: hosts

    private func crash(_ host: Host) {
        host.condition = .down
        applications[host.id.index].crash()
        sessions.crashed(host.id)
        for other in hosts where other.id != host.id { history.recordSurrender(HostPair(host.id, other.id)) }
    }

    func boot(_ host: Host) {
        guard host.condition == .down else { return }
        host.restart()
        applications[host.id.index] = makeApplication(host)
        tellAddresses(host)
        for acquaintance in host.acquaintances { introduce(acquaintance, to: host) }
        connectRelays()
        connectHub(host)
        settle(host)
    }

    func rise(_ host: Host, _ rest: Fault.Rest, span: Interval) {
        guard host.condition == .asleep(rest), now - host.asleepSince >= span else { return }
        host.condition = .running
        host.plannedWake = nil
        if rest == .suspended { host.clock.standStill(for: now - host.asleepSince) }
        let backlog = host.backlog
        host.backlog = []
        let local = host.clock.local(now)
        if let deadline = host.node.nextDeadline, deadline <= local { host.node.advance(to: local) }
        for arrival in backlog { receive(arrival, at: host) }
        connectRelays()
        settle(host)
    }

    // MARK: who admits whom

    private func expel(_ peer: HostID, from host: Host, code: ErrorCode) {
        guard let index = host.index(of: peer) else { return }
        let key = host.acquaintances.remove(at: index).key
        host.node.expel(key, code: code, at: host.clock.local(now))
        settle(host)
        for record in streams.records where record.plan.opener == host.id || record.plan.acceptor == host.id {
            let side: Side = record.plan.opener == host.id ? .opener : .acceptor
            if record.plan.host(side.other) == peer, case .open = record.end(side) {
                findings.report(
                    .endings,
                    "\(host.id) expelled \(peer) and stream \(record.plan.tag) is still open there"
                )
            }
        }
    }

    private func readmit(_ peer: HostID, at host: Host) {
        history.recordAdmission(of: peer, by: host.id, at: now)
        acquaint(host, with: hosts[peer.index])
        connectRelays()
        settle(host)
    }

    /// Admits every pair of the scenario.
    func introduceHosts() {
        for host in hosts {
            tellAddresses(host)
            for other in hosts where other.id != host.id {
                let pair = HostPair(host.id, other.id)
                let isOneSided = scenario.oneSided.contains { $0.host == other.id && $0.peer == host.id }
                if isOneSided || scenario.unacquainted.contains(pair) { continue }
                acquaint(host, with: other)
            }
        }
        connectRelays()
        for host in hosts {
            connectHub(host)
            settle(host)
        }
    }

    /// Tells the node of `host` where it is: behind one socket on all addresses, as the system's default has it.
    func tellAddresses(_ host: Host) {
        let own = Candidate.hosts(network.endpoints(of: host.id), base: Network.anyAddress)
        let seen = host.reflexive.map { seen in own.contains { $0.endpoint == seen.endpoint } ? [] : [seen] }
        let candidates = own + (seen ?? [])
        host.node.setLocalAddresses([Network.anyAddress], candidates: candidates, at: host.clock.local(now))
    }

    private func acquaint(_ host: Host, with other: Host) {
        let pair = HostPair(host.id, other.id)
        var secret = SeededRandom(
            seed: scenario.seed,
            purpose: .identities,
            index: 1 << 20 | pair.low.index << 8 | pair.high.index
        )
        let acquaintance = Host.Acquaintance(
            host: other.id,
            key: other.key,
            preSharedKey: PreSharedKey(bytes: secret.bytes(32)) ?? .none,
            relays: other.id == scenario.hub
        )
        host.acquaintances.append(acquaintance)
        if host.condition == .running { introduce(acquaintance, to: host) }
    }

    private func introduce(_ acquaintance: Host.Acquaintance, to host: Host) {
        let configuration = PeerConfiguration(
            key: acquaintance.key,
            preSharedKey: acquaintance.preSharedKey,
            candidates: Candidate.hosts(network.openEndpoints(of: acquaintance.host)),
            relays: acquaintance.relays,
            attests: acquaintance.relays,
            sharesCandidates: !acquaintance.relays && host.id != scenario.hub,
            replayFloor: host.replayFloors[acquaintance.key] ?? 0,
            isFloorCertain: host.areFloorsCertain
        )
        host.node.admit(configuration, at: host.clock.local(now))
    }

    /// What the hub's control plane does: a bridge for each pair that admits each other, and its channels told to both.
    func connectRelays() {
        guard let id = scenario.hub, hosts[id.index].condition == .running else { return }
        let hub = hosts[id.index]
        for pair in HostPair.all(scenario.hostCount) where !pair.contains(id) && isMutual(pair.low, pair.high) {
            let (low, high) = (hosts[pair.low.index], hosts[pair.high.index])
            guard let lowAtHub = hub.node.peer(with: low.key), let highAtHub = hub.node.peer(with: high.key) else {
                continue
            }
            hub.node.bridge(lowAtHub, channel(pair, low.id), highAtHub, channel(pair, high.id))
            for (host, other) in [(low, high), (high, low)] where host.condition == .running {
                guard let peer = host.node.peer(with: other.key), let hubPeer = host.node.peer(with: hub.key) else {
                    continue
                }
                host.node.setRelay(for: peer, hub: hubPeer, channel: channel(pair, host.id), at: host.clock.local(now))
            }
        }
        settle(hub)
    }

    /// What the control plane of a host does at the start and whenever its session with the hub ends.
    func connectHub(_ host: Host) {
        guard let id = scenario.hub, id != host.id, host.condition == .running else { return }
        guard let hub = host.node.peer(with: hosts[id.index].key) else { return }
        host.node.connect(hub, at: host.clock.local(now))
        settle(host)
    }

    private func channel(_ pair: HostPair, _ host: HostID) -> RelayChannel {
        RelayChannel(UInt32(1000 + pair.low.index * 100 + pair.high.index * 2 + (host == pair.low ? 0 : 1)))
    }

    // MARK: the end of all faults

    /// Ends all faults: links are calm, everybody runs, and whoever was expelled is admitted again.
    func heal() {
        isHealed = true
        interceptor.retire()
        network.joinAll()
        network.removeBottlenecks()
        for pair in HostPair.all(scenario.hostCount) {
            setProfile(.calm, between: pair)
            network.setFirewall(
                scenario.hub != nil && scenario.firewalls.contains(pair),
                between: pair.low,
                and: pair.high
            )
        }
        for host in hosts {
            if case .asleep(let rest) = host.condition { rise(host, rest, span: .zero) }
            boot(host)
        }
        history.recordHealing(at: now)
        for host in hosts {
            for other in hosts where other.id != host.id && !isUnacquainted(other.id, to: host.id) {
                if host.index(of: other.id) == nil { readmit(other.id, at: host) }
            }
        }
        for host in hosts {
            for acquaintance in host.acquaintances { introduce(acquaintance, to: host) }
            applications[host.id.index].endStalls()
            settle(host)
        }
    }

    /// Whether the scenario keeps `host` from admitting `other` for good.
    private func isUnacquainted(_ other: HostID, to host: HostID) -> Bool {
        scenario.unacquainted.contains(HostPair(host, other))
            || scenario.oneSided.contains { $0.host == other && $0.peer == host }
    }
}
