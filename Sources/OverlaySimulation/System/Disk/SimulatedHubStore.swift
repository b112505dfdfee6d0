package import HubCore
package import PosternModel
package import TrustCore

/// A hub's store whose transactions can fail: what is not committed is gone with the program.
package final class SimulatedHubStore: HubStore {
    private var working = MemoryHubStore()
    private var durable = MemoryHubStore()

    package init() {}

    /// Makes everything since the last commit durable.
    package func commit() { durable = working }

    /// Forgets everything since the last commit.
    package func rollBack() { working = durable }

    package func register(_ registration: Registration) -> Registration? { working.register(registration) }
    package func deregister(_ key: NodeKey) -> Registration? { working.deregister(key) }
    package func registration(of key: NodeKey) -> Registration? { working.registration(of: key) }
    package func registrationCount() -> Int { working.registrationCount() }

    package func deposit(_ mail: StoredMail, for target: NodeKey, limit: Int, total: Int) -> Bool {
        working.deposit(mail, for: target, limit: limit, total: total)
    }

    package func mail(for target: NodeKey) -> [StoredMail] { working.mail(for: target) }
    package func removeMail(_ ids: [RecordID], of target: NodeKey) { working.removeMail(ids, of: target) }
    package func removeMail(before time: Timestamp) { working.removeMail(before: time) }

    package func revoke(giver: NodeKey, subject: NodeKey, until: Timestamp, limit: Int) {
        working.revoke(giver: giver, subject: subject, until: until, limit: limit)
    }

    package func voidUntil(giver: NodeKey, subject: NodeKey) -> Timestamp? {
        working.voidUntil(giver: giver, subject: subject)
    }
}
