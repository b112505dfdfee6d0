import HubProtocol
import OverlayCrypto
import PosternModel
import TrustCore

/// What the hubs of one registry have told of each other (RULES N16).
struct HomeCluster: Sendable {
    /// Those besides the configured one.
    var others: [HubURL] = []
    /// The one of them where the node is at home as well.
    var second: HubURL?
    /// By this an older copy of the registry is known.
    var store: String?
}

// One hub of the configuration that shares its registry with others is our home, and one of the others the second. So
// peers find us when one of the two ends.
extension Sidecar {
    /// The hubs where we are at home: those of our configuration, and the second one.
    var homeHubs: [HubURL] { profile.hubs + (cluster.second.map { [$0] } ?? []) }

    /// A hub tells which others share its registry.
    mutating func told(
        of others: [HubURL],
        store: String?,
        isDraining: Bool,
        by hub: NodeKey,
        at now: Clocks
    ) -> [SidecarAction] {
        guard let link = hubs[hub] else { return [] }
        let isHome = homeHubs.contains { $0.key == hub }
        let known = link.store ?? (isHome ? cluster.store : nil)
        hubs[hub]?.isDraining = isDraining
        hubs[hub]?.store = store
        let actions = known != nil && store != nil && known != store ? restore(at: link.url, now) : []
        // Only a hub where we are at home says where we may be at home too.
        guard isHome else { return actions }
        if store != nil { cluster.store = store }
        if profile.hubs.count == 1 {
            cluster.others = others + (isDraining ? [] : [link.url])
            cluster.others.removeAll { $0.key == profile.hubs.first?.key }
            chooseSecond()
        }
        return actions + [.remember] + reconcileHubs(at: now)
    }

    /// The second home stays the same while it serves. A new one is chosen by our key, so that nodes spread.
    private mutating func chooseSecond() {
        guard !cluster.others.contains(where: { $0 == cluster.second }) else { return }
        cluster.second = cluster.others.min { preference(for: $0).lexicographicallyPrecedes(preference(for: $1)) }
    }

    private func preference(for hub: HubURL) -> [UInt8] { Hash.blake2b(key.bytes + hub.key.bytes) }

    /// The configuration may name other hubs than before.
    mutating func reviewHomes(since former: [HubURL]) {
        if former != profile.hubs { cluster = HomeCluster() }
    }

    /// An older copy of a registry may lack that we are registered, what we have revoked, and what has become of
    /// networks. The mark follows when it knows the revocations.
    private mutating func restore(at hub: HubURL, _ now: Clocks) -> [SidecarAction] {
        hubs[hub.key]?.registered = nil
        hubs[hub.key]?.marked = 0
        networkLinks.forget(hub.key)
        return register() + repeatRevocations(at: hub, now) + syncNetworks(at: now)
    }

    private mutating func repeatRevocations(at hub: HubURL, _ now: Clocks) -> [SidecarAction] {
        let until = now.wall + settings.requestLifetime
        let facts = book.trust.revocations.filter { $0.giver == key }.flatMap { revocation in
            outboxEntry(.revoke(revocation), at: [hub], until: until)
        }
        for case .outbox(let entry) in facts { told[entry.id]?.remove(hub.key) }
        return facts.isEmpty ? [] : [record(facts)] + deliverOutbox(at: now)
    }

    /// What is worth remembering of the homes: where to go when the configured hub is away at the next start.
    var homesDocument: JSONValue {
        [
            "hubs": .texts(cluster.others), "second": .string(cluster.second?.description ?? ""),
            "store": cluster.store.map { .string($0) } ?? .null,
        ]
    }

    /// Takes what the cache says, while the configuration has one hub.
    mutating func rememberHomes(_ document: JSONValue?) {
        guard profile.hubs.count == 1, let document else { return }
        cluster.others = (document["hubs"]?.array ?? []).compactMap { $0.string.flatMap { try? HubURL($0) } }
        cluster.second = document["second"]?.string.flatMap { text in cluster.others.first { $0.description == text } }
        cluster.store = document["store"]?.string
    }
}
