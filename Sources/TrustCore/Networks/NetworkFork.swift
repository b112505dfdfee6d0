import OverlayCrypto
import PosternModel

/// What counts of a log with several branches (RULES N4).
///
/// Behind the fork point, entries of whoever was removed or demoted by a senior in any branch are void. Of what is left
/// a membership or role counts only if every branch gives it, and an invitation only if it was open before.
struct NetworkFork {
    private let base: NetworkState
    /// What all branches begin with.
    let common: [NetworkEntry]
    private let suffixes: [ArraySlice<NetworkEntry>]

    /// The fork of `chains`, which begin with one genesis and are valid each.
    init(_ chains: [[NetworkEntry]]) {
        let shortest = chains.map(\.count).min() ?? 0
        let shared = (0..<shortest).prefix { position in
            chains.allSatisfy { $0[position].hash == chains[0][position].hash }
        }.count
        common = Array(chains[0].prefix(shared))
        suffixes = chains.map { $0.dropFirst(shared) }
        guard let genesis = common.first, var state = try? NetworkState(genesis) else {
            preconditionFailure("branches of one log share its genesis")
        }
        for entry in common.dropFirst() { try? state.apply(entry) }
        base = state
    }

    /// The common state, and the entries of each branch that count.
    var outcome: (state: NetworkState, branches: [[NetworkEntry]]) {
        let condemned = self.condemned
        var states: [NetworkState] = []
        var branches: [[NetworkEntry]] = []
        for suffix in suffixes {
            var state = base
            var branch = common
            for entry in suffix where !condemned.contains(entry.header.actor) {
                if (try? state.follow(entry)) != nil { branch.append(entry) }
            }
            states.append(state)
            branches.append(branch)
        }
        return (intersection(of: states, without: condemned), branches)
    }

    /// Who was removed or demoted by a senior who was not.
    private var condemned: Set<NodeKey> {
        var condemned: Set<NodeKey> = []
        let entries = suffixes.flatMap { $0 }
        let judges = base.members.keys.sorted { base.isSenior($0, to: $1) }
        for judge in judges where !condemned.contains(judge) {
            for entry in entries where entry.header.actor == judge {
                let subject: NodeKey
                switch entry.header.change {
                case .remove(let key, _): subject = key
                case .role(let key, let old, let new) where new < old: subject = key
                case .role, .genesis, .add, .join, .leave, .expiry, .open, .close, .rekey, .name, .group, .policy,
                    .publish, .freshness, .hubs, .authorize, .unauthorize, .void, .heal:
                    continue
                }
                if subject != judge, base.isSenior(judge, to: subject) { condemned.insert(subject) }
            }
        }
        return condemned
    }

    private func intersection(of states: [NetworkState], without condemned: Set<NodeKey>) -> NetworkState {
        var result = states[0]
        for other in states.dropFirst() {
            result.members = result.members.reduce(into: [:]) { members, entry in
                guard let theirs = other.members[entry.key] else { return }
                let role = min(entry.value.role, theirs.role)
                members[entry.key] = NetworkState.Member(
                    role: role,
                    since: max(entry.value.since, theirs.since),
                    expires: role == .member ? [entry.value.expires, theirs.expires].compactMap(\.self).min() : nil
                )
            }
            result.former.merge(other.former) { min($0, $1) }
            result.invitations = result.invitations.reduce(into: [:]) { open, entry in
                guard let theirs = other.invitations[entry.key] else { return }
                let uses = min(entry.value.uses, theirs.uses)
                open[entry.key] = NetworkState.Invitation(
                    uses: uses,
                    expires: entry.value.expires,
                    opened: entry.value.opened,
                    membership: entry.value.membership
                )
            }
            result.authorities = result.authorities.reduce(into: [:]) { authorities, entry in
                guard let theirs = other.authorities[entry.key] else { return }
                let lifetime = min(entry.value.lifetime, theirs.lifetime)
                authorities[entry.key] = NetworkState.Authority(lifetime: lifetime)
            }
            result.formerAuthorities.merge(other.formerAuthorities) { min($0, $1) }
            result.voided.merge(other.voided) { one, two in one.from >= two.from ? one : two }
            result.keys.merge(other.keys) { one, two in one.sequence >= two.sequence ? one : two }
            if other.head.sequence > result.head.sequence { result.head = other.head }
            result.key = min(result.key, other.key)
        }
        result.invitations = result.invitations.filter { base.invitations[$0.key] != nil }
        // Owners that left in different branches have not both left.
        if !result.members.values.contains(where: { $0.role == .owner }),
            let owner = base.members.keys.filter({ base.role(of: $0) == .owner && !condemned.contains($0) })
                .sorted(by: { base.isSenior($0, to: $1) }).first
        {
            result.members[owner] = base.members[owner]
        }
        for key in result.members.keys { result.former[key] = nil }
        return result
    }
}
