import PosternModel
import TrustCore

/// Who asks for whom, and by what right.
struct LookUp: Hashable, Sendable {
    /// What makes the target known to the requester.
    enum Basis: Hashable, Sendable {
        /// A grant of the target to the requester.
        case grant(Grant)
        /// Both are members of it, until then if one of them is not for good.
        case network(NetworkID, until: Timestamp?)
    }

    let requester: NodeKey
    let target: NodeKey
    let basis: Basis
    /// What makes the requester a member of that network, where it is one by certificate.
    let credential: NetworkCredential?
    /// The requester's keys, if it has changed them.
    let keys: NodeChain?

    /// What is told of the target.
    struct Target: Hashable, Sendable {
        /// The other hubs where it is at home.
        let homes: [NodeKey]
        /// Its keys, if it has changed them.
        let keys: NodeChain?
    }

    /// The look-up that `grant` allows its subject.
    init(by grant: Grant) {
        self.init(requester: grant.subject, target: grant.giver, basis: .grant(grant))
    }

    init(
        requester: NodeKey,
        target: NodeKey,
        basis: Basis,
        credential: NetworkCredential? = nil,
        keys: NodeChain? = nil
    ) {
        self.credential = credential
        self.keys = keys
        self.requester = requester
        self.target = target
        self.basis = basis
    }

    /// Whether the right to it has ended by itself at `time`.
    func isExpired(at time: Timestamp) -> Bool {
        switch basis {
        case .grant(let grant): grant.isExpired(at: time)
        case .network(_, let until): until.map { $0 <= time } ?? false
        }
    }
}

/// Who waits for whom to come back: look-ups of absent peers, kept in memory only.
struct AwaitedPeers: Sendable {
    /// By target, then by requester.
    private var lookUps: [NodeKey: [NodeKey: LookUp]] = [:]
    private var targets: [NodeKey: Set<NodeKey>] = [:]

    /// The requester waits for the target; nothing happens beyond `limit` targets of one requester.
    mutating func add(_ lookUp: LookUp, limit: Int) {
        let known = targets[lookUp.requester] ?? []
        guard known.contains(lookUp.target) || known.count < limit else { return }
        targets[lookUp.requester, default: []].insert(lookUp.target)
        lookUps[lookUp.target, default: [:]][lookUp.requester] = lookUp
    }

    /// The look-ups of those who wait for `target`.
    func lookUps(of target: NodeKey) -> some Collection<LookUp> { (lookUps[target] ?? [:]).values }

    /// The look-ups of those who waited for `target`, in a stable order; nobody does afterwards.
    mutating func remove(target: NodeKey) -> [LookUp] {
        let waiting = lookUps.removeValue(forKey: target) ?? [:]
        for requester in waiting.keys { forget(target, by: requester) }
        return waiting.values.sorted { $0.requester < $1.requester }
    }

    /// `requester` waits for nobody any longer.
    mutating func remove(requester: NodeKey) {
        for target in targets[requester] ?? [] { remove(requester: requester, target: target) }
    }

    /// `requester` no longer waits for `target`.
    mutating func remove(requester: NodeKey, target: NodeKey) {
        lookUps[target]?[requester] = nil
        if lookUps[target]?.isEmpty == true { lookUps[target] = nil }
        forget(target, by: requester)
    }

    private mutating func forget(_ target: NodeKey, by requester: NodeKey) {
        targets[requester]?.remove(target)
        if targets[requester]?.isEmpty == true { targets[requester] = nil }
    }
}
