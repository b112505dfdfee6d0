package import PosternModel
package import TrustCore

/// What the store holds of the rows that ``HubReads`` names. A row that is absent here is absent in the store.
package struct HubFacts: Hashable, Sendable {
    /// The registered ones of the nodes.
    package var registrations: [NodeKey: Registration] = [:]
    /// The mail of mailboxes that are read as a whole, oldest first.
    package var mailboxes: [NodeKey: [StoredMail]] = [:]
    /// The headers of mailboxes, oldest first.
    package var headers: [NodeKey: [MailHeader]] = [:]
    /// The mail that is there.
    package var mail: Set<MailKey> = []
    /// What was revoked.
    package var revocations: [RevocationKey: StoredRevocation] = [:]
    /// What the logs of networks have come to.
    package var networks: [NetworkID: NetworkState] = [:]
    /// The parts of logs that are read.
    package var entries: [HubReads.Entries: [NetworkEntry]] = [:]
    /// The boxes that wait for readers.
    package var boxes: [HubReads.Boxes: [NodeKey: [UInt8]]] = [:]
    /// The readers who have theirs.
    package var boxed: [HubReads.Boxed: Set<NodeKey>] = [:]
    /// The registrations of nodes that have not been seen for long, the longest first.
    package var unseen: [Registration] = []
    /// How many nodes are registered; there with every answer, so a store keeps it at hand.
    package var nodeCount = 0
    /// What all mail of a class costs (``MailHeader/cost``); the same holds.
    package var pools: [MailStanding.Kind: Int] = [:]

    package init() {}

    /// Follows `writes`, so that the next decision of the same batch sees what this one wrote.
    ///
    /// What only a store can know shows in the next batch: which revocations were dropped to stay within the limit,
    /// which mail made way in a pool that was full, and which had waited too long. Until then a hub refuses more than
    /// it must, never less.
    mutating func apply(_ writes: [HubWrite]) {
        for write in writes { apply(write) }
    }

    private mutating func apply(_ write: HubWrite) {
        switch write {
        case .register(let registration):
            let known = registrations.updateValue(registration, forKey: registration.key)
            if known == nil { nodeCount += 1 }
        case .deregister(let node):
            if registrations.removeValue(forKey: node) != nil { nodeCount -= 1 }
        case .deposit(let new, let target):
            mail.insert(MailKey(target: target, id: new.id))
            mailboxes[target]?.append(new)
            headers[target]?.append(new.header)
            pools[new.standing.kind, default: 0] += new.header.cost
        case .removeMail(let ids, let target):
            for id in ids { mail.remove(MailKey(target: target, id: id)) }
            for header in headers[target] ?? [] where ids.contains(header.id) {
                pools[header.standing.kind, default: 0] -= header.cost
            }
            headers[target]?.removeAll { ids.contains($0.id) }
            mailboxes[target]?.removeAll { ids.contains($0.id) }
        case .trimMail(let kind, let cost):
            pools[kind] = min(pools[kind] ?? 0, cost)
        case .removeMailDeposited, .tell:
            break
        case .mark(let mark):
            registrations[mark.node] = registrations[mark.node]?.marked(mark)
        case .extend(let state, _):
            // The entries themselves are read by the next batch.
            networks[state.id] = state
        case .keepBoxes(let network, let key, let new):
            boxed[HubReads.Boxed(network: network, key: key)]?.formUnion(new.keys)
            for part in boxes.keys where part.network == network {
                boxes[part]?.merge(new.filter { part.readers.contains($0.key) }) { $1 }
            }
        case .removeBoxes(let network, let readers):
            for part in boxed.keys where part.network == network { boxed[part]?.subtract(readers) }
            for part in boxes.keys where part.network == network {
                for reader in readers { boxes[part]?[reader] = nil }
            }
        case .revoke(let key, let revocation, _):
            let known = revocations[key]
            revocations[key] = known.map { $0.issued >= revocation.issued ? $0 : revocation } ?? revocation
        }
    }
}
