import HubCore
package import NIOCore
import OverlayCore
import OverlayNIO
import OverlayWire
package import PosternModel

/// What a hub says of itself to its operator. It names nodes only to whom asks for the list (RULES N14).
package struct HubStatus: Codable, Hashable, Sendable {
    package let did: NodeKey
    package let url: HubURL?
    package let uptimeMs: Int64
    /// Nodes that are present.
    package let online: Int
    /// Nodes that are registered; null while the store cannot be asked.
    package let registered: Int?
    /// Pairs of nodes that are relayed.
    package let relayed: Int
    package let relayedPackets: UInt64
    /// Requests of nodes since the start, and those of them that were refused.
    package let requests: UInt64
    package let refused: UInt64
    /// Bytes of mail that waits.
    package let mailBytes: Int
    /// `sqlite` or `postgresql`.
    package let store: String
    /// Batches of requests that the store could not take since the start, and why it cannot be asked now.
    package let storeFailures: UInt64
    package let storeProblem: String?
    /// When a batch was last not taken, and why; nil: none was since the start, or the hub is of an older version.
    package let storeFailedAt: Timestamp?
    package let storeFailure: String?
    /// The other hubs that share the registry and serve.
    package let hubs: [HubURL]
    package let draining: Bool
    /// Whether only nodes that the operator names may register.
    package let closed: Bool
    package let banned: Int
    /// The quotas that the operator has changed while the hub ran; nil from a hub of an older version.
    package let quotas: [String: Int]?
}

/// One registered node.
package struct HubNode: Codable, Hashable, Sendable {
    package let did: NodeKey
    package let registered: Timestamp
    /// To within a day.
    package let seen: Timestamp
    /// The hubs where it is at home.
    package let homes: [NodeKey]
}

// What the operator of a hub can see and do.
extension HubService {
    /// How much the hub does and how it is.
    package func status() -> EventLoopFuture<HubStatus> {
        look(at: 0).assumeIsolated().map { look in
            let (url, cluster) = (self.url, self.cluster)
            return HubStatus(
                did: self.key,
                url: url,
                uptimeMs: (NIODeadline.now() - self.startedAt).nanoseconds / 1_000_000,
                online: look.present,
                registered: look.facts?.nodeCount,
                relayed: look.bridges,
                relayedPackets: self.node.statistics.relayedPackets,
                requests: self.counts.requests,
                refused: self.counts.refused,
                mailBytes: look.facts?.pools.values.reduce(0, +) ?? 0,
                store: self.feed == nil ? "sqlite" : "postgresql",
                storeFailures: self.counts.storeFailures,
                storeProblem: look.failure,
                storeFailedAt: self.counts.lastStoreFailure?.time,
                storeFailure: self.counts.lastStoreFailure?.text,
                hubs: cluster.others,
                draining: cluster.isDraining,
                closed: self.admission.allowed != nil,
                banned: self.admission.banned.count,
                quotas: Dictionary(uniqueKeysWithValues: self.changedQuotas.map { ($0.key.rawValue, $0.value) })
            )
        }.nonisolated()
    }

    /// Registered nodes, those first that have not been seen for longest; `limit` at most.
    package func nodes(limit: Int) -> EventLoopFuture<[HubNode]> {
        look(at: limit).flatMapThrowing { look in
            guard let facts = look.facts else {
                throw Problem(
                    code: "store",
                    message: "the store cannot be asked: \(look.failure ?? "")",
                    hint: "see the hub's log; it tries again by itself"
                )
            }
            return facts.unseen.map {
                HubNode(did: $0.key, registered: $0.registered, seen: $0.seen, homes: $0.homes)
            }
        }
    }

    /// Nodes that are not served.
    package var banned: Set<NodeKey> { admission.banned }

    /// Only these nodes may register; nil: any.
    package func open(to allowed: Set<NodeKey>?) {
        admission.allowed = allowed
        take(.admission(admission))
    }

    /// These nodes are not served from now on, and their sessions end.
    package func ban(_ banned: Set<NodeKey>) {
        let shutOut = banned.subtracting(admission.banned)
        admission.banned = banned
        take(.admission(admission))
        for node in shutOut { self.node.expel(node, code: .refused) }
    }

    private func look(at limit: Int) -> EventLoopFuture<HubWorker.Look> {
        let promise = node.eventLoop.makePromise(of: HubWorker.Look.self)
        worker.look(at: limit) { promise.succeed($0) }
        return promise.futureResult
    }
}
