/// What the agent beside a sidecar may ask of it by MCP: whoever can talk the agent into something can have it.
package enum AgentPermission: String, Hashable, Sendable, CaseIterable {
    /// See this node, its peers and what passes.
    case status
    /// See what peers offer.
    case find
    /// Ask others for their trust, which is theirs to give.
    case request
    /// Open local ports to services of peers, and call them.
    case reach
    /// Accept and reject requests for our trust.
    case approve
    /// Make, list and withdraw invitations, and redeem them.
    case invite
    /// End trusts, shut peers out, and name them.
    case revoke
    /// Found, join, leave and govern networks: members, roles, policy.
    case network

    /// What it may when nothing is said: nothing that widens trust.
    package static let usual: Set<AgentPermission> = [.status, .find, .request, .reach]
}
