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

    package init(uses: Int? = nil, expiresMs: Int64? = nil, services: ServiceSet? = nil) {
        self.uses = uses
        self.expiresMs = expiresMs
        self.services = services
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
        return try sidecar.invite(uses: uses ?? 1, lifetime: lifetime, services: services ?? .all, id: id, at: now)
    }
}

/// Redeems an invitation.
package struct JoinInvitation: Operation {
    package let invitation: Invitation

    package init(invitation: Invitation) {
        self.invitation = invitation
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
        try sidecar.join(invitation, answering: { .answer(id, $0) }, id: id, at: now)
    }
}
