import Synchronization

/// How many connections a listener has, and whether one more is within the limit.
final class ConnectionCount: Sendable {
    private let limit: Int
    private let open = Mutex(0)

    init(limit: Int) {
        self.limit = limit
    }

    /// Counts one more; false, and not counted, at the limit.
    func enter() -> Bool {
        open.withLock { open in
            guard open < limit else { return false }
            open += 1
            return true
        }
    }

    /// One that was counted is gone.
    func leave() {
        open.withLock { $0 -= 1 }
    }
}
