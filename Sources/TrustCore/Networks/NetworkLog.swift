import PosternModel

/// The log of one network as one holder has it: every valid entry, in one branch or, after a fork, in several.
///
/// What it means depends on the entries alone and not on the order in which they came: two holders of the same entries
/// have the same state (RULES N4).
package struct NetworkLog: Sendable {
    package let id: NetworkID
    /// What counts: the state at the head; of a forked log what all branches agree on.
    package private(set) var state: NetworkState
    /// The entries that count, one list for each branch.
    private(set) var branches: [[NetworkEntry]]
    private var entries: [NetworkHash: NetworkEntry]
    /// The state at the end of each branch.
    private var leaves: [NetworkHash: NetworkState]

    /// The log that begins with `genesis`.
    package init(_ genesis: NetworkEntry) throws(NetworkFault) {
        state = try NetworkState(genesis)
        id = state.id
        entries = [genesis.hash: genesis]
        leaves = [genesis.hash: state]
        branches = [[genesis]]
    }

    /// Takes an entry; false when it is there already. Throws, and has not changed, when it is not valid where it
    /// stands, or the entry before it is missing.
    @discardableResult
    package mutating func insert(_ entry: NetworkEntry) throws(NetworkFault) -> Bool {
        guard entries[entry.hash] == nil else { return false }
        guard let previous = entry.header.previous, entries[previous] != nil else { throw .incomplete }
        guard var next = leaves[previous] ?? replay(chain(to: previous)) else { throw .incomplete }
        guard leaves[previous] != nil || leaves.count < NetworkLimits.branches else { throw .full }
        try next.apply(entry)
        entries[entry.hash] = entry
        leaves[previous] = nil
        leaves[entry.hash] = next
        if leaves.count == 1 {
            state = next
            branches[0].append(entry)
        } else {
            let chains = leaves.keys.sorted().map { chain(to: $0) }
            (state, branches) = NetworkFork(chains).outcome
        }
        return true
    }

    /// Whether two entries follow one: somebody who serves the log, or who wrote it, has deceived.
    package var isForked: Bool { leaves.count > 1 }

    /// The ends of all branches.
    package var heads: [NetworkHead] { leaves.keys.sorted().compactMap { entries[$0]?.place } }

    /// Whether the entry is here.
    package func contains(_ hash: NetworkHash) -> Bool { entries[hash] != nil }

    /// All entries, each behind the one that it follows.
    package var all: [NetworkEntry] {
        entries.values.sorted { ($0.header.sequence, $0.hash) < ($1.header.sequence, $1.hash) }
    }

    /// What tells another holder how far this log has come: the heads, and ever fewer of what is before them.
    package var locator: [NetworkHash] {
        var hashes = leaves.keys.sorted()
        for head in hashes {
            let chain = chain(to: head)
            var step = 1
            var position = chain.count - 2
            while position > 0, hashes.count < Self.locatorCount {
                hashes.append(chain[position].hash)
                position -= step
                step *= 2
            }
        }
        return Array(hashes.prefix(Self.locatorCount)) + [id.hash]
    }

    /// How many hashes a locator has, with the genesis one more.
    package static let locatorCount = 32

    /// The entries that a holder of `locator` lacks, each behind the one that it follows, of at most `byteCount` bytes,
    /// but one at least.
    package func entries(after locator: [NetworkHash], byteCount: Int) -> [NetworkEntry] {
        var known: Set<NetworkHash> = []
        for hash in locator {
            var next: NetworkHash? = hash
            while let hash = next, let entry = entries[hash], known.insert(hash).inserted {
                next = entry.header.previous
            }
        }
        var size = 0
        return Array(
            all.filter { !known.contains($0.hash) }.prefix { entry in
                let isFirst = size == 0
                size += entry.document.canonicalBytes.count
                return isFirst || size <= byteCount
            }
        )
    }

    private func chain(to head: NetworkHash) -> [NetworkEntry] {
        var chain: [NetworkEntry] = []
        var next: NetworkHash? = head
        while let hash = next, let entry = entries[hash] {
            chain.append(entry)
            next = entry.header.previous
        }
        return chain.reversed()
    }

    private func replay(_ chain: [NetworkEntry]) -> NetworkState? {
        guard let genesis = chain.first, var state = try? NetworkState(genesis) else { return nil }
        for entry in chain.dropFirst() {
            guard (try? state.apply(entry)) != nil else { return nil }
        }
        return state
    }
}

/// What counts of a log with several branches (RULES N4).
///
/// Behind the fork point, entries of whoever was removed or demoted by a senior in any branch are void. Of what is left
/// a membership or role counts only if every branch gives it, and an invitation only if it was open before.
struct NetworkFork {
    private let base: NetworkState
    private let common: [NetworkEntry]
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
                case .role, .genesis, .join, .leave, .open, .close, .rekey, .name, .group, .policy, .hubs: continue
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
                members[entry.key] = NetworkState.Member(role: role, since: max(entry.value.since, theirs.since))
            }
            result.former.merge(other.former) { min($0, $1) }
            result.invitations = result.invitations.reduce(into: [:]) { open, entry in
                guard let theirs = other.invitations[entry.key] else { return }
                let uses = min(entry.value.uses, theirs.uses)
                open[entry.key] = NetworkState.Invitation(
                    uses: uses,
                    expires: entry.value.expires,
                    opened: entry.value.opened
                )
            }
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
