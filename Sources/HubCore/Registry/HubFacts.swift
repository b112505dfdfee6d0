package import PosternModel
import TrustCore

/// What the store holds of the rows that ``HubReads`` names. A row that is absent here is absent in the store.
package struct HubFacts: Hashable, Sendable {
    /// The registered ones of the nodes.
    package var registrations: [NodeKey: Registration] = [:]
    /// The mail of mailboxes that are read as a whole, oldest first.
    package var mailboxes: [NodeKey: [StoredMail]] = [:]
    /// How much mail waits in a mailbox.
    package var mailboxCounts: [NodeKey: Int] = [:]
    /// The mail that is there.
    package var mail: Set<MailKey> = []
    /// Grants that were issued at this time or before are void.
    package var voidUntil: [GrantPair: Timestamp] = [:]
    /// How many nodes are registered; there with every answer, so a store keeps it at hand.
    package var nodeCount = 0
    /// How much mail waits altogether; the same holds.
    package var mailCount = 0

    package init() {}

    /// Follows `writes`, so that the next decision of the same batch sees what this one wrote.
    ///
    /// What only a store can know shows in the next batch: which revocations were dropped to stay within the limit, and
    /// which mail had waited too long. Until then a hub refuses more than it must, never less.
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
            mailboxCounts[target]? += 1
            mailCount += 1
        case .removeMail(let ids, let target):
            for id in ids where mail.remove(MailKey(target: target, id: id)) != nil {
                mailboxCounts[target]? -= 1
                mailCount -= 1
            }
            mailboxes[target]?.removeAll { ids.contains($0.id) }
        case .removeMailDeposited:
            break
        case .revoke(let pair, let until, _):
            voidUntil[pair] = max(voidUntil[pair] ?? until, until)
        }
    }
}
