package import PosternModel
package import SidecarCore

/// Keeps the promise of ``SidecarCore/SidecarAction/persist(_:)``: what relies on facts is done once they are durable.
///
/// Facts that wait together become one write. What closes something or promises nothing passes at once; everything else
/// stays behind the facts before it, in order. When a write fails, whoever waits for an answer is told so, and the rest
/// goes on waiting: the facts go with the next write.
package struct CommitQueue: Sendable {
    private enum Entry: Sendable {
        case facts([TrustFact])
        /// An action that relies on that many facts of the journal.
        case action(SidecarAction, relyingOn: Int)
    }

    /// An action that may be done, and how many facts of the journal it may rely on.
    package struct Released: Sendable {
        package let action: SidecarAction
        package let factCount: Int
    }

    private var entries: [Entry] = []
    /// How many entries the write under way makes true; 0: none is under way.
    private var coveredCount = 0
    /// Whether the last write failed, and the next one waits for its time.
    private var isPaused = false

    package init() {}

    /// Takes an action behind `factCount` facts. Returns it when it may be done now.
    package mutating func take(_ action: SidecarAction, factCount: Int) -> Released? {
        if case .persist(let facts) = action {
            entries.append(.facts(facts))
            return nil
        }
        if let peer = action.withdrawnPeer { withdraw(peer) }
        guard action.isPromise, !entries.isEmpty else { return Released(action: action, factCount: factCount) }
        entries.append(.action(action, relyingOn: factCount))
        return nil
    }

    /// Begins the next write; returns its facts, or nil when there is nothing to write now.
    package mutating func beginWrite() -> [TrustFact]? {
        guard coveredCount == 0, !isPaused else { return nil }
        let last = entries.lastIndex { if case .facts = $0 { true } else { false } }
        guard let last else { return nil }
        coveredCount = last + 1
        return entries.flatMap { entry -> [TrustFact] in
            switch entry {
            case .facts(let facts): facts
            case .action: []
            }
        }
    }

    /// The write under way is durable. Returns what may be done now.
    package mutating func succeed() -> [Released] {
        var released: [Released] = []
        var position = 0
        while position < entries.count {
            switch entries[position] {
            case .action(let action, let count): released.append(Released(action: action, factCount: count))
            case .facts where position < coveredCount: break
            case .facts:
                entries.removeFirst(position)
                coveredCount = 0
                return released
            }
            position += 1
        }
        entries = []
        coveredCount = 0
        return released
    }

    /// The write under way failed. Returns the answers that are taken back, each as its failure; with `dropsPromises`
    /// everything else that relied on it is gone as well.
    package mutating func fail(_ problem: Problem, dropsPromises: Bool) -> [SidecarAction] {
        coveredCount = 0
        isPaused = true
        var failures: [SidecarAction] = []
        var kept: [Entry] = []
        for entry in entries {
            switch entry {
            case .action(.answer(let command, _), _): failures.append(.fail(command, problem))
            case .action(.answerPeer(let id, _), _): failures.append(.answerPeer(id, ["ok": false]))
            case .action where dropsPromises: break
            case .facts, .action: kept.append(entry)
            }
        }
        entries = kept
        return failures
    }

    /// The time of the next attempt has come.
    package mutating func resume() { isPaused = false }

    /// What would let the overlay talk to `peer` is not done any more.
    private mutating func withdraw(_ peer: NodeKey) {
        entries.removeAll { entry in
            switch entry {
            case .action(.admit(let admission), _): admission.key == peer
            case .action(.setRelay(let other, _, _), _): other == peer
            case .facts, .action: false
            }
        }
    }
}

extension SidecarAction {
    /// Whether it tells somebody what must be true after a crash, or opens what facts allow.
    var isPromise: Bool {
        switch self {
        case .answer, .hubRequest, .peerRequest, .answerPeer, .admit, .setRelay, .redeem: true
        case .persist, .audit, .remember, .expel, .connect, .admitHub, .dropHub, .trustEnded, .openWatch, .fail: false
        }
    }

    /// The peer that is shut out by it.
    var withdrawnPeer: NodeKey? {
        guard case .expel(let peer, _) = self else { return nil }
        return peer
    }
}
