package import OverlayCrypto
package import PosternModel

/// What an entry changes, as everybody may read it. What only members need is in its body.
package enum NetworkChange: Hashable, Sendable {
    /// The first entry: the actor founds the network and owns it. `nonce` makes it another one than any before.
    case genesis(nonce: [UInt8], key: NetworkHash)
    /// The actor redeems an invitation; `proof` is the guest key's signature over network and actor.
    case join(guest: NodeKey, proof: Signature)
    /// The actor leaves.
    case leave
    /// A member is removed, who had this role.
    case remove(NodeKey, from: NetworkRole)
    /// A member's role changes.
    case role(NodeKey, from: NetworkRole, to: NetworkRole)
    /// Whoever has the secret of this guest key may join, so often and so long.
    case open(guest: NodeKey, uses: Int64, expires: Timestamp)
    /// An invitation ends.
    case close(guest: NodeKey)
    /// Bodies from here on are sealed under another content key.
    case rekey(NetworkHash)
    /// A member's name changes; the body has it.
    case name(NodeKey)
    /// A member enters or leaves a group; the body says which.
    case group(NodeKey)
    /// The body has the policy that replaces the former one; whoever does not know one of `critical` must not go by it.
    case policy(critical: [String])
    /// The body has the hubs that serve the network.
    case hubs

    /// The word for it in the log.
    package var action: String {
        switch self {
        case .genesis: "genesis"
        case .join: "member.join"
        case .leave: "member.leave"
        case .remove: "member.remove"
        case .role: "role"
        case .open: "invite.open"
        case .close: "invite.close"
        case .rekey: "rekey"
        case .name: "name"
        case .group: "group"
        case .policy: "policy"
        case .hubs: "hubs"
        }
    }

    /// Whom it is about: a member, or the guest key of an invitation.
    package var subject: NodeKey? {
        switch self {
        case .remove(let key, _), .role(let key, _, _), .name(let key), .group(let key): key
        case .join(let key, _), .open(let key, _, _), .close(let key): key
        case .genesis, .leave, .rekey, .policy, .hubs: nil
        }
    }

    /// Whether it needs a body to mean anything.
    var hasBody: Bool {
        switch self {
        case .genesis, .join, .rekey, .name, .group, .policy, .hubs: true
        case .leave, .remove, .role, .open, .close: false
        }
    }
}

extension NetworkChange {
    /// What stands in a header for it.
    struct Fields: Hashable {
        var role: JSONValue = nil
        var old: JSONValue = nil
        var new: JSONValue = nil
        var critical: [String] = []
    }

    var fields: Fields {
        switch self {
        case .genesis(let nonce, let key):
            Fields(
                role: .string(NetworkRole.owner.rawValue),
                new: [
                    "type": "postern.network.1", "nonce": .string(Hex.encode(nonce)),
                    "key": .string(key.description),
                ]
            )
        case .join(_, let proof):
            Fields(
                role: .string(NetworkRole.member.rawValue),
                new: ["proof": .string(Base64URL.encode(proof.bytes))]
            )
        case .remove(_, let role): Fields(old: .string(role.rawValue))
        case .role(_, let old, let new):
            Fields(role: .string(new.rawValue), old: .string(old.rawValue), new: .string(new.rawValue))
        case .open(_, let uses, let expires):
            Fields(
                role: .string(NetworkRole.member.rawValue),
                new: ["uses": .integer(uses), "expires": .time(expires)]
            )
        case .rekey(let key): Fields(new: ["key": .string(key.description)])
        case .policy(let critical): Fields(critical: critical)
        case .leave, .close, .name, .group, .hubs: Fields()
        }
    }

    /// The change in a header's `fields`. What it does not need is not looked at: ``NetworkHeader`` compares the whole.
    init(_ fields: JSONFields) throws(RecordError) {
        switch try fields.text("action", limit: 32) {
        case "genesis":
            let new = try JSONFields(try fields.value("new"))
            guard let nonce = Hex.decode(try new.text("nonce", limit: 64)), nonce.count == 16 else {
                throw .invalid("nonce")
            }
            self = .genesis(nonce: nonce, key: try new.hash("key"))
        case "member.join":
            let new = try JSONFields(try fields.value("new"))
            guard let proof = Signature(bytes: try new.bytes("proof", exactly: 64)) else { throw .invalid("proof") }
            self = .join(guest: try fields.key("subject"), proof: proof)
        case "member.leave": self = .leave
        case "member.remove": self = .remove(try fields.key("subject"), from: try fields.role("old"))
        case "role":
            self = .role(try fields.key("subject"), from: try fields.role("old"), to: try fields.role("new"))
        case "invite.open":
            let new = try JSONFields(try fields.value("new"))
            self = .open(
                guest: try fields.key("subject"),
                uses: try new.integer("uses"),
                expires: try new.time("expires")
            )
        case "invite.close": self = .close(guest: try fields.key("subject"))
        case "rekey": self = .rekey(try JSONFields(try fields.value("new")).hash("key"))
        case "name": self = .name(try fields.key("subject"))
        case "group": self = .group(try fields.key("subject"))
        case "policy":
            self = .policy(critical: try fields.list("critical", limit: 16) { $0.string })
        case "hubs": self = .hubs
        case _: throw .invalid("action")
        }
    }
}

extension JSONFields {
    package func hash(_ name: String) throws(RecordError) -> NetworkHash {
        guard let hash = NetworkHash(try text(name, limit: 64)) else { throw .invalid(name) }
        return hash
    }

    func role(_ name: String) throws(RecordError) -> NetworkRole {
        guard let role = NetworkRole(rawValue: try text(name, limit: 16)) else { throw .invalid(name) }
        return role
    }
}
