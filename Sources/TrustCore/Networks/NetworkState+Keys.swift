import OverlayCrypto
import PosternModel

// Keys of members that have changed them (RULES N11): behind the first entry that a node has signed with another key,
// its earlier ones sign nothing, whoever has stolen them and whoever appends for the thief.
extension NetworkState {
    /// The key that somebody has signed with.
    struct ActorKey: Hashable, Sendable {
        /// How often it had changed.
        let sequence: Int64
        let key: NodeKey
    }

    /// The key that has signed `entry`; nil: its actor's first one. Throws when the actor has signed with a later one
    /// before, or with one that the entry's chain does not hold.
    func signingKey(of entry: NetworkEntry) throws(NetworkFault) -> ActorKey? {
        let known = keys[entry.header.actor]
        guard let chain = entry.succession else {
            guard known == nil else { throw .notAllowed }
            return nil
        }
        if let known {
            let record = chain.records.first { $0.sequence == known.sequence }
            guard record?.current == known.key else { throw .notAllowed }
        }
        return ActorKey(sequence: chain.latest.sequence, key: chain.current)
    }
}
