package import PosternModel
package import TrustCore

/// Asks a peer for its trust, or redeems an invitation.
package struct RequestTrust: Operation {
    package let peer: TrustAddressee
    /// What is asked for; nil: everything.
    package let services: ServiceSet?
    /// A text for the peer's owner.
    package let note: String?

    package init(peer: TrustAddressee, services: ServiceSet? = nil, note: String? = nil) {
        self.peer = peer
        self.services = services
        self.note = note
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

    package static let outline = OperationOutline.changing("trust/request", "Ask a peer for its trust, through a hub.")

    package func perform(
        on sidecar: inout Sidecar,
        id: CommandID,
        at now: Clocks,
        seeing view: any SidecarView
    ) throws(Problem) -> [SidecarAction] {
        switch peer {
        case .peer(let name):
            try sidecar.request(name, services: services ?? .all, note: note ?? "", id: id, at: now)
        case .invitation(let invitation):
            try sidecar.join(invitation, answering: { .answer(id, Answer(trust: $0)) }, id: id, at: now)
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

    package init(id: String, services: ServiceSet? = nil) {
        self.id = id
        self.services = services
    }

    package typealias Answer = TrustDocument
    package static let outline = OperationOutline.changing("trust/approve", "Say yes to a request for trust.")

    package func perform(
        on sidecar: inout Sidecar,
        id command: CommandID,
        at now: Clocks,
        seeing view: any SidecarView
    ) throws(Problem) -> [SidecarAction] {
        try sidecar.approve(id, services: services, id: command, at: now)
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

    package static let outline = OperationOutline.changing("trust/reject", "Say no to a request for trust.")

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

    package init(peer: PeerName) {
        self.peer = peer
    }

    /// The trust that ended.
    package struct Answer: Codable, Hashable, Sendable {
        package let did: NodeKey
        package let name: String
        /// `revoked`.
        package let state: String
    }

    package static let outline = OperationOutline.changing(
        "trust/revoke",
        "End the trust with a peer; running connections are cut at once."
    )

    package func perform(
        on sidecar: inout Sidecar,
        id: CommandID,
        at now: Clocks,
        seeing view: any SidecarView
    ) throws(Problem) -> [SidecarAction] {
        try sidecar.revoke(peer, id: id, at: now)
    }
}

/// Calls a peer by another local name.
package struct NamePeer: Operation {
    package let peer: PeerName
    package let name: String

    package init(peer: PeerName, name: String) {
        self.peer = peer
        self.name = name
    }

    package typealias Answer = TrustDocument
    package static let outline = OperationOutline.changing("trust/name", "Call a peer by another local name.")

    package func perform(
        on sidecar: inout Sidecar,
        id: CommandID,
        at now: Clocks,
        seeing view: any SidecarView
    ) throws(Problem) -> [SidecarAction] {
        try sidecar.rename(peer, to: name, id: id, at: now)
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
        [.answer(id, sidecar.trustList(at: now.wall))]
    }
}
