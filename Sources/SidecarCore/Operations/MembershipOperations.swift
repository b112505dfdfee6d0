package import PosternModel

/// Makes a peer a member of a network, or changes when a membership ends.
package struct AddMember: Operation {
    package let name: String
    package let peer: PeerName
    /// Its label in the network; nil: what it is called here, or calls itself, if no other member has that.
    package let label: String?
    /// How long the membership lasts, in milliseconds; nil: it does not end by itself.
    package let expiresMs: Int64?
    /// Whether a membership that would end is kept.
    package let keep: Bool?

    package init(name: String, peer: PeerName, label: String? = nil, expiresMs: Int64? = nil, keep: Bool? = nil) {
        self.name = name
        self.peer = peer
        self.label = label
        self.expiresMs = expiresMs
        self.keep = keep
    }

    /// When a membership ends.
    enum Expiry: Hashable, Sendable {
        case after(Interval)
        case never
        case unchanged
    }

    package typealias Answer = NetworkDocument
    package static let outline = OperationOutline.trusting(
        "networks/add",
        "Make a trusted peer a member of a network and tell it so, or change when a membership ends."
    )

    package func perform(
        on sidecar: inout Sidecar,
        id: CommandID,
        at now: Clocks,
        seeing view: any SidecarView
    ) throws(Problem) -> [SidecarAction] {
        guard expiresMs.map({ (1...3_650 * 86_400_000).contains($0) }) ?? true else {
            throw .notAccepted("\(expiresMs ?? 0)", meaning: "milliseconds, up to ten years")
        }
        let expires = expiresMs.map { Expiry.after(.milliseconds($0)) } ?? (keep == true ? .never : .unchanged)
        return try sidecar.addMember(peer, to: name, called: label, expires: expires, id: id, at: now)
    }
}

/// Joins a network to which somebody has added us.
package struct AcceptNetwork: Operation {
    /// What its giver calls it, or its id.
    package let offer: String
    /// What it is called here; nil: as its giver calls it.
    package let name: String?

    package init(offer: String, name: String? = nil) {
        self.offer = offer
        self.name = name
    }

    package typealias Answer = NetworkDocument
    package static let outline = OperationOutline.trusting(
        "networks/accept",
        "Join a network to which a trusted peer has added us."
    )

    package func perform(
        on sidecar: inout Sidecar,
        id: CommandID,
        at now: Clocks,
        seeing view: any SidecarView
    ) throws(Problem) -> [SidecarAction] {
        try sidecar.acceptNotice(offer, called: name, id: id, at: now)
    }
}

/// Ends a fork.
package struct HealNetwork: Operation {
    package let name: String

    package init(name: String) {
        self.name = name
    }

    package typealias Answer = NetworkDocument
    package static let outline = OperationOutline.trusting(
        "networks/heal",
        "End a fork of a network: what all of its histories say goes on."
    )

    package func perform(
        on sidecar: inout Sidecar,
        id: CommandID,
        at now: Clocks,
        seeing view: any SidecarView
    ) throws(Problem) -> [SidecarAction] {
        try sidecar.heal(name, id: id, at: now)
    }
}
