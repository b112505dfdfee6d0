import PosternModel
import TrustCore

/// Who waits for whom to come back, with the grants that allow it: look-ups of absent peers, kept in memory only.
struct AwaitedPeers: Sendable {
    /// By target, then by requester. A grant's giver is the target, its subject the requester.
    private var grants: [NodeKey: [NodeKey: Grant]] = [:]
    private var targets: [NodeKey: Set<NodeKey>] = [:]

    /// The subject of `grant` waits for its giver; nothing happens beyond `limit` targets of one requester.
    mutating func add(_ grant: Grant, limit: Int) {
        let (requester, target) = (grant.subject, grant.giver)
        let known = targets[requester] ?? []
        guard known.contains(target) || known.count < limit else { return }
        targets[requester, default: []].insert(target)
        grants[target, default: [:]][requester] = grant
    }

    /// The grants of those who wait for `target`.
    func grants(of target: NodeKey) -> some Collection<Grant> { (grants[target] ?? [:]).values }

    /// The grants of those who waited for `target`, in a stable order; nobody does afterwards.
    mutating func remove(target: NodeKey) -> [Grant] {
        let waiting = grants.removeValue(forKey: target) ?? [:]
        for requester in waiting.keys { forget(target, by: requester) }
        return waiting.values.sorted { $0.id.description < $1.id.description }
    }

    /// `requester` waits for nobody any longer.
    mutating func remove(requester: NodeKey) {
        for target in targets[requester] ?? [] { remove(requester: requester, target: target) }
    }

    /// `requester` no longer waits for `target`.
    mutating func remove(requester: NodeKey, target: NodeKey) {
        grants[target]?[requester] = nil
        if grants[target]?.isEmpty == true { grants[target] = nil }
        forget(target, by: requester)
    }

    private mutating func forget(_ target: NodeKey, by requester: NodeKey) {
        targets[requester]?.remove(target)
        if targets[requester]?.isEmpty == true { targets[requester] = nil }
    }
}
