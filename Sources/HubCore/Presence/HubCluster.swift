import HubProtocol
package import PosternModel

/// What a hub knows of the others that share its store.
package struct HubCluster: Hashable, Sendable {
    /// Those that serve, in the order of their keys.
    package var others: [HubURL]
    /// By this a node knows an older copy of the store (RULES N16); nil: the store is the hub's own.
    package var store: String?
    /// Whether this hub is about to end.
    package var isDraining: Bool

    /// What nodes are told at most (RULES N16).
    private static let hubCount = 8

    /// What other hubs and the store said; `others` in any order.
    package init(others: [HubURL] = [], store: String? = nil, isDraining: Bool = false) {
        self.others = others.sorted { $0.key < $1.key }
        self.store = store
        self.isDraining = isDraining
    }

    /// What nodes are told; nil: there is nothing to tell.
    var event: HubEvent? {
        guard store != nil || isDraining else { return nil }
        return .hubs(Array(others.prefix(Self.hubCount)), store: store, isDraining: isDraining)
    }

    /// Those of `homes` that serve, in their order.
    func places(_ homes: [NodeKey]) -> [HubURL] {
        homes.compactMap { home in others.first { $0.key == home } }
    }
}

extension Hub {
    /// The other hubs are these now. Nodes that are here are told.
    package mutating func join(_ cluster: HubCluster) -> [HubAction] {
        guard self.cluster != cluster else { return [] }
        self.cluster = cluster
        return cluster.event.map { event in presence.watchers.sorted().map { .push($0, event) } } ?? []
    }
}
