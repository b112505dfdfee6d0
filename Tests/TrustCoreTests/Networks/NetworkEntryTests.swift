import OverlayCrypto
import PosternModel
import TestSupport
import Testing
import TrustCore

/// Entries as documents, and what is sealed in them (RULES N1, N7, N12).
@Suite struct NetworkEntryTests {
    @Test func `every entry survives its text, and no other spelling of it passes`() throws {
        for entry in try NetworkWorld.team().written {
            #expect(try NetworkEntry(verifying: JSONValue(parsing: entry.document.compactText)) == entry)
            let more = changed(entry.document["header"]!) { $0["more"] = 1 }
            #expect(throws: RecordError.malformed) {
                try NetworkEntry(verifying: changed(entry.document) { $0["header"] = more })
            }
        }
    }

    @Test(arguments: ["sequence", "time", "actor", "new", "critical"])
    func `a changed header is not its actor's`(field: String) throws {
        var world = NetworkWorld()
        _ = try world.open(by: people[0])
        let document = world.written[1].document
        let forged = changed(document["header"]!) { header in
            switch field {
            case "sequence": header["sequence"] = 2
            case "time": header["time"] = .time(time(99))
            case "actor": header["actor"] = .string(people[1].key.did)
            case "new": header["new"] = ["uses": 9, "expires": .time(time(1_000))]
            case _: header["critical"] = ["x"]
            }
        }
        #expect(throws: RecordError.self) {
            try NetworkEntry(verifying: changed(document) { $0["header"] = forged })
        }
    }

    @Test func `a body that is not the header's is refused, and one that was erased is not missed`() throws {
        let genesis = NetworkWorld().written[0]
        let other = Base64URL.encode(Array(repeating: 1, count: 60))
        #expect(throws: RecordError.invalid("body")) {
            try NetworkEntry(verifying: changed(genesis.document) { $0["body"] = .string(other) })
        }
        let erased = try NetworkEntry(verifying: changed(genesis.document) { $0["body"] = .null })
        #expect(erased.hash == genesis.hash)
        #expect(try NetworkState(erased) == NetworkState(genesis))
    }

    @Test func `a newcomer reads all that was sealed before, and who was removed nothing that comes after`() throws {
        var world = try NetworkWorld.team()
        let key = try #require(world.keys[world.log.state.key])
        try world.write(by: people[1], .remove(people[3].key, from: .member))
        var author = NetworkAuthor(people[1], after: world.log.state, key: key, at: time(20))
        let readers = world.log.state.members.keys.sorted() + world.log.state.guests
        try world.take(author.rekey(for: readers, using: world.random))
        let guest = try world.open(by: people[1])
        try world.write(by: people[1], .name(people[2].key), ["label": "strategy"])

        var newcomer = NetworkKeyring()
        let hasLearned = newcomer.learn(from: world.log.all, as: [guest])
        #expect(hasLearned)
        #expect(NetworkContent(of: world.log, keys: newcomer) == world.content)
        #expect(world.content.names["strategy"] == people[2].key)

        var removed = NetworkKeyring()
        removed.add(key)
        _ = removed.learn(from: world.log.all, as: [people[3]])
        #expect(NetworkContent(of: world.log, keys: removed).names["strategy"] == nil)
        #expect(NetworkContent(of: world.log, keys: removed).names["founder"] == people[0].key)
    }

    @Test func `behind an entry of another key its author's earlier keys sign nothing (RULES N11)`() throws {
        var world = try NetworkWorld.team()
        let (old, next, third) = (people[0], identity(40), identity(41))
        let first = NodeChain(beginning: NodeRecord(of: old, committingTo: next.key, at: time(1)))
        let changed = try #require(first.changed(to: next, handingOver: old, committingTo: third.key, at: time(2)))
        let owner = try #require(changed.identity(next, former: [old]))
        let role = NetworkChange.role(people[2].key, from: .member, to: .admin)
        let before = world.entry(by: old, .role(people[3].key, from: .member, to: .admin))
        try world.take(world.entry(by: owner, role))
        let read = try NetworkEntry(verifying: world.written[world.written.count - 1].document)
        #expect(read.header.actor == old.key && read.succession == changed)
        #expect(try NetworkState(world.log.state.document) == world.log.state)
        let back = NetworkChange.role(people[2].key, from: .admin, to: .member)
        #expect(throws: NetworkFault.notAllowed) { try world.write(by: old, back) }
        // Nor does a key that the thief of the first one names.
        let begun = NodeChain(beginning: NodeRecord(of: old, committingTo: identity(42).key, at: time(3)))
        let forged = begun.changed(to: identity(42), handingOver: old, committingTo: third.key, at: time(4))
        let thief = try #require(forged?.identity(identity(42), former: [old]))
        #expect(throws: NetworkFault.notAllowed) { try world.write(by: thief, back) }
        try world.write(by: owner, back)
        // A branch that the thief writes gives nothing that all do not give.
        try world.take(before)
        #expect(world.log.isForked && world.log.state.role(of: people[3].key) == .member)
    }

    @Test func `a policy narrows by group, and one with a critical field that is not known is not gone by`() throws {
        var world = try NetworkWorld.team()
        try world.write(by: people[1], .group(people[2].key), ["group": "ops", "member": true])
        try world.write(by: people[1], .group(people[3].key), ["group": "web", "member": true])
        let rules: JSONValue = ["services": ["*": ["clock"], "ops": ["*"]]]
        try world.write(by: people[1], .policy(critical: []), rules)
        let content = world.content
        #expect(content.groups["ops"]?.number == 1 && content.groups["web"]?.number == 2)
        let policy = try #require(content.policies.first)
        #expect(policy.permits(content.groups(of: people[2].key), "planner"))
        #expect(!policy.permits(content.groups(of: people[3].key), "planner"))
        #expect(policy.permits(content.groups(of: people[3].key), "clock"))
        try world.write(by: people[1], .policy(critical: ["hours"]), ["hours": "9-17", "critical": ["hours"]])
        #expect(world.content.isPolicyUnknown)
    }

    @Test func `a label is the member's who had it first, and free again when it leaves`() throws {
        var world = try NetworkWorld.team()
        let guest = try world.open(by: people[0])
        try world.join(people[4], by: guest, label: "planner")
        #expect(world.content.names["planner"] == people[2].key && world.content.name(of: people[4].key) == nil)
        try world.write(by: people[2], .leave)
        #expect(world.content.names["planner"] == nil)
        try world.write(by: people[0], .name(people[4].key), ["label": "planner"])
        #expect(world.content.names["planner"] == people[4].key)
    }

    @Test func `a link survives its text, and pins network and head`() throws {
        let world = NetworkWorld()
        let link = NetworkInvitation(
            network: world.id,
            name: "acme",
            hubs: [hub],
            head: world.log.state.head,
            expires: time(1_000),
            seed: Array(repeating: 7, count: 32)
        )
        #expect(try NetworkInvitation(token: link.token) == link)
        #expect(NetworkInvitation(within: "join us:\n> \(link.token) !") == link)
    }
}
