package import OverlayCrypto
package import OverlayWire
package import PosternModel
package import TrustCore

/// The sidecar's mind: who is trusted for what, what hubs and peers are told, and what the operator's commands mean.
///
/// It owns no socket, file or clock. Each input returns the actions to do, in order; an answer to the operator or an
/// acknowledgement to a hub always stands behind the ``SidecarAction/persist(_:)`` that makes it true after a crash.
package struct Sidecar {
    let identity: NodeIdentity
    /// Which key comes after ours, for the peers that we trust.
    let commitment: KeyCommitment?
    /// How our key has changed, and which comes next; nil: we have committed to none.
    let records: NodeChain?
    let settings: SidecarSettings
    var profile: SidecarProfile
    var book: TrustBook
    let random: RandomSource
    var hubs = HubLinks()
    /// The hubs that share the registry of ours.
    var cluster = HomeCluster()
    var peers = PeerLinks()
    /// The hubs that know of an entry that others do not know of yet.
    var told: [RecordID: Set<NodeKey>] = [:]
    /// When what a hub refused to take is offered again.
    var outboxRetry: Instant?
    /// Requests to hubs that are not answered yet, and what they are for.
    var hubRequests: [SidecarRequestID: HubPurpose] = [:]
    /// The same for requests to peers.
    var peerRequests: [SidecarRequestID: PeerPurpose] = [:]
    /// When ``advance(to:)`` last looked for what had ended.
    private var advanced: Timestamp?
    private var lastRequest: UInt64 = 0
    /// Commands that wait for an inviter.
    var joins: [WaitingJoin] = []
    /// The keys of guests that the overlay admits, and their invitations.
    var guests: [NodeKey: RecordID] = [:]
    /// The contact cards that our hubs are told: ours, and one for each invitation that is answered.
    var contacts: [RecordID] = []
    /// Who waits for what a peer offers.
    var offersWaiters: [NodeKey: [OffersWaiter]] = [:]
    /// Keys that two programs use at a time, and when that was last seen.
    var duplicates: [NodeKey: Instant] = [:]
    /// When refusals were last recorded.
    var refusals: [Refused: Instant] = [:]
    /// Who may use what.
    var policy: AccessPolicy
    /// How far our journal has come.
    var marks: OwnMarks
    /// The command that goes on with an old state, while hubs are asked.
    var recovery: Recovery?
    /// Direct attempts to redeem: when the next is due, by the id of the claim.
    var redeemAt: [RecordID: Instant] = [:]
    /// What is published where, as far as the program has said; nil: it has not yet.
    var publishing: [PublishServices.Publication]?
    /// What is under way for the logs of networks.
    var networkLinks = NetworkLinks()

    /// What a request to a hub was made for.
    enum HubPurpose: Hashable, Sendable {
        case register(hub: NodeKey, contacts: [RecordID])
        case acknowledge
        case outbox(RecordID, hub: NodeKey)
        /// Work for a deposit, which this node does itself.
        case work(RecordID, hub: NodeKey)
        /// The refusal of a claim: whoever claimed asks again when it is lost.
        case refusal(hub: NodeKey)
        case resolve(hub: NodeKey, peer: NodeKey)
        case mark(hub: NodeKey, Int64)
        case recall(NodeKey)
        case read(NetworkID, hub: NodeKey)
        case append(NetworkID, hub: NodeKey)
        case show(NetworkID, hub: NodeKey)
        /// Boxes of the content key of this hash.
        case box(NetworkID, NetworkHash, hub: NodeKey)
    }

    /// What a request to a peer's sidecar was made for.
    enum PeerPurpose: Hashable, Sendable {
        case redeem(RecordID)
        case offers(NodeKey)
        case mark(NodeKey, Int64)
        case entries(NetworkID, NodeKey)
        case keys(NodeKey)
    }

    /// A `join` whose command still waits.
    struct WaitingJoin: Sendable {
        /// The id of the claim.
        let claim: RecordID
        let command: CommandID
        /// The answer, made out of the trust that comes of it.
        let answer: @Sendable (TrustDocument) -> SidecarAction
        let deadline: Instant
    }

    /// The mind that `facts`, the content of the journal, and `memory`, the content of the cache, make. The journal
    /// ends at `journal`, and had the ends `past` before.
    package init(
        identity: NodeIdentity,
        commitment: KeyCommitment? = nil,
        records: NodeChain? = nil,
        profile: SidecarProfile,
        facts: [TrustFact] = [],
        journal: ChainHead = .empty,
        past: [ChainHead] = [],
        memory: JSONValue = nil,
        random: RandomSource,
        settings: SidecarSettings = .defaults
    ) {
        var content = JournalContent(owner: identity.key)
        for fact in facts { content.book.apply(fact) }
        self.init(
            identity: identity,
            commitment: commitment,
            records: records,
            profile: profile,
            content: content,
            journal: journal,
            past: past,
            memory: memory,
            random: random,
            settings: settings
        )
    }

    /// The same of a journal that was folded as it was read.
    package init(
        identity: NodeIdentity,
        commitment: KeyCommitment? = nil,
        records: NodeChain? = nil,
        profile: SidecarProfile,
        content: JournalContent,
        journal: ChainHead = .empty,
        past: [ChainHead] = [],
        memory: JSONValue = nil,
        random: RandomSource,
        settings: SidecarSettings = .defaults
    ) {
        self.identity = identity
        self.commitment = commitment ?? records?.latest.next
        self.records = records
        self.profile = profile
        self.random = random
        self.settings = settings
        policy = AccessPolicy(profile.exposed)
        marks = OwnMarks(head: .empty, past: [])
        book = content.book
        book.networks.readBodies()
        book.networks.active = profile.networks
        marks = OwnMarks(head: journal, past: book.pastEnds + past)
        peers.remember(memory)
        rememberHomes(memory["homes"])
        networkLinks.remember(memory["beats"])
    }

    /// The peers that ``start(at:)`` greeted, so that they learn of a restart at once.
    package private(set) var greeted: [NodeKey] = []

    /// Our own key.
    package var key: NodeKey { identity.key }

    /// What the journal needs to hold, for compaction.
    package func compactedFacts(at now: Timestamp) -> [TrustFact] {
        let ends = marks.latest
        return book.compacted(at: now) + (ends.isEmpty ? [] : [.past(ends)])
    }

    /// Admits every trusted peer and the hubs, and greets the peers met last, so that they learn of a restart at once.
    package mutating func start(at now: Clocks) -> [SidecarAction] {
        book.networks.lapse(at: now.wall)
        _ = book.networks.takeLapses()
        var actions: [SidecarAction] = [.audit(AuditEvent(.started, actor: key, subject: key.did))] + remindOutdated()
        actions += noteOwnKeys()
        actions += reconcilePeers(at: now)
        actions += reconcileGuests(at: now)
        actions += tellContacts(at: now)
        actions += reconcileHubs(at: now)
        for (id, _) in book.joining { redeemAt[id] = now.instant }
        greeted = peers.met(since: now.wall + Interval(nanoseconds: -settings.recentlyMet.nanoseconds))
        for peer in greeted { actions += want(peer, at: now) }
        return actions + advance(to: now)
    }

    /// The configuration changed.
    package mutating func reconfigure(_ profile: SidecarProfile, at now: Clocks) -> [SidecarAction] {
        let old = self.profile
        self.profile = profile
        reviewHomes(since: old.hubs)
        policy = AccessPolicy(profile.exposed)
        book.networks.active = profile.networks
        var affected = old.networks == profile.networks ? [] : reconcilePeers(at: now)
        // What a stream was opened by may be gone: `allow`, the service, a network (RULES X).
        if old.networks != profile.networks || old.exposed != profile.exposed { affected.append(.reviewAccess) }
        guard old.auditDocument != profile.auditDocument || old.exposed != profile.exposed else { return affected }
        let event = AuditEvent(
            .reconfigured,
            actor: key,
            subject: key.did,
            old: old.auditDocument,
            new: profile.auditDocument
        )
        return [.audit(event)] + affected + reconcileHubs(at: now) + register()
    }

    /// The addresses under which we may be reached directly, for invitations and acceptances.
    /// `confirmed`: those of them that a hub has seen us at.
    package mutating func advertise(_ endpoints: [Endpoint], confirmed: [Endpoint]) {
        profile.advertised = Array(endpoints.filter { !$0.isRelay }.prefix(RecordLimits.candidates))
        profile.confirmed = confirmed
    }

    /// Does what has become due.
    package mutating func advance(to now: Clocks) -> [SidecarAction] {
        advanced = now.wall
        var actions = lapseMemberships(at: now) + reconcileHubs(at: now)
        actions += forgetExpired(at: now)
        actions += deliverOutbox(at: now)
        actions += lookUpWanted(at: now)
        actions += redeemDirectly(at: now)
        actions += giveUpJoins(at: now)
        actions += fetchWithheld()
        // What time does to memberships was looked at above.
        let fellows = book.networks.fellows
        actions += reconcilePeers(
            among: Set(book.relationships.keys).union(peers.admitted.subtracting(fellows)),
            at: now
        )
        actions += reconcileGuests(at: now)
        actions += giveUpRecovery(at: now)
        actions += advanceNetworks(at: now)
        actions += leaveMarks(at: now)
        return actions
    }

    /// When ``advance(to:)`` has something to do, or nil.
    package func nextDeadline(at now: Clocks) -> Instant? {
        var deadlines: [Instant?] = [
            hubs.nextAttempt, nextLookUp(at: now), outboxRetry, nextMark, recovery?.deadline,
            networkLinks.nextDeadline, nextFreshness(at: now),
        ]
        deadlines += joins.map(\.deadline)
        deadlines += redeemAt.values.map(\.self)
        // What ended since the last look is due now.
        let seen = advanced ?? now.wall
        let expiries = [
            book.trust.nextExpiry(after: seen), nextInvitationExpiry(after: seen),
            book.networks.nextExpiry(after: seen),
        ]
        deadlines += expiries.map { expiry in expiry.map { now.instant + ($0 - now.wall) + .milliseconds(1) } }
        return deadlines.compactMap(\.self).min()
    }

    /// Makes `facts` true here and asks to make them durable.
    mutating func record(_ facts: [TrustFact]) -> SidecarAction {
        for fact in facts { book.apply(fact) }
        book.networks.readBodies()
        return .persist(facts)
    }

    mutating func nextHubRequest(_ purpose: HubPurpose) -> SidecarRequestID {
        let id = nextRequestID()
        hubRequests[id] = purpose
        return id
    }

    mutating func nextPeerRequest(_ purpose: PeerPurpose) -> SidecarRequestID {
        let id = nextRequestID()
        peerRequests[id] = purpose
        return id
    }

    private mutating func nextRequestID() -> SidecarRequestID {
        lastRequest += 1
        return SidecarRequestID(lastRequest)
    }

    func standing(of peer: NodeKey, at now: Clocks) -> TrustState.Standing {
        book.blocked.contains(peer) || book.outdated != nil ? .none : book.trust.standing(of: peer, at: now.wall)
    }
}

extension SidecarProfile {
    /// What the audit trail says about a configuration.
    var auditDocument: JSONValue {
        [
            "name": .string(name), "hubs": .texts(hubs), "expose": JSONValue(encoding: exposed.map { $0.service }),
            "accept": .array(accept.map(\.auditDocument)),
        ]
    }
}
