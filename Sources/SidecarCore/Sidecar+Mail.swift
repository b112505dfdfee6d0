import HubProtocol
import OverlayCrypto
import PosternModel
import TrustCore

// Sealed mail from other nodes. Whatever it says, a hub carried it: only what its signature covers counts, and a copy
// of it may come again at any time.
extension Sidecar {
    /// Nil: there is no place for it now, so it must stay at the hub.
    mutating func receive(mail sealed: [UInt8], as mailClass: MailClass, at now: Clocks) -> [SidecarAction]? {
        guard let mail = try? Mail(opening: sealed, with: identity), mail.sender != key else { return [] }
        let (isHeard, heard) = hear(mail.record, at: now)
        guard isHeard else { return heard }
        return receive(mail, as: mailClass, at: now).map { heard + $0 }
    }

    private mutating func receive(_ mail: Mail, as mailClass: MailClass, at now: Clocks) -> [SidecarAction]? {
        if book.blocked.contains(mail.sender) {
            // Who is shut out is not heard, but for the end of a trust.
            guard case .revocation(let revocation) = mail else { return [] }
            return received(revocation, at: now)
        }
        if book.outdated != nil {
            // What an old state knows of a request or an answer may not be what was decided: it stays at the hub.
            switch mail {
            case .revocation, .rejection: break
            case .request, .acceptance, .claim, .notice: return nil
            }
        }
        switch mail {
        case .request(let request): return received(request, as: mailClass, at: now)
        case .acceptance(let acceptance): return received(acceptance, at: now)
        case .rejection(let rejection): return received(rejection, at: now)
        case .revocation(let revocation): return received(revocation, at: now)
        case .claim(let claim): return claimed(claim, at: now).actions
        case .notice(let notice): return noticed(notice, at: now)
        }
    }

    /// Somebody asks for our trust: it waits for the operator, unless it crosses a request of our own.
    private mutating func received(
        _ request: TrustRequest,
        as mailClass: MailClass,
        at now: Clocks
    ) -> [SidecarAction]? {
        guard request.expires > now.wall, request.issued < now.wall + settings.clockSkew else { return [] }
        guard request.expires < request.issued + settings.requestLifetime * 2 else { return [] }
        guard book.pending[request.id] == nil, book.decided[request.id] == nil else { return [] }
        // A request that its asker has withdrawn since may arrive late.
        guard !book.trust.revocations.contains(where: { $0.voids(request.grant) }) else { return [] }
        if let relationship = book.relationships[request.asker], request.grant.issued <= relationship.received.issued {
            return []
        }
        let isRepeated = book.pending.values.contains { $0.request.asker == request.asker }
        let room: [RecordID]? = isRepeated ? [] : place(for: mailClass)
        guard let evicted = room else { return nil }
        // An older request of the same asker that arrives late does not replace a newer one. The grants tell which is
        // the older, for an asker's clock may have been set back between two requests.
        let isLate = book.pending.values.contains { entry in
            entry.request.asker == request.asker && entry.request.grant.issued > request.grant.issued
        }
        guard !isLate else { return [] }
        let asked: JSONValue = ["services": request.services.json, "name": .string(request.name)]
        let event = AuditEvent(.trustAsked, actor: request.asker, subject: key.did, new: asked)
        // What it replaces is decided by that: a late copy of it is not asked again.
        let replaced = book.pending.filter { $0.value.request.asker == request.asker }
        let decided = replaced.map { TrustFact.decided($0.key, until: $0.value.request.expires) }
        // What goes to make room may come again.
        let gone = evicted.map { TrustFact.decided($0, until: now.wall) }
        let stranger = mailClass.strangerOrigin
        let arrived = TrustFact.received(request, at: now.wall.inMilliseconds, stranger: stranger)
        let received = [record(decided + gone + [arrived]), .audit(event)]
        let crossed = acceptCrossing(request, at: now)
        return received + (crossed.isEmpty ? acceptByRule(request, at: now) : crossed)
    }

    /// Two nodes that ask each other have both said yes. So that they end up with one secret, the one with the smaller
    /// key answers and the other waits for it.
    private mutating func acceptCrossing(_ request: TrustRequest, at now: Clocks) -> [SidecarAction] {
        guard let own = book.outgoing.values.first(where: { $0.target == request.asker }) else { return [] }
        guard request.services.isSubset(of: own.grant.services), key.did < request.asker.did else { return [] }
        let actions = try? accept(request, services: own.grant.services, at: now)
        return (actions ?? []) + [record([.answered(own.id)])]
    }

    /// The peer says yes. What it has ended before comes first: of two approvals that cross, one may be of a request
    /// that was withdrawn.
    mutating func received(_ acceptance: TrustAcceptance, at now: Clocks) -> [SidecarAction] {
        let ended = acceptance.revocation.map { received($0, at: now) } ?? []
        return ended + accepted(acceptance, at: now)
    }

    private mutating func accepted(_ acceptance: TrustAcceptance, at now: Clocks) -> [SidecarAction] {
        let peer = acceptance.giver
        guard !isOwnHub(peer) else { return [] }
        let given: Grant
        var name: String?
        let asked = book.outgoing[acceptance.answers] ?? book.superseded[acceptance.answers]
        if let request = asked, request.target == peer {
            given = request.grant
        } else if let joining = book.joining[acceptance.answers], joining.invitation.inviter == peer {
            given = joining.claim.grant
            name = joining.name
        } else {
            return isNews(acceptance) ? withdrawOffer(answering: acceptance, at: now) : []
        }
        guard book.relationships[peer] != nil || book.relationships.count < settings.peerCount else { return [] }
        let crossed = crossing(acceptance, given: given, at: now)
        let known = standing(of: peer, at: now).isMutual ? book.relationships[peer] : nil
        let former: JSONValue = known.map { ["services": $0.received.services.json] } ?? .null
        let relationship = TrustRelationship(
            peer: peer,
            given: crossed?.given ?? given,
            received: acceptance.grant,
            secret: crossed?.secret ?? acceptance.secret,
            claims: acceptance.name,
            hubs: acceptance.hubs,
            candidates: acceptance.candidates,
            since: now.wall.inMilliseconds
        )
        let binding = binding(name, to: peer)
        let word = remember(commitmentIn: acceptance.grant)
        var facts: [TrustFact] = [.answered(acceptance.answers), .trusted(relationship)] + binding.facts + word.facts
        // A request of theirs that crossed ours is answered by this.
        for (id, entry) in book.pending where entry.request.asker == peer {
            facts.append(.decided(id, until: entry.request.expires))
        }
        let services: JSONValue = ["services": acceptance.grant.services.json]
        let event = AuditEvent(.trustGiven, actor: peer, subject: key.did, old: former, new: services)
        let written = [record(facts), .audit(event)] + binding.events + word.events
        var actions = written + reconcile(peer, at: now) + reconcileHubs(at: now)
        actions += endRedemption(of: acceptance.answers)
        let document = trustDocument(of: relationship)
        actions += endJoins(of: acceptance.answers).map { $0.answer(document) }
        return actions + want(peer, at: now)
    }

    /// What stays of our own acceptance when it crosses `acceptance`: each side asked, and each has accepted before it
    /// heard of the other's yes. Our grant is the later one; the secret is that of the smaller key, or each side would
    /// end up with the other's. Nil when nothing crosses.
    private func crossing(
        _ acceptance: TrustAcceptance,
        given: Grant,
        at now: Clocks
    ) -> (given: Grant, secret: PreSharedKey)? {
        let peer = acceptance.giver
        guard let own = book.relationships[peer], standing(of: peer, at: now).isMutual, own.given.issued > given.issued
        else { return nil }
        return (own.given, key.did < peer.did ? own.secret : acceptance.secret)
    }

    /// Whether `acceptance` has a grant that is newer than what its giver has granted and ended before.
    private func isNews(_ acceptance: TrustAcceptance) -> Bool {
        let peer = acceptance.giver
        if let known = book.relationships[peer]?.received, known.issued >= acceptance.grant.issued { return false }
        return !book.trust.revocations.contains { $0.voids(acceptance.grant) }
    }

    /// A peer has accepted what this side no longer offers: it is told so, or it would believe in a trust for good. An
    /// earlier revocation is repeated where it says that. A new one ends an offer that is still open too, so a request
    /// is made again behind it.
    private mutating func withdrawOffer(answering acceptance: TrustAcceptance, at now: Clocks) -> [SidecarAction] {
        let peer = acceptance.giver
        guard book.hasOffered(peer), !standing(of: peer, at: now).isMutual else { return [] }
        let waitingCount = book.outbox.values.count { entry in
            if case .deposit(let target, _, _) = entry.request { target == peer } else { false }
        }
        guard waitingCount < settings.waitingMailCount else { return [] }
        let open = book.outgoing.values.first { $0.target == peer }
        let revocation: Revocation
        var actions: [SidecarAction] = []
        // The claim on an invitation is shown again until it has its answer.
        let isJoining = open == nil && book.hasOpenOffer(to: peer)
        if let earlier = book.ownRevocation(of: peer),
            isJoining || book.isEnded(by: earlier) || earlier.isRightBefore(open?.grant)
        {
            revocation = earlier
        } else {
            guard !isJoining else { return [] }
            revocation = Revocation(from: identity, to: peer, issued: book.issueTime(towards: peer, now: now.wall))
            actions.append(record([.revoked(revocation)] + (open.map { [.answered($0.id)] } ?? [])))
        }
        let places = acceptance.hubs + homeHubs
        let evidence = DepositEvidence.grant(acceptance.grant)
        if let sealed = try? Mail.revocation(revocation).sealed(using: random, keys: book.successions) {
            let deposit = HubRequest.deposit(target: peer, sealed: sealed, evidence: evidence)
            actions.append(record(outboxEntry(deposit, at: places, until: now.wall + settings.requestLifetime)))
        }
        if let open, !actions.isEmpty { actions += askAgain(open, at: places, with: evidence, at: now) }
        return actions + reconcileHubs(at: now) + deliverOutbox(at: now)
    }

    /// Makes `former` again: the peer may have it no more, or need not have had it, and the same as the newest word
    /// from here leaves no doubt.
    private mutating func askAgain(
        _ former: TrustRequest,
        at places: [HubURL],
        with evidence: DepositEvidence,
        at now: Clocks
    ) -> [SidecarAction] {
        let peer = former.target
        let terms = TrustRequest.Terms(
            name: profile.name,
            note: former.note,
            services: former.services,
            hubs: former.hubs,
            issued: now.wall.inMilliseconds,
            expires: (now.wall + settings.requestLifetime).inMilliseconds,
            nonce: random.bytes(16)
        )
        let grant = newGrant(to: peer, services: former.grant.services, at: now)
        let request = TrustRequest(from: identity, terms: terms, grant: grant)
        guard let sealed = try? Mail.request(request).sealed(using: random, keys: book.successions) else { return [] }
        let deposit = HubRequest.deposit(target: peer, sealed: sealed, evidence: evidence)
        return [record([.asked(request)] + outboxEntry(deposit, at: places, until: request.expires))]
    }

    mutating func received(_ rejection: TrustRejection, at now: Clocks) -> [SidecarAction] {
        let id = rejection.answers
        let asked = book.outgoing[id] ?? book.superseded[id]
        guard (asked?.target ?? book.joining[id]?.invitation.inviter) == rejection.giver else { return [] }
        let event = AuditEvent(.trustRefused, actor: rejection.giver, subject: key.did)
        let written = [record([.answered(id)]), .audit(event)] + reconcileHubs(at: now)
        let ended = endJoins(of: id).map { SidecarAction.fail($0.command, .refusedInvitation(rejection.reason)) }
        return written + endRedemption(of: id) + ended
    }

    /// The peer ended the trust: sessions and streams end at once on this side too. It counts as well when it overtakes
    /// the acceptance that it voids.
    mutating func received(_ revocation: Revocation, at now: Clocks) -> [SidecarAction] {
        let peer = revocation.giver
        let isRelated =
            book.relationships[peer] != nil || book.outgoing.values.contains { $0.target == peer }
            || book.joining.values.contains { $0.invitation.inviter == peer }
            || book.pending.values.contains { $0.request.asker == peer }
        guard revocation.subject == key, isRelated, !book.trust.revocations.contains(revocation) else { return [] }
        let wasMutual = standing(of: peer, at: now).isMutual
        // A request that it withdraws waits no longer for a decision.
        let withdrawn = book.pending.filter { revocation.voids($0.value.request.grant) }
        let decided = withdrawn.map { TrustFact.decided($0.key, until: $0.value.request.expires) }
        let written = record([.revoked(revocation)] + decided)
        guard wasMutual, !standing(of: peer, at: now).isMutual else { return [written] }
        let old: JSONValue = book.relationships[peer].map { ["services": $0.received.services.json] } ?? .null
        let event = AuditEvent(.trustRevoked, actor: peer, subject: key.did, old: old)
        return [written, .audit(event)] + reconcile(peer, at: now)
    }
}

extension Revocation {
    /// Whether nothing was offered between it and `grant`.
    fileprivate func isRightBefore(_ grant: Grant?) -> Bool {
        guard let grant else { return false }
        return issued < grant.issued && grant.issued <= issued + .milliseconds(1)
    }
}
