import OverlayCrypto
import PosternModel
import TestSupport
import Testing
import TrustCore

/// What holds for every history of a network (RULES N1, N4, N9).
@Suite struct NetworkLogTests {
    @Test(arguments: 0..<40 as Range<UInt64>)
    func `the same entries give the same state, and one that is not allowed changes nothing`(seed: UInt64) throws {
        var generator = SplitMix(seed: seed)
        var world = try NetworkWorld.team()
        var removed: Set<NodeKey> = []
        for _ in 0..<60 {
            let before = world.log.state
            let entry = world.anyEntry(using: &generator)
            do throws(NetworkFault) {
                try world.take(entry)
                let actor = entry.header.actor
                let isJoin = entry.header.change.action == "member.join"
                #expect(before.contains(actor) || isJoin, "only members write")
                #expect(isJoin || !removed.contains(actor), "a removed member can do nothing")
                if case .remove(let key, _) = entry.header.change { removed.insert(key) }
                if case .add(let key, _) = entry.header.change { removed.remove(key) }
                if isJoin { removed.remove(actor) }
            } catch {
                #expect(world.log.state == before)
            }
            #expect(world.log.state.members.values.contains { $0.role == .owner }, "an owner is left")
        }
        var other = try NetworkLog(world.written[0])
        for entry in world.written.dropFirst() {
            try other.insert(try NetworkEntry(verifying: JSONValue(parsing: entry.document.compactText)))
        }
        #expect(other.state == world.log.state)
        #expect(try NetworkState(world.log.state.document) == world.log.state)
        #expect(NetworkContent(of: other, keys: world.keys) == world.content)
    }

    @Test(arguments: 0..<40 as Range<UInt64>)
    func `two branches give every holder of both the same state, whatever came first (N4)`(seed: UInt64) throws {
        var generator = SplitMix(seed: seed)
        var common = try NetworkWorld.team()
        for _ in 0..<6 { try? common.take(common.anyEntry(using: &generator)) }
        var (left, right) = (common, common)
        for _ in 0..<25 { try? left.take(left.anyEntry(using: &generator)) }
        for _ in 0..<25 { try? right.take(right.anyEntry(using: &generator)) }
        let mine = Array(left.written.dropFirst(common.written.count))
        let theirs = Array(right.written.dropFirst(common.written.count))
        var (first, second) = (left.log, right.log)
        for entry in theirs { try first.insert(entry) }
        for entry in mine { try second.insert(entry) }
        #expect(first.state == second.state)
        #expect(first.isForked == (!mine.isEmpty && !theirs.isEmpty))
        let members = Set(first.state.members.keys)
        guard first.isForked else { return }
        let owners = Set(common.log.state.members.filter { $0.value.role == .owner }.keys)
        #expect(
            members.subtracting(owners).isSubset(
                of: Set(left.log.state.members.keys).union(right.log.state.members.keys)
            )
        )
        #expect(first.state.members.values.contains { $0.role == .owner })
    }

    @Test func `who was removed in one branch by a senior counts in none, and what he wrote in the other is void (N4)`()
        throws
    {
        let world = try NetworkWorld.team()
        var (honest, evil) = (world, world)
        try honest.write(by: people[0], .remove(people[1].key, from: .admin))
        try evil.write(by: people[1], .remove(people[2].key, from: .member))
        let guest = try evil.open(by: people[1])
        try evil.join(people[4], by: guest)
        var log = honest.log
        for entry in evil.written.dropFirst(world.written.count) { try log.insert(entry) }
        #expect(log.isForked)
        #expect(Set(log.state.members.keys) == [people[0].key, people[2].key, people[3].key])
        #expect(log.state.guests.isEmpty, "an invitation opened behind the fork counts in no branch")
    }

    @Test func `a removed member is outside from that entry on, and comes back only by an invitation`() throws {
        var world = try NetworkWorld.team()
        try world.write(by: people[1], .remove(people[2].key, from: .member))
        #expect(!world.log.state.contains(people[2].key))
        #expect(world.log.state.former[people[2].key] == world.log.state.head.sequence)
        #expect(throws: NetworkFault.notAllowed) { try world.write(by: people[2], .leave) }
        let guest = try world.open(by: people[1])
        try world.join(people[2], by: guest, label: "planner")
        #expect(world.content.names["planner"] == people[2].key)
        #expect(world.log.state.former[people[2].key] == nil)
    }

    @Test func `whose membership has ended by itself joins again by a younger invitation, as somebody new`() throws {
        var world = try NetworkWorld.team()
        let first = try world.open(by: people[0], uses: 3, membership: 20_000)
        try world.join(people[4], by: first, label: "guest")
        try world.write(by: people[0], .group(people[4].key), ["group": "ops", "member": true])
        let second = try world.open(by: people[0], uses: 2)
        #expect(throws: NetworkFault.notAllowed) { try world.join(people[4], by: second, at: 29) }
        #expect(throws: NetworkFault.noInvitation) { try world.join(people[4], by: first, at: 30) }
        #expect(throws: NetworkFault.notAllowed) { try world.write(by: people[4], .leave, at: 30) }
        try world.join(people[4], by: second, label: "guest", at: 30)
        #expect(world.log.state.contains(people[4].key, at: time(1_000_000)))
        #expect(world.content.names["guest"] == people[4].key && world.content.groups(of: people[4].key).isEmpty)
        #expect(world.content.groups["ops"]?.number == 1)
    }

    @Test func `administrators touch members only, and the last owner stays`() throws {
        var world = try NetworkWorld.team()
        #expect(throws: NetworkFault.notAllowed) {
            try world.write(by: people[1], .remove(people[0].key, from: .owner))
        }
        #expect(throws: NetworkFault.notAllowed) {
            try world.write(by: people[1], .role(people[2].key, from: .member, to: .admin))
        }
        #expect(throws: NetworkFault.notAllowed) { try world.write(by: people[1], .hubs, ["hubs": []]) }
        #expect(throws: NetworkFault.lastOwner) { try world.write(by: people[0], .leave) }
        #expect(throws: NetworkFault.lastOwner) {
            try world.write(by: people[0], .role(people[0].key, from: .owner, to: .admin))
        }
        #expect(throws: NetworkFault.outdated) {
            try world.write(by: people[0], .remove(people[1].key, from: .member))
        }
        try world.write(by: people[0], .role(people[1].key, from: .admin, to: .owner))
        try world.write(by: people[0], .leave)
    }

    @Test func `an invitation is used up, expires, and proves nothing for another key`() throws {
        var world = NetworkWorld()
        let guest = try world.open(by: people[0], uses: 1, expires: 100)
        let foreign = world.entry(by: people[3], world.joining(people[2], by: guest), ["label": nil])
        #expect(throws: NetworkFault.noInvitation) { try world.take(foreign) }
        #expect(throws: NetworkFault.noInvitation) { try world.join(people[2], by: guest, at: 101) }
        try world.join(people[2], by: guest, at: 100)
        #expect(throws: NetworkFault.noInvitation) { try world.join(people[3], by: guest) }
        let other = try world.open(by: people[0], uses: 2)
        try world.write(by: people[0], .close(guest: other.key))
        #expect(throws: NetworkFault.noInvitation) { try world.join(people[3], by: other) }
    }

    @Test func `a holder is given what it lacks, and no more than it can take at a time`() throws {
        let world = try NetworkWorld.team()
        var log = try NetworkLog(world.written[0])
        var rounds = 0
        while log.state != world.log.state {
            let entries = world.log.entries(after: log.locator, byteCount: 1_500)
            #expect(!entries.isEmpty)
            for entry in entries { try log.insert(entry) }
            rounds += 1
        }
        #expect(rounds > 1)
        #expect(world.log.entries(after: log.locator, byteCount: 1_500).isEmpty)
        #expect(throws: NetworkFault.incomplete) {
            var empty = try NetworkLog(world.written[0])
            try empty.insert(world.written[2])
        }
    }
}
