import PosternModel
import TrustCore

/// A hub's store in memory, which nothing survives: for tests and simulations.
package struct MemoryHubStore: HubStore {
    private var registrations: [NodeKey: Registration] = [:]
    private var mailboxes: [NodeKey: [Row]] = [:]
    private var pools: [MailStanding.Kind: Int] = [:]
    private var networks: [NetworkID: NetworkState] = [:]
    private var logs: [NetworkID: [NetworkEntry]] = [:]
    private var boxes: [NetworkID: [NodeKey: (key: NetworkHash, box: [UInt8])]] = [:]
    private var lastSequence = 0
    /// What other hubs are told, for tests.
    var notices: [HubNotice] = []
    private var revocations: [UInt64: [RevocationKey: StoredRevocation]] = [:]

    /// A mail with its place in the order of all.
    private struct Row: Sendable {
        let sequence: Int
        let mail: StoredMail
    }

    package init() {}

    package mutating func transaction(_ reads: HubReads, _ decide: (HubFacts) -> [HubWrite]) {
        for write in decide(fetch(reads)) { commit(write) }
    }

    private func fetch(_ reads: HubReads) -> HubFacts {
        var facts = HubFacts()
        for node in reads.registrations { facts.registrations[node] = registrations[node] }
        for node in reads.mailboxes { facts.mailboxes[node] = (mailboxes[node] ?? []).map(\.mail) }
        for node in reads.headers { facts.headers[node] = (mailboxes[node] ?? []).map(\.mail.header) }
        facts.mail = reads.mail.filter { key in mailboxes[key.target]?.contains { $0.mail.id == key.id } ?? false }
        for key in reads.revocations { facts.revocations[key] = revocations[key.giver]?[key] }
        if let unseen = reads.unseen {
            let old = registrations.values.filter { $0.seen < unseen.since }.sorted { $0.seen < $1.seen }
            facts.unseen = Array(old.prefix(unseen.limit))
        }
        for id in reads.networks { facts.networks[id] = networks[id] }
        for part in reads.entries { facts.entries[part] = entries(part) }
        for part in reads.boxes {
            let kept = (boxes[part.network] ?? [:]).filter { part.readers.contains($0.key) }
            facts.boxes[part] = kept.mapValues(\.box)
        }
        for part in reads.boxed {
            facts.boxed[part] = Set((boxes[part.network] ?? [:]).filter { $0.value.key == part.key }.keys)
        }
        facts.nodeCount = registrations.count
        facts.pools = pools.filter { $0.value > 0 }
        return facts
    }

    private func entries(_ part: HubReads.Entries) -> [NetworkEntry] {
        let log = logs[part.network] ?? []
        let known = log.lastIndex { part.locator.contains($0.hash) }
        var size = 0
        return Array(
            log.dropFirst(known.map { $0 + 1 } ?? 0).prefix { entry in
                let isFirst = size == 0
                size += entry.document.canonicalBytes.count
                return isFirst || size <= part.byteCount
            }
        )
    }

    private mutating func commit(_ write: HubWrite) {
        switch write {
        case .register(let registration):
            let mark = registrations[registration.key]?.mark
            registrations[registration.key] = mark.map { registration.marked($0) } ?? registration
        case .mark(let mark): registrations[mark.node] = registrations[mark.node]?.marked(mark)
        case .deregister(let node): registrations[node] = nil
        case .deposit(let mail, let target):
            lastSequence += 1
            mailboxes[target, default: []].append(Row(sequence: lastSequence, mail: mail))
            pools[mail.standing.kind, default: 0] += mail.header.cost
        case .removeMail(let ids, let target): keepMail(of: target) { !ids.contains($0.id) }
        case .trimMail(let kind, let cost): trim(kind, to: cost)
        case .tell(let notice): notices.append(notice)
        case .removeMailDeposited(let time):
            for target in Array(mailboxes.keys) { keepMail(of: target) { $0.deposited >= time } }
        case .extend(let state, let entries):
            networks[state.id] = state
            logs[state.id, default: []] += entries
        case .keepBoxes(let network, let key, let new):
            for (reader, box) in new { boxes[network, default: [:]][reader] = (key, box) }
        case .removeBoxes(let network, let readers):
            for reader in readers { boxes[network]?[reader] = nil }
        case .revoke(let key, let revocation, let limit):
            var given = revocations[key.giver] ?? [:]
            guard given[key].map({ $0.issued < revocation.issued }) ?? true else { return }
            given[key] = revocation
            if given.count > limit, let oldest = given.min(by: { $0.value.issued < $1.value.issued }) {
                given[oldest.key] = nil
            }
            revocations[key.giver] = given
        }
    }

    private mutating func trim(_ kind: MailStanding.Kind, to cost: Int) {
        while pools[kind, default: 0] > cost {
            var networks: [UInt64: [(target: NodeKey, row: Row)]] = [:]
            for (target, rows) in mailboxes {
                for row in rows where row.mail.standing.kind == kind {
                    networks[row.mail.standing.network, default: []].append((target, row))
                }
            }
            let largest = networks.max {
                ($0.value.count, Int64(bitPattern: $1.key)) < ($1.value.count, Int64(bitPattern: $0.key))
            }
            let victim = largest?.value.min {
                ($0.row.mail.standing.work, $0.row.sequence) < ($1.row.mail.standing.work, $1.row.sequence)
            }
            guard let victim else { return }
            keepMail(of: victim.target) { $0.id != victim.row.mail.id }
        }
    }

    private mutating func keepMail(of target: NodeKey, where isKept: (StoredMail) -> Bool) {
        guard let waiting = mailboxes[target] else { return }
        for row in waiting where !isKept(row.mail) { pools[row.mail.standing.kind, default: 0] -= row.mail.header.cost }
        let kept = waiting.filter { isKept($0.mail) }
        mailboxes[target] = kept.isEmpty ? nil : kept
    }
}
