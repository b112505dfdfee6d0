package import HubProtocol
package import OverlayCrypto
package import OverlayWire
package import PosternModel
package import TrustCore

/// What the sidecar wants done, strictly in this order: whatever comes after a ``persist(_:)`` may rely on it.
package enum SidecarAction: Hashable, Sendable {
    /// Make these facts durable together before anything that follows is done.
    case persist([TrustFact])
    /// Write into the audit trail.
    case audit(AuditEvent)
    /// What is known of peers for convenience has changed (``Sidecar/memoryDocument``); losing it costs no trust.
    case remember

    /// Let the overlay talk to a peer, or change what it knows of one that it talks to.
    case admit(PeerAdmission)
    /// Cut the session and all streams with a peer at once, and know it no longer.
    case expel(NodeKey, ErrorCode)
    /// Start a session with an admitted peer or hub, if there is none.
    case connect(NodeKey)
    /// A hub relays packets for a peer in this conversation.
    case setRelay(NodeKey, hub: NodeKey, RelayChannel)
    /// The hub relays that conversation with the peer no more.
    case clearRelay(NodeKey, hub: NodeKey, RelayChannel)
    /// Let the overlay talk to a hub.
    case admitHub(HubURL)
    /// A hub is no longer needed: the session with it ends, and the overlay knows it no longer.
    case dropHub(NodeKey)
    /// The trust with a peer has ended: what is done for it ends.
    case trustEnded(NodeKey)

    /// What gives peers access has changed: each of their streams is decided again.
    case reviewAccess

    /// Ask a hub, and report its answer under the id.
    case hubRequest(SidecarRequestID, hub: NodeKey, HubRequest)
    /// Do work of so many zero bits, which takes from milliseconds to seconds of a processor, and report it under the
    /// id.
    case work(SidecarRequestID, WorkChallenge, bits: Int)
    /// Open the event stream of a hub.
    case openWatch(NodeKey)
    /// Ask a peer's sidecar on the control port, and report its answer under the id.
    case peerRequest(SidecarRequestID, peer: NodeKey, PeerRequest)
    /// Meet an inviter directly as its guest, deliver the sealed claim, and report the answer under the id.
    case redeem(SidecarRequestID, Invitation, claim: [UInt8])
    /// The invitation was answered on another way: a direct attempt that is under way ends.
    case endRedemption(SidecarRequestID)
    /// Answer what a peer asked on the control port.
    case answerPeer(PeerRequestID, PeerAnswer)

    /// Answer a command.
    case answer(CommandID, CommandAnswer)
    /// Measure `count` round trips to a peer, one after another, and answer the command with them.
    case ping(CommandID, NodeKey, count: Int)
    /// Offer a peer's service on a local port and answer the command with it.
    case openLocalPort(CommandID, PeerName, ServiceTarget)
    /// Read the configuration again and answer the command when it is in effect.
    case readConfiguration(CommandID)
    /// Have the program around do it, and answer the command.
    case local(CommandID, LocalTask)
    /// Answer the command with the lines of the audit trail.
    case readAudit(CommandID, since: Timestamp?)
    /// Tell the gateway where a peer's service is.
    case routed(RouteID, Route)
    /// Fail a command.
    case fail(CommandID, Problem)
}

/// What the overlay has to know of a peer.
package struct PeerAdmission: Hashable, Sendable {
    /// What the peer is called: its first key.
    package let key: NodeKey
    /// The key that it has now.
    package let handshakeKey: NodeKey
    /// The pre-shared secret of the pair.
    package let secret: PreSharedKey
    /// Where to try first.
    package let candidates: [Endpoint]
    /// The guest of an open invitation: it may redeem and nothing else, and many hosts have its key.
    package let isGuest: Bool
}

/// One request of the sidecar to a hub or peer.
package struct SidecarRequestID: Hashable, Sendable {
    package let rawValue: UInt64

    package init(_ rawValue: UInt64) {
        self.rawValue = rawValue
    }
}

/// One request of a peer to the sidecar, as the shell counts them.
package struct PeerRequestID: Hashable, Sendable {
    package let rawValue: UInt64

    package init(_ rawValue: UInt64) {
        self.rawValue = rawValue
    }
}

/// One command that waits for its answer, as the shell counts them.
package struct CommandID: Hashable, Sendable {
    package let rawValue: UInt64

    package init(_ rawValue: UInt64) {
        self.rawValue = rawValue
    }
}
