import HubCore
import PosternModel
import TrustCore

/// What a store that nobody else writes to knows of its rows without reading them again: those that were read last, or
/// found to be absent, and not written since.
struct RecentRows: Sendable {
    var registrations = Recent<NodeKey, Registration>()
    var revocations = Recent<RevocationKey, StoredRevocation>()
    /// Numbers of the states of networks (``NetworkStateCache``).
    var editions = Recent<NetworkID, Int64>()
    var nodeCount: Int?
    var pools: [MailStanding.Kind: Int]?

    /// The rows that `writes` are about to change. It does no harm when they are not written after all.
    mutating func forget(_ writes: [HubWrite]) {
        for write in writes {
            switch write {
            case .register(let registration):
                registrations.forget(registration.key)
                nodeCount = nil
            case .deregister(let node):
                registrations.forget(node)
                nodeCount = nil
            case .mark(let mark): registrations.forget(mark.node)
            // Beyond the limit an older one goes.
            case .revoke: revocations = Recent()
            case .extend(let state, _): editions.forget(state.id)
            case .deposit, .removeMail, .trimMail, .removeMailDeposited: pools = nil
            case .keepBoxes, .removeBoxes, .tell: break
            }
        }
    }
}

/// Rows of one table.
struct Recent<Key: Hashable & Sendable, Row: Sendable>: Sendable {
    /// A few megabytes of registrations.
    private static var limit: Int { 4_096 }

    private var rows: [Key: Row?] = [:]

    /// The row of `key`, by `read` when it is not known; nil: there is none.
    mutating func row(_ key: Key, _ read: () throws -> Row?) rethrows -> Row? {
        if let known = rows[key] { return known }
        let row = try read()
        if rows.count >= Self.limit { rows = [:] }
        rows.updateValue(row, forKey: key)
        return row
    }

    mutating func forget(_ key: Key) {
        rows.removeValue(forKey: key)
    }
}
