import PosternModel
import TrustCore

// What peers may use of ours, and how that changes.
extension Sidecar {
    /// What `peer` may use of ours by the trust that stands with it; nil: none stands.
    func standingServices(to peer: NodeKey, at now: Clocks) -> ServiceSet? {
        standing(of: peer, at: now).isMutual ? book.relationships[peer]?.given.services : nil
    }

    /// The same, nothing without a trust.
    func givenServices(to peer: NodeKey, at now: Clocks) -> ServiceSet {
        standingServices(to: peer, at: now) ?? .names([])
    }

    /// The entry of the audit trail that says that `peer` may use `services` of ours; `former`: what it could before,
    /// by the trust that stood, nil without one.
    func grantEvent(to peer: NodeKey, _ services: ServiceSet, former: ServiceSet?) -> AuditEvent {
        AuditEvent(
            .trustGiven,
            actor: key,
            subject: peer.did,
            old: former.map { ["services": $0.json] } ?? .null,
            new: ["services": services.json]
        )
    }

    /// Throws when `services` names one that is not exposed here: nobody could use it, and a slip of the keyboard is
    /// seen by nobody. A sidecar that exposes nothing yet may give what it is going to expose.
    func checkExposed(_ services: ServiceSet) throws(Problem) {
        guard case .names(let names) = services, !profile.exposed.isEmpty else { return }
        let known = profile.exposed.map(\.service.name)
        guard let unknown = names.subtracting(known).min() else { return }
        throw .unknownService(unknown, known: known.map(\.description).sorted())
    }

    /// Whether `peer` offers all of `wanted`, as far as it has told: it may have narrowed its grant, of which nothing
    /// else tells.
    func offers(of peer: NodeKey, include wanted: Set<ServiceName>) -> Bool {
        guard let offers = peers[peer].offers else { return true }
        return wanted.isSubset(of: offers.services.map(\.name))
    }

    /// Sets what a trusted peer may use.
    mutating func setTrust(
        in peerName: PeerName,
        to services: ServiceSet,
        id: CommandID,
        at now: Clocks
    ) throws(Problem) -> [SidecarAction] {
        let peer = try known(peerName)
        try checkExposed(services)
        guard standing(of: peer, at: now).isMutual, let relationship = book.relationships[peer] else {
            throw .notTrusted(displayName(of: peer))
        }
        let changed = give(services, in: relationship, at: now)
        return changed.actions + [.answer(id, changed.document)]
    }

    /// Gives `services` in the place of what `relationship` gives; the peer sees it when it asks what is offered.
    mutating func give(
        _ services: ServiceSet,
        in relationship: TrustRelationship,
        at now: Clocks
    ) -> (document: TrustDocument, actions: [SidecarAction]) {
        let former = relationship.given.services
        guard former != services else { return (trustDocument(of: relationship, added: .names([])), []) }
        let peer = relationship.peer
        let changed = TrustRelationship(
            peer: peer,
            given: newGrant(to: peer, services: services, at: now),
            received: relationship.received,
            secret: relationship.secret,
            claims: relationship.claims,
            hubs: relationship.hubs,
            candidates: relationship.candidates,
            since: relationship.since
        )
        let event = grantEvent(to: peer, services, former: former)
        let document = trustDocument(of: changed, added: services.subtracting(former))
        let written = [record([.trusted(changed)]), .audit(event)]
        return (document, written + reconcile(peer, at: now) + [.reviewAccess])
    }

    /// Takes back the requests that `text` names. A revocation tells the peer; where a trust stands, which that would
    /// end, this side alone forgets them.
    mutating func withdraw(_ text: String, id: CommandID, at now: Clocks) throws(Problem) -> [SidecarAction] {
        let open = Array(book.outgoing.values) + Array(book.superseded.values)
        let named = PeerName(text).flatMap { try? known($0) }
        let meant = open.filter { request in
            request.target == named || text.utf8.count >= 4 && request.id.description.hasPrefix(text)
        }
        guard let peer = meant.first?.target, meant.allSatisfy({ $0.target == peer }) else {
            throw .noSuchRequest(text)
        }
        let ids = open.filter { $0.target == peer }.map(\.id).sorted { $0.description < $1.description }
        guard !standing(of: peer, at: now).isMutual else {
            let answer = WithdrawRequest.Answer(ids: ids, did: peer, told: false)
            return [record(ids.map { .answered($0) }), .answer(id, answer)]
        }
        let answer = WithdrawRequest.Answer(ids: ids, did: peer, told: true)
        return endTrust(with: peer, withInvitations: false, at: now).actions + [.answer(id, answer)]
    }
}

extension Problem {
    /// Nothing is exposed under this name.
    fileprivate static func unknownService(_ name: ServiceName, known: [String]) -> Problem {
        let near = Suggestion.nearest(to: name.description, among: known)
        let all = "exposed are \(known.joined(separator: ", "))"
        return Problem(
            code: "unknown-service",
            message: "no service \(name) is exposed here",
            hint: near.map { "did you mean \($0)? " + all } ?? all + "; `postern expose` adds one"
        )
    }
}
