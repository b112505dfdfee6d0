package import PosternModel

/// Why an entry is not valid where it stands.
package enum NetworkFault: Error, Hashable, Sendable {
    /// It is of another network, or the genesis of none.
    case otherNetwork
    /// It does not follow the head.
    case notNext
    /// What it needs is missing: a body, or the entry before it.
    case incomplete
    /// The actor is no member, or its role does not allow this.
    case notAllowed
    /// What it says was so before is not so.
    case outdated
    /// It would leave the network without an owner.
    case lastOwner
    /// The invitation is unknown, used up or over, or the proof is none.
    case noInvitation
    /// There is no room for it.
    case full
}

/// Who belongs to a network, in which role: what the headers of its log add up to (RULES N1, N9).
///
/// The same reducer runs in the hub and in every member, over headers alone, so an entry that the actor's role does not
/// allow is invalid everywhere, whoever serves it.
package struct NetworkState: Hashable, Sendable {
    /// One member.
    package struct Member: Hashable, Sendable {
        package internal(set) var role: NetworkRole
        /// The number of the entry that gave the role: of two with one role the earlier is the senior.
        package internal(set) var since: Int64
        /// When the membership ends by itself; nil: it does not. Administrators and owners stay until somebody acts.
        package internal(set) var expires: Timestamp?

        /// Whether the membership has ended by itself at `time`.
        package func isExpired(at time: Timestamp) -> Bool { expires.map { $0 <= time } ?? false }
    }

    /// An open invitation.
    struct Invitation: Hashable, Sendable {
        var uses: Int64
        let expires: Timestamp
        /// The number of the entry that opened it: whoever left or was removed behind it does not come back by it.
        let opened: Int64
        /// How many milliseconds the membership of whoever joins by it lasts; nil: it does not end by itself.
        let membership: Int64?
    }

    /// Which network.
    package let id: NetworkID
    package internal(set) var head: NetworkHead
    package internal(set) var members: [NodeKey: Member]
    /// Who belonged to it, and the number of the entry that ended that: the log is theirs up to there.
    package internal(set) var former: [NodeKey: Int64] = [:]
    /// By the guest key.
    var invitations: [NodeKey: Invitation] = [:]
    /// Who may make members by certificate.
    package internal(set) var authorities: [NodeKey: Authority] = [:]
    /// Who might, and the number of the entry that ended that.
    var formerAuthorities: [NodeKey: Int64] = [:]
    /// Whose credentials have ended before their time.
    var voided: [NodeKey: Void] = [:]
    /// What was shown, by subject; beside the log.
    package internal(set) var credentials: [NodeKey: NetworkCredential] = [:]
    /// What those who have changed their keys have last signed with.
    var keys: [NodeKey: ActorKey] = [:]
    /// Names the content key that seals what follows.
    package internal(set) var key: NetworkHash

    /// The network that `genesis` founds.
    package init(_ genesis: NetworkEntry) throws(NetworkFault) {
        let header = genesis.header
        guard case .genesis(_, let key) = header.change, header.network == nil, header.sequence == 0 else {
            throw .otherNetwork
        }
        guard header.previous == nil, header.bodyHash != nil else { throw .incomplete }
        id = NetworkID(genesis.hash)
        head = genesis.place
        members = [header.actor: Member(role: .owner, since: 0)]
        self.key = key
        keys[header.actor] = try signingKey(of: genesis)
    }

    init(
        id: NetworkID,
        head: NetworkHead,
        members: [NodeKey: Member],
        former: [NodeKey: Int64],
        invitations: [NodeKey: Invitation],
        key: NetworkHash
    ) {
        self.id = id
        self.head = head
        self.members = members
        self.former = former
        self.invitations = invitations
        self.key = key
    }

    /// Follows `entry`; nothing has changed when this throws.
    package mutating func apply(_ entry: NetworkEntry) throws(NetworkFault) {
        guard entry.header.network == id else { throw .otherNetwork }
        guard entry.header.sequence == head.sequence + 1, entry.header.previous == head.hash else { throw .notNext }
        try follow(entry)
    }

    /// The same for an entry that need not follow the head, as those behind a fork (RULES N4).
    mutating func follow(_ entry: NetworkEntry) throws(NetworkFault) {
        guard entry.header.change.hasBody == (entry.header.bodyHash != nil) else { throw .incomplete }
        let signing = try signingKey(of: entry)
        try change(by: entry.header)
        if let signing { keys[entry.header.actor] = signing }
        head = entry.place
    }

    /// The role of `key`; nil: it is no member.
    package func role(of key: NodeKey) -> NetworkRole? { members[key]?.role }

    /// Whether `key` is a member.
    package func contains(_ key: NodeKey) -> Bool { members[key] != nil }

    /// Whether `key` is a member at `time`: by the log, if its membership has not ended by itself, or by certificate.
    package func contains(_ key: NodeKey, at time: Timestamp) -> Bool {
        isListed(key, at: time) || credential(of: key, at: time) != nil
    }

    /// Whether the log makes `key` a member, and that has not ended by itself at `time`.
    private func isListed(_ key: NodeKey, at time: Timestamp) -> Bool {
        members[key].map { !$0.isExpired(at: time) } ?? false
    }

    /// Whether `proof` opens the log to `holder` at `time`. Whose membership has ended by itself comes back only by an
    /// invitation that is younger than it: by the one that gave it, it would have no end.
    package func admits(_ proof: NetworkProof, of holder: NodeKey, at time: Timestamp) -> Bool {
        guard let invitation = invitations[proof.guest], invitation.uses > 0, time <= invitation.expires,
            former[holder] ?? -1 < invitation.opened
        else { return false }
        if let member = members[holder], member.isExpired(at: time), member.since >= invitation.opened { return false }
        return proof.isValid(for: holder, joining: id)
    }

    /// The guest keys of open invitations.
    package var guests: [NodeKey] { invitations.keys.sorted() }

    /// Who is senior of two: owners before admins before members, then whoever has had the role longer.
    func isSenior(_ key: NodeKey, to other: NodeKey) -> Bool {
        guard let mine = members[key] else { return false }
        guard let theirs = members[other] else { return true }
        return mine.role != theirs.role ? mine.role > theirs.role : mine.since < theirs.since
    }

    private var ownerCount: Int { members.values.count { $0.role == .owner } }
}

// What each change needs and does (RULES N9).
extension NetworkState {
    /// Each looks at all that it needs before it changes anything: the state is changed where it is, since a copy of
    /// one with many members would cost more than the change.
    private mutating func change(by header: NetworkHeader) throws(NetworkFault) {
        let actor = header.actor
        if case .join(let guest, let signature) = header.change {
            return try join(actor, NetworkProof(guest: guest, signature: signature), header)
        }
        guard let role = members[actor]?.role, isListed(actor, at: header.time) else { throw .notAllowed }
        switch header.change {
        case .genesis: throw .otherNetwork
        case .join: break
        case .add(let subject, let expires): try add(subject, until: expires, by: role, header)
        case .expiry(let subject, let known, let new):
            guard role >= .admin, let member = members[subject], member.role == .member else { throw .notAllowed }
            guard member.expires == known, new != known else { throw .outdated }
            members[subject]?.expires = new
        case .leave: try end(actor, at: header.sequence)
        case .remove(let subject, let known):
            guard subject != actor, let current = members[subject]?.role else { throw .notAllowed }
            guard current == known else { throw .outdated }
            guard role == .owner || role == .admin && current == .member else { throw .notAllowed }
            try end(subject, at: header.sequence)
        case .role(let subject, let known, let new):
            guard role == .owner, let current = members[subject]?.role else { throw .notAllowed }
            guard current == known, new != known else { throw .outdated }
            guard current != .owner || ownerCount > 1 else { throw .lastOwner }
            members[subject] = Member(role: new, since: header.sequence)
        case .open(let guest, let uses, let expires, let membership):
            guard role >= .admin, members[guest] == nil else { throw .notAllowed }
            guard invitations[guest] == nil, (1...NetworkLimits.invitationUses).contains(uses),
                membership.map({ (1...NetworkLimits.membership).contains($0) }) ?? true
            else { throw .noInvitation }
            guard members.count + invitations.count < NetworkLimits.members else { throw .full }
            invitations[guest] = Invitation(
                uses: uses,
                expires: expires,
                opened: header.sequence,
                membership: membership
            )
        case .close(let guest):
            guard role >= .admin else { throw .notAllowed }
            guard invitations.removeValue(forKey: guest) != nil else { throw .noInvitation }
        case .rekey(let new):
            guard role >= .admin else { throw .notAllowed }
            guard new != key else { throw .outdated }
            key = new
        case .name(let subject), .group(let subject):
            guard role >= .admin, members[subject] != nil else { throw .notAllowed }
        case .policy:
            guard role >= .admin else { throw .notAllowed }
        case .publish: break
        case .hubs, .freshness:
            guard role == .owner else { throw .notAllowed }
        case .authorize(let subject, let lifetime): try authorize(subject, for: lifetime, by: role)
        case .unauthorize(let subject): try endAuthority(subject, by: role, at: header.sequence)
        case .void(let subject, let from): try void(subject, from: from, by: role, at: header.sequence)
        case .heal(let heads):
            guard role == .owner, !heads.isEmpty else { throw .notAllowed }
        }
    }

    private mutating func add(
        _ subject: NodeKey,
        until expires: Timestamp?,
        by role: NetworkRole,
        _ header: NetworkHeader
    ) throws(NetworkFault) {
        guard role >= .admin, members[subject] == nil, invitations[subject] == nil else { throw .notAllowed }
        guard expires.map({ $0 > header.time }) ?? true else { throw .outdated }
        guard members.count + invitations.count < NetworkLimits.members else { throw .full }
        members[subject] = Member(role: .member, since: header.sequence, expires: expires)
        former[subject] = nil
    }

    private mutating func join(
        _ actor: NodeKey,
        _ proof: NetworkProof,
        _ header: NetworkHeader
    ) throws(NetworkFault) {
        guard !isListed(actor, at: header.time), invitations[actor] == nil else { throw .notAllowed }
        guard admits(proof, of: actor, at: header.time), var invitation = invitations[proof.guest] else {
            throw .noInvitation
        }
        guard members.count < NetworkLimits.members || members[actor] != nil else { throw .full }
        invitation.uses -= 1
        invitations[proof.guest] = invitation.uses == 0 ? nil : invitation
        let expires = invitation.membership.map { header.time + .milliseconds($0) }
        members[actor] = Member(role: .member, since: header.sequence, expires: expires)
        former[actor] = nil
    }

    private mutating func end(_ subject: NodeKey, at sequence: Int64) throws(NetworkFault) {
        guard members[subject]?.role != .owner || ownerCount > 1 else { throw .lastOwner }
        members[subject] = nil
        former[subject] = sequence
    }
}
