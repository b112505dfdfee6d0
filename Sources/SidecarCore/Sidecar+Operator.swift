import HubProtocol
import OverlayCrypto
import PosternModel
import TrustCore

// What operations do, as far as it concerns trust.
extension Sidecar {
    mutating func request(
        _ name: PeerName,
        services: ServiceSet,
        note: String,
        named petname: String?,
        by card: ContactCard? = nil,
        givesNothing: Bool = false,
        id: CommandID,
        at now: Clocks
    ) throws(Problem) -> [SidecarAction] {
        let peer = try anyKey(named: name)
        guard !isOwnHub(peer) else { throw .isHub }
        guard !book.blocked.contains(peer) else { throw .isBlocked(peer) }
        let binding = binding(try petname.map { name throws(Problem) in try bindable(name, to: peer) }, to: peer)
        if standing(of: peer, at: now).isMutual, case .names(let wanted) = services,
            let relationship = book.relationships[peer],
            ServiceSet.names(wanted).isSubset(of: relationship.received.services),
            offers(of: peer, include: wanted)
        {
            let named = binding.facts.isEmpty ? [] : [record(binding.facts)] + binding.events
            return named + [.answer(id, RequestTrust.Answer(trust: trustDocument(of: relationship)))]
        }
        let places = homeHubs + (book.relationships[peer]?.hubs ?? []) + (card?.hubs ?? [])
        guard !places.isEmpty else { throw .noHub }
        guard book.outgoing.count < settings.outgoingCount else { throw .overLimit("requests without an answer") }
        // What a peer may use already is not taken away by asking it for more.
        let former = standing(of: peer, at: now).isMutual ? book.relationships[peer]?.given.services : nil
        let grant = newGrant(to: peer, services: givesNothing ? former ?? .names([]) : .all, at: now)
        let terms = TrustRequest.Terms(
            name: profile.name,
            note: note,
            services: services,
            // Whoever has no hub of its own is met at those of the card.
            hubs: homeHubs.isEmpty ? card?.hubs ?? [] : homeHubs,
            issued: now.wall.inMilliseconds,
            expires: (now.wall + settings.requestLifetime).inMilliseconds,
            nonce: random.bytes(16)
        )
        let request = TrustRequest(from: identity, terms: terms, grant: grant)
        guard let sealed = try? Mail.request(request).sealed(using: random, keys: book.successions) else {
            throw .unknownPeer(name, hint: "its key cannot be one of a sidecar's")
        }
        // A new request replaces those before it, of which a bounded number can still be accepted.
        var facts: [TrustFact] = binding.facts + [.asked(request)]
        if book.superseded.count >= settings.outgoingCount,
            let oldest = book.superseded.min(by: { $0.value.issued < $1.value.issued })
        {
            facts.append(.answered(oldest.key))
        }
        let evidence = evidence(towards: peer, at: now) ?? card.map { .contact($0.token) }
        let deposit = HubRequest.deposit(target: peer, sealed: sealed, evidence: evidence)
        facts += outboxEntry(deposit, at: places, until: request.expires)
        let event = AuditEvent(.trustAsked, actor: key, subject: peer.did, new: ["services": services.json])
        let isUp = places.contains { hubs[$0.key]?.isUp == true }
        let answer = RequestTrust.Answer(id: request.id, did: peer, state: isUp ? .sent : .queued, trust: nil)
        let written = [record(facts), .audit(event)] + binding.events
        return written + reconcileHubs(at: now) + deliverOutbox(at: now) + [.answer(id, answer)]
    }

    mutating func approve(
        _ text: String,
        _ choice: GrantChoice,
        named petname: String?,
        id: CommandID,
        at now: Clocks,
        seeing view: any SidecarView
    ) throws(Problem) -> [SidecarAction] {
        let request = try pendingRequest(text).request
        let name = try petname.map { name throws(Problem) in try bindable(name, to: request.asker) }
        if let services = choice.services { try checkExposed(services) }
        let former = givenServices(to: request.asker, at: now)
        let wanted = choice.services ?? request.services
        // A yes takes nothing away, unless it is to.
        let services = choice.replaces ? wanted : former.union(wanted)
        let actions = try accept(request, services: services, named: name, at: now)
        guard let relationship = book.relationships[request.asker] else {
            preconditionFailure("an accepted request leaves a relationship")
        }
        let uses = uses(ofName: book.names[request.asker], seeing: view)
        let added = services.subtracting(former)
        return actions + [.answer(id, trustDocument(of: relationship, activating: uses, added: added))]
    }

    mutating func reject(_ text: String, id: CommandID, at now: Clocks) throws(Problem) -> [SidecarAction] {
        let request = try pendingRequest(text).request
        var facts: [TrustFact] = [.decided(request.id, until: request.expires)]
        let rejection = TrustRejection(from: identity, to: request.asker, answering: request.id)
        if let sealed = try? Mail.rejection(rejection).sealed(using: random, keys: book.successions) {
            let evidence = DepositEvidence.grant(request.grant)
            let deposit = HubRequest.deposit(target: request.asker, sealed: sealed, evidence: evidence)
            // A stranger's request makes this node talk to no hub that the stranger names.
            facts += outboxEntry(deposit, at: homeHubs, until: request.expires)
        }
        let event = AuditEvent(.trustRefused, actor: key, subject: request.asker.did)
        let answer = RejectRequest.Answer(id: request.id)
        return [record(facts), .audit(event)] + reconcileHubs(at: now) + deliverOutbox(at: now) + [.answer(id, answer)]
    }

    mutating func revoke(
        _ peerName: PeerName,
        withInvitations: Bool,
        id: CommandID,
        at now: Clocks
    ) throws(Problem) -> [SidecarAction] {
        let peer = try known(peerName)
        let ended = endTrust(with: peer, withInvitations: withInvitations, at: now)
        let answer = revocationAnswer(of: peer, whoCameBy: ended.links, at: now)
        return ended.actions + [.answer(id, answer)]
    }

    /// Ends whatever there is with `peer`, and tells it so; the links are the open invitations that it came by.
    mutating func endTrust(
        with peer: NodeKey,
        withInvitations: Bool,
        at now: Clocks
    ) -> (links: [RecordID], actions: [SidecarAction]) {
        let links = book.openInvitations(redeemedBy: peer, at: now.wall).map(\.invitation.id)
        let relationship = book.relationships[peer]
        // The revocation is as late as the newest grant, whatever the clock says.
        let issued = book.issueTime(towards: peer, now: now.wall)
        let revocation = Revocation(from: identity, to: peer, issued: issued)
        var facts: [TrustFact] = [.revoked(revocation)]
        let asked = Array(book.outgoing.values) + Array(book.superseded.values)
        facts += asked.filter { $0.target == peer }.map { .answered($0.id) }
        let joining = book.joining.filter { $0.value.invitation.inviter == peer }.keys
        facts += joining.map { .answered($0) }
        for (pending, entry) in book.pending where entry.request.asker == peer {
            facts.append(.decided(pending, until: entry.request.expires))
        }
        let places = homeHubs + (relationship?.hubs ?? [])
        let until = now.wall + settings.requestLifetime
        facts += outboxEntry(.revoke(revocation), at: places, until: until)
        if let sealed = try? Mail.revocation(revocation).sealed(using: random, keys: book.successions) {
            let deposit = HubRequest.deposit(target: peer, sealed: sealed, evidence: evidence(towards: peer, at: now))
            facts += outboxEntry(deposit, at: places, until: until)
        }
        let old: JSONValue = relationship.map { ["services": $0.given.services.json] } ?? .null
        let event = AuditEvent(.trustRevoked, actor: key, subject: peer.did, old: old)
        var actions = [record(facts), .audit(event)] + reconcile(peer, at: now) + deliverOutbox(at: now)
        for claim in joining.sorted(by: { $0.description < $1.description }) {
            actions += endRedemption(of: claim)
            actions += endJoins(of: claim).map { .fail($0.command, .notTrusted(displayName(of: peer))) }
        }
        if withInvitations { actions += uninvite(links, at: now) }
        return (links, actions)
    }

    private func revocationAnswer(of peer: NodeKey, whoCameBy links: [RecordID], at now: Clocks) -> RevokeTrust.Answer {
        let invitations = links.compactMap { book.issued[$0] }.map { InvitationDocument($0, at: now.wall) }
        let open = invitations.filter { $0.state == .open }.map { "`postern invite revoke \($0.id)`" }
        let hint = open.isEmpty ? nil : "it can come back under another key by the link that it came by: "
        return RevokeTrust.Answer(
            did: peer,
            name: name(of: peer),
            claims: claims(of: peer),
            state: "revoked",
            invitations: invitations,
            hint: hint.map { $0 + open.joined(separator: ", ") },
            networks: fellowNetworks(of: peer).map(\.name)
        )
    }

    mutating func rename(
        _ peerName: PeerName,
        to name: String,
        id: CommandID,
        at now: Clocks,
        seeing view: any SidecarView
    ) throws(Problem) -> [SidecarAction] {
        let peer = try anyKey(named: peerName)
        let binding = binding(try bindable(name, to: peer), to: peer)
        let answer = NamePeer.Answer(
            did: peer,
            name: name,
            claims: claims(of: peer),
            trusted: standing(of: peer, at: now).isMutual,
            activates: uses(ofName: name, seeing: view)
        )
        return (binding.facts.isEmpty ? [] : [record(binding.facts)] + binding.events) + [.answer(id, answer)]
    }

    /// Requests of both directions that are too old to be answered are no longer shown, and what was remembered of
    /// decided ones against replays is forgotten once their age refuses them.
    mutating func forgetExpired(at now: Clocks) -> [SidecarAction] {
        book.forgetDecided(before: now.wall)
        var facts: [TrustFact] = []
        for (id, entry) in book.pending where entry.request.expires <= now.wall {
            facts.append(.decided(id, until: entry.request.expires))
        }
        for requests in [book.outgoing, book.superseded] {
            for (id, request) in requests where request.expires <= now.wall { facts.append(.answered(id)) }
        }
        return facts.isEmpty ? [] : [record(facts)]
    }

    private func pendingRequest(_ text: String) throws(Problem) -> TrustBook.Pending {
        if let id = RecordID(text), let pending = book.pending[id] { return pending }
        // A beginning that only one request has is enough, and so is the asker.
        let matches = book.pending.values.filter { entry in
            entry.request.asker.did == text || text.utf8.count >= 4 && entry.request.id.description.hasPrefix(text)
        }
        guard matches.count == 1, let pending = matches.first else { throw .noSuchRequest(text) }
        return pending
    }
}

// What commands and mail have in common.
extension Sidecar {
    /// A grant of ours that is later than everything we signed towards `peer` before.
    func newGrant(to peer: NodeKey, services: ServiceSet, at now: Clocks) -> Grant {
        let issued = book.issueTime(towards: peer, now: now.wall)
        return Grant(from: identity, to: peer, services: services, issued: issued, commitment: commitment)
    }

    /// Says yes to `request`: from here on the trust stands on this side, and the asker is told.
    mutating func accept(
        _ request: TrustRequest,
        services: ServiceSet,
        named name: String? = nil,
        at now: Clocks
    ) throws(Problem) -> [SidecarAction] {
        let peer = request.asker
        guard !isOwnHub(peer) else { throw .isHub }
        guard book.relationships[peer] != nil || book.relationships.count < settings.peerCount else {
            throw .overLimit("peers")
        }
        let places = request.hubs + homeHubs
        guard !places.isEmpty else { throw .noHub }
        let former = standingServices(to: peer, at: now)
        let narrowed = former.map { !$0.isSubset(of: services) } ?? false
        let relationship = newRelationship(
            with: peer,
            claims: request.name,
            services: services,
            received: request.grant,
            hubs: request.hubs,
            at: now
        )
        guard let mail = acceptance(of: request.id, relationship: relationship) else {
            throw .overLimit("bytes in the answer")
        }
        let binding = binding(name, to: peer)
        let word = remember(commitmentIn: request.grant)
        var facts: [TrustFact] = [.decided(request.id, until: request.expires), .trusted(relationship)]
        facts += binding.facts + word.facts
        facts += outboxEntry(mail, at: places, until: now.wall + settings.requestLifetime)
        let event = grantEvent(to: peer, services, former: former)
        let written = [record(facts), .audit(event)] + binding.events + word.events
        let cut: [SidecarAction] = narrowed ? [.reviewAccess] : []
        return written + reconcile(peer, at: now) + cut + reconcileHubs(at: now) + deliverOutbox(at: now)
    }

    /// A relationship with our new grant: with a fresh secret, or with the one of the trust that it widens or
    /// narrows, so that running streams go on.
    mutating func newRelationship(
        with peer: NodeKey,
        claims: String,
        services: ServiceSet,
        received: Grant,
        hubs: [HubURL],
        at now: Clocks
    ) -> TrustRelationship {
        let secret = standing(of: peer, at: now).isMutual ? book.relationships[peer]?.secret : nil
        return TrustRelationship(
            peer: peer,
            given: newGrant(to: peer, services: services, at: now),
            received: received,
            secret: secret ?? PreSharedKey(from: random),
            claims: claims,
            hubs: hubs,
            candidates: [],
            since: now.wall.inMilliseconds
        )
    }

    /// The mail that tells `relationship`'s peer of our side of it.
    mutating func acceptance(of id: RecordID, relationship: TrustRelationship) -> HubRequest? {
        guard let sealed = sealedAcceptance(of: id, relationship: relationship) else { return nil }
        return .deposit(target: relationship.peer, sealed: sealed, evidence: .grant(relationship.received))
    }

    mutating func sealedAcceptance(of id: RecordID, relationship: TrustRelationship) -> [UInt8]? {
        let acceptance = try? TrustAcceptance(
            from: identity,
            answering: id,
            name: profile.name,
            grant: relationship.given,
            secret: relationship.secret,
            hubs: homeHubs,
            candidates: profile.advertised,
            revocation: book.ownRevocation(of: relationship.peer)
        )
        guard let acceptance else { return nil }
        return try? Mail.acceptance(acceptance).sealed(using: random, keys: book.successions)
    }
}
