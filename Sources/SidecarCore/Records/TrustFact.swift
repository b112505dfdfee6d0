package import HubProtocol
package import OverlayCrypto
package import OverlayWire
package import PosternModel
package import TrustCore

/// One durable fact of a sidecar. What it knows is the fold of its facts in their order (``TrustBook``).
package enum TrustFact: Hashable, Sendable {
    /// We asked for trust; `hubs` are where the request was left.
    case asked(TrustRequest)
    /// Our request ended: it was accepted, refused or withdrawn.
    case answered(RecordID)
    /// Something was offered to a peer that it may still accept, the latest at this time.
    case offered(NodeKey, at: Timestamp)
    /// Somebody asked for our trust; `stranger` is where a mail came from whose sender showed nothing but work.
    case received(TrustRequest, at: Timestamp, stranger: MailOrigin?)
    /// We made a contact card.
    case carded(ContactToken, at: Timestamp)
    /// A contact card of ours gives no room any more.
    case uncarded(RecordID)
    /// We decided about a request. Its id is kept until `until`, so that a replay is not asked again.
    case decided(RecordID, until: Timestamp)
    /// A rule of the configuration accepted a request.
    case acceptedByRule(RuleAcceptance)
    /// A trust came to stand, or was renewed.
    case trusted(TrustRelationship)
    /// A trust was ended by either side.
    case revoked(Revocation)
    /// A peer said, for the first time, which key comes after its own.
    case committed(KeyCommitment, by: NodeKey)
    /// A peer said something else later.
    case contradicted(KeyCommitment, by: NodeKey)
    /// A node, which may be this one, has changed its key.
    case succeeded(NodeChain)
    /// The operator bound this name to a peer.
    case bound(String, to: NodeKey)
    /// The operator shut a peer out.
    case blocked(NodeKey)
    /// The operator no longer shuts a peer out.
    case unblocked(NodeKey)
    /// We made an invitation, after whatever we had signed by `at`; `name` is bound to whoever redeems it.
    case invited(Invitation, uses: Int, name: String?, at: Timestamp)
    /// An invitation of ours opens nothing any more.
    case uninvited(RecordID)
    /// An invitation of ours was redeemed by this peer.
    case redeemed(RecordID, by: NodeKey)
    /// We redeem an invitation; `name` is bound to the inviter when it answers.
    case joining(Invitation, InvitationClaim, name: String?)
    /// Hubs have to be told something.
    case outbox(OutboxEntry)
    /// Hubs have been told, or it no longer matters.
    case delivered(RecordID)
    /// This state is older than the node, whose journal has come to this number before (RULES N19).
    case outdated(Int64)
    /// The last ends that the journal had before a base, with which what others know of it can be compared.
    case past([ChainHead])
    /// It counts again, with all that is known of the node up to this number. The line that says so has a higher one.
    case recovered(Int64)
    /// Something about a network.
    case network(NetworkFact)
}

/// Everything that makes a trust with one peer.
package struct TrustRelationship: Hashable, Sendable {
    package let peer: NodeKey
    /// Our grant.
    package let given: Grant
    /// The peer's grant.
    package let received: Grant
    /// What both mix into their sessions.
    package let secret: PreSharedKey
    /// What the peer calls itself: it identifies nobody.
    package let claims: String
    /// Where the peer can be met.
    package let hubs: [HubURL]
    /// Addresses that the peer named.
    package let candidates: [Endpoint]
    package let since: Timestamp

    package init(
        peer: NodeKey,
        given: Grant,
        received: Grant,
        secret: PreSharedKey,
        claims: String,
        hubs: [HubURL],
        candidates: [Endpoint],
        since: Timestamp
    ) {
        self.peer = peer
        self.given = given
        self.received = received
        self.secret = secret
        self.claims = claims
        self.hubs = hubs
        self.candidates = candidates
        self.since = since
    }

    /// The same with a newer grant of the peer.
    func renewed(by grant: Grant) -> TrustRelationship {
        TrustRelationship(
            peer: peer,
            given: given,
            received: grant,
            secret: secret,
            claims: claims,
            hubs: hubs,
            candidates: candidates,
            since: since
        )
    }
}

/// Something that each of some hubs has to be told. It is repeated until they all have it, so it must do no harm twice.
package struct OutboxEntry: Hashable, Sendable {
    package let hubs: [HubURL]
    package let request: HubRequest
    /// When it no longer matters.
    package let until: Timestamp

    package var id: RecordID { RecordID(of: request.document) }
}
