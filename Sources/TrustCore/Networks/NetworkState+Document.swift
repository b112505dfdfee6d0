package import PosternModel

// The state as a document: what a hub keeps beside the log, so that a look-up does not read all of it.
extension NetworkState {
    /// `{"network", "sequence", "head", "key", "members": {did: [role, since, expires]}, "former": {did: sequence},
    /// "invitations": {did: [uses, expires, opened, membership]}}`; what does not end by itself lacks the last part.
    /// Where there are authorities, ``certificates`` stand in it as well.
    package var document: JSONValue {
        var members = JSONObject()
        for (key, member) in self.members.sorted(by: { $0.key < $1.key }) {
            let expires: [JSONValue] = member.expires.map { [.time($0)] } ?? []
            members[key.did] = .array([.string(member.role.rawValue), .integer(member.since)] + expires)
        }
        var former = JSONObject()
        for (key, sequence) in self.former.sorted(by: { $0.key < $1.key }) { former[key.did] = .integer(sequence) }
        var invitations = JSONObject()
        for (key, invitation) in self.invitations.sorted(by: { $0.key < $1.key }) {
            let membership: [JSONValue] = invitation.membership.map { [.integer($0)] } ?? []
            invitations[key.did] = .array(
                [.integer(invitation.uses), .time(invitation.expires), .integer(invitation.opened)] + membership
            )
        }
        var object = certificates
        object["network"] = .string(id.description)
        object["sequence"] = .integer(head.sequence)
        object["head"] = .string(head.hash.description)
        object["key"] = .string(key.description)
        object["members"] = .object(members)
        object["former"] = .object(former)
        object["invitations"] = .object(invitations)
        return .object(object)
    }

    /// `{"authorities": {did: lifetime}, "ended": {did: sequence}, "voided": {did: [from, sequence]},
    /// "credentials": {did: credential}, "keys": {did: [sequence, did]}}`, without what is empty.
    private var certificates: JSONObject {
        var parts: [(String, JSONValue)] = []
        func add<Value>(_ name: String, _ table: [NodeKey: Value], _ value: (Value) -> JSONValue) {
            guard !table.isEmpty else { return }
            var object = JSONObject()
            for (key, entry) in table.sorted(by: { $0.key < $1.key }) { object[key.did] = value(entry) }
            parts.append((name, .object(object)))
        }
        add("authorities", authorities) { .integer($0.lifetime) }
        add("ended", formerAuthorities) { .integer($0) }
        add("voided", voided) { .array([.time($0.from), .integer($0.sequence)]) }
        add("credentials", credentials) { $0.document }
        add("keys", keys) { .array([.integer($0.sequence), .string($0.key.did)]) }
        var object = JSONObject()
        for (name, value) in parts { object[name] = value }
        return object
    }

    private mutating func takeCertificates(_ fields: JSONFields) throws(RecordError) {
        for (key, value) in try fields.optionalTable("authorities") {
            guard let lifetime = value.integer else { throw .invalid("authorities") }
            authorities[key] = Authority(lifetime: lifetime)
        }
        for (key, value) in try fields.optionalTable("ended") {
            guard let sequence = value.integer else { throw .invalid("ended") }
            formerAuthorities[key] = sequence
        }
        for (key, value) in try fields.optionalTable("voided") {
            guard let parts = value.array, parts.count == 2, let sequence = parts[1].integer,
                let from = parts[0].string.flatMap({ Timestamp($0) })
            else { throw .invalid("voided") }
            voided[key] = Void(from: from, sequence: sequence)
        }
        for (key, value) in try fields.optionalTable("credentials") {
            credentials[key] = try NetworkCredential(stored: value)
        }
        for (key, value) in try fields.optionalTable("keys") {
            guard let parts = value.array, parts.count == 2, let sequence = parts[0].integer,
                let current = parts[1].string.flatMap({ NodeKey(did: $0) })
            else { throw .invalid("keys") }
            keys[key] = ActorKey(sequence: sequence, key: current)
        }
    }

    /// The state in `document`, which somebody who is trusted has written.
    package init(_ document: JSONValue) throws(RecordError) {
        let fields = try JSONFields(document)
        var members: [NodeKey: Member] = [:]
        for (key, value) in try fields.table("members") {
            guard let parts = value.array, (2...3).contains(parts.count), let since = parts[1].integer,
                let role = parts[0].string.flatMap({ NetworkRole(rawValue: $0) })
            else { throw .invalid("members") }
            let expires = parts.dropFirst(2).first.map { $0.string.flatMap { Timestamp($0) } }
            guard expires != .some(nil) else { throw .invalid("members") }
            members[key] = Member(role: role, since: since, expires: expires.flatMap(\.self))
        }
        var former: [NodeKey: Int64] = [:]
        for (key, value) in try fields.table("former") {
            guard let sequence = value.integer else { throw .invalid("former") }
            former[key] = sequence
        }
        var invitations: [NodeKey: Invitation] = [:]
        for (key, value) in try fields.table("invitations") {
            guard let parts = value.array, (3...4).contains(parts.count), let uses = parts[0].integer,
                let opened = parts[2].integer,
                let expires = parts[1].string.flatMap({ Timestamp($0) })
            else { throw .invalid("invitations") }
            let membership = parts.dropFirst(3).first.map(\.integer)
            guard membership != .some(nil) else { throw .invalid("invitations") }
            invitations[key] = Invitation(
                uses: uses,
                expires: expires,
                opened: opened,
                membership: membership.flatMap(\.self)
            )
        }
        self.init(
            id: NetworkID(try fields.hash("network")),
            head: NetworkHead(sequence: try fields.integer("sequence"), hash: try fields.hash("head")),
            members: members,
            former: former,
            invitations: invitations,
            key: try fields.hash("key")
        )
        try takeCertificates(fields)
    }
}

extension JSONFields {
    fileprivate func optionalTable(_ name: String) throws(RecordError) -> [(NodeKey, JSONValue)] {
        has(name) ? try table(name) : []
    }

    fileprivate func table(_ name: String) throws(RecordError) -> [(NodeKey, JSONValue)] {
        guard let object = try value(name).object else { throw .invalid(name) }
        var rows: [(NodeKey, JSONValue)] = []
        for member in object.members {
            guard let key = NodeKey(did: member.key) else { throw .invalid(name) }
            rows.append((key, member.value))
        }
        return rows
    }
}
