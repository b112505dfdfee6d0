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

    package static let outline = OperationOutline.withdrawing(
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
    /// A JSON-RPC method that the peer would call, `METHOD` or `METHOD:NAME`; nil: the service as such is meant.
    package let method: String?

    package init(peer: PeerName, service: ServiceTarget, method: String? = nil) {
        self.peer = peer
        self.service = service
        self.method = method
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
        /// Whether the peer may use the service, and call the method where one was asked about.
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
        let answer = sidecar.explainAccess(of: key, to: service, at: now)
        guard let method, answer.admitted, let name = answer.service else { return [.answer(id, answer)] }
        return [.answer(id, answer.with(method, isAllowed: view.allows(method, of: name)))]
    }
}

extension ExplainAccess.Answer {
    /// The same for a call of `method`; `isAllowed` is what the service's method rules say, nil when it has none.
    fileprivate func with(_ method: String, isAllowed: Bool?) -> ExplainAccess.Answer {
        let call = PlainText.clean(method, limit: 120)
        let verdict =
            switch isAllowed {
            case true?: "; its `methods` allow \(call)"
            case false?: "; but its `methods` refuse \(call)"
            case nil: "; it has no `methods` rules, so every method may be called"
            }
        return ExplainAccess.Answer(
            did: did,
            name: name,
            claims: claims,
            service: service,
            port: port,
            admitted: isAllowed != false,
            reason: isAllowed == false ? "method-refused" : reason,
            explanation: explanation + verdict,
            hint: isAllowed == false ? "see `methods` of the service in postern.yaml: deny beats allow" : hint
        )
    }
}
