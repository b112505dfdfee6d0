import HubCore
import HubProtocol
import OverlayCrypto
import PosternModel
import SidecarCore
import TestSupport
import Testing
import TrustCore

/// A network with more members than one entry has boxes for (RULES N1, N15).
@Suite struct ManyMembersTests {
    private var world = World()
    private let founder = try! NodeIdentity(seed: Array(repeating: 90, count: 32))
    private let random = RandomSource(seed: Array(repeating: 11, count: 32))
    private let admin: NodeKey
    private let second: NodeKey
    private let leaver: NodeKey
    private let member: NodeKey
    private let id: NetworkID
    private let link: NetworkInvitation
    private let key: ContentKey

    init() throws {
        admin = world.add(1, "admin")
        second = world.add(2, "second")
        leaver = world.add(3, "leaver")
        member = world.add(4, "member")
        world.pass(2)
        let now = world.now.wall
        let hubs = [world.hubURL]
        let genesis: NetworkEntry
        (genesis, key) = NetworkAuthor.found(
            by: founder,
            name: "acme",
            label: "founder",
            hubs: hubs,
            at: now,
            using: random
        )
        var state = try NetworkState(genesis)
        var entries = [genesis]
        var author = NetworkAuthor(founder, after: state, key: key, at: now)
        for number in 0..<250 {
            let key = try NodeIdentity(seed: [UInt8(number)] + Array(repeating: 200, count: 31)).key
            entries.append(author.write(.add(key, expires: nil), ["label": .string("m\(number)")], using: random))
        }
        let guest = try NodeIdentity(seed: Array(repeating: 12, count: 32))
        let expires = now + .seconds(86_400)
        let opening = NetworkChange.open(guest: guest.key, uses: 9, expires: expires)
        entries.append(author.write(opening, keyFor: [guest.key], using: random))
        for entry in entries.dropFirst() { try state.apply(entry) }
        world.hubStore.transaction(HubReads()) { _ in [.extend(state, entries)] }
        id = state.id
        link = NetworkInvitation(
            network: id,
            name: "acme",
            hubs: hubs,
            head: state.head,
            expires: expires,
            seed: Array(repeating: 12, count: 32)
        )
        for node in [admin, second, leaver, member] { try join(node) }
        for node in [admin, second] { try promote(node) }
    }

    private mutating func join(_ node: NodeKey) throws {
        let command = world.perform(JoinNetwork(invitation: link), at: node)
        for _ in 0..<60 where world.nodes[node]?.answers[command] == nil && world.nodes[node]?.failures[command] == nil
        {
            world.pass(1)
        }
        #expect(world.nodes[node]?.answers[command] != nil, "\(String(describing: world.nodes[node]?.failures))")
    }

    /// What the hub has of the network: its state, and for how many readers a box of the newest key.
    private mutating func hubState() throws -> (state: NetworkState, boxed: Set<NodeKey>) {
        var reads = HubReads()
        reads.networks = [id]
        var found = HubFacts()
        world.hubStore.transaction(reads) { facts in
            found = facts
            return []
        }
        let state = try #require(found.networks[id])
        var boxes = HubReads()
        boxes.boxed = [HubReads.Boxed(network: id, key: state.key)]
        world.hubStore.transaction(boxes) { facts in
            found = facts
            return []
        }
        return (state, found.boxed.values.first ?? [])
    }

    private mutating func promote(_ node: NodeKey) throws {
        var (state, _) = try hubState()
        var author = NetworkAuthor(founder, after: state, key: key, at: world.now.wall)
        let entry = author.write(.role(node, from: .member, to: .admin), using: random)
        try state.apply(entry)
        world.hubStore.transaction(HubReads()) { _ in [.extend(state, [entry])] }
        world.restart(node)
        world.pass(3)
    }

    private mutating func label(of node: NodeKey, seenBy other: NodeKey) throws -> String? {
        try world.answer(ShowNetwork(name: "acme"), at: other).members.first { $0.did == node }?.name
    }

    @Test mutating func `a removal changes the key, and every member has it from the hub`() throws {
        #expect(try hubState().state.members.count == 255)
        _ = try world.answer(RemoveMember(name: "acme", peer: PeerName(leaver)), at: admin)
        world.pass(2)
        let (state, boxed) = try hubState()
        // Whoever hands them out needs none; the entry has its own.
        #expect(state.members.count == 254 && boxed == Set(state.members.keys).union(state.guests))
        _ = try world.answer(NameMember(name: "acme", peer: PeerName(member), label: "newest"), at: admin)
        world.pass(2)
        #expect(try label(of: member, seenBy: member) == "newest")
        #expect(try label(of: member, seenBy: second) == "newest")
        #expect(world.failure(NameMember(name: "acme", peer: PeerName(member), label: "x"), at: leaver) != nil)
        // A newcomer by the old link reads what is new.
        let late = world.add(5, "late")
        world.pass(2)
        try join(late)
        #expect(try label(of: member, seenBy: late) == "newest")
    }

    @Test mutating func `what the author of a key did not hand out another administrator does`() throws {
        for node in [member, second] { world.hubDown(node) }
        world.nodes[member]?.isRunning = false
        world.nodes[second]?.isRunning = false
        _ = try world.answer(RemoveMember(name: "acme", peer: PeerName(leaver)), at: admin)
        world.pass(2)
        _ = try world.answer(NameMember(name: "acme", peer: PeerName(member), label: "newest"), at: admin)
        // The author is gone for good, and the hub has lost all boxes but one that the second administrator finds.
        world.hubDown(admin)
        world.nodes[admin]?.isRunning = false
        let readers = try hubState().boxed.subtracting([second]).sorted()
        world.hubStore.transaction(HubReads()) { [id] _ in [.removeBoxes(id, of: readers)] }
        world.restart(member)
        world.pass(3)
        #expect(try label(of: member, seenBy: member) == "member", "nobody has given it the key yet")
        world.restart(second)
        world.pass(5)
        let (state, boxed) = try hubState()
        #expect(boxed == Set(state.members.keys).union(state.guests))
        #expect(try label(of: member, seenBy: member) == "newest")
        // With the key come the names from before a restart.
        world.restart(member)
        world.pass(3)
        #expect(try label(of: member, seenBy: member) == "newest")
    }
}
