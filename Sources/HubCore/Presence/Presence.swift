import PosternModel

/// Who is present at a hub: in memory only, and never written anywhere.
struct Presence: Sendable {
    /// Nodes whose event stream is open.
    var watchers: Set<NodeKey> = []
    /// Who waits for whom.
    var awaited = AwaitedPeers()
    /// What strangers' mail took of its pool at the last deposit.
    var strangerCost = 0
}
