import OverlayCrypto
import OverlayWire
package import PosternModel
import SidecarCore
import TrustCore

/// Sidecars and hubs in virtual time: the real cores, driven as their shells drive them, over simulated disks and a
/// modelled session layer.
///
/// Sessions come up after a delay between programs that admit each other and have a path, direct or relayed; they carry
/// requests, events and streams, and break. Nothing depends on anything but the plan.
package struct SystemWorld {
    let plan: SystemPlan
    var now = Instant(nanoseconds: 0)
    var events = EventQueue<SystemEvent>()
    var sidecars: [SidecarProgram] = []
    var hubs: [HubProgram] = []
    var programs: [NodeKey: ProgramID] = [:]
    /// The sessions that each program has, as it sees them.
    var sessions: [ProgramID: [ProgramID: SessionNumber]] = [:]
    var partitions: Set<ProgramPair> = []
    var streams: [ServiceStream] = []
    /// What goes through the gateways in them, by the number of the stream.
    var gatewayCalls: [Int: GatewayCall] = [:]
    /// The requests that agents have seen.
    var gatewayRequests: Set<String> = []
    var commands: [CommandID: CommandRecord] = [:]
    var invitations: [HeldInvitation] = []
    var acknowledged: [AcknowledgedChange] = []
    var revocations: [AcknowledgedRevocation] = []
    /// The sidecars that run on old copies of their state directories.
    var rollbacks: [Int: Rollback] = [:]
    var ledger = AccessLedger()
    /// Who may be in the network that there is where hubs lie.
    var network = NetworkLedger()
    var timing: SeededRandom
    var operators: SeededRandom
    var faults: SeededRandom
    var lastSession = 0
    var lastWatch = 0
    var lastCommand: UInt64 = 0
    /// What each program has sent in the minute that runs.
    var sentCounts: [ProgramID: Int] = [:]
    var sentMinute: Int64 = 0
    /// What is true of the run so far.
    package internal(set) var report: SystemReport

    init(_ plan: SystemPlan) {
        self.plan = plan
        timing = SeededRandom(seed: plan.seed, purpose: .links)
        operators = SeededRandom(seed: plan.seed, purpose: .workload)
        faults = SeededRandom(seed: plan.seed, purpose: .faults)
        report = SystemReport()
        makeHubs()
        makeSidecars()
        if plan.scenario == .deceit { quickenBeats() }
    }

    /// Runs the system to its end.
    package static func run(_ plan: SystemPlan) -> SystemReport {
        var world = SystemWorld(plan)
        world.runToEnd()
        return world.report
    }

    private mutating func runToEnd() {
        start()
        run(until: Instant(nanoseconds: plan.activity.nanoseconds))
        heal()
        run(for: .seconds(240))
        for isConfirmed in [false, true] where recoverEverything(isConfirmed: isConfirmed) { run(for: .seconds(30)) }
        for _ in 0..<3 where decideEverything() { run(for: .seconds(150)) }
        if plan.scenario == .deceit { settleNetwork() }
        inspectEnd()
        probe()
        run(for: .seconds(60))
        inspectCommands()
        report.span = Interval(nanoseconds: now.nanoseconds)
    }

    mutating func run(for span: Interval) { run(until: now + span) }

    private mutating func run(until end: Instant) {
        while report.violation == nil, let next = events.earliest, next <= end {
            guard let (time, event) = events.takeFirst() else { return }
            now = time
            report.eventCount += 1
            handle(event)
            if report.eventCount > Self.eventLimit { violate(.storms, "the system does not come to rest") }
        }
        if report.violation == nil { now = max(now, end) }
    }

    /// What one run may take: far more than any healthy one needs.
    private static let eventLimit = 400_000

    private mutating func handle(_ event: SystemEvent) {
        switch event {
        case .timer(let number, let life, let timer):
            guard sidecars[number].life?.timer == timer, isCurrent(number, life) else { return }
            feed(number) { $0.advance(to: $1) }
        case .journalWritten(let number, let life):
            if isCurrent(number, life) { endWrite(number) }
        case .journalRetry(let number, let life):
            guard isCurrent(number, life) else { return }
            sidecars[number].retryWrite()
            beginWrite(number)
        case .answered(let number, let life, let id, let answer):
            if isCurrent(number, life) { answered(number, id, answer) }
        case .worked(let number, let life, let id, let work):
            if isCurrent(number, life) { feed(number) { $0.worked(id, work, at: $1) } }
        case .sessionChanged(let number, let life, let other, let isUp):
            if isCurrent(number, life) { sessionChanged(number, with: other, isUp: isUp) }
        case .watchAgain(let number, let life, let hub):
            guard isCurrent(number, life), sidecars[number].life?.watches[.hub(hub)] == nil else { return }
            let key = hubs[hub].key
            feed(number) { $0.watchEnded(key, at: $1) }
        case .guest(let visit): receive(visit)
        case .guestLeft(let number, let life, let guest):
            if isCurrent(number, life) { feed(number) { $0.peerSession(guest, isUp: false, at: $1) } }
        case .auditFlush(let program, let life): flushAudit(program, life)
        case .committed(let number, let life):
            if hubs[number].lifeNumber == life { endTransaction(number) }
        case .initiation(let handshake): receive(handshake)
        case .response(let handshake, let session): established(handshake, session)
        case .handshakeTimeout(let handshake): retry(handshake)
        case .message(let message): deliver(message)
        case .liveness(let program, let other, let session, let misses):
            checkLiveness(program, other, session, misses: misses)
        case .operate(let number): operate(number)
        case .call(let call): self.call(call)
        case .gateway(let index, let step): self.step(index, step)
        case .disturb: disturb()
        case .mend(let fault): mend(fault)
        case .replay(let hub, let count): replay(hub, count)
        case .flood(let hub, let count): flood(hub, count)
        case .restoreCopy(let number):
            crash(.sidecar(number), .process)
            restoreCopy(number)
            schedule(.mend(.down(.sidecar(number))), in: .seconds(1))
        case .inspect: inspect()
        }
    }

    func isCurrent(_ number: Int, _ life: LifeNumber) -> Bool {
        sidecars[number].life != nil && sidecars[number].lifeNumber == life
    }
}

// What the rest of the world uses.
extension SystemWorld {
    mutating func schedule(_ event: SystemEvent, in delay: Interval = .zero) {
        events.add(event, at: now + delay)
    }

    mutating func schedule(_ event: SystemEvent, in range: ClosedRange<Interval>) {
        schedule(event, in: timing.interval(in: range))
    }

    /// Notes one line of what happened.
    mutating func note(_ text: String) {
        report.note("\(Self.seconds(now)) \(text)")
    }

    mutating func violate(_ invariant: SystemInvariant, _ detail: String) {
        guard report.violation == nil else { return }
        report.violation = SystemViolation(invariant: invariant, detail: detail, at: now)
        note("VIOLATED \(invariant.rawValue): \(detail)")
    }

    private static func seconds(_ time: Instant) -> String {
        let milliseconds = time.nanoseconds / 1_000_000
        let fraction = String(1_000 + milliseconds % 1_000).dropFirst()
        return "\(milliseconds / 1_000).\(fraction)"
    }
}

/// What a run came to.
package struct SystemReport: Sendable {
    /// The first invariant that did not hold; what follows one is not looked at.
    package internal(set) var violation: SystemViolation?
    /// How long the run took, in the world's time.
    package internal(set) var span = Interval.zero
    package internal(set) var eventCount = 0
    package internal(set) var commandCount = 0
    package internal(set) var streamCount = 0
    /// Answers that clients got whole through both gateways, the gateways' own among them.
    package internal(set) var answerCount = 0
    /// What happened, a line each, without the oldest when there is too much.
    package private(set) var log: [String] = []

    private static let logLimit = 4_000

    mutating func note(_ line: String) {
        if log.count == Self.logLimit { log.removeFirst(Self.logLimit / 4) }
        log.append(line)
    }
}
