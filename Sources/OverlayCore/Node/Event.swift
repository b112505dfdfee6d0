package import OverlayWire
package import PosternModel

/// What happened, in the order in which it happened.
package enum Event: Sendable {
    /// A new life of the session with the peer began.
    case sessionEstablished(PeerHandle, NodeKey, isInitiator: Bool)
    /// The session ended: closed by either side, expelled, restarted by the peer or given up. Its streams ended before.
    case sessionLost(PeerHandle, NodeKey, ErrorCode, reason: String)
    /// Something is outstanding and the peer has been silent for `NodeSettings.unresponsiveAfter`.
    case unresponsive(PeerHandle, NodeKey)
    /// Probe after probe to this local address got no answer: if its port turns out to be closed, the peer's program is
    /// gone (`Node.peerIsGone(_:at:now:)`).
    case localPathSilent(PeerHandle, NodeKey, Endpoint)
    /// An unresponsive peer was heard again.
    case responsive(PeerHandle, NodeKey)
    /// No answer to the first handshake within `NodeSettings.handshakeTimeout`. Streams that waited for it ended
    /// before.
    case handshakeFailed(PeerHandle, NodeKey)
    /// Packets to the peer take this path from now on.
    case pathChanged(PeerHandle, NodeKey, Endpoint)
    /// The path in use, to this address, carries less than the 1200 bytes with which every path begins, or (false) does
    /// carry them after all (RFC 8899 §5.2).
    case pathBelowBase(PeerHandle, NodeKey, Endpoint, Bool)
    /// Handshakes of the peer up to this counter are replays. To be stored before later events are handled.
    case replayFloor(NodeKey, UInt64)
    /// The same for one of the processes that share the peer's key (``PeerConfiguration/sharedFloors``).
    case sharedFloor(NodeKey, instance: UInt64, UInt64)
    /// Numbers for handshakes run low: more are to be reserved (`Node.reserveCounters(to:)`).
    case countersLow
    /// Two programs use the key of the peer. The one that was there first is preferred for a minute.
    case duplicateIdentity(PeerHandle, NodeKey)
    /// The peer says that another program uses this node's own key; and whether it talks with that one instead.
    case identityShared(by: PeerHandle, NodeKey, isRefused: Bool)
    /// A handshake for new keys has got no answer for so long that the old ones near their end.
    case rekeyOverdue(PeerHandle, NodeKey)
    /// The peer sees this node's packets come from there: a reflexive candidate of ours.
    case observedAddress(by: PeerHandle, NodeKey, Candidate)
    /// Where the peer has answered, the latest first.
    case candidates(of: PeerHandle, NodeKey, [Candidate])
    /// So many sockets like the one at `base` are wanted, on any ports, for the peer to guess one
    /// (``Node/spread(_:from:at:)``).
    case portsWanted(PeerHandle, base: Endpoint, count: Int)
    /// The answer to ``Node/probeMapping(_:from:delay:at:)``: the mapping lets it in after so long a silence.
    case mappingAlive(PeerHandle, delay: Interval)
    /// The peer opened a stream to a virtual port.
    case streamOpened(StreamHandle, NodeKey, VirtualPort)
    /// Bytes or the end can be read. Comes again only after a read that emptied the stream.
    case streamReadable(StreamHandle)
    /// A write that was not taken whole can go on.
    case streamWritable(StreamHandle)
    /// The peer reads no more; what is written is dropped.
    case streamStopped(StreamHandle, ErrorCode)
    /// The last event of a stream.
    case streamEnded(StreamHandle, StreamEnd)
    /// `Node.takeDatagram(into:)` has something. Comes again only after it gave everything.
    case datagramReceived
    /// The answer to a ping.
    case pong(PeerHandle, NodeKey, Interval)
}

/// How a stream ended.
package enum StreamEnd: Hashable, Sendable {
    /// Both halves came to their end.
    case finished
    /// Either side aborted it with a code.
    case reset(ErrorCode)
    /// The session ended with a code.
    case sessionLost(ErrorCode)
    /// The peer did not answer the first handshake.
    case unreachable
}
