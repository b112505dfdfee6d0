package import PosternModel

/// Who is trusted for what, as one node sees it: a fold over signed records.
///
/// The result does not depend on the order in which records arrive nor on how often one arrives: of two grants of one
/// giver the later issued counts, of two revocations too, and a revocation voids what was issued until its time.
/// A trust stands only while both sides' grants do (R8, S3): one grant alone opens nothing.
package struct TrustState: Sendable {
    /// Whose view this is.
    package let owner: NodeKey
    private var relations: [NodeKey: Relation] = [:]

    /// What stands between the owner and one peer.
    package enum Standing: Hashable, Sendable {
        /// Neither side's grant stands.
        case none
        /// Only the owner's grant stands: the peer has not answered, or has ended it.
        case given(Grant)
        /// Only the peer's grant stands.
        case received(Grant)
        /// Both stand.
        case mutual(given: Grant, received: Grant)

        /// Whether the two may talk.
        package var isMutual: Bool {
            switch self {
            case .mutual: true
            case .none, .given, .received: false
            }
        }
    }

    private struct Relation: Sendable {
        var given: Grant?
        var received: Grant?
        var ended: Revocation?
        var endedByPeer: Revocation?
    }

    package init(owner: NodeKey) {
        self.owner = owner
    }

    /// Takes a grant that the owner gave or received; others are ignored.
    package mutating func add(_ grant: Grant) {
        if grant.giver == owner {
            let current = relations[grant.subject]?.given
            relations[grant.subject, default: Relation()].given = Self.later(current, grant)
        } else if grant.subject == owner {
            let current = relations[grant.giver]?.received
            relations[grant.giver, default: Relation()].received = Self.later(current, grant)
        }
    }

    /// Takes a revocation of the owner's or of a peer's towards the owner; others are ignored.
    package mutating func add(_ revocation: Revocation) {
        if revocation.giver == owner {
            let current = relations[revocation.subject]?.ended
            relations[revocation.subject, default: Relation()].ended = Self.later(current, revocation)
        } else if revocation.subject == owner {
            let current = relations[revocation.giver]?.endedByPeer
            relations[revocation.giver, default: Relation()].endedByPeer = Self.later(current, revocation)
        }
    }

    /// The newest revocation of each giver, in no order.
    package var revocations: [Revocation] {
        relations.values.flatMap { [$0.ended, $0.endedByPeer].compactMap(\.self) }
    }

    /// What stands between the owner and `peer` at `time`.
    package func standing(of peer: NodeKey, at time: Timestamp) -> Standing {
        guard let relation = relations[peer] else { return .none }
        let given = Self.valid(relation.given, endedBy: relation.ended, at: time)
        let received = Self.valid(relation.received, endedBy: relation.endedByPeer, at: time)
        return switch (given, received) {
        case (nil, nil): .none
        case (let given?, nil): .given(given)
        case (nil, let received?): .received(received)
        case (let given?, let received?): .mutual(given: given, received: received)
        }
    }

    /// The peers with which a trust stands at `time`, in no order.
    package func peers(at time: Timestamp) -> [NodeKey] {
        relations.keys.filter { standing(of: $0, at: time).isMutual }
    }

    /// The earliest time after `time` at which a grant ends by itself.
    package func nextExpiry(after time: Timestamp) -> Timestamp? {
        relations.values.lazy.flatMap { [$0.given?.expires, $0.received?.expires] }.compactMap(\.self)
            .filter { $0 > time }.min()
    }

    /// When a new grant of the owner to `peer` is to be issued, given the time: after whatever the owner has signed
    /// towards that peer before, even if the clock went back meanwhile.
    package func issueTime(towards peer: NodeKey, now: Timestamp) -> Timestamp {
        let relation = relations[peer]
        let earlier = [relation?.given?.issued, relation?.ended?.issued].compactMap(\.self).max()
        guard let earlier, earlier >= now.inMilliseconds else { return now.inMilliseconds }
        return earlier.inMilliseconds + .milliseconds(1)
    }

    private static func later(_ current: Grant?, _ other: Grant) -> Grant {
        guard let current else { return other }
        if current.issued != other.issued { return current.issued > other.issued ? current : other }
        return current.id.description >= other.id.description ? current : other
    }

    private static func later(_ current: Revocation?, _ other: Revocation) -> Revocation {
        guard let current else { return other }
        return current.issued >= other.issued ? current : other
    }

    private static func valid(_ grant: Grant?, endedBy revocation: Revocation?, at time: Timestamp) -> Grant? {
        guard let grant, !grant.isExpired(at: time) else { return nil }
        if let revocation, revocation.voids(grant) { return nil }
        return grant
    }
}
