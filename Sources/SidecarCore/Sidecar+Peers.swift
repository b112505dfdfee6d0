import HubProtocol
package import OverlayWire
package import PosternModel
import TrustCore

// Sessions with peers, and the ways to them.
extension Sidecar {
    /// Somebody needs `peer`: a session is started, and the hubs are asked to relay until there is one.
    package mutating func want(_ peer: NodeKey, at now: Clocks) -> [SidecarAction] {
        guard standing(of: peer, at: now).isMutual else { return [] }
        let isNew = !peers[peer].isWanted(at: now, settings)
        peers[peer].wanted = now.instant
        guard !peers[peer].isConnected else { return [] }
        guard isNew else { return lookUp(peer, at: now) }
        peers[peer].asked = [:]
        hasten(hubsOf: peer, at: now)
        return reconcileHubs(at: now) + [.connect(peer)] + lookUp(peer, at: now)
    }

    /// A session with a peer came to stand or was lost.
    package mutating func peerSession(_ peer: NodeKey, isUp: Bool, at now: Clocks) -> [SidecarAction] {
        if isGuest(peer) { return isUp ? [] : guestLeft(peer, at: now) }
        guard peers[peer].admittedSecret != nil else { return [] }
        if isUp || peers[peer].isConnected { peers[peer].lastMet = now.wall }
        if isUp { peers[peer].asked = [:] }
        peers[peer].isConnected = isUp
        // After a new start it may offer something else.
        if isUp { peers[peer].offers?.time = nil }
        guard !isUp else { return [.remember] + greet(peer, at: now) }
        let isWanted = peers[peer].isWanted(at: now, settings)
        return [.remember] + (isWanted ? [.connect(peer)] + lookUp(peer, at: now) : [])
    }

    /// The overlay found addresses at which a peer is reached, which work even when no hub does.
    package mutating func learned(_ candidates: [Endpoint], of peer: NodeKey) -> [SidecarAction] {
        let addresses = Array(candidates.filter { !$0.isRelay }.prefix(RecordLimits.candidates))
        guard book.relationships[peer] != nil, peers[peer].candidates != addresses else { return [] }
        peers[peer].candidates = addresses
        return [.remember]
    }

    /// What is worth remembering of peers, for the cache.
    package var memoryDocument: JSONValue { peers.document }

    /// Admits peers with which a trust stands and expels those with which none does any longer.
    mutating func reconcilePeers(at now: Clocks) -> [SidecarAction] {
        book.relationships.keys.sorted().flatMap { reconcile($0, at: now) }
    }

    /// The same for one peer.
    mutating func reconcile(_ peer: NodeKey, at now: Clocks) -> [SidecarAction] {
        guard let relationship = book.relationships[peer] else { return [] }
        let admitted = peers[peer].admittedSecret
        guard standing(of: peer, at: now).isMutual else {
            guard admitted != nil else { return [] }
            forgetSession(with: peer)
            peers[peer].offers = nil
            return [.expel(peer, .refused), .trustEnded(peer), .remember] + expiryEvent(of: relationship, at: now)
        }
        guard admitted != relationship.secret else { return [] }
        // Somebody named it as a hub before.
        var actions = release(hub: peer)
        if admitted != nil {
            // A renewed trust has a new secret, under which the old session has no place.
            forgetSession(with: peer)
            actions.append(.expel(peer, .restarted))
        }
        peers[peer].admittedSecret = relationship.secret
        let candidates =
            peers[peer].candidates + relationship.candidates.filter { !peers[peer].candidates.contains($0) }
        let admission = PeerAdmission(key: peer, secret: relationship.secret, candidates: candidates, isGuest: false)
        return actions + [.admit(admission)]
    }

    /// Looks up again who is wanted or connected, and not relayed yet: a session that is direct now may need the relay
    /// at any time.
    mutating func lookUpWanted(at now: Clocks) -> [SidecarAction] {
        wantedPeers(at: now).flatMap { lookUp($0, at: now) }
    }

    /// When the next look-up of a wanted peer is allowed, or nil when nobody waits for one.
    func nextLookUp(at now: Clocks) -> Instant? {
        wantedPeers(at: now).compactMap { nextLookUp(of: $0, at: now) }.min()
    }

    /// The same for one peer that is wanted.
    func nextLookUp(of peer: NodeKey, at now: Clocks) -> Instant? {
        openHubs(for: peer).map { peers[peer].asked[$0]?.next ?? now.instant }.min()
    }

    mutating func relayOpened(
        _ channel: RelayChannel,
        for peer: NodeKey,
        at hub: NodeKey,
        now: Clocks
    ) -> [SidecarAction] {
        guard standing(of: peer, at: now).isMutual, peers[peer].admittedSecret != nil else {
            let id = nextHubRequest(.acknowledge)
            return [.hubRequest(id, hub: hub, .release(channel))]
        }
        peers[peer].awaitedAt.remove(hub)
        guard peers[peer].relays[hub] != channel else { return [] }
        // When a channel closes before a session came of it, the next look-up waits as it would without the channel.
        peers[peer].relays[hub] = channel
        let isAwaited = peers[peer].wanted != nil && !peers[peer].isConnected
        return [.setRelay(peer, hub: hub, channel)] + (isAwaited ? [.connect(peer)] : [])
    }

    private mutating func lookUp(_ peer: NodeKey, at now: Clocks) -> [SidecarAction] {
        guard case .mutual(_, let received) = standing(of: peer, at: now) else { return [] }
        var actions: [SidecarAction] = []
        for hub in openHubs(for: peer) {
            let earlier = peers[peer].asked[hub]
            if let earlier, now.instant < earlier.next { continue }
            let patience = earlier.map { min($0.patience * 2, settings.resolveIntervalMaximum) }
            let asked = PeerLinks.Asked(time: now.instant, patience: patience ?? settings.resolveInterval)
            peers[peer].asked[hub] = asked
            let request = HubRequest.resolve(target: peer, grant: received)
            actions.append(.hubRequest(nextHubRequest(.resolve(hub: hub, peer: peer)), hub: hub, request))
        }
        return actions
    }

    /// Hubs that can be asked for `peer`: watched, without a conversation with it, and not about to tell by themselves.
    private func openHubs(for peer: NodeKey) -> [NodeKey] {
        let link = peers[peer]
        return hubs.watched.filter { link.relays[$0] == nil && !link.awaitedAt.contains($0) }
    }

    private func wantedPeers(at now: Clocks) -> [NodeKey] {
        peers.links.filter { peer, link in
            guard standing(of: peer, at: now).isMutual else { return false }
            return link.isConnected || link.isWanted(at: now, settings)
        }.keys.sorted()
    }

    private mutating func forgetSession(with peer: NodeKey) {
        peers[peer].admittedSecret = nil
        peers[peer].isConnected = false
        peers[peer].wanted = nil
        peers[peer].relays = [:]
        peers[peer].asked = [:]
        peers[peer].awaitedAt = []
    }

    /// What the audit trail says when a trust ended because one of its grants did.
    private func expiryEvent(of relationship: TrustRelationship, at now: Clocks) -> [SidecarAction] {
        guard relationship.given.isExpired(at: now.wall) || relationship.received.isExpired(at: now.wall) else {
            return []
        }
        let old: JSONValue = [
            "services": relationship.given.services.json, "expires": .time(relationship.given.expires),
        ]
        return [.audit(AuditEvent(.trustExpired, actor: key, subject: relationship.peer.did, old: old))]
    }
}
