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
    /// The ends of the branches that no heal has ended, in a stable order.
    private var ends: [NetworkHash]
    /// Those of them that stand in the one branch that counts: what follows it changes nothing of what they ended.
    private var settled: Set<NetworkHash> = []
    /// The heals of all branches.
    private var heals: [NetworkEntry] = []

    /// The log that begins with `genesis`.
    package init(_ genesis: NetworkEntry) throws(NetworkFault) {
        state = try NetworkState(genesis)
        id = state.id
        entries = [genesis.hash: genesis]
        leaves = [genesis.hash: state]
        ends = [genesis.hash]
        branches = [[genesis]]
    }

    /// Takes an entry; false when it is there already. Throws, and has not changed, when it is not valid where it
    /// stands, or the entry before it is missing.
    @discardableResult
    package mutating func insert(_ entry: NetworkEntry) throws(NetworkFault) -> Bool {
        guard entries[entry.hash] == nil else { return false }
        guard let previous = entry.header.previous, entries[previous] != nil else { throw .incomplete }
        guard leaves.count > 1 || leaves[previous] == nil else {
            try extend(by: entry, behind: previous)
            return true
        }
        guard var next = leaves[previous] ?? replay(chain(to: previous)) else { throw .incomplete }
        guard leaves[previous] != nil || leaves.count < NetworkLimits.branches else { throw .full }
        try next.apply(entry)
        entries[entry.hash] = entry
        leaves[previous] = nil
        leaves[entry.hash] = next
        if case .heal = entry.header.change { heals.append(entry) }
        if ends == [previous] && heals.allSatisfy({ settled.contains($0.hash) }) {
            state = next
            branches[0].append(entry)
            ends = [entry.hash]
        } else {
            settle()
        }
        return true
    }

    /// Takes an entry at the end of the one line that there is. Its state is nowhere else meanwhile, and so is changed
    /// where it is, whatever its size.
    private mutating func extend(by entry: NetworkEntry, behind previous: NetworkHash) throws(NetworkFault) {
        leaves[previous] = nil
        defer { leaves[ends[0]] = state }
        try state.apply(entry)
        ends = [entry.hash]
        entries[entry.hash] = entry
        branches[0].append(entry)
        if case .heal = entry.header.change { heals.append(entry) }
    }

    /// Whether two entries follow one, and no heal has ended that: somebody who serves the log, or who wrote it, has
    /// deceived.
    package var isForked: Bool { ends.count > 1 }

    /// The ends of all branches that count.
    package var heads: [NetworkHead] { ends.compactMap { entries[$0]?.place } }

    /// Whether the entry is here.
    package func contains(_ hash: NetworkHash) -> Bool { entries[hash] != nil }

    /// The newest heal in the one line that counts; nil: there is none, or several lines count.
    package var heal: NetworkEntry? {
        isForked ? nil : heals.last { leaves.count == 1 || settled.contains($0.hash) }
    }

    /// Those of `entries` that are news and valid, where all of them are of the one line that there is; nil: where they
    /// belong ``insert(_:)`` finds out. Costs what the entries do, however long the log is.
    package func news(in entries: [NetworkEntry]) -> [NetworkEntry]? {
        guard leaves.count == 1 else { return nil }
        var next = state
        var news: [NetworkEntry] = []
        for entry in entries where !contains(entry.hash) {
            guard entry.header.previous == next.head.hash else { return nil }
            guard (try? next.apply(entry)) != nil else { break }
            news.append(entry)
        }
        return news
    }

    /// All entries, each behind the one that it follows.
    package var all: [NetworkEntry] {
        entries.values.sorted { ($0.header.sequence, $0.hash) < ($1.header.sequence, $1.hash) }
    }

    /// What tells another holder how far this log has come: the heads, and ever fewer of what is before them.
    package var locator: [NetworkHash] {
        var hashes = leaves.keys.sorted()
        for head in hashes {
            let chain = leaves.count == 1 ? branches[0] : chain(to: head)
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
        guard leaves.count > 1 || locator.isEmpty else {
            let found = Set(locator)
            let last = branches[0].lastIndex { found.contains($0.hash) }
            return Self.prefix(branches[0].dropFirst(last.map { $0 + 1 } ?? 0), byteCount)
        }
        var known: Set<NetworkHash> = []
        for hash in locator {
            var next: NetworkHash? = hash
            while let hash = next, let entry = entries[hash], known.insert(hash).inserted {
                next = entry.header.previous
            }
        }
        return Self.prefix(all.filter { !known.contains($0.hash) }[...], byteCount)
    }

    /// The first of `entries`, of at most `byteCount` bytes, but one at least.
    private static func prefix(_ entries: ArraySlice<NetworkEntry>, _ byteCount: Int) -> [NetworkEntry] {
        var size = 0
        return Array(
            entries.prefix { entry in
                let isFirst = size == 0
                size += entry.document.canonicalBytes.count
                return isFirst || size <= byteCount
            }
        )
    }

    /// The same for a hub, which has one line of entries alone: nothing while the log is forked, or when the hub's last
    /// entry `head` is not of the line that counts; nil: it has none.
    package func line(after head: NetworkHash?, byteCount: Int) -> [NetworkEntry] {
        guard !isForked, let line = branches.first else { return [] }
        let known = head.map { head in line.lastIndex { $0.hash == head } }
        guard known != .some(nil) else { return [] }
        return Self.prefix(line.dropFirst((known.flatMap(\.self) ?? -1) + 1), byteCount)
    }

    /// Finds out what counts, of several branches.
    private mutating func settle() {
        let dead = ended
        ends = leaves.keys.filter { !dead.contains($0) }.sorted()
        // Heals that end each other in a ring end nothing.
        if ends.isEmpty { ends = leaves.keys.sorted() }
        settled = []
        guard let only = ends.first, ends.count == 1, let end = leaves[only] else {
            (state, branches) = NetworkFork(ends.map { chain(to: $0) }).outcome
            return
        }
        state = end
        branches = [chain(to: only)]
        settled = Set(heals.map(\.hash)).intersection(branches[0].map(\.hash))
    }

    /// The entries that heals have ended: those that they name, and whatever follows these elsewhere than behind the
    /// heal itself. Of two heals that end each other the one with the smaller number counts, then the smaller hash.
    private var ended: Set<NetworkHash> {
        var ended: Set<NetworkHash> = []
        for heal in heals.sorted(by: { ($0.header.sequence, $0.hash) < ($1.header.sequence, $1.hash) }) {
            guard case .heal(let heads) = heal.header.change, let previous = heal.header.previous,
                !ended.contains(heal.hash), isEffective(heal, behind: previous, ending: heads)
            else { continue }
            var gone = Set(heads)
            for entry in all {
                if let former = entry.header.previous, gone.contains(former) { gone.insert(entry.hash) }
            }
            ended.formUnion(gone)
        }
        return ended
    }

    /// Whether `heal` may end what it names: all of that is known and of other branches, its author is an owner
    /// whatever of these branches is counted, and the branch that it stands in gives no more than all of them give.
    private func isEffective(_ heal: NetworkEntry, behind previous: NetworkHash, ending heads: [NetworkHash]) -> Bool {
        let own = chain(to: previous)
        let others = heads.map { chain(to: $0) }
        guard let last = replay(own), !heads.contains(where: { head in own.contains { $0.hash == head } }),
            others.allSatisfy({ !$0.isEmpty }), heads.allSatisfy({ entries[$0] != nil })
        else { return false }
        guard last.gives(noMoreThan: NetworkFork([own] + others).outcome.state) else { return false }
        let followers = leaves.keys.sorted().map { chain(to: $0) }.filter { chain in
            !chain.contains { $0.hash == heal.hash } && chain.contains { heads.contains($0.hash) }
        }
        guard !followers.isEmpty else { return true }
        return NetworkFork([own] + followers).outcome.state.role(of: heal.header.actor) == .owner
    }

    func chain(to head: NetworkHash) -> [NetworkEntry] {
        var chain: [NetworkEntry] = []
        var next: NetworkHash? = head
        while let hash = next, let entry = entries[hash] {
            chain.append(entry)
            next = entry.header.previous
        }
        return chain.reversed()
    }

    func replay(_ chain: [NetworkEntry]) -> NetworkState? {
        guard let genesis = chain.first, var state = try? NetworkState(genesis) else { return nil }
        for entry in chain.dropFirst() {
            guard (try? state.apply(entry)) != nil else { return nil }
        }
        return state
    }
}
