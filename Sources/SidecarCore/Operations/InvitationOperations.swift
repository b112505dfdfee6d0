package import PosternModel
package import TrustCore

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

    package init(uses: Int? = nil, expiresMs: Int64? = nil, services: ServiceSet? = nil, name: String? = nil) {
        self.uses = uses
        self.expiresMs = expiresMs
        self.services = services
        self.name = name
    }

    /// What to hand over.
    package struct Answer: Codable, Hashable, Sendable {
        package let invitation: Invitation
        package let expires: Timestamp
        package let uses: Int
    }

    package static let outline = OperationOutline.changing(
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
            id: id,
            at: now
        )
    }
}

/// Redeems an invitation.
package struct JoinInvitation: Operation {
    package let invitation: Invitation
    /// What the inviter is to be called here; nil: what it calls itself, if nobody has that name yet.
    package let name: String?
    /// Whether no name is bound when `name` is nil.
    package let unnamed: Bool?

    package init(invitation: Invitation, name: String? = nil, unnamed: Bool? = nil) {
        self.invitation = invitation
        self.name = name
        self.unnamed = unnamed
    }

    package typealias Answer = TrustDocument
    package static let outline = OperationOutline.changing(
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
            answering: { answer($0.activating(uses)) },
            id: id,
            at: now
        )
    }
}
