import OverlayWire
import TrustCore

// What hubs have to be told, until they have been told.
extension Sidecar {
    /// The fact that `hubs` have to be told `request`, unless there are no hubs.
    func errand(_ request: HubRequest, at hubs: [HubURL], until: Timestamp) -> [TrustFact] {
        var distinct: [NodeKey: HubURL] = [:]
        for url in hubs where distinct[url.key] == nil { distinct[url.key] = url }
        let urls = distinct.values.sorted { $0.description < $1.description }
        guard !urls.isEmpty, book.errands.count < settings.errandCount else { return [] }
        return [.errand(Errand(hubs: urls, request: request, until: until))]
    }

    /// Tells hubs that are up what they have not been told yet, and forgets what no longer matters.
    mutating func runErrands(at now: Moment) -> [SidecarAction] {
        if let errandRetry, errandRetry > now.instant { return [] }
        errandRetry = nil
        var actions = register()
        let outdated = book.errands.filter { $0.value.until <= now.wall }.keys
        if !outdated.isEmpty { actions.append(record(outdated.map { .errandDone($0) })) }
        let asked = Set(errandsOnTheWay.values)
        for (id, errand) in book.errands.sorted(by: { $0.key.description < $1.key.description }) {
            for url in errand.hubs where hubs[url.key]?.isUp == true {
                guard !asked.contains(.errand(id, hub: url.key)), !isTold(id, url.key) else { continue }
                actions.append(.hubRequest(nextRequest(.errand(id, hub: url.key)), hub: url.key, errand.request))
            }
        }
        return actions
    }

    /// One hub knows. The errand is done when all do.
    mutating func errandDone(_ id: RecordID, at hub: NodeKey) -> [SidecarAction] {
        guard let errand = book.errands[id] else { return [] }
        told[id, default: []].insert(hub)
        guard errand.hubs.allSatisfy({ isTold(id, $0.key) }) else { return [] }
        told[id] = nil
        return [record([.errandDone(id)])]
    }

    private func isTold(_ id: RecordID, _ hub: NodeKey) -> Bool { told[id]?.contains(hub) ?? false }
}
