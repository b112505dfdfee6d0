import PosternModel
import TrustCore

// What became of our invitations, and how they end.
extension Sidecar {
    /// `invite list`: the invitations whose holders are still answered, the oldest first.
    func invitationDocuments(at now: Clocks) -> [InvitationDocument] {
        book.issued.values.filter { now.wall < $0.forgotten }
            .sorted { ($0.since, $0.invitation.id.description) < ($1.since, $1.invitation.id.description) }
            .map { InvitationDocument($0, at: now.wall) }
    }

    /// Ends an invitation: nobody new comes by it. Who came by it already stays.
    mutating func uninvite(_ text: String, id command: CommandID, at now: Clocks) throws(Problem) -> [SidecarAction] {
        let matches = book.issued.filter { id, _ in
            id.description == text || text.utf8.count >= 4 && id.description.hasPrefix(text)
        }
        guard matches.count == 1, let id = matches.keys.first else { throw .noSuchInvitation(text) }
        let actions = uninvite([id], at: now)
        guard let issued = book.issued[id] else { throw .noSuchInvitation(text) }
        return actions + [.answer(command, InvitationDocument(issued, at: now.wall))]
    }

    /// Ends those of `ids` that are open.
    mutating func uninvite(_ ids: [RecordID], at now: Clocks) -> [SidecarAction] {
        let open = ids.filter { book.issued[$0]?.isRevoked == false }
        guard !open.isEmpty else { return [] }
        let events = open.map { id in
            SidecarAction.audit(AuditEvent(.uninvited, actor: key, subject: id.description))
        }
        return [record(open.map { .uninvited($0) })] + events + reconcileGuests(at: now)
    }
}

extension InvitationDocument {
    init(_ issued: TrustBook.Issued, at time: Timestamp) {
        self.init(
            id: issued.invitation.id,
            name: issued.name,
            services: issued.invitation.services,
            uses: issued.uses,
            redeemers: issued.redeemers.sorted(),
            since: issued.since,
            expires: issued.invitation.expires,
            state: State(issued.end(at: time))
        )
    }
}

extension InvitationDocument.State {
    fileprivate init(_ end: TrustRejection.Reason?) {
        switch end {
        case nil: self = .open
        case .usedUp: self = .usedUp
        case .expired: self = .expired
        case .revoked, .withdrawn: self = .revoked
        }
    }
}
