package import OverlayCore
package import OverlayCrypto
package import OverlayWire
package import PosternModel

/// Hosts, a network between them, and time that jumps from one scheduled event to the next. A function of its scenario:
/// the same scenario gives the same packets, bit for bit.
package final class World {
    /// Something that is to happen at an instant.
    enum ScheduledEvent {
        case arrival(Network.Arrival)
        case wake(HostID, life: Int)
        case open(ContentTag)
        case datagram(DatagramPlan)
        case resume(HostID, life: Int, StreamHandle)
        case fault(Fault)
        case connectHub(HostID, life: Int)
        case join(senders: [HostID], receivers: [HostID])
        case boot(HostID)
        case rise(HostID, Fault.Rest, span: Interval)
        case attack(AttackerAction)
        /// A packet that was held back.
        case release(Network.Arrival)
        /// A packet that an attacker passes on to a host, from an address of its own.
        case passedOn([UInt8], HostID, from: Endpoint)
    }

    /// What is played, and where every checker keeps its books.
    package let scenario: Scenario
    /// Where its checkers report.
    package let findings = Findings()
    /// Every stream, planned and seen.
    package let streams: StreamLedger
    /// Every datagram, planned and seen.
    package let datagrams: DatagramLedger
    /// Every session, as the hosts see it.
    package let sessions: SessionChecker
    package internal(set) var network: Network
    package internal(set) var trace = PacketTrace()
    /// The hosts by their number.
    package let hosts: [Host]

    let history: FaultHistory
    var applications: [Application]
    var queue = EventQueue<ScheduledEvent>()
    var attacker = Attacker()
    var interceptor = Interceptor()
    var reflections = ReflectionChecker()
    var nonces = NonceChecker()
    var ephemerals = EphemeralChecker()
    var quiet: QuietChecker?
    var isHealed = false
    var eventLog: EventLog?
    /// The paths that nodes changed to, in order.
    package internal(set) var paths: [(at: Instant, host: HostID, peer: HostID, endpoint: Endpoint)] = []
    /// How many events there were.
    private var eventCount = 0
    /// Wake-ups at the present instant: bounded, or time would stand still.
    private var wakesAtNow = 0

    /// The most wake-ups and the most packets of one host that one instant may have.
    static let maximumWakesPerInstant = 10_000
    static let maximumPacketsPerTurn = 20_000
    /// 2026-01-01, the wall clock at the start of every world, in nanoseconds since 1970.
    static let wallStart: UInt64 = 1_767_225_600_000_000_000

    /// The world of `scenario` before its first instant; throws when an identity cannot be made.
    package init(_ scenario: Scenario) throws(CryptoError) {
        self.scenario = scenario
        history = FaultHistory(
            hub: scenario.hub,
            oneSided: scenario.oneSided.map { HostPair($0.host, $0.peer) },
            hidden: scenario.nats.flatMap(\.hosts),
            firewalls: scenario.firewalls
        )
        sessions = SessionChecker(findings: findings, history: history)
        streams = StreamLedger(seed: scenario.seed, findings: findings, history: history, sessions: sessions)
        datagrams = DatagramLedger(seed: scenario.seed, findings: findings)
        network = Network(seed: scenario.seed, hostCount: scenario.hostCount, profile: scenario.profile)
        var random = SeededRandom(seed: scenario.seed, purpose: .topology)
        var made: [Host] = []
        for id in HostID.all(scenario.hostCount) {
            let clock = HostClock(
                origin: Instant(nanoseconds: Int64(random.below(1_000_000_000_000_000))),
                drift: Int64(random.number(in: -scenario.clockDrift...scenario.clockDrift)),
                wall: Self.wallStart
            )
            made.append(
                try Host(
                    id: id,
                    seed: scenario.seed,
                    settings: scenario.ownSettings[id] ?? scenario.settings,
                    clock: clock
                )
            )
        }
        hosts = made
        applications = []
        applications = hosts.map(makeApplication)
        buildNetwork()
        introduceHosts()
        scheduleScenario()
    }

    /// The present instant of the world's clock.
    package var now: Instant { findings.now }

    /// Runs until `end`, or until an invariant is violated.
    package func run(until end: Instant) throws(Violation) {
        while let next = queue.earliest, next <= end {
            guard let (at, event) = queue.takeFirst() else { break }
            if at > findings.now {
                findings.now = at
                wakesAtNow = 0
            }
            perform(event)
            eventCount += 1
            if eventCount > scenario.eventLimit {
                findings.report(.progress, "more than \(scenario.eventLimit) things happened: the run has no end")
            }
            if let violation = findings.first { throw violation }
        }
        findings.now = max(findings.now, end)
    }

    func makeApplication(_ host: Host) -> Application {
        Application(host: host, streams: streams, datagrams: datagrams, findings: findings)
    }

    private func buildNetwork() {
        for link in scenario.links { setProfile(link.profile, between: link.pair) }
        for pair in scenario.firewalls { network.setFirewall(true, between: pair.low, and: pair.high) }
        for nat in scenario.nats { network.hide(nat.hosts, behind: nat.settings) }
        for shared in scenario.bottlenecks { network.addBottleneck(shared.settings, routes: shared.routes) }
        for attachment in scenario.attachments { network.attach(attachment.host, segment: attachment.segment) }
    }

    private func scheduleScenario() {
        for plan in scenario.streams {
            streams.add(plan)
            queue.add(.open(plan.tag), at: plan.opensAt)
        }
        for plan in scenario.datagrams {
            datagrams.add(plan)
            queue.add(.datagram(plan), at: plan.sendsAt)
        }
        for entry in scenario.faults { queue.add(.fault(entry.fault), at: entry.at) }
        for entry in scenario.attacks { queue.add(.attack(entry.act), at: entry.at) }
    }

    private func perform(_ event: ScheduledEvent) {
        switch event {
        case .arrival(let arrival):
            deliver(arrival)
        case .wake(let id, let life):
            wake(hosts[id.index], life: life)
        case .open(let tag):
            guard let plan = streams.plan(tag) else { return }
            onHost(plan.opener) { $0.open(tag) }
        case .datagram(let plan):
            onHost(plan.sender) { $0.send(plan) }
        case .resume(let id, let life, let handle):
            guard hosts[id.index].life == life else { return }
            onHost(id) { $0.resume(handle) }
        case .connectHub(let id, let life):
            guard hosts[id.index].life == life else { return }
            connectHub(hosts[id.index])
        case .fault(let fault):
            if !isHealed { inject(fault) }
        case .join(let senders, let receivers):
            if !isHealed { join(senders, receivers) }
        case .boot(let id):
            boot(hosts[id.index])
        case .rise(let id, let rest, let span):
            rise(hosts[id.index], rest, span: span)
        case .attack(let act):
            if !intercept(act) { for packet in attacker.forge(act) { inject(packet) } }
        case .release(let arrival):
            release(arrival)
        case .passedOn(let bytes, let host, let from):
            reflections.isAnswered(at: from)
            arrive(bytes, at: host, from: from)
        }
    }

    /// Lets the application of a running host act.
    private func onHost(_ id: HostID, _ body: (Application) -> Void) {
        let host = hosts[id.index]
        guard host.condition == .running else { return }
        body(applications[id.index])
        settle(host)
    }

    private func wake(_ host: Host, life: Int) {
        guard host.condition == .running, host.life == life, host.plannedWake == findings.now else { return }
        host.plannedWake = nil
        wakesAtNow += 1
        guard wakesAtNow <= Self.maximumWakesPerInstant else {
            return findings.report(.progress, "\(host.id) asks again and again to be woken at the same instant")
        }
        let local = host.clock.local(findings.now)
        if let deadline = host.node.nextDeadline, deadline <= local {
            host.node.advance(to: local)
        }
        settle(host)
    }
}

extension World {
    /// Calls `observer` with every packet from now on.
    package func observePackets(_ observer: @escaping (PacketRecord) -> Void) {
        trace.observers.append(observer)
    }
}

extension World {
    /// The counters of a host's node, in its present life.
    package func statistics(of host: HostID) -> NodeStatistics { hosts[host.index].node.statistics }
}
