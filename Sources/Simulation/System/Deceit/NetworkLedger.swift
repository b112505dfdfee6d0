import PosternModel
import TrustCore

/// Who may be in the network, as its operators' words have it: kept apart from the cores, which it checks.
struct NetworkLedger {
    /// What everybody calls it.
    static let name = "acme"
    /// Who founds it, and owns it to the end.
    static let founder = 0

    private(set) var id: NetworkID?
    /// The latest link, and its place among the words of all operators.
    private(set) var link: (invitation: NetworkInvitation, order: Int)?
    private var invited: Set<Int> = []
    /// Whom the founder has removed, as it was told, and the place of that.
    private var removed: [Int: Int] = [:]
    /// Whether somebody else may ever have been made an administrator.
    var hasAdministrators = false
    /// What the founder's log has come to, and since when.
    private(set) var heads: [(sequence: Int64, since: Instant)] = []

    mutating func found(_ id: NetworkID) {
        self.id = id
        invited.insert(Self.founder)
    }

    mutating func offer(_ invitation: NetworkInvitation, order: Int) { link = (invitation, order) }

    /// Somebody has the latest link, and uses it.
    mutating func hand(to number: Int) {
        guard let link else { return }
        invited.insert(number)
        if let order = removed[number], order < link.order { removed[number] = nil }
    }

    mutating func remove(_ number: Int, order: Int) { removed[number] = order }

    mutating func extend(to sequence: Int64, at now: Instant) {
        guard heads.last.map({ $0.sequence < sequence }) ?? true else { return }
        heads.append((sequence, now))
    }

    /// What the founder's log had come to by `time`.
    func sequence(at time: Instant) -> Int64? { heads.last { $0.since <= time }?.sequence }

    /// Whether `number` may take `peer` for a fellow member: nobody lets in who was never invited, and the founder
    /// nobody whom it has removed. Others may not have heard of that.
    func mayAdmit(_ number: Int, _ peer: Int) -> Bool {
        guard invited.contains(number), invited.contains(peer) else { return false }
        return number != Self.founder || removed[peer] == nil
    }

    /// Whom the founder has removed and not let in again.
    var outcasts: [Int] { removed.keys.sorted() }
}

/// What somebody does in the network.
enum NetworkDeed {
    case founds
    case limits
    case invites
    case joins
    case removes(Int)
    case changes(String)
    case heals
}
