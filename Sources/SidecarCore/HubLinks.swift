import PosternModel
import TrustCore

/// The hubs that the sidecar talks to, and how each does.
struct HubLinks: Sendable {
    /// One hub.
    struct Link: Sendable {
        var url: HubURL
        /// One of our own, at which we register.
        var isOurs: Bool
        var isUp = false
        /// Whether it has a session and does not answer.
        var isSilent = false
        /// Whether the last attempt to reach it came to nothing, or its session has ended.
        var hasFailed = false
        /// The contact cards with which it has registered us in this session; nil: it has not.
        var registered: [RecordID]?
        /// Whether it has no room for us: peers do not find us there.
        var isFull = false
        /// How far its clock is ahead of ours, as it has told; nil: it has not.
        var clockAhead: Interval?
        /// Whether its operator does not want us there.
        var isClosed = false
        /// Whether it knows another key of this node than the one that we have.
        var isSuperseded = false
        /// By this an older copy of its registry is known.
        var store: String?
        /// Whether it is about to end.
        var isDraining = false
        /// Whether peers find us there now.
        var serves: Bool { isOurs && isUp && isWatched && !isFull && !isClosed && !isSilent }
        /// Why it is not connected, as far as can be known: who has another key is as silent as who is not there.
        var problem: String? {
            if isSilent { return "it has stopped to answer" }
            return isUp || !hasFailed
                ? nil : "it does not answer to this key: it is down, has another key now, or UDP is dropped on the way"
        }
        /// What it may still make us work.
        var work: TokenBucket
        /// Whether its event stream has been asked for since the session began, or the last one ended.
        var isOpening = false
        /// Whether its event stream is open.
        var isWatched = false
        /// How many requests waited here when it brought one for which there was no place, which waits there since.
        var withheld: Int?
        /// The number of our mark there, as far as we know, and when the next one may follow.
        var marked: Int64 = 0
        var nextMark: Instant?
        /// Whether it keeps marks, as those of former versions do not.
        var keepsMarks = true
        /// When the attempt to reach it ends, if it is not ours.
        var attemptEnds: Instant?
        /// When to try again while it is down.
        var nextAttempt: Instant
        var retry: Interval
    }

    private(set) var links: [NodeKey: Link] = [:]

    subscript(_ key: NodeKey) -> Link? {
        get { links[key] }
        set { links[key] = newValue }
    }

    /// The hubs with a session, in a stable order.
    var up: [NodeKey] { links.filter { $0.value.isUp }.keys.sorted() }
    /// The hubs whose events we get, in a stable order.
    var watched: [NodeKey] { links.filter { $0.value.isWatched }.keys.sorted() }

    /// When a hub that is down is to be tried next.
    var nextAttempt: Instant? {
        links.values.filter { !$0.isUp }.flatMap { [$0.nextAttempt, $0.attemptEnds ?? $0.nextAttempt] }.min()
    }
}
