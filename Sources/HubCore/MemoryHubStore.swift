package import PosternModel
package import TrustCore

/// A hub's store in memory: for tests and for hubs that may forget.
package struct MemoryHubStore: HubStore, Sendable {
    private var registrations: [NodeKey: Registration] = [:]
    private var mailboxes: [NodeKey: [StoredMail]] = [:]
    private var mailCount = 0
    private var revocations: [NodeKey: [NodeKey: Timestamp]] = [:]

    package init() {}

    package mutating func register(_ registration: Registration) -> Registration? {
        registrations.updateValue(registration, forKey: registration.key)
    }

    package mutating func deregister(_ key: NodeKey) -> Registration? {
        registrations.removeValue(forKey: key)
    }

    package func registration(of key: NodeKey) -> Registration? { registrations[key] }

    package func registrationCount() -> Int { registrations.count }

    package mutating func deposit(_ mail: StoredMail, for target: NodeKey, limit: Int, total: Int) -> Bool {
        let waiting = mailboxes[target] ?? []
        guard waiting.count < limit, mailCount < total, !waiting.contains(where: { $0.id == mail.id }) else {
            return false
        }
        mailboxes[target, default: []].append(mail)
        mailCount += 1
        return true
    }

    package func mail(for target: NodeKey) -> [StoredMail] { mailboxes[target] ?? [] }

    package mutating func removeMail(_ ids: [RecordID], of target: NodeKey) {
        filterMail(of: target) { !ids.contains($0.id) }
    }

    package mutating func removeMail(before time: Timestamp) {
        for target in Array(mailboxes.keys) {
            filterMail(of: target) { $0.deposited >= time }
        }
    }

    package mutating func revoke(giver: NodeKey, subject: NodeKey, until: Timestamp, limit: Int) {
        var subjects = revocations[giver] ?? [:]
        subjects[subject] = max(subjects[subject] ?? until, until)
        if subjects.count > limit, let oldest = subjects.min(by: { $0.value < $1.value }) {
            subjects[oldest.key] = nil
        }
        revocations[giver] = subjects
    }

    package func voidUntil(giver: NodeKey, subject: NodeKey) -> Timestamp? { revocations[giver]?[subject] }

    private mutating func filterMail(of target: NodeKey, keeping isKept: (StoredMail) -> Bool) {
        guard let waiting = mailboxes[target] else { return }
        let kept = waiting.filter(isKept)
        mailCount -= waiting.count - kept.count
        mailboxes[target] = kept.isEmpty ? nil : kept
    }
}
