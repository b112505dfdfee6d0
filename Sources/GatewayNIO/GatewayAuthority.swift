package import GatewayCore
package import PosternModel
package import TrustCore

/// Where a reached service is: which port of which node.
package struct ServiceRoute: Hashable, Sendable {
    package var key: NodeKey
    package var port: VirtualPort
    package var kind: ServiceKind

    package init(key: NodeKey, port: VirtualPort, kind: ServiceKind) {
        self.key = key
        self.port = port
        self.kind = kind
    }
}

/// What is known of a peer's service when a client asks for it.
package enum PeerResolution: Hashable, Sendable {
    /// The peer is trusted. A path to it need not exist yet.
    case ready(ServiceRoute)
    /// Why not. `kind` is the last one known of the service, so that the port of a `tcp` service is not answered in
    /// HTTP.
    case failure(GatewayError, kind: ServiceKind?)
}

/// Who decides for the gateway: it knows no trust of its own. All calls are made on the overlay's event loop.
package protocol GatewayAuthority: AnyObject {
    /// Whether `peer` may use the service at `port`; asked for every stream that a peer opens.
    func decide(_ peer: NodeKey, _ port: VirtualPort) -> Access

    /// Whether a trust with `peer` stands; asked for every callback that a peer brings.
    func trusts(_ peer: NodeKey) -> Bool

    /// A client registered the receiver at `place` for push notifications of agents of `peer` (R11).
    func noteReceiver(_ place: String, of peer: NodeKey)

    /// The receivers that clients registered with agents of `peer` have ended.
    func noteReceiversEnded(of peer: NodeKey)

    /// `peer` called `method` of the service at `port`, whose rules refuse it (R11); nil: it was no call to be read.
    func noteRefused(_ method: String?, of peer: NodeKey, _ port: VirtualPort)

    /// Whether `peer` means anybody.
    func isKnown(_ peer: PeerName) -> Bool

    /// How we call the peer.
    func peerName(_ key: NodeKey) -> String?

    /// Finds a peer's service; asked once per client connection. Calls `then` exactly once, on the loop, at once when
    /// the answer is known. The gateway does not wait for it longer than ``GatewaySettings/peerPatience``.
    ///
    /// - Parameter refused: a port where the peer has just said that the service is not: then it is asked anew.
    func resolve(
        _ peer: PeerName,
        _ target: ServiceTarget,
        insteadOf refused: VirtualPort?,
        then: @escaping (PeerResolution) -> Void
    )
}
