import HubProtocol
import PosternModel
import TrustCore

// Nodes that change their keys: `Hub-API.md`, *Keys*. Inside of the hub a node has the name that its first key is; the
// shell knows sessions, and their keys.
extension Hub {
    /// The input by the name of its node. Of a key that its node has changed nothing is taken but a registration.
    func named(_ input: HubInput) -> HubInput? {
        switch input {
        case .request(let request, let id, let session, let network, let now):
            // Whose it is that comes with keys for the first time it shows itself (`admit` has compared them).
            guard let node = request.keys?.first ?? presence.names.name(of: session) else { return nil }
            return .request(request, id: id, from: node, in: network, at: now)
        case .watchOpened(let session, let now):
            return presence.names.name(of: session).map { .watchOpened(by: $0, at: now) }
        case .watchClosed(let session, let now):
            return presence.names.name(of: session).map { .watchClosed(by: $0, at: now) }
        case .told, .tidy:
            return input
        }
    }

    /// What becomes of an input that has no name.
    func refuseUnnamed(_ input: HubInput) -> HubDecision {
        switch input {
        case .request(_, let id, _, _, _): .answer(id, .refused(.superseded))
        case .watchOpened(let session, _): HubDecision(actions: [.endWatch(session)])
        case .watchClosed, .told, .tidy: HubDecision()
        }
    }

    /// Whether `node`, which has shown no keys in this life of the hub, comes with a key that it has changed.
    func isSuperseded(_ node: NodeKey, over facts: HubFacts) -> Bool {
        guard !presence.names.isChanged(node) else { return false }
        return facts.registrations[node]?.keys?.isChanged ?? false
    }

    /// The chain that counts when a node of which `known` is known tells `told`; nil: they contradict each other, or
    /// the one that was told is older.
    static func keys(_ told: NodeChain?, behind known: NodeChain?) -> NodeChain?? {
        guard let known else { return .some(told) }
        guard let told else { return known.isChanged ? nil : .some(known) }
        return told.extends(known) ? .some(told) : nil
    }

    /// The keys of `node` that others have to be told.
    func changedKeys(of node: NodeKey, over facts: HubFacts) -> NodeChain? {
        facts.registrations[node]?.keys.flatMap { $0.isChanged ? $0 : nil }
    }

    /// `node` has shown the key of its session: a session with an earlier one is that of nobody.
    mutating func note(_ keys: NodeChain) -> [HubAction] {
        let node = keys.first
        let former = presence.names.session(of: node)
        guard former != keys.current else { return [] }
        let isPresent = presence.watchers.contains(node)
        let left = apply(.leave(node)).map { addressed($0) }
        presence.names.note(keys.current, of: node)
        return left + (isPresent ? [.endWatch(former)] : [])
    }

    /// The action by the keys of sessions.
    func addressed(_ action: HubAction) -> HubAction {
        let names = presence.names
        switch action {
        case .push(let node, let event): return .push(names.session(of: node), event)
        case .bridge(let a, let channelA, let b, let channelB):
            return .bridge(names.session(of: a), channelA, names.session(of: b), channelB)
        case .unbridge(let node, let channel): return .unbridge(names.session(of: node), channel)
        // Event streams are ended by their sessions, also by those of former keys.
        case .endWatch, .answer, .audit: return action
        }
    }
}

extension HubRequest {
    /// The keys that a registration shows.
    var keys: NodeChain? {
        switch self {
        case .register(_, let keys), .visit(let keys): keys
        case _: nil
        }
    }
}
