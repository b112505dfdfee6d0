import HubCore
import HubProtocol
import OverlayCrypto
import OverlayWire
import PosternModel
import SidecarCore
import TrustCore

// Programs: their making, their starts and their ends.
extension SystemWorld {
    /// The services that every sidecar exposes.
    static let services: [Service] = ["alpha", "beta"].enumerated().compactMap { index, name in
        ServiceName(name).map { Service(name: $0, port: VirtualPort(80 + UInt16(index)), kind: .http) }
    }

    mutating func makeHubs() {
        var identities = SeededRandom(seed: plan.seed, purpose: .identities, index: 1)
        for number in 0..<plan.hubCount {
            guard let identity = try? NodeIdentity(seed: identities.bytes(32)),
                let url = HubURL(.loopback(UInt16(4_600 + number)), key: identity.key)
            else { preconditionFailure("32 bytes are a seed, and a loopback address a place of a hub") }
            hubs.append(HubProgram(number: number, identity: identity, url: url))
            programs[identity.key] = .hub(number)
        }
    }

    mutating func makeSidecars() {
        var identities = SeededRandom(seed: plan.seed, purpose: .identities, index: 2)
        for number in 0..<plan.sidecarCount {
            guard let identity = try? NodeIdentity(seed: identities.bytes(32)) else {
                preconditionFailure("32 bytes are a seed")
            }
            programs[identity.key] = .sidecar(number)
            let first = hubs[operators.below(hubs.count)].url
            let isPublic = operators.happens(0.4)
            let profile = SidecarProfile(
                name: "node-\(number)",
                hubs: operators.happens(0.5) ? hubs.map(\.url) : [first],
                exposed: [],
                advertised: isPublic ? [.ipv4(address: 0xc633_6401 + UInt32(number), port: 41_641)] : []
            )
            let origin = Instant(nanoseconds: Int64(operators.number(in: 1...1_000_000_000)))
            let wall = UInt64(1_795_000_000_000_000_000 + operators.number(in: 0...4_000_000_000))
            let clock = HostClock(origin: origin, drift: 0, wall: wall)
            sidecars.append(SidecarProgram(number: number, identity: identity, profile: profile, clock: clock))
        }
        for number in sidecars.indices { sidecars[number].profile.exposed = randomRules() }
    }

    /// Rules for the services of a sidecar: each admits all trusted peers, one peer, or nobody.
    mutating func randomRules() -> [ExposedRule] {
        if plan.scenario == .deceit { return randomRulesOfMembers() }
        return Self.services.map { service in
            let allow: [AllowRule]
            switch operators.below(4) {
            case 0: allow = []
            case 1: allow = [.peer(PeerName(sidecars[operators.below(sidecars.count)].key))]
            case _: allow = [.trusted]
            }
            return ExposedRule(service: service, allow: allow)
        }
    }

    /// Starts everything, and schedules what operators, clients and faults do.
    mutating func start() {
        for number in hubs.indices { startHub(number) }
        for number in sidecars.indices { startSidecar(number) }
        let window = Interval.zero...plan.activity
        for _ in 0..<plan.commandCount {
            schedule(.operate(operators.below(sidecars.count)), in: operators.interval(in: window))
        }
        for _ in 0..<plan.callCount {
            let client = operators.below(sidecars.count)
            let server = (client + 1 + operators.below(sidecars.count - 1)) % sidecars.count
            let at = operators.interval(in: window)
            let call = ServiceCall(
                client: client,
                server: server,
                service: operators.below(Self.services.count),
                patience: now + at + .seconds(10),
                isProbe: false
            )
            schedule(.call(call), in: at)
        }
        for _ in 0..<plan.faultCount { schedule(.disturb, in: faults.interval(in: window)) }
        schedule(.inspect, in: .seconds(5))
    }

    mutating func startHub(_ number: Int) {
        guard hubs[number].life == nil else { return }
        do throws(StartFault) {
            try hubs[number].start()
            note("h\(number) starts")
        } catch {
            violate(error.invariant, "h\(number) cannot start: \(error)")
        }
    }

    mutating func startSidecar(_ number: Int) {
        guard sidecars[number].life == nil else { return }
        if plan.flaw == .editsAudit { sidecars[number].audit.tamper() }
        do throws(StartFault) {
            try sidecars[number].start(random: RandomSource(seed: timing.bytes(32)))
        } catch {
            return violate(error.invariant, "s\(number) cannot start: \(error)")
        }
        if faults.happens(0.3) { sidecars[number].compact(at: now) }
        note("s\(number) starts with \(sidecars[number].facts.count) facts")
        var kept: [RecordID: Set<Int>] = [:]
        for case .redeemed(let id, let peer) in sidecars[number].facts {
            if case .sidecar(let other)? = programs[peer] { kept[id, default: []].insert(other) }
        }
        ledger.keepRedemptions(of: number, kept)
        feed(number) { $0.start(at: $1) }
        let head = sidecars[number].journal.head
        feed(number) { $0.journaled(head, at: $1) }
    }

    /// Ends a program without a word.
    mutating func crash(_ program: ProgramID, _ crash: SimulatedFile.Crash) {
        switch program {
        case .hub(let number):
            guard hubs[number].life != nil else { return }
            hubs[number].end(crash, &faults)
        case .sidecar(let number):
            guard sidecars[number].life != nil else { return }
            sidecars[number].end(crash, &faults)
            for (id, record) in commands where record.sidecar == number { commands[id] = nil }
            if case .power = crash {
                let durable = sidecars[number].audit.durableCount
                acknowledged.removeAll { $0.sidecar == number && $0.sequence > durable }
            }
        }
        note("\(program) ends: \(crash)")
        sessions[program] = nil
        for index in streams.indices {
            streams[index].end(at: program, now)
            loseCall(index, at: program)
        }
    }

    mutating func flushAudit(_ program: ProgramID, _ life: LifeNumber) {
        let isFailed: Bool
        switch program {
        case .sidecar(let number):
            guard isCurrent(number, life) else { return }
            isFailed = sidecars[number].audit.flush(isDiskFailing: sidecars[number].isDiskFailing)
        case .hub(let number):
            guard hubs[number].life != nil, hubs[number].lifeNumber == life else { return }
            isFailed = hubs[number].audit.flush(isDiskFailing: hubs[number].isDiskFailing)
        }
        if isFailed { schedule(.auditFlush(program, life), in: .seconds(1)) }
    }
}
