import PosternModel
import TrustCore

/// What is under way between this node and those that keep the logs of its networks. None of it outlives the program.
struct NetworkLinks: Sendable {
    /// One network.
    struct Link: Sendable {
        /// Whether a hub is asked for entries.
        var isReading = false
        /// Whether entries of ours are on their way to a hub.
        var isAppending = false
        /// The hubs that have nothing that we lack, as far as they have said.
        var synced: Set<NodeKey> = []
    }

    private(set) var links: [NetworkID: Link] = [:]
    /// What is to be done, in order.
    var tasks: [NetworkTask] = []
    /// When what was not answered is tried again.
    var retry: Instant?

    subscript(_ id: NetworkID) -> Link {
        get { links[id] ?? Link() }
        set { links[id] = newValue }
    }

    /// The session with `hub` is over, or its events are: it may have something new, and answers nothing any more.
    mutating func forget(_ hub: NodeKey) {
        for id in links.keys {
            links[id]?.synced.remove(hub)
            links[id]?.isReading = false
            links[id]?.isAppending = false
        }
    }

    /// Nothing is done for `id` any longer; the commands that waited are returned.
    mutating func forget(_ id: NetworkID) -> [NetworkTask] {
        links[id] = nil
        let ended = tasks.filter { $0.network == id }
        tasks.removeAll { $0.network == id }
        return ended
    }

    /// When something is due.
    var nextDeadline: Instant? {
        (tasks.filter { $0.command != nil }.map(\.deadline) + [retry].compactMap(\.self)).min()
    }
}
