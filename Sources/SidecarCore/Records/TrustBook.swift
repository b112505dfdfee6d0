import HubProtocol
import PosternModel
import TrustCore

/// What the sidecar's facts add up to. Applying a fact never fails: whoever makes one has checked it.
struct TrustBook: Sendable {
    /// An invitation of ours and what became of it.
    struct Issued: Hashable, Sendable {
        let invitation: Invitation
        let uses: Int
        /// What its redeemer is to be called here.
        let name: String?
        /// When it was made. Whoever was revoked later does not get back in by it, under the same key.
        let since: Timestamp
        var redeemers: Set<NodeKey> = []
        var isRevoked = false

        /// Whether somebody new may still redeem it at `time`.
        func isOpen(at time: Timestamp) -> Bool { end(at: time) == nil }

        /// Why nobody new may redeem it at `time`; nil: somebody may.
        func end(at time: Timestamp) -> TrustRejection.Reason? {
            if isRevoked { return .revoked }
            guard time < invitation.expires else { return .expired }
            return redeemers.count < uses ? nil : .usedUp
        }
        /// When its holder is no longer answered.
        var forgotten: Timestamp { invitation.expires + TrustBook.afterlife }
    }

    /// How long an invitation that has expired still counts for what is under way, since the clocks of both sides may
    /// differ: its holder is told that it has expired, and an answer to its holder is still taken.
    private static let afterlife = Interval.seconds(86_400)
    /// How long an offer that was accepted without our knowledge is withdrawn when we hear of it.
    private static let offerMemory = Interval.seconds(90 * 86_400)

    /// A contact card of ours.
    struct Card: Hashable, Sendable {
        let token: ContactToken
        let since: Timestamp
    }

    /// A request of somebody else that waits for a decision.
    struct Pending: Hashable, Sendable {
        let request: TrustRequest
        let received: Timestamp
        /// Where it came from, if its sender showed nothing but work.
        let stranger: MailOrigin?
    }

    /// An invitation that we redeem.
    struct Joining: Hashable, Sendable {
        let invitation: Invitation
        let claim: InvitationClaim
        /// What the inviter is to be called here.
        let name: String?

        /// When its inviter, whose clock may be another, no longer answers either.
        var forgotten: Timestamp { invitation.expires + TrustBook.afterlife }
    }

    /// Whose grants stand. What a request or a claim offers is not among them until it was accepted: an offer that is
    /// refused, or replaced by another one, never counts.
    private(set) var trust: TrustState
    /// The latest that we have offered each peer.
    private var offered: [NodeKey: Timestamp] = [:]
    /// Peers with which a trust stands or stood.
    private(set) var relationships: [NodeKey: TrustRelationship] = [:]
    /// The names that the operator bound. They stay bound when a trust ends.
    private(set) var names: [NodeKey: String] = [:]
    /// The other way round: names are unique.
    private var keys: [String: NodeKey] = [:]
    /// Who calls itself what, as a label.
    private(set) var claimants: [String: Set<NodeKey>] = [:]
    /// Which key comes after a peer's own, as it said first. That counts for good.
    private(set) var commitments: [NodeKey: KeyCommitment] = [:]
    /// What peers said of it later that differs.
    private(set) var contradictions: [NodeKey: KeyCommitment] = [:]
    /// The keys of nodes that have changed them, by their names.
    private(set) var successions: [NodeKey: NodeChain] = [:]
    /// Whom the operator shut out.
    private(set) var blocked: Set<NodeKey> = []
    private(set) var outgoing: [RecordID: TrustRequest] = [:]
    /// Our requests that a later one to the same peer has replaced: the peer may accept one before it sees the other.
    private(set) var superseded: [RecordID: TrustRequest] = [:]
    /// What rules of the configuration have accepted lately.
    var acceptances = RuleAcceptances()
    /// Our contact cards.
    private(set) var cards: [RecordID: Card] = [:]
    private(set) var pending: [RecordID: Pending] = [:]
    /// Requests that were decided, until a replay of them would be too old anyway.
    private(set) var decided: [RecordID: Timestamp] = [:]
    private(set) var issued: [RecordID: Issued] = [:]
    /// By the id of our claim.
    private(set) var joining: [RecordID: Joining] = [:]
    private(set) var outbox: [RecordID: OutboxEntry] = [:]
    /// The number that the node's journal has come to before, when this state is older than the node.
    private(set) var outdated: Int64?
    /// Up to which number what others know of the node's journal has been seen to.
    private(set) var recoveredUpTo: Int64 = 0
    /// Ends that the journal had before its base.
    private(set) var pastEnds: [ChainHead] = []
    /// The networks that it is in.
    var networks: Memberships

    init(owner: NodeKey, room: (any EntryRoom)? = nil) {
        trust = TrustState(owner: owner)
        networks = Memberships(owner: owner, room: room)
    }

    mutating func apply(_ fact: TrustFact) {
        switch fact {
        case .asked(let request):
            for (id, earlier) in outgoing where earlier.target == request.target {
                superseded[id] = outgoing.removeValue(forKey: id)
            }
            outgoing[request.id] = request
            offer(request.target, at: request.grant.issued)
        case .offered(let peer, let time):
            offer(peer, at: time)
        case .answered(let id):
            endOffer(id)
        case .carded(let token, let time):
            cards[token.id] = Card(token: token, since: time)
        case .uncarded(let id): cards[id] = nil
        case .received(let request, let time, let stranger):
            for (id, earlier) in pending where earlier.request.asker == request.asker { pending[id] = nil }
            pending[request.id] = Pending(request: request, received: time, stranger: stranger)
        case .decided(let id, let until):
            pending[id] = nil
            decided[id] = until
        case .acceptedByRule(let acceptance): acceptances.add(acceptance)
        case .trusted(let relationship):
            trust.add(relationship.given)
            trust.add(relationship.received)
            // A claim that comes late must not take the place of a newer grant, or compaction would forget that one.
            let known = relationships[relationship.peer]?.received ?? relationship.received
            let isNewer = known.issued > relationship.received.issued
            noteClaim(of: relationship)
            relationships[relationship.peer] = isNewer ? relationship.renewed(by: known) : relationship
            if let keys = relationship.received.record.succession { succeed(keys) }
        case .revoked(let revocation): trust.add(revocation)
        case .committed(let commitment, let peer): commit(commitment, by: peer)
        case .contradicted(let commitment, let peer): contradictions[peer] = commitment
        case .succeeded(let keys): succeed(keys)
        case .bound(let name, let peer): bind(name, to: peer)
        case .invited(let invitation, let uses, let name, let time):
            issued[invitation.id] = Issued(invitation: invitation, uses: uses, name: name, since: time)
        case .blocked(let peer): blocked.insert(peer)
        case .unblocked(let peer): blocked.remove(peer)
        case .uninvited(let id):
            issued[id]?.isRevoked = true
        case .redeemed(let id, let peer):
            issued[id]?.redeemers.insert(peer)
        case .joining(let invitation, let claim, let name):
            joining[claim.id] = Joining(invitation: invitation, claim: claim, name: name)
            offer(invitation.inviter, at: claim.grant.issued)
        case .outbox(let entry):
            outbox[entry.id] = entry
        case .delivered(let id):
            outbox[id] = nil
        case .outdated(let sequence):
            outdated = max(outdated ?? sequence, sequence)
        case .past(let ends):
            pastEnds = ends
        case .recovered(let sequence):
            recover(upTo: sequence)
        case .network(let fact): networks.apply(fact)
        }
    }

    private mutating func recover(upTo sequence: Int64) {
        outdated = nil
        recoveredUpTo = max(recoveredUpTo, sequence)
    }

    /// A request or claim of ours has its answer, or is withdrawn.
    private mutating func endOffer(_ id: RecordID) {
        if let ended = outgoing.removeValue(forKey: id) {
            superseded = superseded.filter { $0.value.target != ended.target }
        }
        superseded[id] = nil
        joining[id] = nil
    }

    /// The peer to which `name` is bound.
    func key(named name: String) -> NodeKey? { keys[name] }

    private mutating func noteClaim(of relationship: TrustRelationship) {
        let peer = relationship.peer
        if let former = relationships[peer].flatMap({ HostName.label(from: $0.claims) }) {
            claimants[former]?.remove(peer)
            if claimants[former]?.isEmpty == true { claimants[former] = nil }
        }
        if let label = HostName.label(from: relationship.claims) { claimants[label, default: []].insert(peer) }
    }

    /// The first word of a peer counts.
    private mutating func commit(_ commitment: KeyCommitment, by peer: NodeKey) {
        if commitments[peer] == nil { commitments[peer] = commitment }
    }

    /// The key that `node` has now, as far as is known: it signs and shakes hands with that.
    func currentKey(of node: NodeKey) -> NodeKey { successions[node]?.current ?? node }

    /// Whether `keys` goes on from what is known of its node's keys and keeps its word.
    func follows(_ keys: NodeChain) -> Bool {
        let (known, word) = (successions[keys.first], commitments[keys.first])
        return (known.map { keys.extends($0) } ?? true) && (word.map { keys.keeps($0) } ?? true)
    }

    private mutating func succeed(_ keys: NodeChain) {
        if follows(keys) { successions[keys.first] = keys }
    }

    /// A name that is another peer's stays with that one.
    private mutating func bind(_ name: String, to peer: NodeKey) {
        guard keys[name] == nil else { return }
        if let former = names.updateValue(name, forKey: peer) { keys[former] = nil }
        keys[name] = peer
    }

    /// Whom we have offered our trust, as far as is remembered.
    var offeredKeys: Set<NodeKey> { Set(offered.keys) }

    /// Whether we have offered `peer` our trust, as far as is remembered.
    func hasOffered(_ peer: NodeKey) -> Bool { offered[peer] != nil }

    /// Our latest revocation towards `peer`.
    func ownRevocation(of peer: NodeKey) -> Revocation? {
        trust.revocations.first { $0.giver == trust.owner && $0.subject == peer }
    }

    /// The invitations by which `peer` came and others still may, the oldest first.
    func openInvitations(redeemedBy peer: NodeKey, at time: Timestamp) -> [Issued] {
        issued.values.filter { $0.redeemers.contains(peer) && $0.isOpen(at: time) }.sorted { $0.since < $1.since }
    }

    /// Whether all that we have offered `peer` is ended by `revocation`.
    func isEnded(by revocation: Revocation) -> Bool {
        offered[revocation.subject].map { $0 <= revocation.issued } ?? true
    }

    /// Whether `peer` may still accept something that we have offered.
    func hasOpenOffer(to peer: NodeKey) -> Bool {
        outgoing.values.contains { $0.target == peer } || joining.values.contains { $0.invitation.inviter == peer }
    }

    /// When a grant or revocation towards `peer` is to be issued: after all that we have signed towards it, even if the
    /// clock went back meanwhile.
    func issueTime(towards peer: NodeKey, now: Timestamp) -> Timestamp {
        let time = trust.issueTime(towards: peer, now: now)
        guard let offered = offered[peer], offered >= time else { return time }
        return offered.inMilliseconds + .milliseconds(1)
    }

    private mutating func offer(_ peer: NodeKey, at time: Timestamp) {
        offered[peer] = max(offered[peer] ?? time, time)
    }

    /// Forgets decisions about requests that were valid until `time` at most.
    mutating func forgetDecided(before time: Timestamp) {
        guard decided.values.contains(where: { $0 <= time }) else { return }
        decided = decided.filter { $0.value > time }
    }

    /// Facts from which the same book arises, without what has ended: the content of a compacted journal.
    func compacted(at now: Timestamp) -> [TrustFact] {
        var facts: [TrustFact] = []
        // One that ended still tells what a peer calls itself that is asked again.
        let kept = relationships.values.filter {
            trust.standing(of: $0.peer, at: now) != .none || hasOpenOffer(to: $0.peer)
        }
        for relationship in kept.sorted(by: { $0.since < $1.since }) { facts.append(.trusted(relationship)) }
        // A name stays its peer's for good, also when the trust with it has ended.
        facts += names.sorted { $0.value < $1.value }.map { .bound($0.value, to: $0.key) }
        facts += commitments.sorted { $0.key < $1.key }.map { .committed($0.value, by: $0.key) }
        facts += successions.sorted { $0.key < $1.key }.map { .succeeded($0.value) }
        facts += contradictions.sorted { $0.key < $1.key }.map { .contradicted($0.value, by: $0.key) }
        facts += blocked.sorted().map { .blocked($0) }
        facts += trust.revocations.map { .revoked($0) }
        let remembered = offered.filter { now < $0.value + Self.offerMemory }
        facts += remembered.sorted { $0.key < $1.key }.map { .offered($0.key, at: $0.value) }
        // A request comes before the one that replaces it.
        facts += superseded.values.sorted { $0.grant.issued < $1.grant.issued }.map { .asked($0) }
        facts += outgoing.values.map { .asked($0) }
        facts += pending.values.map { .received($0.request, at: $0.received, stranger: $0.stranger) }
        facts += cards.values.sorted { $0.since < $1.since }.map { .carded($0.token, at: $0.since) }
        facts += acceptances.recent(at: now).map { .acceptedByRule($0) }
        facts += decided.filter { $0.value > now }.map { .decided($0.key, until: $0.value) }
        for entry in issued.values where now < entry.forgotten {
            facts.append(.invited(entry.invitation, uses: entry.uses, name: entry.name, at: entry.since))
            if entry.isRevoked { facts.append(.uninvited(entry.invitation.id)) }
            facts += entry.redeemers.map { .redeemed(entry.invitation.id, by: $0) }
        }
        facts += joining.values.map { .joining($0.invitation, $0.claim, name: $0.name) }
        facts += outbox.values.filter { $0.until > now }.map { .outbox($0) }
        facts += networks.compacted
        if recoveredUpTo > 0 { facts.append(.recovered(recoveredUpTo)) }
        if let outdated { facts.append(.outdated(outdated)) }
        return facts
    }
}
