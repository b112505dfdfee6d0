package import OverlayCrypto
package import PosternModel

/// What an entry changes, as everybody may read it. What only members need is in its body.
package enum NetworkChange: Hashable, Sendable {
    /// The first entry: the actor founds the network and owns it. `nonce` makes it another one than any before.
    case genesis(nonce: [UInt8], key: NetworkHash)
    /// A member is added, whose membership ends then; nil: it does not end by itself. The content key is in its box.
    case add(NodeKey, expires: Timestamp?)
    /// The actor redeems an invitation; `proof` is the guest key's signature over network and actor.
    case join(guest: NodeKey, proof: Signature)
    /// The actor leaves.
    case leave
    /// A member is removed, who had this role.
    case remove(NodeKey, from: NetworkRole)
    /// A member's role changes.
    case role(NodeKey, from: NetworkRole, to: NetworkRole)
    /// A membership ends at another time.
    case expiry(NodeKey, from: Timestamp?, to: Timestamp?)
    /// Whoever has the secret of this guest key may join, so often and so long; `membership` is how many milliseconds
    /// after that the membership ends, nil: it does not end by itself.
    case open(guest: NodeKey, uses: Int64, expires: Timestamp, membership: Int64? = nil)
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
    /// The body has the services that the actor publishes, in the place of those before.
    case publish
    /// The body says how old the word of owners and administrators may be.
    case freshness
    /// The body has the hubs that serve the network.
    case hubs
    /// A key may make members by certificate, for so many milliseconds each at most; the body has the groups into which
    /// it may put them.
    case authorize(NodeKey, lifetime: Int64)
    /// It may no longer, and those that it has made have ended.
    case unauthorize(NodeKey)
    /// Credentials of a subject that are good from this time on, or before, have ended.
    case void(NodeKey, from: Timestamp)
    /// Of two histories the one that this stands in goes on, and those that end in these heads do not.
    case heal([NetworkHash])

    /// The word for it in the log.
    package var action: String {
        switch self {
        case .genesis: "genesis"
        case .add: "member.add"
        case .join: "member.join"
        case .leave: "member.leave"
        case .remove: "member.remove"
        case .role: "role"
        case .expiry: "member.expiry"
        case .open: "invite.open"
        case .close: "invite.close"
        case .rekey: "rekey"
        case .name: "name"
        case .group: "group"
        case .policy: "policy"
        case .publish: "publish"
        case .freshness: "freshness"
        case .hubs: "hubs"
        case .authorize: "authority.add"
        case .unauthorize: "authority.remove"
        case .void: "credential.void"
        case .heal: "heal"
        }
    }

    /// Whom it is about: a member, or the guest key of an invitation.
    package var subject: NodeKey? {
        switch self {
        case .add(let key, _), .remove(let key, _), .role(let key, _, _), .expiry(let key, _, _): key
        case .name(let key), .group(let key): key
        case .authorize(let key, _), .unauthorize(let key), .void(let key, _): key
        case .join(let key, _), .open(let key, _, _, _), .close(let key): key
        case .genesis, .leave, .rekey, .policy, .publish, .freshness, .hubs, .heal: nil
        }
    }

    /// Whether it needs a body to mean anything.
    var hasBody: Bool {
        switch self {
        case .genesis, .add, .join, .rekey, .name, .group, .policy, .publish, .freshness, .hubs, .authorize: true
        case .leave, .remove, .role, .expiry, .open, .close, .unauthorize, .void, .heal: false
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
        case .add(_, let expires):
            Fields(
                role: .string(NetworkRole.member.rawValue),
                new: expires.map { ["expires": .time($0)] } ?? .null
            )
        case .join(_, let proof):
            Fields(
                role: .string(NetworkRole.member.rawValue),
                new: ["proof": .string(Base64URL.encode(proof.bytes))]
            )
        case .remove(_, let role): Fields(old: .string(role.rawValue))
        case .role(_, let old, let new):
            Fields(role: .string(new.rawValue), old: .string(old.rawValue), new: .string(new.rawValue))
        case .expiry(_, let old, let new):
            Fields(old: old.map { .time($0) } ?? .null, new: new.map { .time($0) } ?? .null)
        case .open(_, let uses, let expires, let membership):
            Self.opening(uses, expires, membership)
        case .authorize(_, let lifetime): Fields(new: ["lifetime": .integer(lifetime)])
        case .void(_, let from): Fields(new: ["from": .time(from)])
        case .heal(let heads): Fields(new: ["heads": .texts(heads)])
        case .rekey(let key): Fields(new: ["key": .string(key.description)])
        case .policy(let critical): Fields(critical: critical)
        case .leave, .close, .name, .group, .publish, .freshness, .hubs, .unauthorize: Fields()
        }
    }

    private static func opening(_ uses: Int64, _ expires: Timestamp, _ membership: Int64?) -> Fields {
        var new = JSONObject()
        new["uses"] = .integer(uses)
        new["expires"] = .time(expires)
        if let membership { new["membership"] = .integer(membership) }
        return Fields(role: .string(NetworkRole.member.rawValue), new: .object(new))
    }

    /// The change in a header's `fields`. What it does not need is not looked at: ``NetworkHeader`` compares the whole.
    init(_ fields: JSONFields) throws(RecordError) {
        switch try fields.text("action", limit: 32) {
        case "genesis": self = try Self.genesis(JSONFields(try fields.value("new")))
        case "member.add":
            let new = fields.optionalValue("new")
            let expires = try new.map { value throws(RecordError) in try JSONFields(value).time("expires") }
            self = .add(try fields.key("subject"), expires: expires)
        case "member.join":
            let new = try JSONFields(try fields.value("new"))
            guard let proof = Signature(bytes: try new.bytes("proof", exactly: 64)) else { throw .invalid("proof") }
            self = .join(guest: try fields.key("subject"), proof: proof)
        case "member.expiry":
            self = .expiry(
                try fields.key("subject"),
                from: try fields.optionalTime("old"),
                to: try fields.optionalTime("new")
            )
        case "member.leave": self = .leave
        case "member.remove": self = .remove(try fields.key("subject"), from: try fields.role("old"))
        case "role":
            self = .role(try fields.key("subject"), from: try fields.role("old"), to: try fields.role("new"))
        case "invite.open":
            let new = try JSONFields(try fields.value("new"))
            self = .open(
                guest: try fields.key("subject"),
                uses: try new.integer("uses"),
                expires: try new.time("expires"),
                membership: new.has("membership") ? try new.integer("membership") : nil
            )
        case "invite.close": self = .close(guest: try fields.key("subject"))
        case "rekey": self = .rekey(try JSONFields(try fields.value("new")).hash("key"))
        case "name": self = .name(try fields.key("subject"))
        case "group": self = .group(try fields.key("subject"))
        case "policy":
            self = .policy(critical: try fields.list("critical", limit: 16) { $0.string })
        case "publish": self = .publish
        case "freshness": self = .freshness
        case "hubs": self = .hubs
        case "authority.add":
            let lifetime = try JSONFields(try fields.value("new")).integer("lifetime")
            self = .authorize(try fields.key("subject"), lifetime: lifetime)
        case "authority.remove": self = .unauthorize(try fields.key("subject"))
        case "credential.void":
            self = .void(try fields.key("subject"), from: try JSONFields(try fields.value("new")).time("from"))
        case "heal":
            let new = try JSONFields(try fields.value("new"))
            let heads = try new.list("heads", limit: NetworkLimits.branches) { $0.string.flatMap { NetworkHash($0) } }
            self = .heal(heads)
        case _: throw .invalid("action")
        }
    }

    private static func genesis(_ new: JSONFields) throws(RecordError) -> NetworkChange {
        guard let nonce = Hex.decode(try new.text("nonce", limit: 64)), nonce.count == 16 else {
            throw .invalid("nonce")
        }
        return .genesis(nonce: nonce, key: try new.hash("key"))
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
