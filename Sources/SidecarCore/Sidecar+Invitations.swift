import HubProtocol
import OverlayCrypto
import OverlayWire
package import PosternModel
import TrustCore

// Invitations, on the side that makes them.
extension Sidecar {
    mutating func invite(
        uses: Int,
        lifetime: Interval,
        services: ServiceSet,
        named petname: String?,
        addresses: InvitationAddresses?,
        id: CommandID,
        at now: Clocks
    ) throws(Problem) -> [SidecarAction] {
        guard (1...settings.invitationUses).contains(uses) else {
            throw .badInvitation("uses are between 1 and \(settings.invitationUses)")
        }
        guard petname == nil || uses == 1 else {
            throw .badInvitation("a name is for one peer, and \(uses) may redeem it")
        }
        try checkExposed(services)
        let name = try petname.map { name throws(Problem) in try bindable(name, to: nil) }
        guard lifetime > .zero, lifetime <= settings.invitationLifetime else {
            throw .badInvitation("it is open for more than nothing and at most a year")
        }
        let open = book.issued.values.filter { $0.isOpen(at: now.wall) }
        guard open.count < settings.invitationCount else { throw .overLimit("open invitations") }
        let candidates = profile.addresses(for: addresses)
        guard !homeHubs.isEmpty || !candidates.isEmpty else { throw .noHub }
        let invitation = Invitation(
            inviter: key,
            name: profile.name,
            hubs: homeHubs,
            candidates: candidates,
            services: services,
            expires: (now.wall + lifetime).inMilliseconds,
            secret: InvitationSecret(from: random)
        )
        // Whoever was revoked before may redeem it, also where the clock went back since.
        let ended = book.trust.revocations.filter { $0.giver == key }.map(\.issued).max()
        let since = max(now.wall.inMilliseconds, ended.map { $0 + .milliseconds(1) } ?? now.wall.inMilliseconds)
        let new: JSONValue = [
            "services": services.json, "uses": .integer(Int64(uses)), "expires": .time(invitation.expires),
        ]
        let event = AuditEvent(.invited, actor: key, subject: invitation.id.description, new: new)
        let answer = CreateInvitation.Answer(invitation: invitation, expires: invitation.expires, uses: uses)
        let written = [record([.invited(invitation, uses: uses, name: name, at: since)]), .audit(event)]
        return written + reconcileGuests(at: now) + [.answer(id, answer)]
    }

    /// Somebody redeems an invitation. Who does not prove to hold it gets no answer (S3). Who redeemed it before and
    /// asks again, because an answer was lost, gets the same answer and costs no further use. Any other holder of an
    /// invitation that ended is told why.
    mutating func claimed(_ claim: InvitationClaim, at now: Clocks) -> (answer: [UInt8]?, actions: [SidecarAction]) {
        guard let issued = book.issued[claim.invitation], claim.isProved(by: issued.invitation.secret) else {
            return (nil, [])
        }
        let peer = claim.redeemer
        guard peer != key, !isOwnHub(peer), !book.blocked.contains(peer), now.wall < issued.forgotten else {
            return (nil, [])
        }
        let places = claim.hubs + homeHubs
        if issued.redeemers.contains(peer) {
            guard var relationship = book.relationships[peer], standing(of: peer, at: now).isMutual else {
                return refused(claim, because: .withdrawn)
            }
            // Its grant is newer when it has ended the trust and joins again, of which this side may hear later.
            let isRenewed = claim.grant.issued > relationship.received.issued
            if isRenewed { relationship = relationship.renewed(by: claim.grant) }
            guard let sealed = sealedAcceptance(of: claim.id, relationship: relationship) else { return (nil, []) }
            let renewal: [TrustFact] = isRenewed ? [.trusted(relationship)] : []
            let word = remember(commitmentIn: claim.grant)
            let deposit = HubRequest.deposit(target: peer, sealed: sealed, evidence: .grant(claim.grant))
            let until = now.wall + settings.requestLifetime
            let facts = renewal + word.facts + outboxEntry(deposit, at: places, until: until)
            let written = [record(facts)] + word.events
            return (sealed, facts.isEmpty ? [] : written + reconcileHubs(at: now) + deliverOutbox(at: now))
        }
        if let end = issued.end(at: now.wall) { return refused(claim, because: end) }
        // A link of many uses does not let in again whom the operator has put out since it was made.
        if let ended = book.ownRevocation(of: peer), ended.issued >= issued.since {
            return refused(claim, because: .withdrawn)
        }
        guard book.relationships[peer] != nil || book.relationships.count < settings.peerCount else { return (nil, []) }
        // An invitation gives and takes nothing away.
        let former = standingServices(to: peer, at: now)
        let services = former?.union(issued.invitation.services) ?? issued.invitation.services
        let relationship = newRelationship(
            with: peer,
            claims: claim.name,
            services: services,
            received: claim.grant,
            hubs: claim.hubs,
            at: now
        )
        guard let sealed = sealedAcceptance(of: claim.id, relationship: relationship) else { return (nil, []) }
        let binding = binding(issued.name, to: peer)
        let word = remember(commitmentIn: claim.grant)
        var facts: [TrustFact] = [.redeemed(claim.invitation, by: peer), .trusted(relationship)]
        facts += binding.facts + word.facts
        let until = now.wall + settings.requestLifetime
        let deposit = HubRequest.deposit(target: peer, sealed: sealed, evidence: .grant(claim.grant))
        facts += outboxEntry(deposit, at: places, until: until)
        let subject = claim.invitation.description
        let redeemed = AuditEvent(.redeemed, actor: peer, subject: subject, new: ["name": .string(claim.name)])
        let given = grantEvent(to: peer, services, former: former)
        let written = [record(facts), .audit(redeemed), .audit(given)] + binding.events + word.events
        let told = reconcile(peer, at: now) + reconcileHubs(at: now) + deliverOutbox(at: now)
        return (sealed, written + told + reconcileGuests(at: now))
    }

    /// Tells the holder of an invitation why it opens nothing, on the way that he came and at the hubs that are up.
    /// Nothing of it is kept, so that refused claims cost no disk however many come.
    private mutating func refused(
        _ claim: InvitationClaim,
        because reason: TrustRejection.Reason
    ) -> (answer: [UInt8]?, actions: [SidecarAction]) {
        let rejection = TrustRejection(from: identity, to: claim.redeemer, answering: claim.id, because: reason)
        guard let sealed = try? Mail.rejection(rejection).sealed(using: random, keys: book.successions) else {
            return (nil, [])
        }
        let meeting = Set((claim.hubs + homeHubs).map(\.key))
        let actions = hubs.up.filter { meeting.contains($0) }.map { hub in
            SidecarAction.hubRequest(
                nextHubRequest(.refusal(hub: hub)),
                hub: hub,
                .deposit(target: claim.redeemer, sealed: sealed, evidence: .grant(claim.grant))
            )
        }
        return (sealed, actions)
    }

    /// The guest keys of invitations whose holders are answered are admitted, others are not.
    mutating func reconcileGuests(at now: Clocks) -> [SidecarAction] {
        let answered = answeredInvitations(at: now)
        var actions: [SidecarAction] = []
        // Few change at a time, so only those are brought into an order.
        for (guest, _) in guests.filter({ answered[$0.value] == nil }).sorted(by: { $0.key < $1.key }) {
            guests[guest] = nil
            actions.append(.expel(guest, .refused))
        }
        let admitted = Set(guests.values)
        let arriving = answered.filter { !admitted.contains($0.key) }
        for (id, secret) in arriving.sorted(by: { $0.key.description < $1.key.description }) {
            guard let guest = try? NodeIdentity(seed: secret.guestSeed).key else { continue }
            guests[guest] = id
            actions += release(hub: guest)
            let admission = PeerAdmission(
                key: guest,
                handshakeKey: guest,
                secret: secret.guestSecret,
                candidates: [],
                isGuest: true
            )
            actions.append(.admit(admission))
        }
        guard !actions.isEmpty else { return [] }
        // A claim that comes by a hub finds room there.
        return actions + tellContacts(at: now)
    }

    /// The invitations whose holders are answered: all that are open, and the latest of those that ended.
    func answeredInvitations(at now: Clocks) -> [RecordID: InvitationSecret] {
        guard book.outdated == nil else { return [:] }
        var answered: [RecordID: InvitationSecret] = [:]
        var ended: [(id: RecordID, invitation: Invitation)] = []
        // Every command comes here, so there is one pass and no sorting as long as there are few.
        for (id, issued) in book.issued where now.wall < issued.forgotten {
            if issued.isOpen(at: now.wall) {
                answered[id] = issued.invitation.secret
            } else {
                ended.append((id, issued.invitation))
            }
        }
        if ended.count > settings.invitationCount { ended.sort { $0.invitation.expires > $1.invitation.expires } }
        for (id, invitation) in ended.prefix(settings.invitationCount) { answered[id] = invitation.secret }
        return answered
    }

    /// The guest keys of all invitations that are remembered, whether their holders are answered now or not.
    package func guestKeys(at now: Clocks) -> Set<NodeKey> {
        let remembered = book.issued.values.filter { now.wall < $0.forgotten }
        return Set(remembered.compactMap { try? NodeIdentity(seed: $0.invitation.secret.guestSeed).key })
    }

    func isGuest(_ peer: NodeKey) -> Bool { guests[peer] != nil }

    /// The session of a guest ended; the next one may be of somebody else, with another clock.
    mutating func guestLeft(_ guest: NodeKey, at now: Clocks) -> [SidecarAction] {
        guests[guest] = nil
        return [.expel(guest, .none)] + reconcileGuests(at: now)
    }

    func nextInvitationExpiry(after time: Timestamp) -> Timestamp? {
        var next: Timestamp?
        for issued in book.issued.values {
            for due in [issued.invitation.expires, issued.forgotten] where due > time { next = min(next ?? due, due) }
        }
        return next
    }
}

extension SidecarProfile {
    /// What an invitation says of where we are. Nil: what a hub has seen, so that the inviter is met at once where that
    /// is possible; and everything where there is no hub to be met at.
    fileprivate func addresses(for wanted: InvitationAddresses?) -> [Endpoint] {
        switch wanted {
        case .some(.none): []
        case .public: advertised.filter { $0.scope == .global }
        case .all: advertised
        case nil: hubs.isEmpty ? advertised : confirmed
        }
    }
}

// Invitations, on the side that redeems them.
extension Sidecar {
    /// Redeems `invitation`; `name` is what its inviter is to be called here, `services` what it may use of ours
    /// besides what it may already (nil: everything that `allow` gives, for an inviter that we do not trust yet), and
    /// `answering` makes the answer out of the trust that comes of it.
    mutating func join(
        _ invitation: Invitation,
        naming name: String?,
        giving services: ServiceSet?,
        answering answer: @escaping @Sendable (TrustDocument) -> SidecarAction,
        id: CommandID,
        at now: Clocks
    ) throws(Problem) -> [SidecarAction] {
        guard invitation.inviter != key else { throw .badInvitation("it is our own") }
        guard !book.blocked.contains(invitation.inviter) else { throw .isBlocked(invitation.inviter) }
        guard now.wall < invitation.expires else { throw .badInvitation("it expired at \(invitation.expires)") }
        if let services { try checkExposed(services) }
        let given = standingServices(to: invitation.inviter, at: now)
        let giving = given.map { $0.union(services ?? .names([])) } ?? services ?? .all
        if given != nil, let relationship = book.relationships[invitation.inviter],
            invitation.services.isSubset(of: relationship.received.services)
        {
            let binding = binding(name, to: invitation.inviter)
            let named = binding.facts.isEmpty ? [] : [record(binding.facts)] + binding.events
            let widened = give(giving, in: relationship, at: now)
            return named + widened.actions + [answer(widened.document)]
        }
        guard !invitation.candidates.isEmpty || !(invitation.hubs + homeHubs).isEmpty else {
            throw .badInvitation("it names neither a hub nor an address")
        }
        if let known = book.joining.first(where: { $0.value.invitation.id == invitation.id }) {
            waitForInviter(known.key, command: id, answering: answer, at: now)
            redeemAt[known.key] = now.instant
            let isRenamed = known.value.name != name
            let named = isRenamed ? [record([.joining(invitation, known.value.claim, name: name)])] : []
            return named + redeemDirectly(at: now)
        }
        let grant = newGrant(to: invitation.inviter, services: giving, at: now)
        // Whoever has no hub of its own is met at the inviter's.
        let meetingPlaces = homeHubs.isEmpty ? invitation.hubs : homeHubs
        let claim = InvitationClaim(
            from: identity,
            invitation: invitation,
            name: profile.name,
            grant: grant,
            hubs: meetingPlaces
        )
        guard let sealed = try? Mail.claim(claim).sealed(using: random, keys: book.successions) else {
            throw .badInvitation("its key is not a valid one")
        }
        var facts: [TrustFact] = [.joining(invitation, claim, name: name)]
        let evidence = invitation.secret.contactToken.map { DepositEvidence.contact($0) }
        let deposit = HubRequest.deposit(target: invitation.inviter, sealed: sealed, evidence: evidence)
        facts += outboxEntry(deposit, at: invitation.hubs + homeHubs, until: invitation.expires)
        let event = AuditEvent(
            .trustAsked,
            actor: key,
            subject: invitation.inviter.did,
            new: ["invitation": .string(invitation.id.description)]
        )
        waitForInviter(claim.id, command: id, answering: answer, at: now)
        redeemAt[claim.id] = now.instant
        let written = [record(facts), .audit(event)]
        return written + reconcileHubs(at: now) + deliverOutbox(at: now) + redeemDirectly(at: now)
    }

    /// Meets inviters at the addresses in their invitations, until one of the ways has led to an answer.
    mutating func redeemDirectly(at now: Clocks) -> [SidecarAction] {
        var actions: [SidecarAction] = []
        for (id, due) in redeemAt.sorted(by: { $0.key.description < $1.key.description }) where due <= now.instant {
            guard let joining = book.joining[id], now.wall < joining.forgotten else {
                redeemAt[id] = nil
                actions += book.joining[id] == nil ? [] : [record([.answered(id)])]
                continue
            }
            let isAwaited = joins.contains { $0.claim == id }
            let patience = isAwaited ? settings.redeemInterval : settings.redeemInterval * 12
            redeemAt[id] = now.instant + patience
            guard !joining.invitation.candidates.isEmpty, !peerRequests.values.contains(.redeem(id)) else {
                continue
            }
            guard let sealed = try? Mail.claim(joining.claim).sealed(using: random, keys: book.successions) else {
                continue
            }
            actions.append(.redeem(nextPeerRequest(.redeem(id)), joining.invitation, claim: sealed))
        }
        return actions
    }

    /// The inviter answered a direct attempt.
    mutating func redeemed(_ id: RecordID, answer sealed: [UInt8], at now: Clocks) -> [SidecarAction] {
        switch try? Mail(opening: sealed, with: identity) {
        case .acceptance(let acceptance): return acceptance.answers == id ? received(acceptance, at: now) : []
        case .rejection(let rejection): return rejection.answers == id ? received(rejection, at: now) : []
        case .request, .revocation, .claim, .notice, nil: return []
        }
    }

    /// Tells operators who have waited long enough that this goes on without them.
    mutating func giveUpJoins(at now: Clocks) -> [SidecarAction] {
        let late = joins.filter { $0.deadline <= now.instant }
        joins.removeAll { $0.deadline <= now.instant }
        return late.map { .fail($0.command, noAnswer(to: $0.claim)) }
    }

    /// Why an invitation has not been answered in time, as far as this side can tell: the inviter says nothing, or none
    /// of the hubs where both can meet was reached.
    private func noAnswer(to claim: RecordID) -> Problem {
        let places = homeHubs + (book.joining[claim]?.invitation.hubs ?? [])
        guard !places.isEmpty, !places.contains(where: { hubs[$0.key]?.isUp == true }) else { return .noAnswer }
        return .unreachable(hub: places[0])
    }

    /// The invitation was answered, or is void: what still tries to redeem it directly ends.
    mutating func endRedemption(of claim: RecordID) -> [SidecarAction] {
        redeemAt[claim] = nil
        let attempts = peerRequests.filter { $0.value == .redeem(claim) }.map(\.key)
        return attempts.map { .endRedemption($0) }
    }

    /// The commands that waited for the answer to `claim`; none does any longer.
    mutating func endJoins(of claim: RecordID) -> [WaitingJoin] {
        let ended = joins.filter { $0.claim == claim }
        joins.removeAll { $0.claim == claim }
        return ended
    }

    private mutating func waitForInviter(
        _ claim: RecordID,
        command: CommandID,
        answering answer: @escaping @Sendable (TrustDocument) -> SidecarAction,
        at now: Clocks
    ) {
        let deadline = now.instant + settings.joinPatience
        joins.append(WaitingJoin(claim: claim, command: command, answer: answer, deadline: deadline))
    }
}
