import PosternModel
import Synchronization
import TrustCore

/// What a store has read of networks, since the document of one with many members takes long to read. Each is of an
/// edition, a number that the store draws anew with each change of the document; one of 0 was drawn by nobody.
final class NetworkStateCache: Sendable {
    struct Read {
        let edition: Int64
        let state: NetworkState
    }

    /// Members of all networks together: more are forgotten. One takes about a hundred bytes.
    private static let memberCount = 100_000

    private let known = Mutex<[NetworkID: Read]>([:])

    subscript(_ id: NetworkID) -> Read? { known.withLock { $0[id] } }

    /// Reads the `text` of a document, and keeps what it says.
    func read(_ text: String, edition: Int64) throws -> NetworkState {
        let state = try NetworkState(JSONValue(parsing: text))
        guard edition != 0 else { return state }
        known.withLock { known in
            let count = known.values.reduce(state.members.count) { $0 + $1.state.members.count }
            if count > Self.memberCount { known = [:] }
            known[state.id] = Read(edition: edition, state: state)
        }
        return state
    }
}
