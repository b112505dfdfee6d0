import HubProtocol
import PosternModel
import TrustCore

// Logs of networks: kept, judged by the reducer that every member runs, and served to whom they belong. To anybody else
// a network that is here is one that does not exist (R10).
extension Hub {
    /// Adds entries, if each is valid behind the one before, and the rates that this counts against.
    func append(
        _ entries: [NetworkEntry],
        to network: NetworkID,
        id: HubRequestID,
        from node: NodeKey,
        at now: Timestamp,
        over facts: HubFacts
    ) -> (subjects: [RateSubject], decision: HubDecision) {
        func refuse(_ refusal: HubRefusal) -> ([RateSubject], HubDecision) { ([], .answer(id, .refused(refusal))) }
        guard let first = entries.first, let last = entries.last else { return refuse(HubRefusal(.malformed)) }
        guard let known = facts.networks[network] else {
            guard facts.registrations[node] != nil, NetworkID(first.hash) == network,
                let state = try? NetworkState(first)
            else { return refuse(.unknown) }
            return extend(state, by: entries.dropFirst(), with: [first], id: id, from: node, at: now)
        }
        guard known.contains(node, at: now) || isJoining(entries, node, known, at: now) else { return refuse(.unknown) }
        // The answer to an earlier request may have been lost.
        guard known.head.hash != last.hash else {
            return ([], .answer(id, .appended(receipt(for: known, at: now))))
        }
        guard first.header.previous == known.head.hash else { return refuse(.behind) }
        return extend(known, by: entries[...], with: [], id: id, from: node, at: now)
    }

    /// The entries that whoever has `locator` lacks. A former member is told of all up to its removal.
    func read(
        _ network: NetworkID,
        after locator: [NetworkHash],
        _ proof: NetworkProof?,
        id: HubRequestID,
        from node: NodeKey,
        at now: Timestamp,
        over facts: HubFacts
    ) -> HubDecision {
        guard let state = facts.networks[network] else { return .answer(id, .refused(.unknown)) }
        let isGuest = proof.map { state.admits($0, of: node, at: now) } ?? false
        let end = isGuest ? state.head.sequence : state.lastReadable(by: node, at: now)
        guard let end else { return .answer(id, .refused(.unknown)) }
        let readers = [node] + (isGuest ? proof.map { [$0.guest] } ?? [] : [])
        let part = facts.entries[self.entries(of: network, after: locator)] ?? []
        let entries = part.filter { $0.header.sequence <= end }.map { $0.boxes(for: readers) }
        // To a former member its end is the head, once it has come to that: before, there is more to ask for.
        let head = entries.last.flatMap { $0.header.sequence == end ? $0.place : nil } ?? state.head
        let waiting = facts.boxes[boxes(of: network, for: node, proof)] ?? [:]
        return .answer(id, .entries(entries, head: head, boxes: waiting.filter { readers.contains($0.key) }))
    }

    /// Keeps those of `beats` that an owner or administrator has signed and that are news, tells the members, and tells
    /// the asker what it lacks. To whoever is no member the network does not exist.
    func keep(
        _ beats: [NetworkBeat],
        of network: NetworkID,
        id: HubRequestID,
        from node: NodeKey,
        at now: Timestamp,
        over facts: HubFacts
    ) -> HubDecision {
        guard let state = facts.networks[network], state.contains(node, at: now) else {
            return .answer(id, .refused(.unknown))
        }
        let news = beats.filter { beat in
            beat.network == network && beat.time <= now + settings.entrySkew
                && state.role(of: beat.signer).map { $0 >= .admin } == true
                && presence.beat(of: beat.signer, in: network).map { $0.time < beat.time } ?? true
        }
        let lacking = presence.beats(of: network).filter { known in
            !beats.contains { $0.signer == known.signer && $0.time >= known.time }
        }
        let isListening = presence.watchers.contains(node)
        let told: [HubAction] = (isListening ? lacking.map { .push(node, .beat($0)) } : []) + [.answer(id, .done)]
        guard !news.isEmpty else { return HubDecision(actions: told) }
        let members = state.everybody(at: now).filter { $0 != node }
        return HubDecision(change: .beat(news, to: members), actions: told)
    }

    private func extend(
        _ former: NetworkState,
        by entries: ArraySlice<NetworkEntry>,
        with genesis: [NetworkEntry],
        id: HubRequestID,
        from node: NodeKey,
        at now: Timestamp
    ) -> (subjects: [RateSubject], decision: HubDecision) {
        let all = genesis + entries
        guard all.allSatisfy({ $0.header.time <= now + settings.entrySkew }) else {
            let reason = "its time is more than a day ahead of this hub's clock: one of the two clocks is wrong"
            return ([], .answer(id, .refused(.invalid(reason))))
        }
        var state = former
        for entry in entries {
            do {
                try state.apply(entry)
            } catch {
                return ([], .answer(id, .refused(.invalid("the log does not allow the entry: \(error)"))))
            }
        }
        let audits = all.map { entry in
            HubAction.audit(
                AuditEvent(
                    .networkChanged,
                    actor: entry.header.actor,
                    subject: state.id.description,
                    network: state.id.description,
                    new: ["sequence": .integer(entry.header.sequence), "hash": .string(entry.hash.description)]
                )
            )
        }
        let answer = HubAction.answer(id, .appended(receipt(for: state, at: now)))
        let present = state.everybody(at: now)
        let ended = Set(former.members.keys.filter { !state.contains($0) } + former.everybody(at: now))
            .subtracting(present)
        let decision = HubDecision(
            writes: [.extend(state, all)] + boxWrites(of: all, since: former, over: state, at: now)
                + [.tell(.network(state.id))],
            change: .announce(
                state.id,
                state.head,
                to: ended.union(present).sorted(),
                ended: ended.sorted(),
                credentials: []
            ),
            actions: audits + [answer]
        )
        return ([.appends(to: state.id)] + (genesis.isEmpty ? [] : [.changes(of: node)]), decision)
    }

    /// What another hub has added to a network: told to members, and to those whom it may have ended.
    func announcement(of state: NetworkState) -> PresenceChange {
        let justRemoved = state.former.filter { $0.value > state.head.sequence - Int64(HubRequest.appendedCount) }
        let certified = state.credentials.values.sorted { $0.subject < $1.subject }
        let ended = certified.filter { !state.counts($0) }.map(\.subject)
        let told = Set(state.members.keys).union(justRemoved.keys).union(certified.map(\.subject))
        return .announce(
            state.id,
            state.head,
            to: told.sorted(),
            ended: Set(state.former.keys).union(ended).sorted(),
            credentials: certified.filter { state.counts($0) }
        )
    }

    /// Takes note of what makes `node` a member by certificate, where it shows that, and tells it who else is one. To
    /// whoever is no member the network does not exist.
    func show(
        _ credential: NetworkCredential?,
        in network: NetworkID,
        id: HubRequestID,
        from node: NodeKey,
        at now: Timestamp,
        over facts: HubFacts
    ) -> (subjects: [RateSubject], decision: HubDecision) {
        let refused = ([RateSubject](), HubDecision.answer(id, .refused(.unknown)))
        guard var state = facts.networks[network] else { return refused }
        var isNew = false
        if let credential {
            guard credential.subject == node, let isNews = try? state.show(credential, at: now) else { return refused }
            isNew = isNews
        }
        guard state.contains(node, at: now) else { return refused }
        let shown = state.shownCredentials(at: now)
        let others = presence.watchers.contains(node) ? shown.filter { $0.subject != node } : []
        var decision = HubDecision(actions: others.map { .push(node, .credential($0)) } + [.answer(id, .done)])
        guard isNew else { return ([], decision) }
        decision.writes = [.extend(state, []), .tell(.network(network))]
        let members = state.everybody(at: now).filter { $0 != node }
        decision.change = .announce(network, state.head, to: members, ended: [], credentials: shown)
        return ([.changes(of: node)], decision)
    }

    private func receipt(for state: NetworkState, at now: Timestamp) -> NetworkReceipt {
        NetworkReceipt(of: identity, for: state.id, at: state.head, time: now)
    }

    /// Whether `node` comes by an invitation that is open.
    private func isJoining(
        _ entries: [NetworkEntry],
        _ node: NodeKey,
        _ state: NetworkState,
        at now: Timestamp
    ) -> Bool {
        entries.contains { entry in
            guard case .join(let guest, let signature) = entry.header.change, entry.header.actor == node else {
                return false
            }
            return state.admits(NetworkProof(guest: guest, signature: signature), of: node, at: now)
        }
    }
}
