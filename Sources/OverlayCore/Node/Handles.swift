package import OverlayCrypto
package import OverlayWire
package import PosternModel

/// Names a peer of one node. A handle of a peer that was expelled is refused, never taken for another.
package struct PeerHandle: Hashable, Sendable {
    package let slot: UInt32
    package let generation: UInt32
}

extension RelayHandle {
    /// The conversation `channel` of the hub that `hub` names.
    init(hub: PeerHandle, channel: RelayChannel) {
        self.init(hub: hub.slot, generation: hub.generation, channel: channel)
    }

    /// The hub.
    var peer: PeerHandle { PeerHandle(slot: hub, generation: generation) }
}

/// Names a stream of one node. A handle of a stream that ended is refused, never taken for another.
package struct StreamHandle: Hashable, Sendable {
    package let peer: PeerHandle
    /// A small number that no other living stream of the peer has: fit as an array index.
    package let slot: UInt32
    package let generation: UInt32
}

/// A peer that the node may talk with.
package struct PeerConfiguration: Sendable {
    /// What the peer is called: its first key.
    package var key: NodeKey
    /// The key that it shakes hands with.
    package var handshakeKey: NodeKey
    /// The secret of the trust record, or ``PreSharedKey/none``.
    package var preSharedKey: PreSharedKey
    /// Where the peer may be reached.
    package var candidates: [Candidate]
    /// Whether the peer may relay for us. It is always reached directly.
    package var relays: Bool
    /// Whether it is believed where peers are: a hub of this node's own choice.
    package var attests: Bool
    /// Whether the peer is told where this node can be reached. A hub is not: it must not learn locators (DESIGN §8).
    package var sharesCandidates: Bool
    /// Handshakes with this counter or a smaller one are replays.
    package var replayFloor: UInt64
    /// Whether the floor is known to be the last one, or may be older: after a power failure, say. Then the first
    /// handshake of the peer brings no early data.
    package var isFloorCertain: Bool
    /// Where many hosts have the peer's key, as they have an invitation's: up to which counter each process has spent
    /// its first messages, by ``OverlayWire/TransportParameters/instance``. Nil: the key is one host's.
    package var sharedFloors: [UInt64: UInt64]?

    /// A peer that shakes hands with `handshakeKey`; nil: with `key`.
    package init(
        key: NodeKey,
        handshakeKey: NodeKey? = nil,
        preSharedKey: PreSharedKey = .none,
        candidates: [Candidate] = [],
        relays: Bool = false,
        attests: Bool = false,
        sharesCandidates: Bool = true,
        replayFloor: UInt64 = 0,
        isFloorCertain: Bool = true,
        sharedFloors: [UInt64: UInt64]? = nil
    ) {
        self.key = key
        self.handshakeKey = handshakeKey ?? key
        self.preSharedKey = preSharedKey
        self.candidates = candidates
        self.relays = relays
        self.attests = attests
        self.sharesCandidates = sharesCandidates
        self.replayFloor = replayFloor
        self.isFloorCertain = isFloorCertain
        self.sharedFloors = sharedFloors
    }
}

/// Why a call about a stream or a datagram is refused.
package enum StreamError: Error, Hashable, Sendable {
    /// The peer is not admitted, or was expelled.
    case unknownPeer
    /// The stream ended.
    case unknownStream
    /// The sending half is finished, reset or stopped.
    case notWritable
    /// The datagram is larger than a packet, or its port is 0.
    case invalidDatagram
    /// There is no session to send a datagram on.
    case notConnected
    /// The node is closing.
    case closing
}

/// What a read gave.
package struct ReadResult: Hashable, Sendable {
    /// Bytes appended to the writer.
    package var byteCount: Int
    /// Whether the peer finished and everything was read.
    package var isAtEnd: Bool
}

/// A datagram from a peer (requirement R5): whose it is; ``Node/takeDatagram(into:)`` wrote its bytes.
package struct ReceivedDatagram: Sendable {
    package var peer: PeerHandle
    package var key: NodeKey
    package var port: VirtualPort
    package var byteCount: Int
}

/// What to send where.
package struct Transmit: Hashable, Sendable {
    /// Which of our addresses it leaves from: one that ``Node/setLocalAddresses(_:candidates:at:)`` named, or the
    /// connection.
    package var source: Endpoint
    /// A UDP address or a connection, never a relay.
    package var destination: Endpoint
    package var ecn: ECNCodepoint
    /// Bytes in the writer: one packet, or several of ``segmentSize`` of which the last may be shorter.
    package var byteCount: Int
    package var segmentSize: Int
}

/// What is known about a peer now.
package struct PeerStatus: Sendable {
    package var key: NodeKey
    package var isConnected: Bool
    /// The peer's end of the path in use.
    package var path: Endpoint?
    /// Whether packets travel in a connection of the shell's, to the peer or to its relay.
    package var isInConnection: Bool
    /// The largest UDP payload that is sent there, in bytes, and whether it is one with which a path may begin
    /// (RFC 8899 §5.2).
    package var packetSize: Int?
    package var carriesBase: Bool
    /// Whether a first handshake of ours is on its way.
    package var isConnecting: Bool
    /// Whether nothing comes back on the path in use.
    package var isSilent: Bool
    /// Smoothed round trip of the path in use, once measured.
    package var roundTrip: Interval?
    package var bytesSent: UInt64
    package var bytesReceived: UInt64
    package var relayedBytes: UInt64
    package var activeStreams: Int
    /// When an authenticated packet last came.
    package var heardAt: Instant?
}
