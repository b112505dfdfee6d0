import OverlayCrypto
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
        /// The hubs that were shown our certificate, where we have one, and asked for those of others.
        var shown: Set<NodeKey> = []
        /// The hubs that have nothing that we lack, as far as they have said.
        var synced: Set<NodeKey> = []
        /// The last entry that each hub has, as far as it has said.
        var heads: [NodeKey: NetworkHash] = [:]
        /// The content key of which each hub has said that it keeps everybody's box.
        var boxed: [NodeKey: NetworkHash] = [:]
        /// The hubs that are being given boxes, and how many more such requests each may ask for.
        var boxing: [NodeKey: Int] = [:]
        /// The furthest that each hub has signed that the log has come to with it.
        var receipts: [NodeKey: NetworkHead] = [:]
        /// How often each hub has gone back behind that.
        var rollbacks: [NodeKey: TokenBucket] = [:]
        /// The newest word of each signer, whether or not it is an owner or administrator by what we know.
        private(set) var beats: [NodeKey: NetworkBeat] = [:]
        /// What somebody has signed that the log has come to and we have not seen, since when.
        var missing: [NetworkHead: Missing] = [:]
        /// Whether the network counted as fresh when that was last looked at.
        var wasFresh: Bool?

        /// The words, as many as one document holds, the newest first.
        var beatList: [NetworkBeat] {
            Array(beats.values.sorted { ($0.time, $0.signer) > ($1.time, $1.signer) }.prefix(NetworkBeat.count))
        }

        /// Lets go of a word of `signer` that is as late as `limit`, or later.
        mutating func forgetBeat(of signer: NodeKey, from limit: Timestamp) {
            if let beat = beats[signer], beat.time >= limit { beats[signer] = nil }
        }

        /// Keeps a word in the place of the signer's former one; false when it is no news. What none of `trusted` has
        /// signed makes way when there are too many.
        mutating func keep(_ beat: NetworkBeat, trusted: (NodeKey) -> Bool) -> Bool {
            guard beats[beat.signer].map({ $0.time < beat.time }) ?? true else { return false }
            beats[beat.signer] = beat
            guard beats.count > NetworkBeat.count,
                let victim = beats.values.min(by: { one, other in
                    (trusted(one.signer) ? 1 : 0, one.time) < (trusted(other.signer) ? 1 : 0, other.time)
                })
            else { return true }
            beats[victim.signer] = nil
            return victim.signer != beat.signer
        }
    }

    /// An entry that somebody knows of and we do not.
    struct Missing: Sendable {
        let signer: NodeKey
        let since: Instant
        /// Whether it was told.
        var isTold = false
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
            links[id]?.shown.remove(hub)
            links[id]?.boxed[hub] = nil
            links[id]?.boxing[hub] = nil
            links[id]?.isReading = false
            links[id]?.isAppending = false
        }
    }

    /// Nothing is done for `id` any longer; the commands that waited are returned.
    mutating func forget(_ id: NetworkID) -> [NetworkTask] {
        links[id] = nil
        return dropTasks(of: id)
    }

    /// The same, where what is known of the network stays.
    mutating func dropTasks(of id: NetworkID) -> [NetworkTask] {
        links[id]?.isAppending = false
        let ended = tasks.filter { $0.network == id }
        tasks.removeAll { $0.network == id }
        return ended
    }

    /// The words that are kept, for the cache.
    var document: JSONValue {
        .array(links.sorted { $0.key < $1.key }.flatMap { $0.value.beatList.map(\.document) })
    }

    /// Takes what the cache says; what cannot be read is left out.
    mutating func remember(_ document: JSONValue?) {
        for value in document?.array ?? [] {
            guard let beat = try? NetworkBeat(verifying: value) else { continue }
            _ = links[beat.network, default: Link()].keep(beat) { _ in true }
        }
    }

    /// When something is due.
    var nextDeadline: Instant? {
        (tasks.filter { $0.command != nil }.map(\.deadline) + [retry].compactMap(\.self)).min()
    }
}
