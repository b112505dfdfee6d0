import HubCore
import OverlayCrypto
import PosternModel
import SidecarCore
import TestSupport
import Testing
import TrustCore

/// A log that has grown long is read in parts, and each part costs what it holds (RULES N15).
@Suite struct LongLogTests {
    /// A network whose hub has `count` entries of it, among them changes of the content key, and a link into it.
    private static func grow(_ world: inout World, by owner: NodeKey, to count: Int) throws -> NetworkInvitation {
        let identity = try #require(world.nodes[owner]).identity
        let random = RandomSource(seed: Array(repeating: 11, count: 32))
        let now = world.now.wall
        let hubs = [world.hubURL]
        let (genesis, key) = NetworkAuthor.found(
            by: identity,
            name: "acme",
            label: "owner",
            hubs: hubs,
            at: now,
            using: random
        )
        var entries = [genesis]
        var author = NetworkAuthor(identity, after: try NetworkState(genesis), key: key, at: now)
        while entries.count < count - 1 {
            let number = entries.count
            if number % 50 == 0 { entries.append(author.rekey(for: [owner], using: random)) }
            let content: JSONValue = ["group": .string("g\(number % 9)"), "member": .bool(number % 2 == 0)]
            entries.append(author.write(.group(owner), content, using: random))
        }
        let seed = [UInt8](repeating: 12, count: 32)
        let guest = try NodeIdentity(seed: seed)
        let expires = now + .seconds(86_400)
        entries.append(
            author.write(.open(guest: guest.key, uses: 9, expires: expires), keyFor: [guest.key], using: random)
        )
        var state = try NetworkState(genesis)
        for entry in entries.dropFirst() { try state.apply(entry) }
        world.hubStore.transaction(HubReads()) { _ in [.extend(state, entries)] }
        return NetworkInvitation(
            network: state.id,
            name: "acme",
            hubs: hubs,
            head: state.head,
            expires: expires,
            seed: seed
        )
    }

    @Test(arguments: [false, true])
    func `who comes back to a log of many parts is a member by its end, and not by what it was once`(
        isRemoved: Bool
    ) throws {
        var world = World()
        let owner = world.add(1, "owner")
        let joiner = world.add(2, "joiner")
        let former = world.add(3, "former")
        world.pass(2)
        _ = try world.answer(CreateNetwork(name: "acme"), at: owner)
        let first = try world.answer(InviteToNetwork(name: "acme", uses: 2), at: owner).invitation
        for key in [joiner, former] { _ = try world.answer(JoinNetwork(invitation: first), at: key) }
        for number in 0..<90 {
            let change = SetGroup(name: "acme", group: "g\(number % 9)", peer: "owner", remove: number % 2 == 1)
            _ = try world.answer(change, at: owner)
            world.pass(1)
        }
        if isRemoved {
            _ = try world.answer(RemoveMember(name: "acme", peer: "joiner"), at: owner)
            _ = try world.answer(LeaveNetwork(name: "acme"), at: joiner)
        } else {
            _ = try world.answer(LeaveNetwork(name: "acme"), at: joiner)
        }
        _ = try world.answer(RemoveMember(name: "acme", peer: "former"), at: owner)
        let link = try world.answer(InviteToNetwork(name: "acme"), at: owner).invitation
        let joined = try world.answer(JoinNetwork(invitation: link), at: joiner)
        let shown = try world.answer(ShowNetwork(name: "acme"), at: owner)
        #expect(joined.role == "member" && joined.head == shown.head)
        #expect(try world.answer(ShowNetwork(name: "acme"), at: joiner).fresh)
        #expect(Set(shown.members.map(\.did)) == [owner, joiner] && joined.members.count == 2)
        #expect(world.nodes[joiner]?.events.contains { $0.action == .networkRolledBack } == false)
    }

    @Test func `who was removed while away, many parts of the log ago, learns it at once (N6)`() throws {
        var world = World()
        let owner = world.add(1, "owner")
        let former = world.add(2, "former")
        world.pass(2)
        _ = try world.answer(CreateNetwork(name: "acme"), at: owner)
        let link = try world.answer(InviteToNetwork(name: "acme"), at: owner).invitation
        _ = try world.answer(JoinNetwork(invitation: link), at: former)
        world.hubDown(former)
        world.nodes[former]?.isRunning = false
        for number in 0..<200 {
            let change = SetGroup(name: "acme", group: "g\(number % 9)", peer: "owner", remove: number % 2 == 1)
            _ = try world.answer(change, at: owner)
            if number == 150 { _ = try world.answer(RemoveMember(name: "acme", peer: "former"), at: owner) }
            world.pass(1)
        }
        world.restart(former)
        world.pass(3)
        let shown = try world.answer(ShowNetwork(name: "acme"), at: former)
        #expect(shown.role == nil && shown.problem?.contains("removed") == true)
    }

    @Test(arguments: [700])
    func `a newcomer reads all of it, and what a restart or one reading of the whole makes of it is the same`(
        count: Int
    ) throws {
        var world = World()
        let owner = world.add(1, "owner")
        let joiner = world.add(2, "joiner")
        world.pass(2)
        let link = try Self.grow(&world, by: owner, to: count)
        let id = world.perform(JoinNetwork(invitation: link), at: joiner)
        for _ in 0..<600 where world.nodes[joiner]?.answers[id] == nil && world.nodes[joiner]?.failures[id] == nil {
            world.pass(1)
        }
        let joined = try world.answer(ShowNetwork(name: "acme"), at: joiner)
        #expect(joined.role == "member" && joined.members.count == 2 && joined.groups.count == 9)
        let groups = joined.members.first { $0.did == owner }?.groups ?? []
        // Of each group the last word counts.
        var expected: Set<String> = []
        var number = 1
        var written = 1
        while written < count - 1 {
            number = written
            if number % 50 == 0 { written += 1 }
            if number % 2 == 0 { expected.insert("g\(number % 9)") } else { expected.remove("g\(number % 9)") }
            written += 1
        }
        #expect(Set(groups) == expected)
        world.restart(joiner)
        world.pass(3)
        let again = try world.answer(ShowNetwork(name: "acme"), at: joiner)
        #expect(again.members == joined.members && again.groups == joined.groups && again.head == joined.head)
        // So is what a compacted journal makes of it, in which the log stands in parts.
        let facts = try #require(world.nodes[joiner]).sidecar.compactedFacts(at: world.now.wall)
        let line = TrustJournal.content(facts)
        #expect(try TrustJournal.facts(in: [line[...]]).count > facts.count + 5)
        world.restart(joiner, journal: [line])
        world.pass(3)
        let compacted = try world.answer(ShowNetwork(name: "acme"), at: joiner)
        #expect(compacted.members == joined.members && compacted.groups == joined.groups)
        #expect(compacted.head == joined.head)
        // What comes later goes on from there.
        let restored = try world.answer(LeaveNetwork(name: "acme"), at: joiner)
        #expect(restored.name == "acme")
    }
}
