import PosternModel
import SidecarCore
import TrustCore

/// A command that waits for its answer.
struct CommandRecord {
    /// What it changes, as far as a checker looks at it.
    enum Effect {
        case nothing
        case asks(Int)
        case approves(Int)
        case rejects(Int)
        case revokes(Int)
        case invites(ServiceSet, uses: Int)
        case renames(Int)
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
    let id: RecordID
    let token: String
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
        let other = (number + 1 + operators.below(sidecars.count - 1)) % sidecars.count
        switch operators.below(100) {
        case 0..<25: request(number, other)
        case 25..<45: if !decide(number) { request(number, other) }
        case 45..<57: revoke(number, other)
        case 57..<69: invite(number)
        case 69..<81: join(number)
        case 81..<86:
            let command = OperatorCommand.rename(peer: peerName(other), name: "friend-\(operators.below(4))")
            perform(command, .renames(other), at: number)
        case 86..<92:
            sidecars[number].profile.exposed = randomRules()
            note("s\(number) is configured anew")
            let profile = sidecars[number].profile
            feed(number) { $0.reconfigure(profile, at: $1) }
        case 92..<97:
            note("s\(number) asks what s\(other) offers")
            let id = newCommand(.nothing, at: number)
            let peer = peerName(other)
            feed(number) { $0.askServices(of: peer, id: id, at: $1) }
        case _: perform(.list, .nothing, at: number)
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
        perform(.request(peer: peerName(peer), services: services, note: "please"), .asks(peer), at: number)
    }

    private mutating func revoke(_ number: Int, _ peer: Int) {
        perform(.revoke(peer: peerName(peer)), .revokes(peer), at: number)
    }

    private mutating func invite(_ number: Int) {
        let services = randomServices()
        let uses = operators.number(in: 1...2)
        let lifetime = operators.interval(in: .seconds(30) ... .seconds(3_600))
        let command = OperatorCommand.invite(uses: uses, lifetime: lifetime, services: services)
        perform(command, .invites(services, uses: uses), at: number)
    }

    private mutating func join(_ number: Int) {
        let foreign = invitations.filter { $0.owner != number }
        guard !foreign.isEmpty else { return }
        let held = operators.pick(foreign)
        ledger.hand(held.id, to: number)
        ledger.allow(number, held.owner, .all)
        note("s\(number) holds an invitation of s\(held.owner)")
        perform(.join(invitation: held.token), .nothing, at: number)
    }

    /// Decides about the request that has waited longest. Returns whether there was one.
    private mutating func decide(_ number: Int) -> Bool {
        let wall = sidecars[number].clocks(at: now).wall
        let pending = sidecars[number].life?.sidecar.trustDocument(at: wall)["pending"]?.array ?? []
        guard let first = pending.first, let id = first["id"]?.string,
            let key = first["did"]?.string.flatMap({ NodeKey(did: $0) }), case .sidecar(let asker)? = programs[key]
        else { return false }
        guard operators.happens(0.7) else {
            perform(.reject(id: id), .rejects(asker), at: number)
            return true
        }
        let narrowed: ServiceSet? = operators.happens(0.2) ? randomServices() : nil
        let asked = ServiceSet(list: (first["services"]?.array ?? []).compactMap(\.string))
        ledger.allow(number, asker, narrowed ?? asked ?? .all)
        perform(.approve(id: id, services: narrowed), .approves(asker), at: number)
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

    private mutating func newCommand(_ effect: CommandRecord.Effect, at number: Int) -> CommandID {
        lastCommand += 1
        report.commandCount += 1
        let id = CommandID(lastCommand)
        commands[id] = CommandRecord(sidecar: number, effect: effect, issued: now, order: ledger.nextOrder())
        return id
    }

    private mutating func perform(_ command: OperatorCommand, _ effect: CommandRecord.Effect, at number: Int) {
        note("s\(number) \(describe(command, effect))")
        let id = newCommand(effect, at: number)
        feed(number) { $0.perform(command, id: id, at: $1) }
    }

    private func describe(_ command: OperatorCommand, _ effect: CommandRecord.Effect) -> String {
        switch effect {
        case .nothing: if case .join = command { "joins" } else { "lists" }
        case .asks(let peer): "asks s\(peer) for its trust"
        case .approves(let peer): "approves s\(peer)"
        case .rejects(let peer): "rejects s\(peer)"
        case .revokes(let peer): "revokes s\(peer)"
        case .invites(_, let uses): "invites \(uses)"
        case .renames(let peer): "renames s\(peer)"
        }
    }
}

// What operators are answered.
extension SystemWorld {
    mutating func answer(_ id: CommandID, _ document: JSONValue, of number: Int) {
        guard let record = commands.removeValue(forKey: id), record.sidecar == number else {
            return violate(.answers, "s\(number) answers a command that does not wait")
        }
        note("s\(number) is done with command \(id.rawValue)")
        let key = sidecars[number].key
        switch record.effect {
        case .nothing: break
        case .asks(let peer):
            if document["state"] != "trusted" { acknowledge(number, .trustAsked, sidecars[peer].key.did) }
        case .approves(let peer): acknowledge(number, .trustGiven, sidecars[peer].key.did)
        case .rejects(let peer): acknowledge(number, .trustRefused, sidecars[peer].key.did)
        case .renames(let peer): acknowledge(number, .renamed, sidecars[peer].key.did)
        case .revokes(let peer):
            ledger.revoke(number, peer, order: record.order)
            acknowledge(number, .trustRevoked, sidecars[peer].key.did)
            guard sessions[.sidecar(number)]?[.sidecar(peer)] != nil,
                sidecars[number].life?.admitted[sidecars[peer].key] == nil || !ledger.isAllowed(number, peer)
            else { return }
            violate(.cut, "s\(number) has revoked s\(peer) and keeps its session")
        case .invites(let services, let uses):
            guard let token = document["invitation"]?.string, let invitation = try? Invitation(token: token) else {
                return violate(.answers, "s\(number) made an invitation that nobody can read")
            }
            precondition(invitation.inviter == key, "an invitation names its maker")
            ledger.offer(invitation.id, by: number, services: services, uses: uses)
            invitations.append(HeldInvitation(owner: number, id: invitation.id, token: token))
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
