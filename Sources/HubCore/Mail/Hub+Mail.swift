import HubProtocol
import OverlayCrypto
import PosternModel
import TrustCore

// Whose mail is taken, and where it finds room (RULES M).
extension Hub {
    /// Whether a deposit may go on to the store, by what depends on the depositor and the hub alone: its rates, and a
    /// stranger's work. Nothing here knows the target.
    mutating func admit(
        _ evidence: DepositEvidence?,
        _ sealed: [UInt8],
        for target: NodeKey,
        from node: NodeKey,
        in network: SourceNetwork,
        at now: Clocks
    ) throws(HubRefusal) {
        let instant = now.instant
        guard rates.allows(1, of: .deposits(of: node), at: instant) else { throw .overLimit }
        switch claim(evidence, for: target, from: node, at: now.wall) {
        case .known:
            break
        case .contact:
            guard rates.take(.contactMail(from: network), at: instant) else { throw .overLimit }
        case .stranger:
            guard rates.allows(1, of: .strangerMail(from: network), at: instant) else { throw .overLimit }
            let price = settings.strangerPrice.bits(
                byteCount: presence.strangerCost,
                capacity: settings.strangerPool,
                used: rates.used(.strangerMail(from: network), at: instant),
                allowance: settings.strangerMail.burst
            )
            guard work(evidence, on: sealed, for: target, from: node, at: now.wall) >= price else {
                throw .workNeeded(bits: price, hour: WorkChallenge.hour(of: now.wall))
            }
            _ = rates.take(.strangerMail(from: network), at: instant)
        }
        _ = rates.take(.deposits(of: node), at: instant)
    }

    /// Keeps a mail, unless others deserve the room more. The answer never depends on the target (R9).
    func deposit(
        _ sealed: [UInt8],
        _ evidence: DepositEvidence?,
        for target: NodeKey,
        id: HubRequestID,
        from node: NodeKey,
        in network: SourceNetwork,
        at now: Timestamp,
        over facts: HubFacts
    ) -> HubDecision {
        let claimed = claim(evidence, for: target, from: node, at: now)
        let standing = MailStanding(
            kind: counts(evidence, for: target, from: node, over: facts) ? claimed : .stranger,
            sender: tags.sender(node, to: target),
            network: tags.network(network),
            work: work(evidence, on: sealed, for: target, from: node, at: now)
        )
        let mail = StoredMail(id: RecordID(ofBytes: sealed), sealed: sealed, deposited: now, standing: standing)
        var decision = HubDecision.answer(id, .done)
        decision.strangerCost = facts.pools[.stranger] ?? 0
        guard !facts.mail.contains(MailKey(target: target, id: mail.id)) else { return decision }
        let (mailbox, pool, source) = settings.share(of: standing.kind)
        let waiting = (facts.headers[target] ?? []).filter { $0.standing.kind == standing.kind }
        guard let victims = mailbox.victims(of: mail.header, among: waiting, source: source) else { return decision }
        if !victims.isEmpty { decision.writes.append(.removeMail(victims, of: target)) }
        decision.writes.append(.deposit(mail, for: target))
        if facts.pools[standing.kind, default: 0] + mail.header.cost > pool {
            decision.writes.append(.trimMail(standing.kind, cost: pool))
        }
        decision.writes.append(.tell(.mail(mail.id, for: target)))
        decision.change = .deliver(mail, to: target)
        return decision
    }

    /// The class that `evidence` claims, as far as the deposit alone can tell.
    private func claim(
        _ evidence: DepositEvidence?,
        for target: NodeKey,
        from node: NodeKey,
        at now: Timestamp
    ) -> MailStanding.Kind {
        switch evidence {
        case .grant(let grant):
            let isTheirs = grant.giver == target && grant.subject == node && !grant.isExpired(at: now)
            return isTheirs ? .known : .stranger
        case .contact: return .contact
        case .work, nil: return .stranger
        }
    }

    /// Whether the target stands by `evidence`: it has neither revoked the grant nor taken back the contact card.
    /// Where it does not, the mail is that of a stranger who has done no work: the depositor must not learn of it.
    private func counts(
        _ evidence: DepositEvidence?,
        for target: NodeKey,
        from node: NodeKey,
        over facts: HubFacts
    ) -> Bool {
        switch evidence {
        case .grant(let grant): !isRevoked(grant, over: facts)
        case .contact(let token): facts.registrations[target]?.contacts.contains(token.id) ?? false
        case .work, nil: true
        }
    }

    /// The zero bits of the work in `evidence`. An hour that has just begun or ended counts, for clocks differ and work
    /// takes time.
    private func work(
        _ evidence: DepositEvidence?,
        on sealed: [UInt8],
        for target: NodeKey,
        from node: NodeKey,
        at now: Timestamp
    ) -> Int {
        guard case .work(let work) = evidence else { return 0 }
        let hour = WorkChallenge.hour(of: now)
        guard (hour - 1...hour + 1).contains(work.hour) else { return 0 }
        return WorkChallenge(hub: key, sender: node, target: target, sealed: sealed, hour: work.hour).bits(of: work)
    }
}
