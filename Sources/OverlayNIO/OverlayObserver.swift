package import NIOCore
package import OverlayCore
package import OverlayWire
package import PosternModel

/// What an ``OverlayNode`` tells its owner. Every call is made on the node's event loop, never from inside a call to
/// the node: an observer may call any method of the node.
package protocol OverlayObserver: AnyObject {
    /// `peer` opened `stream` on `port`. The returned handler gets the stream's calls; nil refuses the stream, and the
    /// peer sees it reset with ``ErrorCode/noSuchPort``.
    func overlayAccepts(
        stream: OverlayStream,
        from peer: NodeKey,
        port: VirtualPort
    ) -> (any OverlayStreamHandler)?

    /// The session with `peer` came, went or changed.
    func overlaySession(with peer: NodeKey, is change: SessionChange)

    /// An unreliable datagram arrived on `port`, which was opened for them.
    func overlayReceived(datagram: ByteBuffer, from peer: NodeKey, port: VirtualPort)

    /// First messages of `peer` with counters up to `replayFloor` are spent. It must be stored when this returns true:
    /// early data that was taken once must not be taken again after a restart. False when it cannot be; the session
    /// that the message began ends then.
    func overlayStores(replayFloor: UInt64, of peer: NodeKey) -> Bool

    /// The same for one of the processes that share the key of `peer`. Stored before the message is answered; what came
    /// with it is harmless when it comes again.
    func overlayStores(sharedFloor: UInt64, of peer: NodeKey, instance: UInt64)

    /// Two programs seem to use one key.
    func overlaySees(_ duplicate: DuplicateIdentity)

    /// `peer` sees this node's packets come from `endpoint`.
    func overlayObserved(_ endpoint: Endpoint, by peer: NodeKey)

    /// Where `peer` may be reached, as it told inside the session: worth keeping for a start without a hub.
    func overlayLearned(candidates: [Endpoint], of peer: NodeKey)
}

extension OverlayObserver {
    /// Who admits no peer with a shared key has nothing to store.
    package func overlayStores(sharedFloor: UInt64, of peer: NodeKey, instance: UInt64) {}
}

/// Whose key two programs use at a time, as one that is copied together with its state directory is.
package enum DuplicateIdentity: Hashable, Sendable {
    /// The peer's.
    case usedTwice(NodeKey)
    /// This node's own, as the peer says. `isRefused`: it talks with the other one for a minute.
    case ownUsedTwice(by: NodeKey, isRefused: Bool)
}

/// How the session with a peer changed.
package enum SessionChange: Hashable, Sendable {
    /// Both sides hold keys; a new life of the session begins.
    case established(isInitiator: Bool)
    /// The session is over: closed by either side, expelled, or the peer restarted (``ErrorCode/restarted``). Its
    /// streams have ended before this is told.
    case lost(ErrorCode, reason: String)
    /// A handshake got no answer within its retries; what waited for it has ended.
    case unreachable
    /// Packets take another path now.
    case pathChanged(Endpoint)
    /// The path in use carries less than the 1200 bytes with which every path begins, or (false) does after all.
    case pathBelowBase(Endpoint, Bool)
    /// Nothing was heard although something is outstanding; the session and its streams live on.
    case unresponsive
    /// The peer is heard again.
    case responsive
}

/// The answer to a ping.
package struct PingResult: Hashable, Sendable {
    /// One round trip through the overlay.
    package var roundTrip: Interval
    /// The path that the packets took, if the session still has one.
    package var path: Endpoint?
}

/// Why an operation on an ``OverlayNode`` could not be done.
package enum OverlayError: Error, Hashable, Sendable {
    /// No peer with this key was admitted.
    case unknownPeer
    /// No answer came within the time for it.
    case timedOut
    /// The session ended first.
    case sessionLost(ErrorCode)
    /// The node was stopped, or has not been started.
    case notRunning
    /// The core refused to open the stream.
    case refused(StreamError)
}
