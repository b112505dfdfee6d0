package import PosternModel
package import TrustCore

/// Asks a peer for its trust, or redeems an invitation.
package struct RequestTrust: Operation {
    package let peer: TrustAddressee
    /// What is asked for; nil: everything.
    package let services: ServiceSet?
    /// A text for the peer's owner.
    package let note: String?
    /// What the peer is to be called here; nil: as `join` does for an invitation, else nothing.
    package let name: String?
    /// Whether the peer gets nothing more of ours when it says yes; nil: it may use what `allow` has for the trusted.
    package let oneWay: Bool?

    package init(
        peer: TrustAddressee,
        services: ServiceSet? = nil,
        note: String? = nil,
        name: String? = nil,
        oneWay: Bool? = nil
    ) {
        self.peer = peer
        self.services = services
        self.note = note
        self.name = name
        self.oneWay = oneWay
    }

    /// The same with nothing of ours for the peer.
    package var givingNothing: RequestTrust {
        RequestTrust(peer: peer, services: services, note: note, name: name, oneWay: true)
    }

    /// Whether `arguments` name an invitation in the place of the peer, which needs nobody's decision.
    package static func redeemsInvitation(_ arguments: JSONValue) -> Bool {
        Invitation.isInvitation(arguments["peer"]?.string ?? "")
    }

    /// What became of the request.
    package struct Answer: Codable, Hashable, Sendable {
        /// How far it is.
        package enum State: String, Codable, WordList, Sendable {
            /// A hub has it.
            case sent
            /// It goes out as soon as a hub is there.
            case queued
            /// The peer is trusted, and what was asked for is given.
            case trusted
        }

        /// Nil when nothing had to be asked.
        package let id: RecordID?
        package let did: NodeKey
        package let state: State
        /// The trust, when it stands.
        package let trust: TrustDocument?
    }

    package static let outline = OperationOutline.trusting("trust/request", "Ask a peer for its trust, through a hub.")

    package func perform(
        on sidecar: inout Sidecar,
        id: CommandID,
        at now: Clocks,
        seeing view: any SidecarView
    ) throws(Problem) -> [SidecarAction] {
        switch peer {
        case .peer(let peer):
            return try sidecar.request(
                peer,
                services: services ?? .all,
                note: note ?? "",
                named: name,
                givesNothing: oneWay ?? false,
                id: id,
                at: now
            )
        case .contact(let card):
            return try sidecar.request(
                PeerName(card.owner),
                services: services ?? .all,
                note: note ?? "",
                named: name,
                by: card,
                givesNothing: oneWay ?? false,
                id: id,
                at: now
            )
        case .invitation(let invitation):
            let join = JoinInvitation(invitation: invitation, name: name)
            return try join.perform(on: &sidecar, id: id, at: now, seeing: view) { .answer(id, Answer(trust: $0)) }
        }
    }
}

extension RequestTrust.Answer {
    /// The peer is trusted.
    init(trust: TrustDocument) {
        self.init(id: nil, did: trust.did, state: .trusted, trust: trust)
    }
}

/// Says yes to a request.
package struct ApproveRequest: Operation {
    /// Its id, the beginning of it, or the asker's did.
    package let id: String
    /// Nil: what was asked for.
    package let services: ServiceSet?
    /// What the asker is to be called here; nil: nothing new.
    package let name: String?
    /// Whether it may use nothing else from then on; nil: it keeps what it has.
    package let only: Bool?

    package init(id: String, services: ServiceSet? = nil, name: String? = nil, only: Bool? = nil) {
        self.id = id
        self.services = services
        self.name = name
        self.only = only
    }

    package typealias Answer = TrustDocument
    package static let outline = OperationOutline.trusting("trust/approve", "Say yes to a request for trust.")

    package func perform(
        on sidecar: inout Sidecar,
        id command: CommandID,
        at now: Clocks,
        seeing view: any SidecarView
    ) throws(Problem) -> [SidecarAction] {
        let choice = GrantChoice(services: services, replaces: only ?? false)
        return try sidecar.approve(id, choice, named: name, id: command, at: now, seeing: view)
    }
}

/// Which services somebody who decides gives.
struct GrantChoice: Hashable, Sendable {
    /// Nil: what was asked for.
    let services: ServiceSet?
    /// Whether they take the place of those that the peer has.
    let replaces: Bool
}

/// Sets which of our services a trusted peer may use.
package struct SetTrust: Operation {
    package let peer: PeerName
    /// In the place of those that it may use now.
    package let services: ServiceSet

    package init(peer: PeerName, services: ServiceSet) {
        self.peer = peer
        self.services = services
    }

    package typealias Answer = TrustDocument
    package static let outline = OperationOutline.trusting(
        "trust/set",
        "Set which of our services a trusted peer may use; what it may no longer use is cut at once."
    )

    package func perform(
        on sidecar: inout Sidecar,
        id: CommandID,
        at now: Clocks,
        seeing view: any SidecarView
    ) throws(Problem) -> [SidecarAction] {
        try sidecar.setTrust(in: peer, to: services, id: id, at: now)
    }

    /// What takes something away holds at once, whatever the disk does.
    package func needsRoom(in sidecar: Sidecar, at now: Clocks) -> Bool {
        guard let peer = try? sidecar.known(peer) else { return true }
        return !(sidecar.standingServices(to: peer, at: now).map(services.isSubset) ?? false)
    }
}

/// Takes back a request of ours that was not answered yet.
package struct WithdrawRequest: Operation {
    /// Its id, the beginning of it, or the did or name of whom we asked.
    package let id: String

    package init(id: String) {
        self.id = id
    }

    /// The requests that are gone.
    package struct Answer: Codable, Hashable, Sendable {
        package let ids: [RecordID]
        package let did: NodeKey
        /// Whether the peer is told, so that it waits there no longer. It is not where a trust stands, which that would
        /// end.
        package let told: Bool
    }

    package static let outline = OperationOutline.withdrawing(
        "trust/withdraw",
        "Take back a request of ours that was not answered yet."
    )

    package func perform(
        on sidecar: inout Sidecar,
        id command: CommandID,
        at now: Clocks,
        seeing view: any SidecarView
    ) throws(Problem) -> [SidecarAction] {
        try sidecar.withdraw(id, id: command, at: now)
    }
}

/// Says no to a request; the asker is told nothing more than that.
package struct RejectRequest: Operation {
    /// Its id, the beginning of it, or the asker's did.
    package let id: String

    package init(id: String) {
        self.id = id
    }

    /// The request that is gone.
    package struct Answer: Codable, Hashable, Sendable {
        package let id: RecordID
    }

    package static let outline = OperationOutline.withdrawing("trust/reject", "Say no to a request for trust.")

    package func perform(
        on sidecar: inout Sidecar,
        id command: CommandID,
        at now: Clocks,
        seeing view: any SidecarView
    ) throws(Problem) -> [SidecarAction] {
        try sidecar.reject(id, id: command, at: now)
    }
}

/// Ends the trust with a peer; its streams are cut at once.
package struct RevokeTrust: Operation {
    package let peer: PeerName
    /// Whether the invitations by which the peer came are withdrawn as well; nil: no.
    package let invitations: Bool?

    package init(peer: PeerName, invitations: Bool? = nil) {
        self.peer = peer
        self.invitations = invitations
    }

    /// The trust that ended.
    package struct Answer: Codable, Hashable, Sendable {
        package let did: NodeKey
        /// The name that is bound to the peer, if one is.
        package let name: String?
        /// What the peer calls itself, as far as it has said so.
        package let claims: String?
        /// `revoked`.
        package let state: String
        /// The invitations by which the peer came and by which others could, or it under another key.
        package let invitations: [InvitationDocument]
        /// What to do about those that are still open.
        package let hint: String?
        /// The networks in which both are members, by which they go on reaching each other; nil from an older sidecar.
        package let networks: [String]?
    }

    package static let outline = OperationOutline.withdrawing(
        "trust/revoke",
        "End the trust with a peer; running connections are cut at once."
    )

    package func perform(
        on sidecar: inout Sidecar,
        id: CommandID,
        at now: Clocks,
        seeing view: any SidecarView
    ) throws(Problem) -> [SidecarAction] {
        try sidecar.revoke(peer, withInvitations: invitations ?? false, id: id, at: now)
    }
}

/// Binds a name to a peer: it means this key from now on, wherever a peer is named.
package struct NamePeer: Operation {
    package let peer: PeerName
    package let name: String

    package init(peer: PeerName, name: String) {
        self.peer = peer
        self.name = name
    }

    /// Who is called so now.
    package struct Answer: Codable, Hashable, Sendable {
        package let did: NodeKey
        package let name: String
        /// What the peer calls itself, as far as it has said so.
        package let claims: String?
        /// Whether a trust with it stands.
        package let trusted: Bool
        /// What of the configuration means the peer by this name.
        package let activates: [String]
    }

    package static let outline = OperationOutline.changing("trust/name", "Bind a name to a peer.")

    package func perform(
        on sidecar: inout Sidecar,
        id: CommandID,
        at now: Clocks,
        seeing view: any SidecarView
    ) throws(Problem) -> [SidecarAction] {
        try sidecar.rename(peer, to: name, id: id, at: now, seeing: view)
    }
}

/// Tells who is trusted and what waits.
package struct ListTrust: Operation {
    package init() {}

    package typealias Answer = TrustListDocument
    package static let outline = OperationOutline.reading(
        "trust",
        "Who is trusted, what waits for a decision here, and what we asked for."
    )

    package func perform(
        on sidecar: inout Sidecar,
        id: CommandID,
        at now: Clocks,
        seeing view: any SidecarView
    ) -> [SidecarAction] {
        [.answer(id, sidecar.trustList(at: now.wall, seeing: view))]
    }
}
