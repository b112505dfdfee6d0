import HubCore
import OverlayCrypto
import PosternModel
import SidecarCore
import TestSupport
import Testing
import TrustCore

private let planner = Service(name: "planner", port: VirtualPort(80), kind: .a2a)

/// A hub that shows its clients two histories, restores old databases, forgets and falls silent, while members change
/// their network (RULES N4, N5; R8–R10, S1).
@Suite struct EvilHubTests {
    @Test(arguments: 0..<24 as Range<UInt64>)
    func `whatever a hub does, who was removed stays out, nobody gets in, and the deceit is told`(seed: UInt64) throws {
        var lie = try Deceit(seed: seed)
        try lie.begin()
        for _ in 0..<10 { try lie.step() }
        try lie.end()
    }
}

/// One network of four and an outsider, at a hub that lies.
private struct Deceit {
    private var world = World()
    private var generator: SplitMix
    private let owner: NodeKey
    private let admin: NodeKey
    private let members: [NodeKey]
    private let outsider: NodeKey
    /// Whom the owner has removed, as it was told, and not let in again.
    private var removed: Set<NodeKey> = []
    private var copies: [MemoryHubStore] = []

    init(seed: UInt64) throws {
        generator = SplitMix(seed: seed)
        let rules = [ExposedRule(service: planner, allow: [.network("acme")])]
        owner = world.add(1, "owner", exposed: rules)
        admin = world.add(2, "admin", exposed: rules)
        let others = [world.add(3, "third", exposed: rules), world.add(4, "fourth", exposed: rules)]
        outsider = world.add(5, "outsider", exposed: rules)
        members = [owner, admin] + others
        world.pass(2)
        _ = try world.answer(CreateNetwork(name: "acme"), at: owner)
        let link = try world.answer(InviteToNetwork(name: "acme", uses: 3), at: owner).invitation
        for key in members.dropFirst() { _ = try world.answer(JoinNetwork(invitation: link), at: key) }
        _ = try world.answer(SetRole(name: "acme", peer: PeerName(admin), role: "admin"), at: owner)
        world.pass(2)
    }

    /// From here on the hub has two faces.
    mutating func begin() throws {
        world.otherFace = (world.hub, world.hubStore)
        world.deceived = Set(members.filter { _ in Bool.random(using: &generator) })
        for key in members { world.hubDown(key) }
        copies = [world.hubStore]
        world.pass(3)
    }

    mutating func step() throws {
        switch Int.random(in: 0..<9, using: &generator) {
        case 0:
            // An old database.
            if let copy = copies.randomElement(using: &generator) { world.hubStore = copy }
            world.hub = Hub(identity: hubIdentity)
            for key in members where !world.deceived.contains(key) { world.hubDown(key) }
        case 1: world.hubDown(members.randomElement(using: &generator) ?? owner)
        case 2: copies.append(world.hubStore)
        case _: change()
        }
        world.pass(Int64.random(in: 1...3, using: &generator))
        check()
    }

    private mutating func change() {
        let actor = [owner, owner, admin].randomElement(using: &generator) ?? owner
        let subject = members.dropFirst().randomElement(using: &generator) ?? admin
        let peer = PeerName(subject)
        switch Int.random(in: 0..<5, using: &generator) {
        case 0: world.perform(SetGroup(name: "acme", group: "ops", peer: peer), at: actor)
        case 1: world.perform(SetRole(name: "acme", peer: peer, role: "admin"), at: actor)
        case 2: world.perform(SetRole(name: "acme", peer: peer, role: "member"), at: actor)
        case 3: world.perform(NameMember(name: "acme", peer: peer, label: "x\(Int.random(in: 0..<9))"), at: actor)
        case _:
            let id = world.perform(RemoveMember(name: "acme", peer: peer), at: actor)
            if actor == owner, world.nodes[actor]?.answers[id] != nil { removed.insert(subject) }
        }
    }

    private func admits(_ key: NodeKey, _ peer: NodeKey) -> Bool {
        world.nodes[key]?.sidecar.decide(peer, planner.port, at: world.now).isAdmitted ?? false
    }

    /// What holds at any time.
    private func check() {
        for key in members { #expect(!admits(key, outsider) && !admits(outsider, key), "no hub lets anybody in") }
        for key in removed { #expect(!admits(owner, key), "who removed a member does not admit it") }
    }

    private func show(_ key: NodeKey) throws -> NetworkDocument {
        var world = world
        return try world.answer(ShowNetwork(name: "acme"), at: key)
    }

    /// The members meet, at a hub that is honest again.
    mutating func end() throws {
        world.otherFace = nil
        world.deceived = []
        for key in members { world.hubDown(key) }
        world.pass(4)
        meet()
        let view = try show(owner)
        let informed = view.members.map(\.did)
        for key in removed { #expect(!informed.contains(key), "a removal by the owner counts in whatever history") }
        for key in informed {
            let theirs = try show(key)
            #expect(theirs.forked == view.forked && theirs.members == view.members)
            guard view.forked else { continue }
            #expect(world.nodes[key]?.events.contains { $0.action == .networkForked } == true, "both ends are told")
            #expect(!theirs.fresh && theirs.problem != nil)
        }
        try heal(informed)
        check()
    }

    private mutating func meet() {
        for key in members {
            for peer in members where peer != key { world.input(key) { $0.want(peer, at: $1) } }
        }
        world.pass(6)
    }

    private mutating func heal(_ informed: [NodeKey]) throws {
        for _ in 0..<4 where try show(owner).forked {
            world.perform(HealNetwork(name: "acme"), at: owner)
            world.pass(3)
            meet()
        }
        let healed = try show(owner)
        #expect(!healed.forked, "\(String(describing: healed.problem))")
        #expect(Set(healed.members.map(\.did)).isSubset(of: Set(informed)))
        for key in healed.members.map(\.did) {
            let theirs = try show(key)
            #expect(!theirs.forked && theirs.head == healed.head && theirs.members == healed.members)
        }
        for key in removed { for other in healed.members.map(\.did) { #expect(!admits(other, key)) } }
    }
}
