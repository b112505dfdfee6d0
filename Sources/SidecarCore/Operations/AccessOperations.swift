package import PosternModel

/// Shuts a peer out, or lets it in again; local, and nothing that anybody else is told.
package struct BlockPeer: Operation {
    package let peer: PeerName
    /// Whether the peer is let in again; nil: it is shut out.
    package let remove: Bool?

    package init(peer: PeerName, remove: Bool? = nil) {
        self.peer = peer
        self.remove = remove
    }

    /// Who is shut out, or no longer.
    package struct Answer: Codable, Hashable, Sendable {
        package let did: NodeKey
        /// The name that is bound to the peer, if one is.
        package let name: String?
        /// What the peer calls itself, as far as it has said so.
        package let claims: String?
        package let blocked: Bool
    }

    package static let outline = OperationOutline.changing(
        "block",
        "Shut a peer out here, whatever trust or membership it has; its connections are cut at once."
    )

    package func perform(
        on sidecar: inout Sidecar,
        id: CommandID,
        at now: Clocks,
        seeing view: any SidecarView
    ) throws(Problem) -> [SidecarAction] {
        guard remove == true else { return try sidecar.block(peer, id: id, at: now) }
        return try sidecar.unblock(peer, id: id, at: now)
    }
}

/// Says which rule lets a peer use a service of ours, or keeps it out.
package struct ExplainAccess: Operation {
    package let peer: PeerName
    package let service: ServiceTarget

    package init(peer: PeerName, service: ServiceTarget) {
        self.peer = peer
        self.service = service
    }

    /// The decision of this moment.
    package struct Answer: Codable, Hashable, Sendable {
        package let did: NodeKey
        /// The name that is bound to the peer, if one is.
        package let name: String?
        /// What the peer calls itself, as far as it has said so.
        package let claims: String?
        /// The exposed service that was meant; nil: there is none.
        package let service: ServiceName?
        package let port: VirtualPort?
        package let admitted: Bool
        /// The basis of the right, or what it fails for, in one word.
        package let reason: String
        package let explanation: String
        /// What to do, where the peer is kept out.
        package let hint: String?
    }

    package static let outline = OperationOutline.reporting(
        "why",
        "Which rule lets a peer use a service of ours, or keeps it out."
    )

    package func perform(
        on sidecar: inout Sidecar,
        id: CommandID,
        at now: Clocks,
        seeing view: any SidecarView
    ) throws(Problem) -> [SidecarAction] {
        let key = try sidecar.anyKey(named: peer)
        return [.answer(id, sidecar.explainAccess(of: key, to: service, at: now))]
    }
}
