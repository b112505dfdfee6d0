package import OverlayWire
package import PosternModel

/// What a scenario does to its world.
package enum Fault: Hashable, Sendable {
    /// Datagrams from any of `senders` to any of `receivers` vanish for `span`; the other direction is untouched.
    case partition(senders: [HostID], receivers: [HostID], span: Interval)
    /// The node loses its memory and comes back after `span` with its identity, its peers and its replay floors.
    case crash(HostID, span: Interval)
    /// The host moves to new addresses. An untold node learns nothing, as behind a NAT that rebinds.
    case roam(HostID, isTold: Bool)
    /// The translator in front of the host forgets its mappings.
    case rebind(HostID)
    /// The node is not called for `span`.
    case sleep(HostID, Rest, span: Interval)
    /// The host's disk goes back to how it was at the start, with the next life of the node.
    case restore(HostID)
    /// The host expels the peer with `code`.
    case expel(HostID, peer: HostID, code: ErrorCode)
    /// The host admits the peer again.
    case admit(HostID, peer: HostID)
    /// Both directions of the link between the pair become `profile`.
    case relink(HostPair, LinkProfile)
    /// A firewall that keeps the pair from reaching each other directly goes up or down.
    case firewall(HostPair, isUp: Bool)

    /// How a host sleeps.
    package enum Rest: Hashable, Sendable {
        /// Its process is stopped: the clock runs on and the socket keeps what arrives, up to a limit.
        case stopped
        /// The machine is suspended: the monotonic clock stands still and what arrives is lost.
        case suspended
    }

    /// Whether it may end a session: what nothing else may do.
    package var breaksSessions: Bool {
        switch self {
        case .crash, .expel: true
        case .partition, .roam, .rebind, .sleep, .restore, .admit, .relink, .firewall: false
        }
    }

    /// How long it lasts; zero for what happens at once.
    package var span: Interval {
        switch self {
        case .partition(_, _, let span), .crash(_, let span), .sleep(_, _, let span): span
        case .roam, .rebind, .restore, .expel, .admit, .relink, .firewall: .zero
        }
    }

    /// Whether `pair` feels it, directly or because `hub` may carry its packets.
    package func concerns(_ pair: HostPair, hub: HostID?) -> Bool {
        func touches(_ host: HostID) -> Bool { pair.contains(host) || (host == hub && !breaksSessions) }
        switch self {
        case .partition(let senders, let receivers, _):
            return (senders + receivers).contains { pair.contains($0) || $0 == hub }
        case .crash(let host, _):
            return pair.contains(host)
        case .roam(let host, _), .rebind(let host), .sleep(let host, _, _), .restore(let host):
            return touches(host)
        case .expel(let host, let peer, _), .admit(let host, let peer):
            return pair == HostPair(host, peer)
        case .relink(let linked, _), .firewall(let linked, _):
            return pair == linked || (hub.map(linked.contains) ?? false)
        }
    }
}

/// Which faults happened when: the causes that an ended stream or session may have.
package final class FaultHistory {
    private var faults: [(endsAt: Instant, fault: Fault)] = []
    /// Handshakes and sessions that one side gave up, or lost in a crash. What the other side has made of them is over,
    /// and stays so until it hears of it, which may be long after: when the next session of the pair begins.
    private var surrenders: [(endsAt: Instant, pair: HostPair)] = []
    /// Pairs with which an attacker interfered, and until when.
    private var interferences: [(endsAt: Instant, pair: HostPair)] = []
    /// Firewalls that are up now.
    private var firewalls: Set<HostPair>
    /// Those that stand for good, where a hub carries what they stop.
    private let lastingFirewalls: Set<HostPair>
    /// The host that relays for all others, if there is one.
    private let hub: HostID?
    /// Pairs of which only one side admits the other, for good.
    private let oneSided: Set<HostPair>
    /// Hosts behind translators: only answers reach them, and what a hub carries.
    private let hidden: Set<HostID>

    /// No fault yet, in a world where `hub` relays, the pairs in `oneSided` never meet, those in `hidden` are behind
    /// translators, and between those in `firewalls` stands one.
    package init(hub: HostID?, oneSided: [HostPair], hidden: [HostID] = [], firewalls: [HostPair] = []) {
        self.firewalls = Set(firewalls)
        lastingFirewalls = hub == nil ? [] : Set(firewalls)
        self.hub = hub
        self.oneSided = Set(oneSided)
        self.hidden = Set(hidden)
    }

    package func record(_ fault: Fault, at: Instant) {
        faults.append((Self.isLasting(fault) ? .distantFuture : at + fault.span, fault))
        guard case .firewall(let pair, let isUp) = fault else { return }
        if isUp { firewalls.insert(pair) } else { firewalls.remove(pair) }
    }

    /// An expelled peer stays out until it is admitted again, and who has moved may be looked for at its old address
    /// until the world heals.
    private static func isLasting(_ fault: Fault) -> Bool {
        switch fault {
        case .expel, .roam: true
        case .partition, .crash, .rebind, .sleep, .restore, .admit, .relink, .firewall: false
        }
    }

    /// Everybody is told where everybody is.
    package func recordHealing(at: Instant) {
        for index in faults.indices { faults[index].endsAt = min(faults[index].endsAt, at) }
        firewalls = lastingFirewalls
    }

    /// `host` admits `peer` again.
    package func recordAdmission(of peer: HostID, by host: HostID, at: Instant) {
        for index in faults.indices {
            guard case .expel(host, peer: peer, _) = faults[index].fault else { continue }
            faults[index].endsAt = min(faults[index].endsAt, at)
        }
    }

    /// An attacker keeps packets of the pair from arriving, until the instant.
    package func recordInterference(with pair: HostPair, until end: Instant) {
        interferences.append((end, pair))
    }

    /// One of the pair gave up its handshake or its session with the other, or lost all it knew.
    package func recordSurrender(_ pair: HostPair) {
        surrenders.append((.distantFuture, pair))
    }

    /// A session of the pair began.
    package func recordBeginning(_ pair: HostPair, at: Instant) {
        for index in surrenders.indices where surrenders[index].pair == pair && surrenders[index].endsAt > at {
            surrenders[index].endsAt = at
        }
    }

    /// Whether something since `start` gives the pair's session a cause to end.
    package func mayBreak(_ pair: HostPair, since start: Instant) -> Bool {
        faults.contains { $0.endsAt >= start && $0.fault.breaksSessions && $0.fault.concerns(pair, hub: hub) }
            || surrenders.contains { $0.endsAt >= start && $0.pair == pair }
    }

    /// Whether the hub carries what goes between the pair: no firewall keeps either from it.
    private func isRelayed(_ pair: HostPair) -> Bool {
        guard let hub, !pair.contains(hub) else { return false }
        return !firewalls.contains(HostPair(pair.low, hub)) && !firewalls.contains(HostPair(pair.high, hub))
    }

    /// Whether something since `start`, or `hub` being down, gives the pair a cause not to reach each other.
    package func mayHinder(_ pair: HostPair, since start: Instant) -> Bool {
        oneSided.contains(pair)
            || firewalls.contains(pair) && !isRelayed(pair)
            // From behind a translator the hub is reached all the same.
            || hidden.contains(where: pair.contains) && !isRelayed(pair) && !(hub.map(pair.contains) ?? false)
            || interferences.contains { $0.endsAt >= start && $0.pair == pair }
            || faults.contains { entry in
                guard entry.endsAt >= start else { return false }
                if case .crash(let host, _) = entry.fault, host == hub { return true }
                return entry.fault.concerns(pair, hub: hub)
            }
    }
}
