import PosternModel
import TrustCore

/// Who waits for whom to come back: requests for absent peers, kept in memory only.
struct AwaitedPeers: Sendable {
    private var requesters: [NodeKey: [NodeKey: Grant]] = [:]
    private var targets: [NodeKey: Set<NodeKey>] = [:]

    /// Notes that `requester` waits for the giver of `grant`; nothing happens beyond `limit` targets of one requester.
    mutating func add(requester: NodeKey, grant: Grant, limit: Int) {
        let target = grant.giver
        guard targets[requester, default: []].contains(target) || targets[requester, default: []].count < limit else {
            return
        }
        targets[requester, default: []].insert(target)
        requesters[target, default: [:]][requester] = grant
    }

    /// Who waited for `target`, in a stable order; nobody does afterwards.
    mutating func remove(target: NodeKey) -> [(requester: NodeKey, grant: Grant)] {
        let waiting = requesters.removeValue(forKey: target) ?? [:]
        for requester in waiting.keys { forget(target, by: requester) }
        return waiting.sorted { $0.value.id.description < $1.value.id.description }
            .map { (requester: $0.key, grant: $0.value) }
    }

    /// `requester` waits for nobody any longer.
    mutating func remove(requester: NodeKey) {
        for target in targets.removeValue(forKey: requester) ?? [] {
            requesters[target]?[requester] = nil
            if requesters[target]?.isEmpty == true { requesters[target] = nil }
        }
    }

    /// `requester` no longer waits for `target`.
    mutating func remove(requester: NodeKey, target: NodeKey) {
        requesters[target]?[requester] = nil
        if requesters[target]?.isEmpty == true { requesters[target] = nil }
        forget(target, by: requester)
    }

    private mutating func forget(_ target: NodeKey, by requester: NodeKey) {
        targets[requester]?.remove(target)
        if targets[requester]?.isEmpty == true { targets[requester] = nil }
    }
}
