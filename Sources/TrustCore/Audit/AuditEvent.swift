package import PosternModel

/// What happened, before it has a place in the chain (R11).
package struct AuditEvent: Hashable, Sendable {
    /// The kinds of events, in the words of the log.
    package enum Action: String, Sendable {
        case started = "start"
        case stopped = "stop"
        case registered = "register"
        case deregistered = "deregister"
        case trustAsked = "trust.ask"
        case trustGiven = "trust.give"
        case trustRefused = "trust.refuse"
        case trustRevoked = "trust.revoke"
        case trustExpired = "trust.expire"
        case invited = "invitation.create"
        case uninvited = "invitation.revoke"
        case redeemed = "invitation.redeem"
        case carded = "contact.create"
        case uncarded = "contact.revoke"
        case blocked = "peer.block"
        case unblocked = "peer.unblock"
        case accessRefused = "access.refuse"
        /// Two programs use the key that is the subject.
        case identityShared = "identity.shared"
        /// A node has changed its key: `old` and `new` are the two.
        case keyChanged = "key.rotate"
        /// A hub knows another key of this node than the one that it has, or another history of keys.
        case keyRefused = "key.refused"
        /// A peer has said which key comes after its own, for the first time.
        case keyCommitted = "key.commit"
        /// A peer says that another key comes after its own than it said first: `old`, which counts on.
        case keyContradicted = "key.contradict"
        case renamed = "peer.rename"
        /// The log of a network has a new entry; `new` is its number and hash, the log has the rest (RULES N17).
        case networkChanged = "network.entry"
        /// Somebody says that this node is a member of a network; nothing comes of it until the operator joins.
        case networkOffered = "network.offer"
        /// Somebody is a member of a network by the certificate of the actor.
        case memberCertified = "member.certify"
        /// A membership has ended by itself.
        case membershipExpired = "member.expire"
        /// A network's log has two entries behind one: `new` names the heads.
        case networkForked = "network.fork"
        /// No owner or administrator of a network was heard of for longer than it allows, or one is again.
        case networkFreshness = "network.freshness"
        /// An owner or administrator has signed that a network's log has come to what no hub shows.
        case networkWithheld = "network.withhold"
        /// A hub shows less of a network's log than it has signed, or something else.
        case networkRolledBack = "network.rollback"
        case receiverRegistered = "receiver.register"
        case receiversEnded = "receiver.end"
        case reconfigured = "configuration.reload"
        /// The operator of a hub has changed what `subject` names, here or from afar; `new` is the call.
        case administered = "hub.admin"
        /// The agent asked for what `subject` names, and the sidecar set about it.
        case agentAsked = "agent.ask"
        /// The agent asked for what the configuration does not let it do.
        case agentRefused = "agent.refuse"
        /// Somebody gave a mark of this node back that its state directory is older than.
        case outdated = "state.outdated"
        case recovered = "state.recover"
        /// The first entry of a further file: `new` is the signed head of the files before it.
        case continued = "audit.continue"
        /// So many events were lost as `new` says, because the disk took none for too long.
        case lost = "audit.lost"
        /// The first entry of a trail that follows a broken one: `old` says what was found, `new` is the signed head
        /// that it goes on after.
        case restarted = "audit.restart"
    }

    /// What happened.
    package var action: Action
    /// Who did it: a did.
    package var actor: NodeKey
    /// What it was done to: a did, a service, an invitation.
    package var subject: String
    /// The network it belongs to; nil outside networks.
    package var network: String?
    package var old: JSONValue
    package var new: JSONValue
    /// Who asked for it when that was not the operator: `agent NAME`, by the name that the agent gives itself.
    package var via: String?

    package init(
        _ action: Action,
        actor: NodeKey,
        subject: String,
        network: String? = nil,
        old: JSONValue = nil,
        new: JSONValue = nil
    ) {
        self.action = action
        self.actor = actor
        self.subject = subject
        self.network = network
        self.old = old
        self.new = new
    }
}
