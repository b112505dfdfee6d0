import PosternModel
import SidecarCore
import TrustCore

/// A command that waits for its answer.
struct CommandRecord {
    /// What it changes, as far as a checker looks at it.
    enum Effect {
        case lists
        case asksServices(Int)
        case joins
        case asks(Int)
        case approves(Int)
        case rejects(Int)
        case revokes(Int)
        case invites(ServiceSet, uses: Int)
        case renames(Int)
        case recovers
        /// Something in the network.
        case networks(NetworkDeed)
    }

    let sidecar: Int
    let effect: Effect
    let issued: Instant
    /// Its place among the words of all operators.
    let order: Int
}

/// The text of an invitation, as it goes from hand to hand.
struct HeldInvitation {
    let owner: Int
    let invitation: Invitation
}

/// A change that an operator was told is done: the audit trail has it among its first `sequence` entries.
struct AcknowledgedChange {
    let sidecar: Int
    let action: AuditEvent.Action
    let subject: String
    let sequence: Int64
}

// What operators do.
extension SystemWorld {
    /// The operator of a sidecar does something.
    mutating func operate(_ number: Int) {
        guard sidecars[number].life != nil else { return }
        if rollbacks[number]?.isRecoveryNeeded == true, operators.happens(0.7) {
            return perform(RecoverTrust(confirm: operators.happens(0.2)), .recovers, at: number)
        }
        if plan.scenario == .deceit, operators.happens(0.7) { return operateNetwork(number) }
        let other = (number + 1 + operators.below(sidecars.count - 1)) % sidecars.count
        switch operators.below(100) {
        case 0..<25: request(number, other)
        case 25..<45: if !decide(number) { request(number, other) }
        case 45..<57: revoke(number, other)
        case 57..<69: invite(number)
        case 69..<81: join(number)
        case 81..<86:
            let name = "friend-\(operators.below(4))"
            perform(NamePeer(peer: peerName(other), name: name), .renames(other), at: number)
        case 86..<92:
            sidecars[number].profile.exposed = randomRules()
            note("s\(number) is configured anew")
            let profile = sidecars[number].profile
            feed(number) { $0.reconfigure(profile, at: $1) }
        case 92..<97:
            perform(ListServices(peer: peerName(other)), .asksServices(other), at: number)
        case _: perform(ListTrust(), .lists, at: number)
        }
    }

    private func peerName(_ number: Int) -> PeerName { PeerName(sidecars[number].key) }

    private mutating func randomServices() -> ServiceSet {
        guard operators.happens(0.5) else { return .all }
        return .names([Self.services[operators.below(Self.services.count)].name])
    }

    private mutating func request(_ number: Int, _ peer: Int) {
        ledger.allow(number, peer, .all)
        let services = randomServices()
        let asked = RequestTrust(peer: .peer(peerName(peer)), services: services, note: "please")
        perform(asked, .asks(peer), at: number)
    }

    private mutating func revoke(_ number: Int, _ peer: Int) {
        perform(RevokeTrust(peer: peerName(peer)), .revokes(peer), at: number)
    }

    private mutating func invite(_ number: Int) {
        let services = randomServices()
        let uses = operators.number(in: 1...2)
        let lifetime = operators.interval(in: .seconds(30) ... .seconds(3_600))
        let milliseconds = lifetime.nanoseconds / 1_000_000
        let invite = CreateInvitation(uses: uses, expiresMs: milliseconds, services: services)
        perform(invite, .invites(services, uses: uses), at: number)
    }

    private mutating func join(_ number: Int) {
        let foreign = invitations.filter { $0.owner != number }
        guard !foreign.isEmpty else { return }
        let held = operators.pick(foreign)
        ledger.hand(held.invitation.id, to: number)
        ledger.allow(number, held.owner, .all)
        note("s\(number) holds an invitation of s\(held.owner)")
        perform(JoinInvitation(invitation: held.invitation), .joins, at: number)
    }

    /// Decides about the request that has waited longest. Returns whether there was one.
    private mutating func decide(_ number: Int) -> Bool {
        let wall = sidecars[number].clocks(at: now).wall
        guard let first = sidecars[number].life?.sidecar.trustList(at: wall, seeing: SilentView()).pending.first,
            case .sidecar(let asker)? = programs[first.did]
        else { return false }
        let id = first.id.description
        guard operators.happens(0.7) else {
            perform(RejectRequest(id: id), .rejects(asker), at: number)
            return true
        }
        let narrowed: ServiceSet? = operators.happens(0.2) ? randomServices() : nil
        ledger.allow(number, asker, narrowed ?? first.services)
        perform(ApproveRequest(id: id, services: narrowed), .approves(asker), at: number)
        return true
    }

    /// Every operator decides about all that waits. Returns whether anything did.
    mutating func decideEverything() -> Bool {
        var isAny = false
        for number in sidecars.indices {
            for _ in 0..<sidecars.count where report.violation == nil && decide(number) { isAny = true }
        }
        return isAny
    }

    /// Every operator whose state is old goes on with it. Returns whether any does.
    mutating func recoverEverything(isConfirmed: Bool) -> Bool {
        let outdated = sidecars.indices.filter { rollbacks[$0]?.isRecoveryNeeded == true }
        for number in outdated { perform(RecoverTrust(confirm: isConfirmed), .recovers, at: number) }
        return !outdated.isEmpty
    }

    private mutating func newCommand(_ effect: CommandRecord.Effect, at number: Int) -> CommandID {
        lastCommand += 1
        report.commandCount += 1
        let id = CommandID(lastCommand)
        commands[id] = CommandRecord(sidecar: number, effect: effect, issued: now, order: ledger.nextOrder())
        return id
    }

    mutating func perform<Asked: SidecarCore.Operation>(
        _ operation: Asked,
        _ effect: CommandRecord.Effect,
        at number: Int
    ) {
        note("s\(number) \(describe(effect))")
        let id = newCommand(effect, at: number)
        if let saying = Asked.outline.saying(cuts: false) { sidecars[number].note(id, says: saying) }
        feed(number) { $0.perform(operation, id: id, at: $1, seeing: SilentView()) }
    }

    private func describe(_ effect: CommandRecord.Effect) -> String {
        switch effect {
        case .lists: "lists"
        case .asksServices(let peer): "asks what s\(peer) offers"
        case .joins: "joins"
        case .asks(let peer): "asks s\(peer) for its trust"
        case .approves(let peer): "approves s\(peer)"
        case .rejects(let peer): "rejects s\(peer)"
        case .revokes(let peer): "revokes s\(peer)"
        case .invites(_, let uses): "invites \(uses)"
        case .renames(let peer): "renames s\(peer)"
        case .recovers: "recovers"
        case .networks(let deed): "\(deed)"
        }
    }
}

// What operators are answered.
extension SystemWorld {
    mutating func answer(_ id: CommandID, _ answer: CommandAnswer, of number: Int) {
        guard let record = commands.removeValue(forKey: id), record.sidecar == number else {
            return violate(.answers, "s\(number) answers a command that does not wait")
        }
        note("s\(number) is done with command \(id.rawValue)")
        let key = sidecars[number].key
        switch record.effect {
        case .lists, .asksServices, .joins, .recovers: break
        case .networks(let deed): done(deed, answer, by: number, order: record.order)
        case .asks(let peer):
            guard let given = answer.as(RequestTrust.Answer.self) else {
                return violate(.answers, "s\(number) answers a request with something else")
            }
            if given.state != .trusted { acknowledge(number, .trustAsked, sidecars[peer].key.did) }
        case .approves(let peer): acknowledge(number, .trustGiven, sidecars[peer].key.did)
        case .rejects(let peer): acknowledge(number, .trustRefused, sidecars[peer].key.did)
        case .renames(let peer): acknowledge(number, .renamed, sidecars[peer].key.did)
        case .revokes(let peer):
            ledger.revoke(number, peer, order: record.order)
            rollbacks[number]?.revoke(peer)
            let head = sidecars[number].journal.head
            revocations.append(AcknowledgedRevocation(sidecar: number, peer: peer, head: head))
            acknowledge(number, .trustRevoked, sidecars[peer].key.did)
            guard sessions[.sidecar(number)]?[.sidecar(peer)] != nil,
                sidecars[number].life?.admitted[sidecars[peer].key] == nil || !isAllowed(number, peer)
            else { return }
            violate(.cut, "s\(number) has revoked s\(peer) and keeps its session")
        case .invites(let services, let uses):
            let given = answer.as(CreateInvitation.Answer.self)
            guard let token = given?.invitation.token, let invitation = try? Invitation(token: token) else {
                return violate(.answers, "s\(number) made an invitation that nobody can read")
            }
            precondition(invitation.inviter == key, "an invitation names its maker")
            ledger.offer(invitation.id, by: number, services: services, uses: uses)
            invitations.append(HeldInvitation(owner: number, invitation: invitation))
            acknowledge(number, .invited, invitation.id.description)
        }
    }

    mutating func fail(_ id: CommandID, _ problem: Problem) {
        guard let record = commands.removeValue(forKey: id) else {
            return violate(.answers, "a command fails that does not wait: \(problem.code)")
        }
        note("s\(record.sidecar) fails command \(id.rawValue): \(problem.code)")
    }

    private mutating func acknowledge(_ number: Int, _ action: AuditEvent.Action, _ subject: String) {
        let sequence = sidecars[number].audit.count
        acknowledged.append(
            AcknowledgedChange(sidecar: number, action: action, subject: subject, sequence: sequence)
        )
    }
}
