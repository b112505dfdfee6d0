import HubProtocol
import OverlayCrypto
import OverlayWire
import PosternModel
import SidecarCore
import TestSupport
import Testing
import TrustCore

/// Which hubs a sidecar talks to, and which keys it takes for hubs.
@Suite struct HubPlacesTests {
    var world = World()
    let alice: NodeKey
    let bob: NodeKey
    let direct = [Endpoint("192.0.2.1:4000")!]

    init() throws {
        alice = world.add(1, "alice", advertised: direct)
        bob = world.add(2, "bob")
        try world.befriend(bob, alice)
    }

    private static func hub(_ number: UInt8) -> HubURL { url(of: key(number)) }
    private static func key(_ number: UInt8) -> NodeKey {
        try! NodeIdentity(seed: Array(repeating: number, count: 32)).key
    }
    private static func url(of key: NodeKey) -> HubURL { HubURL(.loopback(4_700), key: key)! }

    /// Someone whose records name `hubs` besides the common one.
    private mutating func stranger(_ number: UInt8, naming hubs: [HubURL]) -> NodeKey {
        let key = world.add(number, "mallory")
        setHubs(hubs, of: key)
        return key
    }

    private mutating func setHubs(_ hubs: [HubURL], of key: NodeKey) {
        var profile = world.nodes[key]!.profile
        profile.hubs = [world.hubURL] + hubs
        world.nodes[key]!.profile = profile
        world.input(key) { $0.reconfigure(profile, at: $1) }
    }

    @Test mutating func `a peer and a guest are no hubs, whoever names them (S1, S3)`() throws {
        let invited = try world.answer(CreateInvitation(uses: 5), at: alice).invitation
        let guest = try NodeIdentity(seed: invited.secret.guestSeed).key
        let secrets = [bob, guest].map { world.nodes[alice]!.admitted[$0] }
        let mallory = stranger(3, naming: [bob, guest].map { Self.url(of: $0) })
        try world.befriend(mallory, alice)
        world.pass(5)
        #expect(world.nodes[alice]!.hubs.isDisjoint(with: [bob, guest]))
        #expect([bob, guest].map { world.nodes[alice]!.admitted[$0] } == secrets)
        world.restart(alice)
        world.pass(5)
        #expect(world.nodes[alice]!.hubs.isDisjoint(with: [bob, guest]))
        _ = try world.answer(RevokeTrust(peer: PeerName(mallory)), at: alice)
        #expect([bob, guest].map { world.nodes[alice]!.admitted[$0] } == secrets, "their admission is their own")
    }

    @Test mutating func `who was named as a hub and becomes a peer is a peer`() throws {
        let carol = world.add(4, "carol")
        let mallory = stranger(3, naming: [Self.url(of: carol)])
        try world.befriend(mallory, alice)
        #expect(world.nodes[alice]!.hubs.contains(carol))
        try world.befriend(carol, alice)
        #expect(!world.nodes[alice]!.hubs.contains(carol))
        #expect(world.nodes[alice]!.admitted[carol] != nil && world.isTrusted(alice, carol))
    }

    @Test mutating func `a hub of our own is no peer`() throws {
        let carol = world.add(4, "carol")
        let asked = try world.answer(RequestTrust(peer: alice), at: carol)
        setHubs([Self.url(of: carol)], of: alice)
        let id = try #require(asked.id?.description)
        #expect(world.failure(ApproveRequest(id: id), at: alice)?.message.contains("is a hub") == true)
        #expect(world.failure(RequestTrust(peer: carol), at: alice)?.message.contains("is a hub") == true)
        let invited = try world.answer(CreateInvitation(), at: alice).invitation
        world.perform(JoinInvitation(invitation: invited), at: carol)
        #expect(!world.isTrusted(alice, carol) && world.nodes[alice]!.admitted[carol] == nil)
    }

    @Test mutating func `the answer to a rejected request makes us talk to no hub that the asker names`() throws {
        let mallory = stranger(3, naming: (10...16).map { Self.hub($0) })
        let asked = try world.answer(RequestTrust(peer: alice), at: mallory)
        _ = try world.answer(RejectRequest(id: asked.id!.description), at: alice)
        world.pass(60)
        #expect(world.nodes[alice]!.hubs == [world.hubURL.key] && Set(world.nodes[alice]!.tried) == [world.hubURL.key])
    }

    @Test mutating func `our own hubs have their places, however many hubs peers name`() throws {
        for number in UInt8(3)...6 {
            let peer = stranger(number, naming: (0..<7).map { Self.hub(number * 20 + $0) })
            try world.befriend(peer, alice)
            world.input(alice) { $0.want(peer, at: $1) }
        }
        #expect(world.nodes[alice]!.hubs.count == SidecarSettings.defaults.hubCount)
        let own = (200...202).map { Self.hub($0) }
        setHubs(own, of: alice)
        #expect(world.nodes[alice]!.hubs.isSuperset(of: own.map(\.key) + [world.hubURL.key]))
        #expect(world.nodes[alice]!.hubs.count == SidecarSettings.defaults.hubCount)
    }

    @Test mutating func `hubs of others are tried a few times while there is something to ask there, then not at all`()
        throws
    {
        let foreign = (10...17).map { Self.hub($0) }
        let mallory = stranger(3, naming: Array(foreign.prefix(7)))
        try world.befriend(mallory, alice)
        // What waits for a hub is another matter.
        let facts = world.nodes[alice]!.sidecar.compactedFacts(at: world.now.wall).filter {
            if case .outbox = $0 { false } else { true }
        }
        world.nodes[mallory]!.isRunning = false
        world.endSession(alice, mallory)
        world.restart(alice, journal: [TrustJournal.content(facts)])
        world.nodes[alice]!.tried = []
        world.input(alice) { $0.want(mallory, at: $1) }
        world.pass(35)
        let hubs = Set(foreign.map(\.key))
        let tried = world.nodes[alice]!.tried.filter { hubs.contains($0) }
        #expect((1...4).contains(tried.count), "\(tried.count) attempts in 35 s")
        #expect(world.nodes[alice]!.hubs.isDisjoint(with: hubs), "an attempt ends when nobody answers")
        world.pass(700)
        world.nodes[alice]!.tried = []
        world.pass(700)
        #expect(world.nodes[alice]!.tried.filter { hubs.contains($0) }.isEmpty, "nobody wants the peer any longer")
    }
}
