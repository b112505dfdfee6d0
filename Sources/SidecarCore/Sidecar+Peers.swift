import HubProtocol
import OverlayCrypto
package import OverlayWire
package import PosternModel
import TrustCore

// Sessions with peers, and the ways to them.
extension Sidecar {
    /// Somebody needs `peer`: a session is started, and the hubs are asked to relay until there is one.
    package mutating func want(_ peer: NodeKey, at now: Clocks) -> [SidecarAction] {
        guard isAdmissible(peer, at: now) else { return [] }
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
        guard !isUp else {
            return [.remember] + tellKeys(to: peer) + greet(peer, at: now) + compareLogs(with: peer)
        }
        let isWanted = peers[peer].isWanted(at: now, settings)
        return [.remember] + (isWanted ? [.connect(peer)] + lookUp(peer, at: now) : [])
    }

    /// The overlay found addresses at which a peer is reached, which work even when no hub does.
    package mutating func learned(_ candidates: [Endpoint], of peer: NodeKey) -> [SidecarAction] {
        let addresses = Array(candidates.filter { !$0.isRelay }.prefix(RecordLimits.candidates))
        guard peers[peer].admittedSecret != nil, peers[peer].candidates != addresses else { return [] }
        peers[peer].candidates = addresses
        return [.remember]
    }

    /// What is worth remembering of peers, for the cache.
    package var memoryDocument: JSONValue {
        var object = peers.document.object ?? JSONObject()
        object["homes"] = homesDocument
        object["beats"] = networkLinks.document
        return .object(object)
    }

    /// Admits peers with which a trust stands and fellow members, and expels those that are neither any longer.
    mutating func reconcilePeers(at now: Clocks) -> [SidecarAction] {
        reconcilePeers(
            among: Set(book.relationships.keys).union(book.networks.fellows).union(peers.admitted),
            at: now
        )
    }

    /// The same among `known`.
    mutating func reconcilePeers(among known: Set<NodeKey>, at now: Clocks) -> [SidecarAction] {
        known.subtracting([key]).sorted().flatMap { reconcile($0, at: now) }
    }

    /// The same for one peer.
    mutating func reconcile(_ peer: NodeKey, at now: Clocks) -> [SidecarAction] {
        let relationship = book.relationships[peer]
        let admitted = peers[peer].admittedSecret
        guard let secret = secret(with: peer, at: now) else {
            guard admitted != nil, !isGuest(peer) else { return [] }
            forgetSession(with: peer)
            peers[peer].offers = nil
            let expiry = relationship.map { expiryEvent(of: $0, at: now) } ?? []
            return [.expel(peer, .refused), .trustEnded(peer), .remember] + expiry
        }
        guard admitted != secret else { return [] }
        // Somebody named it as a hub before.
        var actions = release(hub: peer)
        if admitted != nil {
            // A trust that begins, ends among fellow members, or is renewed has another secret, under which the old
            // session has no place.
            forgetSession(with: peer)
            actions.append(.expel(peer, .restarted))
        }
        peers[peer].admittedSecret = secret
        let told = relationship?.candidates ?? []
        let candidates = peers[peer].candidates + told.filter { !peers[peer].candidates.contains($0) }
        let admission = PeerAdmission(
            key: peer,
            handshakeKey: book.currentKey(of: peer),
            secret: secret,
            candidates: candidates,
            isGuest: false
        )
        return actions + [.admit(admission)]
    }

    /// What both sides mix into their handshakes: the secret of the trust that stands, among fellow members without one
    /// nothing; nil: they do not talk.
    private func secret(with peer: NodeKey, at now: Clocks) -> PreSharedKey? {
        if standing(of: peer, at: now).isMutual { return book.relationships[peer]?.secret }
        return isFellow(peer) ? PreSharedKey.none : nil
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
        guard isAdmissible(peer, at: now), peers[peer].admittedSecret != nil else {
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
        guard let request = lookUpRequest(for: peer, at: now) else { return [] }
        var actions: [SidecarAction] = []
        for hub in openHubs(for: peer) {
            let earlier = peers[peer].asked[hub]
            if let earlier, now.instant < earlier.next { continue }
            let patience = earlier.map { min($0.patience * 2, settings.resolveIntervalMaximum) }
            let asked = PeerLinks.Asked(time: now.instant, patience: patience ?? settings.resolveInterval)
            peers[peer].asked[hub] = asked
            actions.append(.hubRequest(nextHubRequest(.resolve(hub: hub, peer: peer)), hub: hub, request))
        }
        return actions
    }

    /// By the grant of the peer, else by a network that both are in.
    private func lookUpRequest(for peer: NodeKey, at now: Clocks) -> HubRequest? {
        if case .mutual(_, let received) = standing(of: peer, at: now) {
            return .resolve(target: peer, grant: received)
        }
        return fellowNetworks(of: peer).first.map { .meet(target: peer, in: $0.id) }
    }

    /// Hubs that can be asked for `peer`: watched, without a conversation with it, and not about to tell by themselves.
    private func openHubs(for peer: NodeKey) -> [NodeKey] {
        let link = peers[peer]
        return hubs.watched.filter { link.relays[$0] == nil && !link.awaitedAt.contains($0) }
    }

    private func wantedPeers(at now: Clocks) -> [NodeKey] {
        // Of many members few are wanted, and finding out whether somebody may be talked to costs more.
        peers.links.filter { peer, link in
            (link.isConnected || link.isWanted(at: now, settings)) && isAdmissible(peer, at: now)
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
