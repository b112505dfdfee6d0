import PosternModel

/// The log of one network as one holder has it: every valid entry, in one branch or, after a fork, in several.
///
/// What it means depends on the entries alone and not on the order in which they came: two holders of the same entries
/// have the same state (RULES N4).
package struct NetworkLog: Hashable, Sendable {
    package let id: NetworkID
    /// What counts: the state at the head; of a forked log what all branches agree on.
    package private(set) var state: NetworkState
    private var archive: NetworkArchive
    /// Where the entries that count are, one list for each branch.
    private var lines: [[NetworkArchive.Position]]
    /// The state at the end of each branch.
    private var leaves: [NetworkHash: NetworkState]
    /// The ends of the branches that no heal has ended, in a stable order.
    private var ends: [NetworkHash]
    /// Those of them that stand in the one branch that counts: what follows it changes nothing of what they ended.
    private var settled: Set<NetworkHash> = []
    /// The heals of all branches.
    private var heals: [NetworkEntry] = []

    /// The log that begins with `genesis`, whose entries go to `room`; nil: they stay in memory.
    package init(_ genesis: NetworkEntry, room: (any EntryRoom)? = nil) throws(NetworkFault) {
        state = try NetworkState(genesis)
        id = state.id
        archive = NetworkArchive(room: room)
        lines = [[archive.add(genesis, behind: nil)]]
        leaves = [genesis.hash: state]
        ends = [genesis.hash]
    }

    /// The entries that count, one list for each branch; each is read when it is asked for.
    var branches: [some Sequence<NetworkEntry>] {
        lines.map { line in line.lazy.map { [archive] in archive.entry(at: $0) } }
    }

    /// Takes an entry; false when it is there already. Throws, and has not changed, when it is not valid where it
    /// stands, or the entry before it is missing.
    @discardableResult
    package mutating func insert(_ entry: NetworkEntry) throws(NetworkFault) -> Bool {
        guard !contains(entry.hash) else { return false }
        guard let previous = entry.header.previous, let former = archive.position(of: previous) else {
            throw .incomplete
        }
        guard leaves.count > 1 || leaves[previous] == nil else {
            try extend(by: entry, behind: previous, at: former)
            return true
        }
        guard var next = leaves[previous] ?? replay(chain(to: previous)) else { throw .incomplete }
        guard leaves[previous] != nil || leaves.count < NetworkLimits.branches else { throw .full }
        try next.apply(entry)
        let position = archive.add(entry, behind: former)
        leaves[previous] = nil
        leaves[entry.hash] = next
        if case .heal = entry.header.change { heals.append(entry) }
        if ends == [previous] && heals.allSatisfy({ settled.contains($0.hash) }) {
            state = next
            lines[0].append(position)
            ends = [entry.hash]
        } else {
            settle()
        }
        return true
    }

    /// Takes an entry at the end of the one line that there is. Its state is nowhere else meanwhile, and so is changed
    /// where it is, whatever its size.
    private mutating func extend(
        by entry: NetworkEntry,
        behind previous: NetworkHash,
        at former: NetworkArchive.Position
    ) throws(NetworkFault) {
        leaves[previous] = nil
        defer { leaves[ends[0]] = state }
        try state.apply(entry)
        ends = [entry.hash]
        lines[0].append(archive.add(entry, behind: former))
        if case .heal = entry.header.change { heals.append(entry) }
    }

    /// Whether two entries follow one, and no heal has ended that: somebody who serves the log, or who wrote it, has
    /// deceived.
    package var isForked: Bool { ends.count > 1 }

    /// The ends of all branches that count.
    package var heads: [NetworkHead] { ends.compactMap { archive.position(of: $0).map { archive.head(at: $0) } } }

    /// Whether the entry is here.
    package func contains(_ hash: NetworkHash) -> Bool { archive.position(of: hash) != nil }

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
    package var all: [NetworkEntry] { Array(entries) }

    /// The same, each read when it is asked for.
    package var entries: some Sequence<NetworkEntry> { ordered.lazy.map { [archive] in archive.entry(at: $0) } }

    /// The canonical forms of the documents of all entries, each behind the one that it follows; each is read when it
    /// is asked for.
    package var texts: some Sequence<[UInt8]> { ordered.lazy.map { [archive] in archive.text(at: $0) } }

    /// How many entries there are.
    package var count: Int { archive.count }

    private var ordered: [NetworkArchive.Position] {
        leaves.count == 1 ? lines[0] : archive.positions.sorted { archive.isBefore($0, $1) }
    }

    /// What tells another holder how far this log has come: the heads, and ever fewer of what is before them.
    package var locator: [NetworkHash] {
        var hashes = leaves.keys.sorted()
        for head in hashes {
            let chain = leaves.count == 1 ? lines[0] : positions(to: head)
            var step = 1
            var position = chain.count - 2
            while position > 0, hashes.count < Self.locatorCount {
                hashes.append(archive.hash(at: chain[position]))
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
            let found = Set(locator.compactMap { archive.position(of: $0) })
            let last = lines[0].lastIndex { found.contains($0) }
            return prefix(lines[0].dropFirst(last.map { $0 + 1 } ?? 0), byteCount)
        }
        var known: Set<NetworkArchive.Position> = []
        for hash in locator {
            var next = archive.position(of: hash)
            while let position = next, known.insert(position).inserted { next = archive.previous(of: position) }
        }
        return prefix(ordered.filter { !known.contains($0) }[...], byteCount)
    }

    /// The first of the entries at `positions`, of at most `byteCount` bytes, but one at least.
    private func prefix(_ positions: ArraySlice<NetworkArchive.Position>, _ byteCount: Int) -> [NetworkEntry] {
        var size = 0
        let taken = positions.prefix { position in
            let isFirst = size == 0
            size += archive.byteCount(at: position)
            return isFirst || size <= byteCount
        }
        return taken.map { archive.entry(at: $0) }
    }

    /// The same for a hub, which has one line of entries alone: nothing while the log is forked, or when the hub's last
    /// entry `head` is not of the line that counts; nil: it has none.
    package func line(after head: NetworkHash?, byteCount: Int) -> [NetworkEntry] {
        guard !isForked, let line = lines.first else { return [] }
        let known = head.map { head in
            archive.position(of: head).flatMap { position in line.lastIndex { $0 == position } }
        }
        guard known != .some(nil) else { return [] }
        return prefix(line.dropFirst((known.flatMap(\.self) ?? -1) + 1), byteCount)
    }

    /// Finds out what counts, of several branches.
    private mutating func settle() {
        let dead = ended
        ends = leaves.keys.filter { !dead.contains($0) }.sorted()
        // Heals that end each other in a ring end nothing.
        if ends.isEmpty { ends = leaves.keys.sorted() }
        settled = []
        guard let only = ends.first, ends.count == 1, let end = leaves[only] else {
            let (common, branches) = NetworkFork(ends.map { chain(to: $0) }).outcome
            state = common
            lines = branches.map { branch in branch.compactMap { archive.position(of: $0.hash) } }
            return
        }
        state = end
        lines = [positions(to: only)]
        settled = Set(heals.map(\.hash)).intersection(lines[0].map { archive.hash(at: $0) })
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
            for position in ordered {
                guard let former = archive.previous(of: position), gone.contains(archive.hash(at: former)) else {
                    continue
                }
                gone.insert(archive.hash(at: position))
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
            others.allSatisfy({ !$0.isEmpty }), heads.allSatisfy({ contains($0) })
        else { return false }
        guard last.gives(noMoreThan: NetworkFork([own] + others).outcome.state) else { return false }
        let followers = leaves.keys.sorted().map { chain(to: $0) }.filter { chain in
            !chain.contains { $0.hash == heal.hash } && chain.contains { heads.contains($0.hash) }
        }
        guard !followers.isEmpty else { return true }
        return NetworkFork([own] + followers).outcome.state.role(of: heal.header.actor) == .owner
    }

    /// The entries from the genesis up to the one with the hash `head`.
    func chain(to head: NetworkHash) -> [NetworkEntry] { positions(to: head).map { archive.entry(at: $0) } }

    private func positions(to head: NetworkHash) -> [NetworkArchive.Position] {
        var chain: [NetworkArchive.Position] = []
        var next = archive.position(of: head)
        while let position = next {
            chain.append(position)
            next = archive.previous(of: position)
        }
        return chain.reversed()
    }

    package static func == (lhs: NetworkLog, rhs: NetworkLog) -> Bool {
        lhs.id == rhs.id && lhs.count == rhs.count && lhs.leaves.keys == rhs.leaves.keys
    }

    package func hash(into hasher: inout Hasher) {
        hasher.combine(id)
        hasher.combine(count)
    }

    func replay(_ chain: [NetworkEntry]) -> NetworkState? {
        guard let genesis = chain.first, var state = try? NetworkState(genesis) else { return nil }
        for entry in chain.dropFirst() {
            guard (try? state.apply(entry)) != nil else { return nil }
        }
        return state
    }
}
