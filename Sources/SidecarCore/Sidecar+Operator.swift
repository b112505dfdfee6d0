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
        id: CommandID,
        at now: Clocks
    ) throws(Problem) -> [SidecarAction] {
        let peer = try stranger(name)
        if standing(of: peer, at: now).isMutual, case .names(let wanted) = services,
            let relationship = book.relationships[peer],
            ServiceSet.names(wanted).isSubset(of: relationship.received.services)
        {
            return [.answer(id, RequestTrust.Answer(trust: trustDocument(of: relationship)))]
        }
        guard !profile.hubs.isEmpty || book.relationships[peer]?.hubs.isEmpty == false else { throw .noHub }
        guard book.outgoing.count < settings.outgoingCount else { throw .overLimit("requests without an answer") }
        let grant = newGrant(to: peer, services: .all, at: now)
        let terms = TrustRequest.Terms(
            name: profile.name,
            note: note,
            services: services,
            hubs: profile.hubs,
            issued: now.wall.inMilliseconds,
            expires: (now.wall + settings.requestLifetime).inMilliseconds,
            nonce: random.bytes(16)
        )
        let request = TrustRequest(from: identity, terms: terms, grant: grant)
        guard let sealed = try? Mail.request(request).sealed(using: &random) else { throw .unknownPeer(name) }
        // A new request replaces those before it, of which a bounded number can still be accepted.
        var facts: [TrustFact] = [.asked(request)]
        if book.superseded.count >= settings.outgoingCount,
            let oldest = book.superseded.min(by: { $0.value.issued < $1.value.issued })
        {
            facts.append(.answered(oldest.key))
        }
        let places = profile.hubs + (book.relationships[peer]?.hubs ?? [])
        facts += outboxEntry(.deposit(target: peer, sealed: sealed), at: places, until: request.expires)
        let event = AuditEvent(.trustAsked, actor: key, subject: peer.did, new: ["services": services.json])
        let isUp = places.contains { hubs[$0.key]?.isUp == true }
        let answer = RequestTrust.Answer(id: request.id, did: peer, state: isUp ? .sent : .queued, trust: nil)
        return [record(facts), .audit(event)] + reconcileHubs(at: now) + deliverOutbox(at: now) + [.answer(id, answer)]
    }

    mutating func approve(
        _ text: String,
        services: ServiceSet?,
        id: CommandID,
        at now: Clocks
    ) throws(Problem) -> [SidecarAction] {
        let pending = try pendingRequest(text)
        let actions = try accept(pending.request, services: services ?? pending.request.services, at: now)
        return actions + answer(id, withTrustIn: pending.request.asker)
    }

    mutating func reject(_ text: String, id: CommandID, at now: Clocks) throws(Problem) -> [SidecarAction] {
        let request = try pendingRequest(text).request
        var facts: [TrustFact] = [.decided(request.id, until: request.expires)]
        let rejection = TrustRejection(from: identity, to: request.asker, answering: request.id)
        if let sealed = try? Mail.rejection(rejection).sealed(using: &random) {
            let deposit = HubRequest.deposit(target: request.asker, sealed: sealed)
            facts += outboxEntry(deposit, at: request.hubs + profile.hubs, until: request.expires)
        }
        let event = AuditEvent(.trustRefused, actor: key, subject: request.asker.did)
        let answer = RejectRequest.Answer(id: request.id)
        return [record(facts), .audit(event)] + reconcileHubs(at: now) + deliverOutbox(at: now) + [.answer(id, answer)]
    }

    mutating func revoke(_ peerName: PeerName, id: CommandID, at now: Clocks) throws(Problem) -> [SidecarAction] {
        let peer = try known(peerName)
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
        let places = profile.hubs + (relationship?.hubs ?? [])
        let until = now.wall + settings.requestLifetime
        facts += outboxEntry(.revoke(revocation), at: places, until: until)
        if let sealed = try? Mail.revocation(revocation).sealed(using: &random) {
            facts += outboxEntry(.deposit(target: peer, sealed: sealed), at: places, until: until)
        }
        let old: JSONValue = relationship.map { ["services": $0.given.services.json] } ?? .null
        let event = AuditEvent(.trustRevoked, actor: key, subject: peer.did, old: old)
        let answer = RevokeTrust.Answer(did: peer, name: displayName(of: peer), state: "revoked")
        var actions = [record(facts), .audit(event)] + reconcile(peer, at: now) + deliverOutbox(at: now)
        for claim in joining.sorted(by: { $0.description < $1.description }) {
            redeemAt[claim] = nil
            actions += endJoins(of: claim).map { .fail($0.command, .notTrusted(displayName(of: peer))) }
        }
        return actions + [.answer(id, answer)]
    }

    mutating func rename(
        _ peerName: PeerName,
        to name: String,
        id: CommandID,
        at now: Clocks
    ) throws(Problem) -> [SidecarAction] {
        let peer = try known(peerName)
        let isTaken = book.names.contains { $0.value == name && $0.key != peer }
        guard HostName.isLowercaseLabel(name), !isTaken else { throw .invalidName(name) }
        let old: JSONValue = .string(displayName(of: peer))
        let event = AuditEvent(.renamed, actor: key, subject: peer.did, old: old, new: .string(name))
        return [record([.named(peer, name)]), .audit(event)] + answer(id, withTrustIn: peer)
    }

    /// The answer of a command that made or changed the trust with `peer`.
    private func answer(_ id: CommandID, withTrustIn peer: NodeKey) -> [SidecarAction] {
        guard let relationship = book.relationships[peer] else {
            return [.fail(id, .notTrusted(displayName(of: peer)))]
        }
        return [.answer(id, trustDocument(of: relationship))]
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
        return Grant(from: identity, to: peer, services: services, issued: issued)
    }

    /// Says yes to `request`: from here on the trust stands on this side, and the asker is told.
    mutating func accept(
        _ request: TrustRequest,
        services: ServiceSet,
        at now: Clocks
    ) throws(Problem) -> [SidecarAction] {
        let peer = request.asker
        guard book.relationships[peer] != nil || book.relationships.count < settings.peerCount else {
            throw .overLimit("peers")
        }
        let places = request.hubs + profile.hubs
        guard !places.isEmpty else { throw .noHub }
        let relationship = newRelationship(
            with: peer,
            name: request.name,
            services: services,
            received: request.grant,
            hubs: request.hubs,
            at: now
        )
        guard let mail = acceptance(of: request.id, relationship: relationship) else {
            throw .overLimit("bytes in the answer")
        }
        var facts: [TrustFact] = [.decided(request.id, until: request.expires), .trusted(relationship)]
        facts += outboxEntry(mail, at: places, until: now.wall + settings.requestLifetime)
        let event = AuditEvent(.trustGiven, actor: key, subject: peer.did, new: ["services": services.json])
        let written = [record(facts), .audit(event)]
        return written + reconcile(peer, at: now) + reconcileHubs(at: now) + deliverOutbox(at: now)
    }

    /// A relationship with our new grant: with a fresh secret, or with the one of the trust that it widens or
    /// narrows, so that running streams go on.
    mutating func newRelationship(
        with peer: NodeKey,
        name: String,
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
            secret: secret ?? random.bytes(32),
            name: localName(for: peer, claimed: name),
            hubs: hubs,
            candidates: [],
            since: now.wall.inMilliseconds
        )
    }

    /// The mail that tells `relationship`'s peer of our side of it.
    mutating func acceptance(of id: RecordID, relationship: TrustRelationship) -> HubRequest? {
        guard let sealed = sealedAcceptance(of: id, relationship: relationship) else { return nil }
        return .deposit(target: relationship.peer, sealed: sealed)
    }

    mutating func sealedAcceptance(of id: RecordID, relationship: TrustRelationship) -> [UInt8]? {
        let acceptance = try? TrustAcceptance(
            from: identity,
            answering: id,
            name: profile.name,
            grant: relationship.given,
            secret: relationship.secret,
            hubs: profile.hubs,
            candidates: profile.advertised,
            revocation: book.ownRevocation(of: relationship.peer)
        )
        guard let acceptance else { return nil }
        return try? Mail.acceptance(acceptance).sealed(using: &random)
    }
}
