import PosternModel
import TrustCore

/// A hub's store in memory, which nothing survives: for tests and simulations.
package struct MemoryHubStore: HubStore {
    private var registrations: [NodeKey: Registration] = [:]
    private var mailboxes: [NodeKey: [StoredMail]] = [:]
    private var mailCount = 0
    private var revocations: [NodeKey: [NodeKey: Timestamp]] = [:]

    package init() {}

    package mutating func transaction(_ reads: HubReads, _ decide: (HubFacts) -> [HubWrite]) {
        for write in decide(fetch(reads)) { commit(write) }
    }

    private func fetch(_ reads: HubReads) -> HubFacts {
        var facts = HubFacts()
        for node in reads.registrations { facts.registrations[node] = registrations[node] }
        for node in reads.mailboxes { facts.mailboxes[node] = mailboxes[node] ?? [] }
        for node in reads.mailboxCounts { facts.mailboxCounts[node] = mailboxes[node]?.count ?? 0 }
        facts.mail = reads.mail.filter { key in mailboxes[key.target]?.contains { $0.id == key.id } ?? false }
        for pair in reads.revocations { facts.voidUntil[pair] = revocations[pair.giver]?[pair.subject] }
        facts.nodeCount = registrations.count
        facts.mailCount = mailCount
        return facts
    }

    private mutating func commit(_ write: HubWrite) {
        switch write {
        case .register(let registration): registrations[registration.key] = registration
        case .deregister(let node): registrations[node] = nil
        case .deposit(let mail, let target):
            mailboxes[target, default: []].append(mail)
            mailCount += 1
        case .removeMail(let ids, let target): keepMail(of: target) { !ids.contains($0.id) }
        case .removeMailDeposited(let time):
            for target in Array(mailboxes.keys) { keepMail(of: target) { $0.deposited >= time } }
        case .revoke(let pair, let until, let limit):
            var subjects = revocations[pair.giver] ?? [:]
            subjects[pair.subject] = max(subjects[pair.subject] ?? until, until)
            if subjects.count > limit, let oldest = subjects.min(by: { $0.value < $1.value }) {
                subjects[oldest.key] = nil
            }
            revocations[pair.giver] = subjects
        }
    }

    private mutating func keepMail(of target: NodeKey, where isKept: (StoredMail) -> Bool) {
        guard let waiting = mailboxes[target] else { return }
        let kept = waiting.filter(isKept)
        mailCount -= waiting.count - kept.count
        mailboxes[target] = kept.isEmpty ? nil : kept
    }
}
