import HubProtocol
import OverlayCrypto
import PosternModel
import TrustCore

// What each input means over the facts. Nothing here changes anything.
extension Hub {
    func decide(_ input: HubInput, over facts: HubFacts) -> HubDecision {
        switch input {
        case .request(let request, let id, let node, let now):
            return decide(request, id: id, from: node, at: now, over: facts)
        case .watchOpened(let node, let now):
            let revoked = presence.awaited.grants(of: node).filter { grant in
                Self.isRevoked(grant, over: facts)
            }
            let mail = facts.mailboxes[node] ?? []
            return HubDecision(change: .arrive(node, mail: mail, refused: Set(revoked.map(\.subject)), at: now))
        case .watchClosed(let node):
            return HubDecision(change: .leave(node))
        case .tidy(let now):
            let age = Interval(nanoseconds: -settings.mailLifetime.nanoseconds)
            return HubDecision(writes: [.removeMailDeposited(before: now + age)])
        }
    }

    private func decide(
        _ request: HubRequest,
        id: HubRequestID,
        from node: NodeKey,
        at now: Timestamp,
        over facts: HubFacts
    ) -> HubDecision {
        switch request {
        case .register(let contacts):
            return register(contacts, id: id, from: node, at: now, over: facts)
        case .deregister:
            return deregister(id: id, from: node, over: facts)
        case .deposit(let target, let sealed, _):
            let mail = StoredMail(id: RecordID(ofBytes: sealed), sealed: sealed, deposited: now)
            return deposit(mail, for: target, id: id, over: facts)
        case .acknowledge(let ids):
            let known = ids.filter { facts.mail.contains(MailKey(target: node, id: $0)) }
            let writes: [HubWrite] = known.isEmpty ? [] : [.removeMail(known, of: node)]
            return HubDecision(writes: writes, actions: [.answer(id, .done)])
        case .resolve(let target, let grant):
            let isAllowed = Self.allows(grant, to: node, target, at: now, over: facts)
            return HubDecision(change: .lookUp(id, grant, by: node, isAllowed: isAllowed))
        case .release(let channel):
            return HubDecision(change: .release(node, channel), actions: [.answer(id, .done)])
        case .revoke(let revocation):
            return revoke(revocation, id: id, from: node)
        }
    }

    private func register(
        _ contacts: [RecordID],
        id: HubRequestID,
        from node: NodeKey,
        at now: Timestamp,
        over facts: HubFacts
    ) -> HubDecision {
        let known = facts.registrations[node]
        guard known != nil || facts.nodeCount < settings.nodeCount else {
            return .answer(id, .refused(.full))
        }
        let answer = HubAnswer.registered(node, node.personalAddress, at: now)
        guard known?.contacts != contacts else { return .answer(id, answer) }
        let registration = Registration(key: node, contacts: contacts, registered: known?.registered ?? now)
        let address: JSONValue = ["address": .string(node.personalAddress.description)]
        let event = AuditEvent(.registered, actor: node, subject: node.did, new: address)
        let audited: [HubAction] = known == nil ? [.audit(event)] : []
        return HubDecision(writes: [.register(registration)], actions: audited + [.answer(id, answer)])
    }

    private func deregister(id: HubRequestID, from node: NodeKey, over facts: HubFacts) -> HubDecision {
        guard facts.registrations[node] != nil else { return .answer(id, .done) }
        let event = AuditEvent(.deregistered, actor: node, subject: node.did)
        return HubDecision(
            writes: [.deregister(node)],
            change: .closeChannels(of: node),
            actions: [.audit(event), .answer(id, .done)]
        )
    }

    /// The answer never depends on the target (R9).
    private func deposit(
        _ mail: StoredMail,
        for target: NodeKey,
        id: HubRequestID,
        over facts: HubFacts
    ) -> HubDecision {
        let isNew = !facts.mail.contains(MailKey(target: target, id: mail.id))
        let waiting = facts.mailboxCounts[target] ?? 0
        guard isNew, waiting < settings.mailboxCount, facts.mailCount < settings.mailCount else {
            return .answer(id, .done)
        }
        return HubDecision(
            writes: [.deposit(mail, for: target)],
            change: .deliver(mail, to: target),
            actions: [.answer(id, .done)]
        )
    }

    private func revoke(_ revocation: Revocation, id: HubRequestID, from node: NodeKey) -> HubDecision {
        guard revocation.giver == node else {
            return .answer(id, .refused(HubRefusal(.invalid("revocation"))))
        }
        let pair = GrantPair(giver: node, subject: revocation.subject)
        let until: JSONValue = ["until": .time(revocation.issued)]
        let event = AuditEvent(.trustRevoked, actor: node, subject: pair.subject.did, new: until)
        return HubDecision(
            writes: [.revoke(pair, until: revocation.issued, limit: settings.revocationCount)],
            change: .endTrust(pair),
            actions: [.audit(event), .answer(id, .done)]
        )
    }

    /// Whether `grant` lets `requester` look `target` up: the target is registered and gave the grant to the requester,
    /// and it has neither expired nor been revoked.
    private static func allows(
        _ grant: Grant,
        to requester: NodeKey,
        _ target: NodeKey,
        at now: Timestamp,
        over facts: HubFacts
    ) -> Bool {
        guard grant.giver == target, grant.subject == requester, !grant.isExpired(at: now) else { return false }
        return facts.registrations[target] != nil && !isRevoked(grant, over: facts)
    }

    private static func isRevoked(_ grant: Grant, over facts: HubFacts) -> Bool {
        facts.voidUntil[GrantPair(giver: grant.giver, subject: grant.subject)].map { $0 >= grant.issued } ?? false
    }
}
