import HubProtocol
package import PosternModel
package import TrustCore

// Marks of how far our journal has come, left with hubs and peers, who give them back when we meet again (RULES N19).
extension Sidecar {
    /// The journal ends at `head` now, on the disk.
    package mutating func journaled(_ head: ChainHead, at now: Clocks) -> [SidecarAction] {
        marks.advance(to: head)
        return leaveMarks(at: now)
    }

    /// Leaves our mark where an older one is, some time after the last one. A hub gets it when it has been told every
    /// revocation before it, so that its mark says also that it knows these.
    mutating func leaveMarks(at now: Clocks) -> [SidecarAction] {
        guard book.outdated == nil, marks.head != .empty else { return [] }
        var actions: [SidecarAction] = []
        for hub in hubsToMark where hubs[hub]?.nextMark ?? now.instant <= now.instant {
            hubs[hub]?.nextMark = now.instant + settings.hubMarkInterval
            let id = nextHubRequest(.mark(hub: hub, marks.head.sequence))
            actions.append(.hubRequest(id, hub: hub, .mark(ownMark())))
        }
        for peer in peersToMark where peers[peer].nextMark ?? now.instant <= now.instant {
            peers[peer].nextMark = now.instant + settings.peerMarkInterval
            actions.append(leaveMark(with: peer))
        }
        return actions
    }

    /// Gives `peer`, whose session has come to stand, our mark, and asks for the one that it holds.
    mutating func greet(_ peer: NodeKey, at now: Clocks) -> [SidecarAction] {
        guard book.outdated == nil, marks.head != .empty else { return [] }
        peers[peer].marked = 0
        peers[peer].nextMark = now.instant + settings.peerMarkInterval
        return [leaveMark(with: peer)]
    }

    private mutating func leaveMark(with peer: NodeKey) -> SidecarAction {
        let id = nextPeerRequest(.mark(peer, marks.head.sequence))
        return .peerRequest(id, peer: peer, .mark(ownMark()))
    }

    /// When ``leaveMarks(at:)`` has something to do; nil: everybody has the latest.
    var nextMark: Instant? {
        guard book.outdated == nil, marks.head != .empty else { return nil }
        let due = hubsToMark.compactMap { hubs[$0]?.nextMark } + peersToMark.compactMap { peers[$0].nextMark }
        return due.min()
    }

    /// A hub has our mark.
    mutating func marked(_ hub: NodeKey, _ sequence: Int64) {
        guard let earlier = hubs[hub]?.marked else { return }
        hubs[hub]?.marked = max(earlier, sequence)
    }

    /// `peer` leaves its mark with us. Returns the one that we have held, which it may have to hear of.
    mutating func keep(_ mark: StateMark, of peer: NodeKey) -> StateMark? {
        guard mark.node == peer else { return peers[peer].mark }
        let held = peers[peer].mark
        if held.map({ $0.head.sequence < mark.head.sequence }) ?? true { peers[peer].mark = mark }
        return held
    }

    /// Own hubs that have registered us, have been told all our revocations, and have an older mark.
    private var hubsToMark: [NodeKey] {
        let untold = hubsWithoutRevocations
        return hubs.up.filter { hub in
            guard let link = hubs[hub], link.isOurs, link.registered != nil, link.keepsMarks,
                link.marked < marks.head.sequence
            else {
                return false
            }
            return !untold.contains(hub)
        }
    }

    /// A few of the connected peers that have an older mark.
    private var peersToMark: [NodeKey] {
        let connected = peers.links.filter { $0.value.isConnected }.keys.sorted().prefix(settings.markedPeerCount)
        return connected.filter { peers[$0].marked < marks.head.sequence }
    }

    /// Hubs that have not been told of each of our revocations yet.
    private var hubsWithoutRevocations: Set<NodeKey> {
        var hubs: Set<NodeKey> = []
        for (id, entry) in book.outbox {
            guard case .revoke = entry.request else { continue }
            for url in entry.hubs where told[id]?.contains(url.key) != true { hubs.insert(url.key) }
        }
        return hubs
    }

    private mutating func ownMark() -> StateMark {
        if let mark = marks.signed, mark.head == marks.head { return mark }
        let mark = StateMark(of: identity, at: marks.head)
        marks.signed = mark
        return mark
    }
}

/// How far our journal has come, as it is on the disk.
struct OwnMarks: Sendable {
    private(set) var head: ChainHead
    /// The ends that it had before, by their number, as far as they are remembered.
    private var past: [Int64: String] = [:]
    private var order: [Int64] = []
    /// The mark that was signed last.
    var signed: StateMark?

    /// A journal that ends at `head`, and had the ends `past` before.
    init(head: ChainHead, past: [ChainHead]) {
        self.head = .empty
        for end in past { advance(to: end) }
        advance(to: head)
    }

    /// How many ends a compacted journal keeps.
    static let keptCount = 256

    /// The latest of the ends, for a base.
    var latest: [ChainHead] {
        order.suffix(Self.keptCount).compactMap { sequence in
            past[sequence].map { ChainHead(sequence: sequence, hash: $0) }
        }
    }

    mutating func advance(to next: ChainHead) {
        guard next != .empty, next.sequence >= head.sequence else { return }
        head = next
        if past.updateValue(next.hash, forKey: next.sequence) == nil { order.append(next.sequence) }
        guard order.count > JournalReading.pastCount else { return }
        for sequence in order.prefix(JournalReading.pastCount / 4) { past[sequence] = nil }
        order.removeFirst(JournalReading.pastCount / 4)
    }

    /// Whether the journal that `mark` tells of is not this one: it has come further, or has had another line under
    /// that number.
    func isUnknown(_ mark: ChainHead) -> Bool {
        mark.sequence > head.sequence || past[mark.sequence].map { $0 != mark.hash } ?? false
    }
}
