import HubCore
import HubProtocol
import OverlayCrypto
import OverlayWire
import PosternModel
import SidecarCore
import TrustCore

// The session layer: what the overlay does for programs, without its packets.
extension SystemWorld {
    /// How long a message takes.
    static let latency = Interval.milliseconds(1) ... .milliseconds(120)
    /// How often a handshake is tried before it has failed.
    private static let handshakeAttempts = 5
    /// How often in a row a session may be found dead before it is given up.
    private static let silentChecks = 3

    /// Begins a session, unless there is one or one is being started.
    mutating func connect(_ number: Int, _ other: ProgramID) {
        guard sessions[.sidecar(number)]?[other] == nil, isAdmitted(other, at: number),
            sidecars[number].life?.connecting.insert(other).inserted == true
        else { return }
        initiate(number, other, attempt: 1)
    }

    private mutating func initiate(_ number: Int, _ other: ProgramID, attempt: Int) {
        let handshake = Handshake(
            initiator: .sidecar(number),
            responder: other,
            life: sidecars[number].lifeNumber,
            attempt: attempt
        )
        schedule(.initiation(handshake), in: Self.latency)
        schedule(.handshakeTimeout(handshake), in: .seconds(Int64(attempt)))
    }

    /// The first message of a handshake arrives, if there is a way.
    mutating func receive(_ handshake: Handshake) {
        guard case .sidecar(let initiator) = handshake.initiator, isCurrent(initiator, handshake.life) else { return }
        guard canMeet(handshake.initiator, handshake.responder) else { return }
        if case .sidecar(let responder) = handshake.responder {
            guard let life = sidecars[responder].life,
                let secret = life.admitted[sidecars[initiator].key]?.secret,
                secret == sidecars[initiator].life?.admitted[sidecars[responder].key]?.secret
            else { return }
            // Of two handshakes that cross, the one of the smaller number goes on.
            guard !life.connecting.contains(handshake.initiator) || initiator < responder else { return }
        }
        lastSession += 1
        let session = SessionNumber(rawValue: lastSession)
        establish(session, at: handshake.responder, with: handshake.initiator)
        schedule(.response(handshake, session), in: Self.latency)
    }

    /// The answer to a handshake arrives.
    mutating func established(_ handshake: Handshake, _ session: SessionNumber) {
        guard case .sidecar(let number) = handshake.initiator, isCurrent(number, handshake.life) else { return }
        guard canMeet(handshake.initiator, handshake.responder), isAdmitted(handshake.responder, at: number) else {
            return
        }
        if let current = sessions[handshake.initiator]?[handshake.responder], current > session { return }
        establish(session, at: handshake.initiator, with: handshake.responder)
    }

    mutating func retry(_ handshake: Handshake) {
        guard case .sidecar(let number) = handshake.initiator, isCurrent(number, handshake.life),
            sidecars[number].life?.connecting.contains(handshake.responder) == true
        else { return }
        guard handshake.attempt < Self.handshakeAttempts, isAdmitted(handshake.responder, at: number) else {
            sidecars[number].life?.connecting.remove(handshake.responder)
            failQuestions(of: number, to: handshake.responder)
            return schedule(.sessionChanged(number, handshake.life, with: handshake.responder, isUp: false))
        }
        initiate(number, handshake.responder, attempt: handshake.attempt + 1)
    }

    private mutating func establish(_ session: SessionNumber, at program: ProgramID, with other: ProgramID) {
        lose(program, other)
        sessions[program, default: [:]][other] = session
        schedule(.liveness(program, other, session, misses: 0), in: .seconds(5))
        guard case .sidecar(let number) = program else { return }
        sidecars[number].life?.connecting.remove(other)
        schedule(.sessionChanged(number, sidecars[number].lifeNumber, with: other, isUp: true))
        for (id, question) in sortedQuestions(of: number) where question.target == other {
            guard let content = question.unsent else { continue }
            sidecars[number].life?.questions[id]?.unsent = nil
            send(Message(from: program, to: other, session: session, content: content))
        }
    }

    /// `program` has no session with `other` any more: its streams end, then it hears of that.
    mutating func lose(_ program: ProgramID, _ other: ProgramID) {
        guard let session = sessions[program]?.removeValue(forKey: other) else { return }
        for index in streams.indices where streams[index].session == session {
            streams[index].end(at: program, now)
            loseCall(index, at: program)
        }
        switch program {
        case .sidecar(let number):
            failQuestions(of: number, to: other)
            sidecars[number].life?.watches[other] = nil
            schedule(.sessionChanged(number, sidecars[number].lifeNumber, with: other, isUp: false))
        case .hub(let number):
            guard case .sidecar(let node) = other else { return }
            let key = sidecars[node].key
            guard hubs[number].life?.watches[key]?.session == session else { return }
            hubs[number].life?.watches[key] = nil
            take(.watchClosed(by: key, at: hubClocks.wall), at: number)
        }
    }

    /// `program` ends its session with `other`, which is told if the word arrives.
    mutating func close(_ program: ProgramID, _ other: ProgramID) {
        if case .sidecar(let number) = program { sidecars[number].life?.connecting.remove(other) }
        guard let session = sessions[program]?[other] else { return }
        if timing.happens(0.9) {
            send(Message(from: program, to: other, session: session, content: .close))
        }
        lose(program, other)
    }

    private mutating func failQuestions(of number: Int, to other: ProgramID) {
        for (id, question) in sortedQuestions(of: number) where question.target == other {
            schedule(.answered(number, sidecars[number].lifeNumber, id, nil))
        }
    }

    private func sortedQuestions(
        of number: Int
    ) -> [(key: SidecarRequestID, value: SidecarProgram.Question)] {
        (sidecars[number].life?.questions ?? [:]).sorted { $0.key.rawValue < $1.key.rawValue }
    }

    mutating func sessionChanged(_ number: Int, with other: ProgramID, isUp: Bool) {
        // A session that is over already is not told of as a new one.
        guard !isUp || sessions[.sidecar(number)]?[other] != nil else { return }
        note("s\(number) \(isUp ? "has" : "has no") session with \(other)")
        switch other {
        case .hub(let hub):
            let key = hubs[hub].key
            feed(number) { $0.hubSession(key, isUp: isUp, at: $1) }
        case .sidecar(let peer):
            let key = sidecars[peer].key
            feed(number) { $0.peerSession(key, isUp: isUp, at: $1) }
            let addresses = sidecars[peer].profile.advertised
            guard isUp, !addresses.isEmpty else { return }
            feed(number) { sidecar, _ in sidecar.learned(addresses, of: key) }
        }
    }

    /// A session is given up when nothing has come through it for some time.
    mutating func checkLiveness(_ program: ProgramID, _ other: ProgramID, _ session: SessionNumber, misses: Int) {
        guard sessions[program]?[other] == session else { return }
        let isAlive = sessions[other]?[program] == session && canMeet(program, other)
        guard isAlive || misses + 1 < Self.silentChecks else { return lose(program, other) }
        schedule(.liveness(program, other, session, misses: isAlive ? 0 : misses + 1), in: .seconds(5))
    }
}

// Ways, and what takes them.
extension SystemWorld {
    /// Whether packets get from one to the other: both run, nothing is cut between them, and there is an address or a
    /// conversation that a hub relays.
    func canMeet(_ a: ProgramID, _ b: ProgramID) -> Bool {
        guard isRunning(a), isRunning(b) else { return false }
        guard case .sidecar(let x) = a, case .sidecar(let y) = b else {
            return !partitions.contains(ProgramPair(a, b))
        }
        if !partitions.contains(ProgramPair(a, b)), hasAddress(x, of: y) || hasAddress(y, of: x) { return true }
        return isRelayed(x, y) || isRelayed(y, x)
    }

    func isRunning(_ program: ProgramID) -> Bool {
        switch program {
        case .sidecar(let number): sidecars[number].life != nil
        case .hub(let number): hubs[number].life != nil
        }
    }

    private func hasAddress(_ number: Int, of other: Int) -> Bool {
        guard let address = sidecars[other].profile.advertised.first else { return false }
        return sidecars[number].life?.admitted[sidecars[other].key]?.candidates.contains(address) ?? false
    }

    private func isRelayed(_ number: Int, _ other: Int) -> Bool {
        let peer = sidecars[other].key
        return sidecars[number].life?.relays[peer]?.contains { hub, end in
            guard case .hub(let index)? = programs[hub], hubs[index].life?.bridges[end]?.node == peer else {
                return false
            }
            return hasSession(number, hub: index) && hasSession(other, hub: index)
        } ?? false
    }

    private func hasSession(_ number: Int, hub: Int) -> Bool {
        guard let session = sessions[.sidecar(number)]?[.hub(hub)] else { return false }
        return sessions[.hub(hub)]?[.sidecar(number)] == session
            && !partitions.contains(ProgramPair(.sidecar(number), .hub(hub)))
    }

    mutating func send(_ message: Message) {
        count(message.from)
        schedule(.message(message), in: Self.latency)
    }

    /// A message arrives, if its session still stands at both ends.
    mutating func deliver(_ message: Message) {
        guard sessions[message.to]?[message.from] == message.session else { return }
        if case .close = message.content { return lose(message.to, message.from) }
        guard sessions[message.from]?[message.to] == message.session else { return }
        guard canMeet(message.from, message.to) else {
            // Repeated until it arrives or the session is given up; events keep their order, so theirs ends.
            if case .event = message.content { return lose(message.from, message.to) }
            return schedule(.message(message), in: .milliseconds(500))
        }
        switch message.to {
        case .hub(let number): receive(message, atHub: number)
        case .sidecar(let number): receive(message, at: number)
        }
    }

    private mutating func receive(_ message: Message, at number: Int) {
        switch message.content {
        case .answer(let id, let answer): answered(number, id, answer)
        case .event(let watch, let event): receive(event, watch, from: message.from, at: number)
        case .watchEnded(let watch):
            guard case .hub(let hub) = message.from, sidecars[number].life?.watches[message.from] == watch else {
                return
            }
            sidecars[number].life?.watches[message.from] = nil
            let pause = plan.flaw == .watchesWithoutPause ? Interval.zero : .seconds(1)
            schedule(.watchAgain(number, sidecars[number].lifeNumber, hub: hub), in: pause)
        case .peerRequest(let id, let request):
            guard case .sidecar(let peer) = message.from else { return }
            let asker = SidecarProgram.Asker.peer(message.from, message.session, id)
            receive(request, from: sidecars[peer].key, asker, at: number)
        case .openStream(let index): openStream(index, at: number)
        case .stream(let index, let isAccepted): streamAnswered(index, isAccepted: isAccepted)
        case .hubRequest, .watch, .close: preconditionFailure("only hubs are sent this")
        }
    }

    private mutating func receive(_ event: HubEvent, _ watch: WatchNumber, from hub: ProgramID, at number: Int) {
        guard case .hub(let index) = hub, sidecars[number].life?.watches[hub] == watch else { return }
        if plan.flaw == .ignoresRevocations, case .mail(_, let sealed, _) = event,
            case .revocation? = try? Mail(opening: sealed, with: sidecars[number].identity)
        {
            return
        }
        let key = hubs[index].key
        feed(number) { $0.receive(event, from: key, at: $1) }
    }

    /// Counts what a program sends: no program may send without bound.
    private mutating func count(_ program: ProgramID) {
        let minute = now.nanoseconds / 60_000_000_000
        if minute != sentMinute {
            sentMinute = minute
            sentCounts = [:]
        }
        sentCounts[program, default: 0] += 1
        guard sentCounts[program, default: 0] > Self.messagesPerMinute else { return }
        violate(.storms, "\(program) sends more than \(Self.messagesPerMinute) messages in a minute")
    }

    private static let messagesPerMinute = 1_000
}
