import HubProtocol
import OverlayCrypto
import PosternModel
import TrustCore

// What each input means over the facts. Nothing here changes anything.
extension Hub {
    /// `spent` is what the inputs before this one count against rates.
    func decide(_ input: HubInput, over facts: HubFacts, spent: [RateSubject: Int]) -> HubDecision {
        switch input {
        case .request(let request, let id, let node, let network, let now):
            return decide(request, id: id, from: node, in: network, at: now, over: facts, spent: spent)
        case .watchOpened(let node, _) where admission.banned.contains(node) || isSuperseded(node, over: facts):
            return HubDecision(actions: [.endWatch(presence.names.session(of: node))])
        case .watchOpened(let node, let now):
            let refused = presence.awaited.lookUps(of: node).filter { isRefused($0, at: now, over: facts) }
            let mail = facts.mailboxes[node] ?? []
            let requesters = Set(refused.map(\.requester))
            let keys = changedKeys(of: node, over: facts)
            return HubDecision(change: .arrive(node, mail: mail, keys: keys, refused: requesters, at: now))
        case .watchClosed(let node, let now):
            let known = facts.registrations[node].map { [$0] } ?? []
            let stale = known.filter { now - $0.seen >= settings.seenInterval }
            return HubDecision(writes: stale.map { .register($0.seen(at: now)) }, change: .leave(node))
        case .told(let notice):
            return HubDecision(change: change(told: notice, over: facts))
        case .tidy(let now):
            return tidy(at: now, over: facts)
        }
    }

    /// What another hub's notice changes here.
    private func change(told notice: HubNotice, over facts: HubFacts) -> PresenceChange? {
        switch notice {
        case .mail(let id, let target):
            facts.mailboxes[target]?.first { $0.id == id }.map { .deliver($0, to: target) }
        case .network(let network):
            facts.networks[network].map {
                announcement(of: $0)
            }
        case .revoked(let hidden): tags.names(hidden).map { .endTrust($0) }
        case .deregistered(let node): .closeChannels(of: node)
        }
    }

    private func decide(
        _ request: HubRequest,
        id: HubRequestID,
        from node: NodeKey,
        in network: SourceNetwork,
        at now: Clocks,
        over facts: HubFacts,
        spent: [RateSubject: Int]
    ) -> HubDecision {
        func within(_ subjects: [RateSubject], _ decision: HubDecision) -> HubDecision {
            count(decision, against: subjects, id: id, at: now.instant, spent: spent)
        }
        // What a member asks counts for its network. Whoever is none uses nothing of it up.
        func asked(in network: NetworkID, _ decision: HubDecision) -> HubDecision {
            let isMember = facts.networks[network]?.contains(node, at: now.wall) ?? false
            return isMember ? within([.questions(in: network)], decision) : decision
        }
        if request.keys == nil, isSuperseded(node, over: facts) { return .answer(id, .refused(.superseded)) }
        switch request {
        case .register, .visit:
            let visitor = Visitor(node, request)
            let (subjects, decision) = register(visitor, id: id, in: network, at: now.wall, over: facts)
            return within(subjects, decision)
        case .deregister:
            guard facts.registrations[node] != nil else { return .answer(id, .done) }
            return within([.changes(of: node)], deregister(id: id, from: node))
        case .deposit(let target, let sealed, let evidence):
            return deposit(sealed, evidence, for: target, id: id, from: node, in: network, at: now.wall, over: facts)
        case .acknowledge(let ids):
            return acknowledge(ids, id: id, from: node, over: facts)
        case .resolve(let target, let grant):
            return resolve(target, by: grant, id: id, from: node, at: now.wall, over: facts)
        case .meet(let target, let network):
            return asked(in: network, meet(target, in: network, id: id, from: node, at: now.wall, over: facts))
        case .append(let network, let entries):
            let (subjects, decision) = append(entries, to: network, id: id, from: node, at: now.wall, over: facts)
            return within(subjects, decision)
        case .read(let network, let locator, let proof):
            let answer = read(network, after: locator, proof, id: id, from: node, at: now.wall, over: facts)
            return asked(in: network, answer)
        case .beat(let network, let beats):
            return asked(in: network, keep(beats, of: network, id: id, from: node, at: now.wall, over: facts))
        case .show(let credential, let network):
            let (subjects, decision) = show(credential, in: network, id: id, from: node, at: now.wall, over: facts)
            return within(subjects, decision)
        case .box(let network, let key, let boxes):
            return asked(in: network, keep(boxes, of: key, in: network, id: id, from: node, at: now.wall, over: facts))
        case .release(let channel):
            return HubDecision(change: .release(node, channel), actions: [.answer(id, .done)])
        case .revoke(let revocation):
            guard let decision = revoke(revocation, id: id, from: node, over: facts) else { return .answer(id, .done) }
            return within([.revocations(of: node)], decision)
        case .mark(let mark):
            if let answer = Self.answer(to: mark, from: node, over: facts) { return .answer(id, answer) }
            return within([.changes(of: node)], HubDecision(writes: [.mark(mark)], actions: [.answer(id, .done)]))
        case .recall(let keys):
            return .answer(id, .revocations(revocations(between: node, and: keys, over: facts)))
        }
    }

    /// A decision that counts against rates, unless one of them is used up.
    private func count(
        _ decision: HubDecision,
        against subjects: [RateSubject],
        id: HubRequestID,
        at now: Instant,
        spent: [RateSubject: Int]
    ) -> HubDecision {
        let isWithin = subjects.allSatisfy { rates.allows(spent[$0, default: 0] + 1, of: $0, at: now) }
        guard isWithin else { return .answer(id, .refused(.overLimit)) }
        var decision = decision
        (decision.spent, decision.spentAt) = (subjects, now)
        return decision
    }

    private func acknowledge(
        _ ids: [RecordID],
        id: HubRequestID,
        from node: NodeKey,
        over facts: HubFacts
    ) -> HubDecision {
        let known = ids.filter { facts.mail.contains(MailKey(target: node, id: $0)) }
        let writes: [HubWrite] = known.isEmpty ? [] : [.removeMail(known, of: node)]
        return HubDecision(writes: writes, actions: [.answer(id, .done)])
    }

    /// What is answered to a mark that is not kept; nil: it is.
    private static func answer(to mark: StateMark, from node: NodeKey, over facts: HubFacts) -> HubAnswer? {
        guard mark.node == node else { return .refused(HubRefusal(.invalid("mark"))) }
        guard let known = facts.registrations[node] else { return .refused(.unknown) }
        // An older one says nothing that is not known.
        return known.mark.map { $0.head.sequence < mark.head.sequence } ?? true ? nil : .done
    }

    /// The registration, and the rates that it counts against: none when nothing changes but the time. A node that only
    /// visits, and tells no contact cards, is at home elsewhere.
    private func register(
        _ visitor: Visitor,
        id: HubRequestID,
        in network: SourceNetwork,
        at now: Timestamp,
        over facts: HubFacts
    ) -> (subjects: [RateSubject], decision: HubDecision) {
        let (node, contacts) = (visitor.node, visitor.contacts)
        let mark = facts.registrations[node]?.mark
        guard let keys = Self.keys(visitor.keys, behind: facts.registrations[node]?.keys) else {
            return ([], .answer(id, .refused(.superseded)))
        }
        let shown = keys.flatMap { $0.isChanged ? $0 : nil }
        let answer = HubAction.answer(id, .registered(node, node.personalAddress, at: now, mark: mark))
        guard let known = facts.registrations[node] else {
            guard admission.admits(node) else { return ([], .answer(id, .refused(.closed))) }
            guard facts.nodeCount < settings.nodeCount else { return ([], .answer(id, .refused(.full))) }
            let homes = contacts == nil ? [] : [key]
            let registration = Registration(
                key: node,
                contacts: contacts ?? [],
                registered: now,
                seen: now,
                homes: homes,
                keys: keys
            )
            let address: JSONValue = ["address": .string(node.personalAddress.description)]
            let event = AuditEvent(.registered, actor: node, subject: node.did, new: address)
            return (
                [.changes(of: node), .registrations(from: network)],
                HubDecision(writes: [.register(registration)], keys: shown, actions: [.audit(event), answer])
            )
        }
        let homes = contacts == nil ? known.homes : known.homes(with: key)
        let isChanged =
            contacts.map { $0 != known.contacts } ?? false || homes != known.homes || keys != known.keys
        guard isChanged || now - known.seen >= settings.seenInterval else {
            return ([], HubDecision(keys: shown, actions: [answer]))
        }
        let registration = known.seen(at: now, contacts: contacts, homes: homes, keys: keys)
        let events = changeEvents(from: known.keys, to: keys, of: node)
        return (
            isChanged ? [.changes(of: node)] : [],
            HubDecision(writes: [.register(registration)], keys: shown, actions: events + [answer])
        )
    }

    /// What the audit trail says when the node has another key than it was known to have.
    private func changeEvents(from known: NodeChain?, to keys: NodeChain?, of node: NodeKey) -> [HubAction] {
        let former = known?.current ?? node
        guard let current = keys?.current, current != former else { return [] }
        let (old, new): (JSONValue, JSONValue) = (["key": .string(former.did)], ["key": .string(current.did)])
        return [.audit(AuditEvent(.keyChanged, actor: node, subject: node.did, old: old, new: new))]
    }

    /// A node that registers: with its contact cards, unless it is at home elsewhere, and what it tells of its keys.
    private struct Visitor {
        let node: NodeKey
        let contacts: [RecordID]?
        let keys: NodeChain?

        init(_ node: NodeKey, _ request: HubRequest) {
            self.node = node
            keys = request.keys
            if case .register(let contacts, _) = request { self.contacts = contacts } else { contacts = nil }
        }
    }

    private func deregister(id: HubRequestID, from node: NodeKey) -> HubDecision {
        let event = AuditEvent(.deregistered, actor: node, subject: node.did)
        return HubDecision(
            writes: [.deregister(node), .tell(.deregistered(node))],
            change: .closeChannels(of: node),
            actions: [.audit(event), .answer(id, .done)]
        )
    }

    /// Registrations go whose nodes have not been here for long, and mail that nobody fetched.
    private func tidy(at now: Timestamp, over facts: HubFacts) -> HubDecision {
        var decision = HubDecision(
            writes: [.removeMailDeposited(before: now + (.zero - settings.mailLifetime))],
            change: .tidy(at: now)
        )
        var goneCount = 0
        for registration in facts.unseen {
            if presence.watchers.contains(registration.key) {
                decision.writes.append(.register(registration.seen(at: now)))
            } else {
                decision.writes.append(.deregister(registration.key))
                goneCount += 1
            }
        }
        if goneCount > 0 {
            let unseen: JSONValue = ["unseen": .integer(Int64(goneCount))]
            decision.actions.append(.audit(AuditEvent(.deregistered, actor: key, subject: key.did, old: unseen)))
        }
        return decision
    }

    /// Nil when the grants are void already. Only what a registered node gives counts, so only it can take it back.
    private func revoke(
        _ revocation: Revocation,
        id: HubRequestID,
        from node: NodeKey,
        over facts: HubFacts
    ) -> HubDecision? {
        guard revocation.giver == node else {
            return .answer(id, .refused(HubRefusal(.invalid("revocation"))))
        }
        guard facts.registrations[node] != nil else { return .answer(id, .refused(.unknown)) }
        let key = tags.revocation(by: node, of: revocation.subject)
        if let known = facts.revocations[key], known.issued >= revocation.issued { return nil }
        let until: JSONValue = ["until": .time(revocation.issued)]
        // Whose trust has ended is not kept here either.
        let event = AuditEvent(.trustRevoked, actor: node, subject: Hex.encode(key.pair.bytes), new: until)
        let pair = GrantPair(giver: node, subject: revocation.subject)
        return HubDecision(
            writes: [
                .revoke(key, tags.stored(revocation), limit: settings.revocationCount),
                .tell(.revoked(tags.hidden(pair))),
            ],
            change: .endTrust(pair),
            actions: [.audit(event), .answer(id, .done)]
        )
    }

    /// Whether `grant` lets `requester` look `target` up: the target is registered and gave the grant to the requester,
    /// and it has neither expired nor been revoked.
    private func allows(
        _ grant: Grant,
        to requester: NodeKey,
        _ target: NodeKey,
        at now: Timestamp,
        over facts: HubFacts
    ) -> Bool {
        guard grant.giver == target, grant.subject == requester, !grant.isExpired(at: now) else { return false }
        return facts.registrations[target] != nil && !isRevoked(grant, over: facts)
    }

    /// The look-up of whoever gave a grant.
    private func resolve(
        _ target: NodeKey,
        by grant: Grant,
        id: HubRequestID,
        from node: NodeKey,
        at now: Timestamp,
        over facts: HubFacts
    ) -> HubDecision {
        let isAllowed = allows(grant, to: node, target, at: now, over: facts)
        let keys = changedKeys(of: node, over: facts)
        let lookUp = LookUp(requester: node, target: target, basis: .grant(grant), keys: keys)
        return HubDecision(change: .lookUp(id, lookUp, isAllowed ? self.target(target, over: facts) : nil))
    }

    /// The look-up of a fellow member.
    private func meet(
        _ target: NodeKey,
        in network: NetworkID,
        id: HubRequestID,
        from node: NodeKey,
        at now: Timestamp,
        over facts: HubFacts
    ) -> HubDecision {
        let state = facts.networks[network]
        let until = [node, target].compactMap { state?.end(of: $0, at: now) }.min()
        let lookUp = LookUp(
            requester: node,
            target: target,
            basis: .network(network, until: until),
            credential: state?.credential(of: node, at: now),
            keys: changedKeys(of: node, over: facts)
        )
        let isAllowed = facts.registrations[target] != nil && !isRefused(lookUp, at: now, over: facts)
        return HubDecision(change: .lookUp(id, lookUp, isAllowed ? self.target(target, over: facts) : nil))
    }

    /// The other hubs where `node` is at home, and its keys.
    private func target(_ node: NodeKey, over facts: HubFacts) -> LookUp.Target {
        let homes = (facts.registrations[node]?.homes ?? []).filter { $0 != key }
        return LookUp.Target(homes: homes, keys: changedKeys(of: node, over: facts))
    }

    /// Whether the right to a look-up has ended.
    private func isRefused(_ lookUp: LookUp, at now: Timestamp, over facts: HubFacts) -> Bool {
        switch lookUp.basis {
        case .grant(let grant): return isRevoked(grant, over: facts)
        case .network(let network, _):
            guard let state = facts.networks[network] else { return true }
            return !state.contains(lookUp.requester, at: now) || !state.contains(lookUp.target, at: now)
        }
    }

    func isRevoked(_ grant: Grant, over facts: HubFacts) -> Bool {
        let known = facts.revocations[tags.revocation(by: grant.giver, of: grant.subject)]
        return known.map { $0.issued >= grant.issued } ?? false
    }

    /// What `node` and `keys` have revoked towards each other.
    private func revocations(between node: NodeKey, and keys: [NodeKey], over facts: HubFacts) -> [Revocation] {
        keys.flatMap { [GrantPair(giver: node, subject: $0), GrantPair(giver: $0, subject: node)] }.compactMap { pair in
            facts.revocations[tags.revocation(by: pair.giver, of: pair.subject)].flatMap { stored in
                tags.revocation(stored, by: pair.giver, of: pair.subject, keys: facts.registrations[pair.giver]?.keys)
            }
        }
    }
}
