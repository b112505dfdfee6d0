package import PosternModel
package import TrustCore

/// Which addresses of ours an invitation names, in the clear, for whoever reads it.
package enum InvitationAddresses: String, Codable, WordList, Sendable {
    /// None: the inviter is met at a hub.
    case none
    /// Those that reach this node from everywhere.
    case `public`
    /// Those of the local networks as well.
    case all
}

/// Makes an invitation.
package struct CreateInvitation: Operation {
    /// How many others may redeem it; nil: one.
    package let uses: Int?
    /// How long it is open, in milliseconds; nil: a day.
    package let expiresMs: Int64?
    /// What its holders may use; nil: everything.
    package let services: ServiceSet?
    /// What its redeemer is to be called here; nil: nothing. For one use only.
    package let name: String?
    /// Which of our addresses it names; nil: those at which a hub has seen us, and without a hub all.
    package let addresses: InvitationAddresses?

    package init(
        uses: Int? = nil,
        expiresMs: Int64? = nil,
        services: ServiceSet? = nil,
        name: String? = nil,
        addresses: InvitationAddresses? = nil
    ) {
        self.uses = uses
        self.expiresMs = expiresMs
        self.services = services
        self.name = name
        self.addresses = addresses
    }

    /// What to hand over.
    package struct Answer: Codable, Hashable, Sendable {
        package let invitation: Invitation
        package let expires: Timestamp
        package let uses: Int
    }

    package static let outline = OperationOutline.trusting(
        "invite",
        "Make an invitation: one text that makes both sides trust each other."
    )

    package func perform(
        on sidecar: inout Sidecar,
        id: CommandID,
        at now: Clocks,
        seeing view: any SidecarView
    ) throws(Problem) -> [SidecarAction] {
        let lifetime = expiresMs.map { Interval.milliseconds($0) } ?? .seconds(86_400)
        return try sidecar.invite(
            uses: uses ?? 1,
            lifetime: lifetime,
            services: services ?? .all,
            named: name,
            addresses: addresses,
            id: id,
            at: now
        )
    }
}

/// An invitation of ours, without the secret that makes it worth something.
package struct InvitationDocument: Codable, Hashable, Sendable {
    /// What became of it.
    package enum State: String, Codable, WordList, Sendable {
        /// Somebody may still redeem it.
        case open
        /// It was redeemed as often as it may be.
        case usedUp = "used-up"
        /// Its time has passed.
        case expired
        /// It was withdrawn.
        case revoked
    }

    /// Its name in lists and logs.
    package let id: RecordID
    /// What its redeemer is to be called here.
    package let name: String?
    package let services: ServiceSet
    package let uses: Int
    /// Who has redeemed it.
    package let redeemers: [NodeKey]
    package let since: Timestamp
    package let expires: Timestamp
    package let state: State
}

/// Lists our invitations.
package struct ListInvitations: Operation {
    package init() {}

    package typealias Answer = [InvitationDocument]
    package static let outline = OperationOutline.reading("invitations", "Our invitations and who redeemed them.")

    package func perform(
        on sidecar: inout Sidecar,
        id: CommandID,
        at now: Clocks,
        seeing view: any SidecarView
    ) -> [SidecarAction] {
        [.answer(id, sidecar.invitationDocuments(at: now))]
    }
}

/// Withdraws an invitation; whoever redeemed it keeps the trust.
package struct RevokeInvitation: Operation {
    /// Its id or the beginning of it.
    package let id: String

    package init(id: String) {
        self.id = id
    }

    package typealias Answer = InvitationDocument
    package static let outline = OperationOutline.withdrawing(
        "invitations/revoke",
        "Withdraw an invitation; whoever redeemed it keeps the trust."
    )

    package func perform(
        on sidecar: inout Sidecar,
        id command: CommandID,
        at now: Clocks,
        seeing view: any SidecarView
    ) throws(Problem) -> [SidecarAction] {
        try sidecar.uninvite(id, id: command, at: now)
    }
}

/// Redeems an invitation.
package struct JoinInvitation: Operation {
    package let invitation: Invitation
    /// What the inviter is to be called here; nil: what it calls itself, if nobody has that name yet.
    package let name: String?
    /// Whether no name is bound when `name` is nil.
    package let unnamed: Bool?
    /// What the inviter may use of ours besides what it may already; nil: what `allow` gives, when it is new here.
    package let services: ServiceSet?

    package init(
        invitation: Invitation,
        name: String? = nil,
        unnamed: Bool? = nil,
        services: ServiceSet? = nil
    ) {
        self.invitation = invitation
        self.name = name
        self.unnamed = unnamed
        self.services = services
    }

    package typealias Answer = TrustDocument
    package static let outline = OperationOutline.trusting(
        "join",
        "Redeem an invitation: both sides trust each other afterwards."
    )

    package func perform(
        on sidecar: inout Sidecar,
        id: CommandID,
        at now: Clocks,
        seeing view: any SidecarView
    ) throws(Problem) -> [SidecarAction] {
        try perform(on: &sidecar, id: id, at: now, seeing: view) { .answer(id, $0) }
    }

    /// The same, with the answer that `answer` makes of the trust.
    func perform(
        on sidecar: inout Sidecar,
        id: CommandID,
        at now: Clocks,
        seeing view: any SidecarView,
        answering answer: @escaping @Sendable (TrustDocument) -> SidecarAction
    ) throws(Problem) -> [SidecarAction] {
        let petname: String?
        if let name {
            petname = try sidecar.bindable(name, to: invitation.inviter)
        } else {
            petname = unnamed == true ? nil : sidecar.offeredName(by: invitation)
        }
        let uses = sidecar.uses(ofName: petname ?? sidecar.name(of: invitation.inviter), seeing: view)
        return try sidecar.join(
            invitation,
            naming: petname,
            giving: services,
            answering: { answer($0.activating(uses)) },
            id: id,
            at: now
        )
    }
}
