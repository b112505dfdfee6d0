import HubProtocol
package import PosternModel
package import TrustCore

// What hubs have to be told, until they have been told.
extension Sidecar {
    /// The fact that `hubs` have to be told `request`, unless there are no hubs.
    func outboxEntry(_ request: HubRequest, at hubs: [HubURL], until: Timestamp) -> [TrustFact] {
        var distinct: [NodeKey: HubURL] = [:]
        for url in hubs where distinct[url.key] == nil { distinct[url.key] = url }
        let urls = distinct.values.sorted { $0.description < $1.description }
        guard !urls.isEmpty, book.outbox.count < settings.outboxCount else { return [] }
        return [.outbox(OutboxEntry(hubs: urls, request: request, until: until))]
    }

    /// Tells hubs that are up what they have not been told yet, and forgets what no longer matters.
    mutating func deliverOutbox(at now: Clocks) -> [SidecarAction] {
        if let outboxRetry, outboxRetry > now.instant { return [] }
        outboxRetry = nil
        var actions = register()
        let outdated = book.outbox.filter { $0.value.until <= now.wall }.keys
        if !outdated.isEmpty { actions.append(record(outdated.map { .delivered($0) })) }
        let asked = Set(hubRequests.values)
        var underWay: [NodeKey: Int] = [:]
        for case .outbox(_, let hub) in asked { underWay[hub, default: 0] += 1 }
        for (id, entry) in book.outbox.sorted(by: { $0.key.description < $1.key.description }) {
            for url in entry.hubs where hubs[url.key]?.isUp == true {
                guard asked.isDisjoint(with: [.outbox(id, hub: url.key), .work(id, hub: url.key)]) else { continue }
                guard !isTold(id, url.key), underWay[url.key, default: 0] < settings.outboxInFlight else { continue }
                underWay[url.key, default: 0] += 1
                actions.append(.hubRequest(nextHubRequest(.outbox(id, hub: url.key)), hub: url.key, entry.request))
            }
        }
        return actions
    }

    /// What shows a hub that `peer` knows us: its grant, while it stands.
    func evidence(towards peer: NodeKey, at now: Clocks) -> DepositEvidence? {
        guard let grant = book.relationships[peer]?.received, !grant.isExpired(at: now.wall) else { return nil }
        return .grant(grant)
    }

    /// A hub asks for work before it takes a deposit. What it asks is bounded: a hub can make us wait, not heat the
    /// room.
    mutating func work(on id: RecordID, for hub: NodeKey, bits: Int, hour: Int64, at now: Clocks) -> [SidecarAction] {
        guard case .deposit(let target, let sealed, _) = book.outbox[id]?.request else { return [] }
        guard bits <= settings.workSize, hubs[hub]?.work.take(settings.work, at: now.instant) == true else {
            outboxRetry = now.instant + settings.hubRetryMaximum
            return []
        }
        let challenge = WorkChallenge(hub: hub, sender: key, target: target, sealed: sealed, hour: hour)
        return [.work(nextHubRequest(.work(id, hub: hub)), challenge, bits: bits)]
    }

    /// The work for a deposit is done, or was given up.
    package mutating func worked(_ id: SidecarRequestID, _ work: MailWork?, at now: Clocks) -> [SidecarAction] {
        guard case .work(let entry, let hub) = hubRequests.removeValue(forKey: id) else { return [] }
        guard let work, case .deposit(let target, let sealed, _) = book.outbox[entry]?.request else {
            outboxRetry = now.instant + settings.hubRetryMaximum
            return []
        }
        let deposit = HubRequest.deposit(target: target, sealed: sealed, evidence: .work(work))
        return [.hubRequest(nextHubRequest(.outbox(entry, hub: hub)), hub: hub, deposit)]
    }

    /// One hub knows. The entry is done when all do.
    mutating func delivered(_ id: RecordID, at hub: NodeKey) -> [SidecarAction] {
        guard let entry = book.outbox[id] else { return [] }
        told[id, default: []].insert(hub)
        guard entry.hubs.allSatisfy({ isTold(id, $0.key) }) else { return [] }
        told[id] = nil
        return [record([.delivered(id)])]
    }

    /// Whether no mail for `peer` waits for a hub any more. What has waited too long is offered to none.
    func isTaken(byHubsFor peer: NodeKey, at now: Timestamp) -> Bool {
        book.outbox.values.filter { $0.until > now }.allSatisfy { entry in
            if case .deposit(peer, _, _) = entry.request { false } else { true }
        }
    }

    private func isTold(_ id: RecordID, _ hub: NodeKey) -> Bool { told[id]?.contains(hub) ?? false }
}
