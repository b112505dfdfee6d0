package import PosternModel
package import TrustCore

/// What the operator, or a program that acts for it, tells the sidecar to do.
package enum OperatorCommand: Hashable, Sendable {
    /// Ask `peer` for its trust.
    case request(peer: PeerName, services: ServiceSet, note: String)
    /// Say yes to the request `id`; nil: for the services that were asked for.
    case approve(id: String, services: ServiceSet?)
    /// Say no to the request `id`.
    case reject(id: String)
    /// End the trust with `peer`.
    case revoke(peer: PeerName)
    /// Make an invitation for `uses` others, open for `lifetime`.
    case invite(uses: Int, lifetime: Interval, services: ServiceSet)
    /// Redeem an invitation.
    case join(invitation: String)
    /// Call `peer` by another local name.
    case rename(peer: PeerName, name: String)
    /// Tell who is trusted and what waits.
    case list
}

/// One command that waits for its answer, as the shell counts them.
package struct CommandID: Hashable, Sendable {
    package let rawValue: UInt64

    package init(_ rawValue: UInt64) {
        self.rawValue = rawValue
    }
}
