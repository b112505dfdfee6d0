package import PosternModel
package import TrustCore

/// Founds a network.
package struct CreateNetwork: Operation {
    /// What it is called, here and by those who join it without another name.
    package let name: String

    package init(name: String) {
        self.name = name
    }

    package typealias Answer = NetworkDocument
    package static let outline = OperationOutline.trusting(
        "networks/create",
        "Found a network, kept by our hubs; its founder owns it."
    )

    package func perform(
        on sidecar: inout Sidecar,
        id: CommandID,
        at now: Clocks,
        seeing view: any SidecarView
    ) throws(Problem) -> [SidecarAction] {
        try sidecar.createNetwork(name, id: id, at: now)
    }
}

/// Lists the networks.
package struct ListNetworks: Operation {
    package init() {}

    package typealias Answer = [NetworkSummary]
    package static let outline = OperationOutline.reading("networks", "The networks of this sidecar.")

    package func perform(
        on sidecar: inout Sidecar,
        id: CommandID,
        at now: Clocks,
        seeing view: any SidecarView
    ) -> [SidecarAction] {
        [.answer(id, sidecar.networkSummaries(at: now.wall))]
    }
}

/// Shows one network.
package struct ShowNetwork: Operation {
    package let name: String

    package init(name: String) {
        self.name = name
    }

    package typealias Answer = NetworkDocument
    package static let outline = OperationOutline.reading(
        "networks/show",
        "A network: its members with roles, groups and addresses, and its policy."
    )

    package func perform(
        on sidecar: inout Sidecar,
        id: CommandID,
        at now: Clocks,
        seeing view: any SidecarView
    ) throws(Problem) -> [SidecarAction] {
        [.answer(id, sidecar.networkDocument(of: try sidecar.network(named: name), at: now.wall))]
    }
}

/// Makes a link with which others join a network.
package struct InviteToNetwork: Operation {
    package let name: String
    /// How many others may join by it; nil: one.
    package let uses: Int?
    /// How long it is open, in milliseconds; nil: a day.
    package let expiresMs: Int64?
    /// How long the membership of whoever joins lasts, in milliseconds; nil: it does not end by itself.
    package let membershipMs: Int64?

    package init(name: String, uses: Int? = nil, expiresMs: Int64? = nil, membershipMs: Int64? = nil) {
        self.name = name
        self.uses = uses
        self.expiresMs = expiresMs
        self.membershipMs = membershipMs
    }

    /// What to hand over.
    package struct Answer: Codable, Hashable, Sendable {
        package let invitation: NetworkInvitation
        package let expires: Timestamp
        package let uses: Int
    }

    package static let outline = OperationOutline.trusting(
        "networks/invite",
        "Make a link with which its holder joins a network; nobody has to be there for that."
    )

    package func perform(
        on sidecar: inout Sidecar,
        id: CommandID,
        at now: Clocks,
        seeing view: any SidecarView
    ) throws(Problem) -> [SidecarAction] {
        let lifetime = expiresMs.map { Interval.milliseconds($0) } ?? .seconds(86_400)
        return try sidecar.inviteToNetwork(
            name,
            uses: uses ?? 1,
            lifetime: lifetime,
            membership: membershipMs,
            id: id,
            at: now
        )
    }
}

/// Joins a network.
package struct JoinNetwork: Operation {
    package let invitation: NetworkInvitation
    /// What it is called here; nil: as its inviter calls it.
    package let name: String?

    package init(invitation: NetworkInvitation, name: String? = nil) {
        self.invitation = invitation
        self.name = name
    }

    package typealias Answer = NetworkDocument
    package static let outline = OperationOutline.trusting("networks/join", "Join a network by a link.")

    package func perform(
        on sidecar: inout Sidecar,
        id: CommandID,
        at now: Clocks,
        seeing view: any SidecarView
    ) throws(Problem) -> [SidecarAction] {
        try sidecar.joinNetwork(invitation, called: name, id: id, at: now)
    }
}

/// Leaves a network.
package struct LeaveNetwork: Operation {
    package let name: String

    package init(name: String) {
        self.name = name
    }

    package typealias Answer = NetworkDocument
    package static let outline = OperationOutline.withdrawing(
        "networks/leave",
        "Leave a network, and forget it; or forget one to which somebody has added us."
    )

    package func perform(
        on sidecar: inout Sidecar,
        id: CommandID,
        at now: Clocks,
        seeing view: any SidecarView
    ) throws(Problem) -> [SidecarAction] {
        try sidecar.leaveNetwork(name, id: id, at: now)
    }
}

/// Removes a member from a network.
package struct RemoveMember: Operation {
    package let name: String
    package let peer: PeerName

    package init(name: String, peer: PeerName) {
        self.name = name
        self.peer = peer
    }

    package typealias Answer = NetworkDocument
    package static let outline = OperationOutline.withdrawing(
        "networks/remove",
        "Remove a member: it is cut off, and what follows in the network is sealed under another key."
    )

    package func perform(
        on sidecar: inout Sidecar,
        id: CommandID,
        at now: Clocks,
        seeing view: any SidecarView
    ) throws(Problem) -> [SidecarAction] {
        let network = try sidecar.joinedNetwork(named: name)
        // Of members by certificate those may be out of reach, and unknown here, that are to be kept out.
        if case .key(let key) = peer.meaning, network.isCertifiable(key) {
            return sidecar.begin(.remove(key), in: network, for: id, at: now)
        }
        // One whose membership has ended by itself is still in the log, and could be renewed or join again.
        let member = try sidecar.member(peer, of: network, isOverToo: true)
        return sidecar.begin(.remove(member), in: network, for: id, at: now)
    }
}

/// Gives a member another role.
package struct SetRole: Operation {
    package let name: String
    package let peer: PeerName
    /// `member`, `admin` or `owner`.
    package let role: String

    package init(name: String, peer: PeerName, role: String) {
        self.name = name
        self.peer = peer
        self.role = role
    }

    package typealias Answer = NetworkDocument
    package static let outline = OperationOutline.trusting(
        "networks/role",
        "Give a member of a network another role: member, admin or owner."
    )

    package func perform(
        on sidecar: inout Sidecar,
        id: CommandID,
        at now: Clocks,
        seeing view: any SidecarView
    ) throws(Problem) -> [SidecarAction] {
        let network = try sidecar.joinedNetwork(named: name)
        guard let role = NetworkRole(rawValue: role) else {
            throw .notAccepted(role, meaning: "member, admin or owner")
        }
        return sidecar.begin(.role(try sidecar.member(peer, of: network), role), in: network, for: id, at: now)
    }
}

/// Hands the ownership of a network over.
package struct TransferNetwork: Operation {
    package let name: String
    package let peer: PeerName

    package init(name: String, peer: PeerName) {
        self.name = name
        self.peer = peer
    }

    package typealias Answer = NetworkDocument
    package static let outline = OperationOutline.trusting(
        "networks/transfer",
        "Make a member the owner of a network, and ourselves an administrator."
    )

    package func perform(
        on sidecar: inout Sidecar,
        id: CommandID,
        at now: Clocks,
        seeing view: any SidecarView
    ) throws(Problem) -> [SidecarAction] {
        let network = try sidecar.joinedNetwork(named: name)
        return sidecar.begin(.transfer(to: try sidecar.member(peer, of: network)), in: network, for: id, at: now)
    }
}

/// Puts a member into a group, or takes it out.
package struct SetGroup: Operation {
    package let name: String
    package let group: String
    package let peer: PeerName
    /// Whether it is taken out; nil: it is put in.
    package let remove: Bool?

    package init(name: String, group: String, peer: PeerName, remove: Bool? = nil) {
        self.name = name
        self.group = group
        self.peer = peer
        self.remove = remove
    }

    package typealias Answer = NetworkDocument
    package static let outline = OperationOutline.trusting(
        "networks/group",
        "Put a member of a network into a group, which comes to be with its first member, or take it out."
    )

    package func perform(
        on sidecar: inout Sidecar,
        id: CommandID,
        at now: Clocks,
        seeing view: any SidecarView
    ) throws(Problem) -> [SidecarAction] {
        let network = try sidecar.joinedNetwork(named: name)
        guard HostName.isLowercaseLabel(group) else { throw .invalidNetworkName(group) }
        let member = try sidecar.member(peer, of: network)
        return sidecar.begin(.group(member, group, isMember: remove != true), in: network, for: id, at: now)
    }
}

/// Gives a member a name.
package struct NameMember: Operation {
    package let name: String
    package let peer: PeerName
    package let label: String

    package init(name: String, peer: PeerName, label: String) {
        self.name = name
        self.peer = peer
        self.label = label
    }

    package typealias Answer = NetworkDocument
    package static let outline = OperationOutline.trusting(
        "networks/name",
        "Give a member of a network another name there, if no other member has it."
    )

    package func perform(
        on sidecar: inout Sidecar,
        id: CommandID,
        at now: Clocks,
        seeing view: any SidecarView
    ) throws(Problem) -> [SidecarAction] {
        let network = try sidecar.joinedNetwork(named: name)
        let member = try sidecar.member(peer, of: network)
        try Sidecar.check(label, for: member, in: network)
        return sidecar.begin(.name(member, label), in: network, for: id, at: now)
    }
}

/// Replaces the policy of a network.
package struct SetPolicy: Operation {
    package let name: String
    /// The policy; its member `tests` is checked and not kept.
    package let policy: JSONValue

    package init(name: String, policy: JSONValue) {
        self.name = name
        self.policy = policy
    }

    package typealias Answer = NetworkDocument
    package static let outline = OperationOutline.trusting(
        "networks/policy",
        "Replace the policy of a network: which groups may use which services."
    )

    package func perform(
        on sidecar: inout Sidecar,
        id: CommandID,
        at now: Clocks,
        seeing view: any SidecarView
    ) throws(Problem) -> [SidecarAction] {
        try sidecar.setPolicy(policy, of: name, id: id, at: now)
    }
}
