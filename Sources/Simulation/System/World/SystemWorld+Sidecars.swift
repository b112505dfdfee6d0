import HubProtocol
import OverlayCrypto
import PosternModel
import SidecarCore
import TrustCore

// Driving the sidecars: inputs in, actions out, in the order that their shell keeps.
extension SystemWorld {
    /// Gives a sidecar an input and does what follows.
    mutating func feed(_ number: Int, _ input: (inout Sidecar, Clocks) -> [SidecarAction]) {
        guard sidecars[number].life != nil else { return }
        let steps = sidecars[number].take(input, at: now, flaw: plan.flaw)
        for step in steps { perform(step, of: number) }
        beginWrite(number)
        armTimer(number)
        checkStreams(of: number)
    }

    mutating func beginWrite(_ number: Int) {
        guard sidecars[number].beginWrite() else { return }
        schedule(.journalWritten(number, sidecars[number].lifeNumber), in: .milliseconds(1) ... .milliseconds(300))
    }

    mutating func endWrite(_ number: Int) {
        let (steps, needsRetry) = sidecars[number].endWrite(flaw: plan.flaw)
        if needsRetry { schedule(.journalRetry(number, sidecars[number].lifeNumber), in: .seconds(1)) }
        for step in steps { perform(step, of: number) }
        let head = sidecars[number].journal.head
        feed(number) { $0.journaled(head, at: $1) }
    }

    private mutating func armTimer(_ number: Int) {
        sidecars[number].life?.timer += 1
        let clocks = sidecars[number].clocks(at: now)
        guard let life = sidecars[number].life, let deadline = life.sidecar.nextDeadline(at: clocks) else { return }
        // As in the shell: no more often than each hundredth of a second.
        let due = max(sidecars[number].clock.world(deadline), now + .milliseconds(10))
        events.add(.timer(number, sidecars[number].lifeNumber, timer: life.timer), at: due)
    }

    private mutating func perform(_ step: CommitGate.Step, of number: Int) {
        switch step {
        case .perform(let action): perform(action, of: number)
        case .record(let entry): record(entry, of: number)
        case .hubUnanswered(let id): leaveUnanswered(id, .hub, of: number)
        case .peerUnanswered(let id): leaveUnanswered(id, .peer, of: number)
        case .refuse(let id): answerPeer(number, id, .refused)
        }
    }

    private mutating func perform(_ action: SidecarAction, of number: Int) {
        switch action {
        case .persist, .audit: preconditionFailure("the gate turns these into writes and entries")
        case .ping, .openLocalPort, .readConfiguration, .local, .readAudit, .routed:
            preconditionFailure("nobody here asks for this")
        case .remember: sidecars[number].remember()
        case .admit(let admission): admit(admission, at: number)
        case .expel(let peer, _): expel(peer, at: number)
        case .connect(let key):
            if let other = programs[key] { connect(number, other) }
        case .setRelay(let peer, let hub, let channel):
            let end = RelayEnd(node: sidecars[number].key, channel: channel)
            sidecars[number].life?.relays[peer, default: [:]][hub] = end
        case .clearRelay(let peer, let hub, let channel):
            guard sidecars[number].life?.relays[peer]?[hub]?.channel == channel else { return }
            sidecars[number].life?.relays[peer]?[hub] = nil
        case .admitHub(let url): sidecars[number].life?.hubs.insert(url.key)
        case .dropHub(let hub):
            sidecars[number].life?.hubs.remove(hub)
            if let other = programs[hub] { close(.sidecar(number), other) }
        case .reviewAccess: endDisallowedStreams(at: number)
        case .trustEnded(let peer): note("s\(number) ends the trust with \(name(peer))")
        case .hubRequest(let id, let hub, let request): ask(.hub, number, hub, .hubRequest(id, request), id)
        case .work(let id, let challenge, let bits):
            let work = challenge.solve(bits: bits)
            schedule(.worked(number, sidecars[number].lifeNumber, id, work), in: .milliseconds(10) ... .seconds(2))
        case .openWatch(let hub): openWatch(number, hub)
        case .peerRequest(let id, let peer, let request): ask(.peer, number, peer, .peerRequest(id, request), id)
        case .redeem(let id, let invitation, let claim): visit(number, id, invitation, .redeem(claim: claim))
        case .endRedemption:
            // A visit is one question here, and its late answer counts for nothing.
            break
        case .answerPeer(let id, let answer): answerPeer(number, id, answer)
        case .answer(let id, let answer):
            self.answer(id, answer, of: number)
            if plan.flaw == .answersTwice { self.answer(id, answer, of: number) }
        case .fail(let id, let problem): fail(id, problem)
        }
    }

    private mutating func record(_ entry: CommitGate.Entry, of number: Int) {
        let event = entry.event
        note("s\(number) records \(event.action.rawValue) of \(name(event.actor))")
        let isHidden = plan.flaw == .skipsAudit || plan.flaw == .hidesForks && event.action == .networkForked
        if !isHidden {
            let isFailing = sidecars[number].isDiskFailing
            let isDue = sidecars[number].audit.record(event, at: entry.time, isDiskFailing: isFailing)
            if isDue { schedule(.auditFlush(.sidecar(number), sidecars[number].lifeNumber), in: .seconds(1)) }
        }
        if event.action == .recovered { recovered(number, isConfirmed: event.new["confirmed"] == true) }
        guard event.action == .redeemed, let id = RecordID(event.subject) else { return }
        guard case .sidecar(let peer)? = programs[event.actor], let fault = ledger.redeem(id, by: peer) else { return }
        violate(.access, "s\(number): \(fault)")
    }

    private mutating func admit(_ admission: PeerAdmission, at number: Int) {
        sidecars[number].life?.admitted[admission.key] = admission
        guard case .sidecar(let peer)? = programs[admission.key] else { return }
        note("s\(number) admits s\(peer)")
        guard !admission.isGuest else { return }
        if rollbacks[number]?.isRecoveryNeeded == true {
            return violate(.rollback, "s\(number) admits s\(peer) although it was told that its state is old")
        }
        guard !isAllowed(number, peer) else { return }
        if rollbacks[number]?.hasLost(peer) == true {
            return violate(.rollback, "s\(number) admits s\(peer) again, whose revocation somebody has told of")
        }
        violate(.access, "s\(number) admits s\(peer), which its operator never allowed or has revoked")
    }

    private mutating func expel(_ peer: NodeKey, at number: Int) {
        if plan.flaw == .keepsSessions { return }
        sidecars[number].life?.admitted[peer] = nil
        sidecars[number].life?.relays[peer] = nil
        guard let other = programs[peer] else { return }
        note("s\(number) expels \(other)")
        close(.sidecar(number), other)
    }

    /// A question on a stream of its own, once there is a session.
    private mutating func ask(
        _ addressee: SidecarProgram.Question.Addressee,
        _ number: Int,
        _ key: NodeKey,
        _ content: MessageContent,
        _ id: SidecarRequestID
    ) {
        let life = sidecars[number].lifeNumber
        guard let target = programs[key], isAdmitted(target, at: number) else {
            return leaveUnanswered(id, addressee, of: number)
        }
        let session = sessions[.sidecar(number)]?[target]
        let unsent = session == nil ? content : nil
        let question = SidecarProgram.Question(addressee: addressee, target: target, unsent: unsent)
        sidecars[number].life?.questions[id] = question
        schedule(.answered(number, life, id, nil), in: .seconds(15))
        if let session {
            send(Message(from: .sidecar(number), to: target, session: session, content: content))
        } else {
            connect(number, target)
        }
    }

    private mutating func leaveUnanswered(
        _ id: SidecarRequestID,
        _ addressee: SidecarProgram.Question.Addressee,
        of number: Int
    ) {
        let question = SidecarProgram.Question(addressee: addressee, target: nil, unsent: nil)
        sidecars[number].life?.questions[id] = question
        schedule(.answered(number, sidecars[number].lifeNumber, id, nil))
    }

    func isAdmitted(_ other: ProgramID, at number: Int) -> Bool {
        switch other {
        case .hub(let hub): sidecars[number].life?.hubs.contains(hubs[hub].key) ?? false
        case .sidecar(let peer): sidecars[number].life?.admitted[sidecars[peer].key] != nil
        }
    }

    /// A question was answered, or never will be; the first word counts.
    mutating func answered(_ number: Int, _ id: SidecarRequestID, _ answer: JSONValue?) {
        switch sidecars[number].life?.questions.removeValue(forKey: id)?.addressee {
        case .hub:
            var answer = answer.flatMap { try? HubAnswer($0) }
            if case .registered(let key, let address, let time, let mark?) = answer, isTold(mark, number) {
                answer = .registered(key, address, at: time)
            }
            feed(number) { $0.hubAnswered(id, answer, at: $1) }
        case .peer:
            var answer = answer.flatMap { try? PeerAnswer($0) }
            if case .marked(let mark?) = answer, isTold(mark, number) { answer = .marked(nil) }
            feed(number) { $0.peerAnswered(id, answer, at: $1) }
        case nil: return
        }
        checkRollback(of: number)
    }

    /// Notes that a sidecar is told `mark`. Returns whether it is kept from it, being broken on purpose.
    private mutating func isTold(_ mark: StateMark, _ number: Int) -> Bool {
        let journal = sidecars[number].journal
        let isOwn = journal.head == mark.head || journal.past.contains(mark.head)
        if !isOwn, rollbacks[number]?.tell(mark) == true {
            note(
                "s\(number) is told that its state is old: \(mark.head.sequence) where it has \(journal.head.sequence)"
            )
        }
        return plan.flaw == .ignoresMarks
    }

    private mutating func openWatch(_ number: Int, _ hub: NodeKey) {
        guard let target = programs[hub], let session = sessions[.sidecar(number)]?[target] else { return }
        lastWatch += 1
        let watch = WatchNumber(rawValue: lastWatch)
        sidecars[number].life?.watches[target] = watch
        send(Message(from: .sidecar(number), to: target, session: session, content: .watch(watch)))
    }

    private mutating func answerPeer(_ number: Int, _ id: PeerRequestID, _ answer: PeerAnswer) {
        let document = answer.document
        switch sidecars[number].life?.askers.removeValue(forKey: id) {
        case .peer(let peer, let session, let question):
            let content = MessageContent.answer(question, document)
            send(Message(from: .sidecar(number), to: peer, session: session, content: content))
        case .guest(let visitor, let life, let question, let guest):
            schedule(.answered(visitor, life, question, document), in: Self.latency)
            schedule(.guestLeft(number, sidecars[number].lifeNumber, guest: guest), in: Self.latency)
        case nil: break
        }
    }

    private func name(_ key: NodeKey) -> String { programs[key].map { "\($0)" } ?? "a guest" }
}

// Invitations without a hub.
extension SystemWorld {
    private mutating func visit(
        _ number: Int,
        _ id: SidecarRequestID,
        _ invitation: Invitation,
        _ request: PeerRequest
    ) {
        let life = sidecars[number].lifeNumber
        let question = SidecarProgram.Question(addressee: .peer, target: nil, unsent: nil)
        sidecars[number].life?.questions[id] = question
        schedule(.answered(number, life, id, nil), in: .seconds(15))
        guard case .sidecar(let inviter)? = programs[invitation.inviter],
            let guest = try? NodeIdentity(seed: invitation.secret.guestSeed).key
        else { return }
        let visit = GuestVisit(
            sidecar: number,
            life: life,
            id: id,
            inviter: inviter,
            guest: guest,
            secret: invitation.secret.guestSecret,
            request: request
        )
        schedule(.guest(visit), in: Self.latency)
    }

    /// A guest asks.
    mutating func receive(_ visit: GuestVisit) {
        let pair = ProgramPair(.sidecar(visit.sidecar), .sidecar(visit.inviter))
        guard !partitions.contains(pair), sidecars[visit.inviter].life?.admitted[visit.guest]?.secret == visit.secret
        else { return }
        let asker = SidecarProgram.Asker.guest(visit.sidecar, visit.life, visit.id, visit.guest)
        receive(visit.request, from: visit.guest, asker, at: visit.inviter)
    }

    /// Somebody asks on the control port.
    mutating func receive(_ request: PeerRequest, from key: NodeKey, _ asker: SidecarProgram.Asker, at number: Int) {
        guard let last = sidecars[number].life?.lastAsker else { return }
        let id = PeerRequestID(last + 1)
        sidecars[number].life?.lastAsker = last + 1
        sidecars[number].life?.askers[id] = asker
        feed(number) { $0.receive(request, id: id, from: key, at: $1) }
    }
}
