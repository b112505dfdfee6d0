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
        // What comes later goes on from there.
        let restored = try world.answer(LeaveNetwork(name: "acme"), at: joiner)
        #expect(restored.name == "acme")
    }
}
