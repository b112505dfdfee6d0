package import PosternModel

/// What a program asks of the running sidecar, by whichever door it came.
package enum ControlCall: Hashable, Sendable {
    /// `status` of INTERFACE.
    case status
    /// `peers`.
    case peers
    /// `trust list`.
    case trust
    /// `services PEER`.
    case services(peer: String)
    /// The audit trail's lines, from `since` (RFC 3339) on.
    case audit(since: String?)
    /// Ask `peer` for its trust; no services: all.
    case request(peer: String, services: [String], note: String)
    /// Say yes to a request; nil: for what was asked.
    case approve(id: String, services: [String]?)
    /// Say no to a request.
    case reject(id: String)
    /// End the trust with a peer.
    case revoke(peer: String)
    /// Make an invitation.
    case invite(uses: Int, lifetime: Interval, services: [String])
    /// Redeem an invitation.
    case join(invitation: String)
    /// Measure round trips to a peer.
    case ping(peer: String, count: Int)
    /// Make a session with a peer now.
    case connect(peer: String)
    /// Find a local port at which a peer's service is offered, `service` being a name or a virtual port.
    case door(peer: String, service: String)
}

extension ControlCall {
    /// Whether it changes anything: such calls need the token over TCP.
    package var changesState: Bool {
        switch self {
        case .status, .peers, .trust, .services, .audit: false
        case .request, .approve, .reject, .revoke, .invite, .join, .ping, .connect, .door: true
        }
    }
}
