import OverlayCrypto
import PosternModel
import TrustCore

// Sealed mail from other nodes. Whatever it says, a hub carried it: only what its signature covers counts, and a copy
// of it may come again at any time.
extension Sidecar {
    mutating func receive(mail sealed: [UInt8], at now: Clocks) -> [SidecarAction] {
        guard let mail = try? Mail(opening: sealed, with: identity), mail.sender != key else { return [] }
        switch mail {
        case .request(let request): return received(request, at: now)
        case .acceptance(let acceptance): return received(acceptance, at: now)
        case .rejection(let rejection): return received(rejection, at: now)
        case .revocation(let revocation): return received(revocation, at: now)
        case .claim(let claim): return claimed(claim, at: now).actions
        }
    }

    /// Somebody asks for our trust: it waits for the operator, unless it crosses a request of our own.
    private mutating func received(_ request: TrustRequest, at now: Clocks) -> [SidecarAction] {
        guard request.expires > now.wall, request.issued < now.wall + settings.clockSkew else { return [] }
        guard request.expires < request.issued + settings.requestLifetime * 2 else { return [] }
        guard book.pending[request.id] == nil, book.decided[request.id] == nil else { return [] }
        if let relationship = book.relationships[request.asker], request.grant.issued <= relationship.received.issued {
            return []
        }
        let isRepeated = book.pending.values.contains { $0.request.asker == request.asker }
        guard isRepeated || book.pending.count < settings.pendingCount else { return [] }
        // An older request of the same asker that arrives late does not replace a newer one.
        let isLate = book.pending.values.contains { entry in
            entry.request.asker == request.asker && entry.request.issued > request.issued
        }
        guard !isLate else { return [] }
        let asked: JSONValue = ["services": request.services.json, "name": .string(request.name)]
        let event = AuditEvent(.trustAsked, actor: request.asker, subject: key.did, new: asked)
        let received: [SidecarAction] = [record([.received(request, at: now.wall.inMilliseconds)]), .audit(event)]
        return received + acceptCrossing(request, at: now)
    }

    /// Two nodes that ask each other have both said yes. So that they end up with one secret, the one with the smaller
    /// key answers and the other waits for it.
    private mutating func acceptCrossing(_ request: TrustRequest, at now: Clocks) -> [SidecarAction] {
        guard let own = book.outgoing.values.first(where: { $0.target == request.asker }) else { return [] }
        guard request.services.isSubset(of: own.grant.services), key.did < request.asker.did else { return [] }
        let actions = try? accept(request, services: own.grant.services, at: now)
        return (actions ?? []) + [record([.answered(own.id)])]
    }

    mutating func received(_ acceptance: TrustAcceptance, at now: Clocks) -> [SidecarAction] {
        let peer = acceptance.giver
        let given: Grant
        if let request = book.outgoing[acceptance.answers], request.target == peer {
            given = request.grant
        } else if let joining = book.joining[acceptance.answers], joining.invitation.inviter == peer {
            given = joining.claim.grant
        } else {
            return []
        }
        guard book.relationships[peer] != nil || book.relationships.count < settings.peerCount else { return [] }
        let relationship = TrustRelationship(
            peer: peer,
            given: given,
            received: acceptance.grant,
            secret: acceptance.secret.copyBytes(),
            name: localName(for: peer, claimed: acceptance.name),
            hubs: acceptance.hubs,
            candidates: acceptance.candidates,
            since: now.wall.inMilliseconds
        )
        var facts: [TrustFact] = [.answered(acceptance.answers), .trusted(relationship)]
        // A request of theirs that crossed ours is answered by this.
        for (id, entry) in book.pending where entry.request.asker == peer {
            facts.append(.decided(id, until: entry.request.expires))
        }
        let services: JSONValue = ["services": acceptance.grant.services.json]
        let event = AuditEvent(.trustGiven, actor: peer, subject: key.did, new: services)
        var actions = [record(facts), .audit(event)] + reconcile(peer, at: now) + reconcileHubs(at: now)
        redeemAt[acceptance.answers] = nil
        if let join = joins.removeValue(forKey: acceptance.answers) {
            actions.append(join.answer(trustDocument(of: relationship)))
        }
        return actions + want(peer, at: now)
    }

    mutating func received(_ rejection: TrustRejection, at now: Clocks) -> [SidecarAction] {
        let id = rejection.answers
        guard (book.outgoing[id]?.target ?? book.joining[id]?.invitation.inviter) == rejection.giver else { return [] }
        let event = AuditEvent(.trustRefused, actor: rejection.giver, subject: key.did)
        let written = [record([.answered(id)]), .audit(event)] + reconcileHubs(at: now)
        redeemAt[id] = nil
        guard let join = joins.removeValue(forKey: id) else { return written }
        return written + [.fail(join.command, .refusedInvitation(rejection.reason))]
    }

    /// The peer ended the trust: sessions and streams end at once on this side too. It counts as well when it overtakes
    /// the acceptance that it voids.
    mutating func received(_ revocation: Revocation, at now: Clocks) -> [SidecarAction] {
        let peer = revocation.giver
        let isRelated =
            book.relationships[peer] != nil || book.outgoing.values.contains { $0.target == peer }
            || book.joining.values.contains { $0.invitation.inviter == peer }
        guard revocation.subject == key, isRelated, !book.trust.revocations.contains(revocation) else { return [] }
        let wasMutual = standing(of: peer, at: now).isMutual
        let written = record([.revoked(revocation)])
        guard wasMutual, !standing(of: peer, at: now).isMutual else { return [written] }
        let old: JSONValue = book.relationships[peer].map { ["services": $0.received.services.json] } ?? .null
        let event = AuditEvent(.trustRevoked, actor: peer, subject: key.did, old: old)
        return [written, .audit(event)] + reconcile(peer, at: now)
    }
}
