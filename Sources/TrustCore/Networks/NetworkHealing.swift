import OverlayCrypto
package import PosternModel

/// What ends a fork (RULES N4): one of the branches goes on, from which first everything is taken that the others do
/// not give as well, and a heal then names the ends of the others.
package struct NetworkHealing {
    /// The end of the branch that goes on.
    package let state: NetworkState
    /// What that branch has and its hub does not.
    package let missing: [NetworkEntry]
    /// What takes away what the other branches do not give, with the bodies.
    package let corrections: [(change: NetworkChange, content: JSONValue?)]
    /// Who gets the new content key.
    package let readers: [NodeKey]
    /// The ends of the other branches.
    package let ended: [NetworkHash]

    /// The healing of `log` with the branch that goes through `head`, the last entry of a hub. Nil when the log is not
    /// forked, or no branch goes through there.
    package init?(of log: NetworkLog, through head: NetworkHash, keys: NetworkKeyring) {
        guard log.isForked else { return nil }
        let chains = log.heads.map { log.chain(to: $0.hash) }
        guard let chain = chains.first(where: { chain in chain.contains { $0.hash == head } }), let end = chain.last,
            let state = log.replay(chain)
        else { return nil }
        let common = log.state
        self.state = state
        missing = Array(chain.drop { $0.hash != head }.dropFirst())
        ended = log.heads.map(\.hash).filter { $0 != end.hash }
        readers = common.members.keys.sorted() + common.guests
        let fork = NetworkFork(chains)
        corrections =
            Self.corrections(from: state, to: common)
            + Self.corrections(
                from: NetworkContent(of: chain, keys: keys),
                to: NetworkContent(of: log, keys: keys),
                before: NetworkContent(of: fork.common, keys: keys),
                members: common
            )
    }

    private static func corrections(
        from state: NetworkState,
        to common: NetworkState
    ) -> [(change: NetworkChange, content: JSONValue?)] {
        var changes: [NetworkChange] = []
        for (guest, invitation) in state.invitations.sorted(by: { $0.key < $1.key })
        where common.invitations[guest] != invitation {
            changes.append(.close(guest: guest))
        }
        for (key, member) in state.members.sorted(by: { $0.key < $1.key }) {
            guard let left = common.members[key] else {
                changes.append(.remove(key, from: member.role))
                continue
            }
            if left.role != member.role { changes.append(.role(key, from: member.role, to: left.role)) }
            let expires = left.role == member.role ? member.expires : nil
            if left.expires != expires { changes.append(.expiry(key, from: expires, to: left.expires)) }
        }
        for (key, authority) in state.authorities.sorted(by: { $0.key < $1.key })
        where common.authorities[key] != authority {
            changes.append(.unauthorize(key))
        }
        for (key, void) in common.voided.sorted(by: { $0.key < $1.key })
        where state.voided[key].map({ $0.from < void.from }) ?? true {
            changes.append(.void(key, from: void.from))
        }
        return changes.map { ($0, nil) }
    }

    private static func corrections(
        from branch: NetworkContent,
        to common: NetworkContent,
        before: NetworkContent,
        members: NetworkState
    ) -> [(change: NetworkChange, content: JSONValue?)] {
        var changes: [(change: NetworkChange, content: JSONValue?)] = []
        for (label, key) in branch.names.sorted(by: { $0.key < $1.key })
        where common.names[label] != key && members.contains(key) {
            changes.append((.name(key), ["label": nil]))
        }
        for (name, group) in branch.groups.sorted(by: { $0.key < $1.key }) {
            for key in group.members.subtracting(common.groups[name]?.members ?? []).sorted()
            where members.contains(key) {
                changes.append((.group(key), ["group": .string(name), "member": false]))
            }
        }
        if branch.policies != common.policies {
            // Of two that differ neither is the common one.
            let policy = common.policies.count == 1 ? common.policies.first : before.policies.last
            changes.append((.policy(critical: policy?.critical ?? []), policy?.document ?? [:]))
        }
        if branch.freshness != common.freshness { changes.append((.freshness, common.freshness.document)) }
        return changes
    }
}

extension NetworkState {
    /// Whether every membership, role and invitation here is in `other` as well, with no less.
    func gives(noMoreThan other: NetworkState) -> Bool {
        let isCovered = members.allSatisfy { key, member in
            guard let theirs = other.members[key] else { return false }
            let ends = theirs.expires.map { limit in member.expires.map { $0 <= limit } ?? false } ?? true
            return member.role <= theirs.role && ends
        }
        let certifiesNoMore = authorities.allSatisfy { key, authority in
            other.authorities[key].map { authority.lifetime <= $0.lifetime } ?? false
        }
        let voidsNoLess = other.voided.allSatisfy { key, void in voided[key].map { $0.from >= void.from } ?? false }
        return isCovered && certifiesNoMore && voidsNoLess
            && invitations.allSatisfy { guest, invitation in
                other.invitations[guest].map { invitation.uses <= $0.uses } ?? false
            }
    }
}
