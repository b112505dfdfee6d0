package import PosternModel
import TrustCore

// Keys that two programs use at a time.
extension Sidecar {
    /// How long a key that two programs used is shown.
    private static let duplicateMemory = Interval.seconds(600)
    /// Peers of whom that is remembered.
    private static let maximumDuplicates = 64

    /// Two programs use `key`: a peer's, as the overlay sees, or our own, as a peer says.
    package mutating func sawDuplicate(of key: NodeKey, at now: Clocks) -> [SidecarAction] {
        forgetDuplicates(at: now.instant)
        let isNews = duplicates[key] == nil
        guard isNews ? duplicates.count < Self.maximumDuplicates : true else { return [] }
        duplicates[key] = now.instant
        guard isNews else { return [] }
        return [.audit(AuditEvent(.identityShared, actor: self.key, subject: key.did))]
    }

    /// The keys that two programs have used in the last ten minutes: ours first.
    func sharedKeys(at now: Instant) -> [NodeKey] {
        let recent = duplicates.filter { now - $0.value < Self.duplicateMemory }.keys
        return recent.filter { $0 == key } + recent.filter { $0 != key }.sorted()
    }

    private mutating func forgetDuplicates(at now: Instant) {
        duplicates = duplicates.filter { now - $0.value < Self.duplicateMemory }
    }
}
