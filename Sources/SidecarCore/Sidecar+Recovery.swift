import HubProtocol
import PosternModel
import TrustCore

// A state directory that is older than its node (RULES N19). Each trust in it may have been revoked since, so nobody is
// admitted and nothing that gives trust is done until its revocations have been fetched, or the operator has said so.
extension Sidecar {
    /// Somebody gives our own mark back, which counts only with our signature.
    mutating func told(_ mark: StateMark?, by teller: NodeKey, at now: Clocks) -> [SidecarAction] {
        guard let mark, mark.node == key, mark.head.sequence > book.recoveredUpTo else { return [] }
        guard marks.isUnknown(mark.head), mark.head.sequence > book.outdated ?? -1 else { return [] }
        let written = [record([.outdated(mark.head.sequence)]), outdatedEvent(told: mark.head.sequence, by: teller)]
        return written + reconcilePeers(at: now) + reconcileGuests(at: now)
    }

    /// What a start says while the state is older than the node.
    func remindOutdated() -> [SidecarAction] { book.outdated.map { [outdatedEvent(told: $0, by: key)] } ?? [] }

    private func outdatedEvent(told sequence: Int64, by teller: NodeKey) -> SidecarAction {
        let own: JSONValue = ["sequence": .integer(marks.head.sequence)]
        let known: JSONValue = ["sequence": .integer(sequence)]
        return .audit(AuditEvent(.outdated, actor: teller, subject: key.did, old: own, new: known))
    }

    /// Fetches the revocations that this state has missed from our hubs, and goes on with it. `isConfirmed`: also when
    /// no hub knows of all of them.
    mutating func recover(isConfirmed: Bool, id: CommandID, at now: Clocks) throws(Problem) -> [SidecarAction] {
        guard book.outdated != nil else {
            return [.answer(id, RecoverTrust.Answer(state: .current, revoked: [], withdrawn: [], hubs: []))]
        }
        guard recovery == nil else { throw .recovering }
        let asked = hubs.up.filter { hubs[$0]?.isOurs == true }
        var recovery = Recovery(
            command: id,
            isConfirmed: isConfirmed,
            deadline: now.instant + settings.recoveryPatience
        )
        recovery.waiting = Dictionary(uniqueKeysWithValues: asked.map { ($0, recallableKeys) })
        self.recovery = recovery
        return asked.flatMap { recall(from: $0) } + finishRecovery(at: now)
    }

    /// A hub answered for some of those whose trust may have ended; nil: it did not.
    mutating func recalled(_ revocations: [Revocation]?, by hub: NodeKey, at now: Clocks) -> [SidecarAction] {
        guard recovery != nil else { return [] }
        guard let revocations else {
            recovery?.waiting[hub] = nil
            return finishRecovery(at: now)
        }
        recovery?.found.formUnion(revocations)
        guard recovery?.waiting[hub]?.isEmpty == true else { return recall(from: hub) }
        recovery?.waiting[hub] = nil
        recovery?.answered.append(hub)
        return finishRecovery(at: now)
    }

    /// Ends a recovery for which some hub has taken too long.
    mutating func giveUpRecovery(at now: Clocks) -> [SidecarAction] {
        guard let recovery, recovery.deadline <= now.instant else { return [] }
        self.recovery?.waiting = [:]
        return finishRecovery(at: now)
    }

    private mutating func recall(from hub: NodeKey) -> [SidecarAction] {
        guard let keys = recovery?.waiting[hub] else { return [] }
        recovery?.waiting[hub] = Array(keys.dropFirst(HubRequest.recalledCount))
        let request = HubRequest.recall(Array(keys.prefix(HubRequest.recalledCount)))
        return [.hubRequest(nextHubRequest(.recall(hub)), hub: hub, request)]
    }

    private mutating func finishRecovery(at now: Clocks) -> [SidecarAction] {
        guard let recovery, recovery.waiting.isEmpty, let outdated = book.outdated else { return [] }
        self.recovery = nil
        let isComplete = recovery.answered.contains { hubs[$0]?.marked ?? 0 >= outdated }
        guard isComplete || recovery.isConfirmed else {
            return [.fail(recovery.command, .notRecovered(hubsAnswered: recovery.answered.count))]
        }
        let found = recovery.found.filter { revocation in
            let isOurs = revocation.giver == key || revocation.subject == key
            return isOurs && !book.trust.revocations.contains(revocation)
        }
        let ended = Set(found.map { $0.giver == key ? $0.subject : $0.giver })
        // Whether they were withdrawn or used up is not known.
        let links = book.issued.values.filter { $0.isOpen(at: now.wall) }.map(\.invitation.id)
        let withdrawn = links.sorted { $0.description < $1.description }
        let ours = found.filter { $0.giver == key }
        let facts = found.map { TrustFact.revoked($0) } + withdrawn.map { .uninvited($0) } + withdrawnOffers(by: ours)
        let event = AuditEvent(
            .recovered,
            actor: key,
            subject: key.did,
            old: ["sequence": .integer(outdated)],
            new: [
                "confirmed": .bool(!isComplete), "revoked": .texts(ended.sorted().map(\.did)),
                "withdrawn": .texts(withdrawn),
            ]
        )
        var actions = [record(facts + [.recovered(outdated)]), .audit(event)]
        actions += reconcilePeers(at: now) + reconcileGuests(at: now) + reconcileHubs(at: now) + fetchAllWithheld()
        let answer = RecoverTrust.Answer(
            state: isComplete ? .recovered : .confirmed,
            revoked: ended.sorted(),
            withdrawn: withdrawn,
            hubs: recovery.answered.compactMap { hubs[$0]?.url }
        )
        return actions + [.answer(recovery.command, answer)]
    }

    /// What a revocation of ours has withdrawn along with the trust.
    private func withdrawnOffers(by revocations: some Sequence<Revocation>) -> [TrustFact] {
        revocations.flatMap { revocation in
            let asked = book.outgoing.merging(book.superseded) { request, _ in request }
            let joining = book.joining.filter { revocation.voids($0.value.claim.grant) }.keys
            return Array(asked.filter { revocation.voids($0.value.grant) }.keys) + Array(joining)
        }.map { .answered($0) }
    }

    /// Everybody whom this state trusts, or has offered to.
    private var recallableKeys: [NodeKey] {
        (Set(book.relationships.keys).union(book.offeredKeys)).sorted()
    }

    /// What `status` says of a state that is older than the node.
    var outdatedDocument: StatusDocument.Outdated? {
        book.outdated.map { StatusDocument.Outdated(sequence: marks.head.sequence, known: $0) }
    }
}

/// A recovery that waits for hubs.
struct Recovery: Sendable {
    let command: CommandID
    let isConfirmed: Bool
    /// When it goes on without the hubs that have not answered.
    let deadline: Instant
    /// Whom each hub has still to be asked about, but for those that it is asked about now.
    var waiting: [NodeKey: [NodeKey]] = [:]
    /// Hubs that have answered for everybody.
    var answered: [NodeKey] = []
    var found: Set<Revocation> = []

    init(command: CommandID, isConfirmed: Bool, deadline: Instant) {
        self.command = command
        self.isConfirmed = isConfirmed
        self.deadline = deadline
    }
}
