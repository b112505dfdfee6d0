package import PosternModel
package import TrustCore

// Admission: what peers may reach here.
extension Sidecar {
    /// Whether `peer` may use the service at `port` now; asked for every stream that a peer opens.
    package func decide(_ peer: NodeKey, _ port: VirtualPort, at now: Clocks) -> Access {
        policy.decide(subject(peer, at: now), port)
    }

    /// `peer` was refused the service at `port`: recorded once in a while, however often the peer tries (R11).
    package mutating func noteRefused(
        _ peer: NodeKey,
        _ port: VirtualPort,
        because refusal: Access.Refusal,
        at now: Clocks
    ) -> [SidecarAction] {
        noteRefused(peer, port, method: nil, at: now, new: ["reason": .string(refusal.rawValue)])
    }

    /// `peer` called `method` of the service at `port`, whose rules refuse it; nil: it was no call to be read. Recorded
    /// once in a while for each method (R11).
    package mutating func noteRefused(
        _ method: String?,
        of peer: NodeKey,
        _ port: VirtualPort,
        at now: Clocks
    ) -> [SidecarAction] {
        let text = String((method ?? "").prefix(128))
        let new: JSONValue = ["reason": "method-refused", "method": method == nil ? nil : .string(text)]
        return noteRefused(peer, port, method: text, at: now, new: new)
    }

    private mutating func noteRefused(
        _ peer: NodeKey,
        _ port: VirtualPort,
        method: String?,
        at now: Clocks,
        new: JSONValue
    ) -> [SidecarAction] {
        guard let service = policy.service(at: port) else { return [] }
        let refused = Refused(peer: peer, port: port, method: method)
        if let last = refusals[refused], now.instant - last < settings.refusalInterval { return [] }
        if refusals.count >= settings.refusalCount { refusals.removeAll() }
        refusals[refused] = now.instant
        return [.audit(AuditEvent(.accessRefused, actor: peer, subject: service.name.description, new: new))]
    }

    /// A client here registered the receiver at `place` for push notifications of agents of `peer` (R11).
    package func noteReceiver(_ place: String, of peer: NodeKey) -> [SidecarAction] {
        let new: JSONValue = ["receiver": .string(place)]
        return [.audit(AuditEvent(.receiverRegistered, actor: key, subject: peer.did, new: new))]
    }

    /// The receivers for agents of `peer` have ended.
    package func noteReceiversEnded(of peer: NodeKey) -> [SidecarAction] {
        [.audit(AuditEvent(.receiversEnded, actor: key, subject: peer.did))]
    }

    /// A peer that asked for what is not for it.
    struct Refused: Hashable, Sendable {
        let peer: NodeKey
        let port: VirtualPort
        /// Nil when it was refused the service.
        let method: String?
    }

    /// Whether a trust with `peer` stands now.
    package func isTrusted(_ peer: NodeKey, at now: Clocks) -> Bool { standing(of: peer, at: now).isMutual }

    /// Whether `peer` may talk with us now: a trust stands, or both are in a network.
    package func isAdmissible(_ peer: NodeKey, at now: Clocks) -> Bool {
        standing(of: peer, at: now).isMutual || isFellow(peer)
    }

    func subject(_ peer: NodeKey, at now: Clocks) -> AccessPolicy.Subject {
        AccessPolicy.Subject(
            key: peer,
            name: book.names[peer],
            standing: standing(of: peer, at: now),
            memberships: fellowMemberships(of: peer, at: now.wall),
            isBlocked: book.blocked.contains(peer),
            isOutdated: book.outdated != nil
        )
    }
}
