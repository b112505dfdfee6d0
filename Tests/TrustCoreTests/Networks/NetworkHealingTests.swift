import OverlayCrypto
import PosternModel
import TestSupport
import Testing
import TrustCore

/// Ends of forks (RULES N4).
@Suite struct NetworkHealingTests {
    /// Two histories behind one, and what a holder of both has.
    private struct Fork {
        let common: NetworkWorld
        var left: NetworkWorld
        var right: NetworkWorld

        init(
            _ left: (inout NetworkWorld) throws -> Void,
            _ right: (inout NetworkWorld) throws -> Void
        ) throws {
            common = try NetworkWorld.team()
            (self.left, self.right) = (common, common)
            try left(&self.left)
            try right(&self.right)
        }

        /// The log with both.
        func merged() throws -> NetworkLog {
            var log = left.log
            for entry in right.written.dropFirst(common.written.count) { try log.insert(entry) }
            return log
        }

        var keys: NetworkKeyring {
            var keys = left.keys
            for key in right.keys.all { keys.add(key) }
            return keys
        }

        /// What `author` writes to heal `log` along the left branch.
        func heal(_ log: NetworkLog, by author: NodeIdentity) throws -> [NetworkEntry] {
            let healing = try #require(NetworkHealing(of: log, through: left.log.state.head.hash, keys: keys))
            let key = try #require(keys[healing.state.key])
            var writer = NetworkAuthor(author, after: healing.state, key: key, at: time(20))
            var entries: [NetworkEntry] = []
            for (change, content) in healing.corrections {
                entries.append(writer.write(change, content, using: left.random))
            }
            entries.append(writer.rekey(for: healing.readers, using: left.random))
            entries.append(writer.write(.heal(healing.ended), using: left.random))
            return entries
        }
    }

    private func added(_ number: Int) -> (inout NetworkWorld) throws -> Void {
        { world in try world.write(by: people[0], .add(people[number].key, expires: nil), ["label": nil]) }
    }

    @Test func `a heal leaves what both histories say, and one of them goes on`() throws {
        let fork = try Fork(added(4), added(5))
        var log = try fork.merged()
        #expect(log.isForked && log.heads.count == 2)
        let common = log.state
        for entry in try fork.heal(log, by: people[0]) { try log.insert(entry) }
        #expect(!log.isForked && log.heads.count == 1)
        #expect(log.state.members.keys.sorted() == common.members.keys.sorted())
        #expect(!log.state.contains(people[4].key) && !log.state.contains(people[5].key))
    }

    @Test func `whoever has the same entries in whatever order has the same state, heals and all`() throws {
        let fork = try Fork(added(4), added(5))
        var log = try fork.merged()
        let heal = try fork.heal(log, by: people[0])
        for entry in heal { try log.insert(entry) }
        let ours = Array(fork.left.written.dropFirst(fork.common.written.count)) + heal
        let theirs = Array(fork.right.written.dropFirst(fork.common.written.count))
        for order in [ours + theirs, theirs + ours] {
            var other = fork.common.log
            for entry in order { try other.insert(entry) }
            #expect(other.state == log.state && !other.isForked && other.heads == log.heads)
        }
    }

    @Test func `who was removed in the other history cannot heal it away`() throws {
        let fork = try Fork(
            { try $0.write(by: people[1], .group(people[2].key), ["group": "ops", "member": true]) },
            { world in
                try world.write(by: people[0], .role(people[1].key, from: .admin, to: .owner))
                try world.write(by: people[0], .remove(people[1].key, from: .owner))
            }
        )
        var evil = fork.left
        try evil.write(by: people[0], .role(people[1].key, from: .admin, to: .owner))
        var log = evil.log
        for entry in fork.right.written.dropFirst(fork.common.written.count) { try log.insert(entry) }
        var writer = NetworkAuthor(people[1], after: evil.log.state, key: evil.keys.all[0], at: time(20))
        // Only the part of the other history is named in which he was still there.
        let before = fork.right.written[fork.common.written.count]
        try log.insert(writer.write(.heal([before.hash]), using: evil.random))
        #expect(log.isForked)
        #expect(!log.state.contains(people[1].key))
    }

    @Test func `a heal that gives more than both histories, or is no owner's, ends nothing`() throws {
        let fork = try Fork(added(4), added(5))
        var log = try fork.merged()
        var writer = NetworkAuthor(people[0], after: fork.left.log.state, key: fork.left.keys.all[0], at: time(20))
        let other = try #require(log.heads.first { $0 != fork.left.log.state.head })
        try log.insert(writer.write(.heal([other.hash]), using: fork.left.random))
        #expect(log.isForked && !log.state.contains(people[4].key))
        let admin = fork.left.entryOf(people[1], .heal([other.hash]))
        #expect(throws: NetworkFault.notAllowed) { try log.insert(admin) }
    }

    @Test func `names and groups that only one history gives are taken back, and a policy of one narrows both`()
        throws
    {
        let fork = try Fork(
            { world in
                try world.write(by: people[0], .group(people[2].key), ["group": "ops", "member": true])
                try world.write(by: people[0], .name(people[3].key), ["label": "boss"])
                try world.write(by: people[0], .policy(critical: []), ["services": ["*": ["*"]]])
            },
            added(5)
        )
        var log = try fork.merged()
        for entry in try fork.heal(log, by: people[0]) { try log.insert(entry) }
        var keys = fork.keys
        _ = keys.learn(from: log.all, as: people)
        let content = NetworkContent(of: log, keys: keys)
        #expect(!log.isForked && content.names["boss"] == nil && content.groups(of: people[2].key).isEmpty)
        #expect(content.policies.map(\.document) == [["services": ["*": ["*"]]]])
    }
}

extension NetworkWorld {
    fileprivate func entryOf(_ author: NodeIdentity, _ change: NetworkChange) -> NetworkEntry {
        var world = self
        return world.entry(by: author, change)
    }
}
