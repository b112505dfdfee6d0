package import PosternModel

// Members by certificate (RULES N8): who may make them, and which of them count.
extension NetworkState {
    /// Whoever may make members for a while.
    package struct Authority: Hashable, Sendable {
        /// How many milliseconds a credential of it lasts at most.
        package let lifetime: Int64
    }

    /// The credentials of one subject that are void.
    struct Void: Hashable, Sendable {
        /// Those that were good from this time on, or before.
        let from: Timestamp
        /// The number of the entry that said so: the log is its subject's up to there.
        let sequence: Int64
    }

    /// Whether `credential` makes its subject a member at `time`. It never brings back who left or was removed: that
    /// takes an administrator.
    package func admits(_ credential: NetworkCredential, at time: Timestamp) -> Bool {
        counts(credential) && credential.from <= time + NetworkCredential.skew && time < credential.until
    }

    /// Whether `credential` makes its subject a member while it lasts.
    package func counts(_ credential: NetworkCredential) -> Bool {
        guard let authority = authorities[credential.authority], credential.network == id,
            former[credential.subject] == nil,
            credential.until - credential.from <= .milliseconds(authority.lifetime)
        else { return false }
        return !isVoid(credential)
    }

    /// Whether an entry has ended `credential`.
    private func isVoid(_ credential: NetworkCredential) -> Bool {
        voided[credential.subject].map { credential.from <= $0.from } ?? false
    }

    /// Takes note of a credential that was shown; returns whether it is news. It is no part of what the log says: a hub
    /// keeps it beside the log. Throws, and has not changed, when it makes nobody a member.
    package mutating func show(_ credential: NetworkCredential, at time: Timestamp) throws(NetworkFault) -> Bool {
        guard admits(credential, at: time) else { throw .notAllowed }
        if let known = credentials[credential.subject], known.until >= credential.until, admits(known, at: time) {
            return false
        }
        // One that was voided stays until it would have ended, so that its subject may read why.
        let kept = credentials.filter { $0.value.until > time }
        guard kept.count < NetworkLimits.credentials || kept[credential.subject] != nil else { throw .full }
        credentials = kept
        credentials[credential.subject] = credential
        return true
    }

    /// The credentials that count at `time`, in a stable order.
    package func shownCredentials(at time: Timestamp) -> [NetworkCredential] {
        credentials.sorted { $0.key < $1.key }.map(\.value).filter { admits($0, at: time) }
    }

    /// The credential that makes `key` a member at `time`; nil: there is none.
    package func credential(of key: NodeKey, at time: Timestamp) -> NetworkCredential? {
        credentials[key].flatMap { admits($0, at: time) ? $0 : nil }
    }

    /// Everybody who is a member at `time`, by the log or by certificate, in a stable order.
    package func everybody(at time: Timestamp) -> [NodeKey] {
        let certified = shownCredentials(at: time).map(\.subject)
        return Set(members.keys.filter { contains($0, at: time) }).union(certified).sorted()
    }

    /// When the membership of `key` ends by itself, as things stand at `time`; nil: it does not, or there is none.
    package func end(of key: NodeKey, at time: Timestamp) -> Timestamp? {
        guard let member = members[key], !member.isExpired(at: time) else {
            return credential(of: key, at: time)?.until
        }
        return member.expires
    }

    /// The number of the last entry that `key` may read at `time`; nil: it has no business here.
    package func lastReadable(by key: NodeKey, at time: Timestamp) -> Int64? {
        guard !contains(key, at: time) else { return head.sequence }
        if let end = former[key] { return end }
        guard let credential = credentials[key], credential.until > time else { return nil }
        return isVoid(credential) ? voided[key]?.sequence : formerAuthorities[credential.authority]
    }

    mutating func authorize(
        _ subject: NodeKey,
        for lifetime: Int64,
        by role: NetworkRole
    ) throws(NetworkFault) {
        guard role == .owner, members[subject] == nil, invitations[subject] == nil else { throw .notAllowed }
        guard authorities[subject] == nil, (1...NetworkLimits.credential).contains(lifetime) else { throw .outdated }
        guard authorities.count < NetworkLimits.authorities else { throw .full }
        authorities[subject] = Authority(lifetime: lifetime)
        formerAuthorities[subject] = nil
    }

    mutating func endAuthority(_ subject: NodeKey, by role: NetworkRole, at sequence: Int64) throws(NetworkFault) {
        guard role == .owner else { throw .notAllowed }
        guard authorities.removeValue(forKey: subject) != nil else { throw .outdated }
        formerAuthorities[subject] = sequence
        // Credentials of the one that ended first have ended as well.
        while formerAuthorities.count > NetworkLimits.authorities,
            let oldest = formerAuthorities.min(by: { $0.value < $1.value })
        {
            formerAuthorities[oldest.key] = nil
        }
    }

    mutating func void(
        _ subject: NodeKey,
        from: Timestamp,
        by role: NetworkRole,
        at sequence: Int64
    ) throws(NetworkFault) {
        guard role >= .admin else { throw .notAllowed }
        guard voided[subject].map({ $0.from < from }) ?? true else { throw .outdated }
        voided[subject] = Void(from: from, sequence: sequence)
        // What was void longest ago has ended since.
        while voided.count > NetworkLimits.credentials,
            let oldest = voided.min(by: { ($0.value.sequence, $0.key) < ($1.value.sequence, $1.key) })
        {
            voided[oldest.key] = nil
        }
    }
}
