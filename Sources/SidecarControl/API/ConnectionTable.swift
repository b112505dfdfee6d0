import NIOCore
import Synchronization

/// The connections of a listener: a bounded number, and at the limit the one that has been without a request for
/// longest makes room for the next.
final class ConnectionTable: Sendable {
    private struct State {
        var open = 0
        /// Those that have asked for nothing yet, or nothing more, the oldest first.
        var silent: [any Channel] = []
    }

    private let limit: Int
    private let state = Mutex(State())

    init(limit: Int) {
        self.limit = limit
    }

    /// Counts a new connection; false, and not counted, when all others have a request under way.
    func enter(_ channel: any Channel) -> Bool {
        let (isAdmitted, oldest) = state.withLock { state in
            var oldest: (any Channel)?
            if state.open >= limit {
                guard !state.silent.isEmpty else { return (false, oldest) }
                oldest = state.silent.removeFirst()
            }
            state.open += 1
            state.silent.append(channel)
            return (true, oldest)
        }
        oldest?.close(promise: nil)
        return isAdmitted
    }

    /// The connection has a request under way.
    func asked(_ channel: any Channel) {
        state.withLock { $0.silent.removeAll { $0 === channel } }
    }

    /// The request is answered.
    func answered(_ channel: any Channel) {
        state.withLock { $0.silent.append(channel) }
    }

    /// A connection that was counted is gone.
    func leave(_ channel: any Channel) {
        state.withLock { state in
            state.open -= 1
            state.silent.removeAll { $0 === channel }
        }
    }
}
