import HubProtocol
import PosternModel
import TrustCore

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
        for (id, entry) in book.outbox.sorted(by: { $0.key.description < $1.key.description }) {
            for url in entry.hubs where hubs[url.key]?.isUp == true {
                guard !asked.contains(.outbox(id, hub: url.key)), !isTold(id, url.key) else { continue }
                actions.append(.hubRequest(nextHubRequest(.outbox(id, hub: url.key)), hub: url.key, entry.request))
            }
        }
        return actions
    }

    /// One hub knows. The entry is done when all do.
    mutating func delivered(_ id: RecordID, at hub: NodeKey) -> [SidecarAction] {
        guard let entry = book.outbox[id] else { return [] }
        told[id, default: []].insert(hub)
        guard entry.hubs.allSatisfy({ isTold(id, $0.key) }) else { return [] }
        told[id] = nil
        return [record([.delivered(id)])]
    }

    private func isTold(_ id: RecordID, _ hub: NodeKey) -> Bool { told[id]?.contains(hub) ?? false }
}
