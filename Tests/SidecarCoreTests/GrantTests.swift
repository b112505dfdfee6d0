import OverlayCrypto
import PosternModel
import SidecarCore
import TestSupport
import Testing
import TrustCore

/// What peers may use of ours, and how that changes.
@Suite struct GrantTests {
    var world = World()
    let alice: NodeKey
    let bob: NodeKey

    init() {
        let rules = ["tools", "planner", "clock"].enumerated().map { position, name in
            ExposedRule(
                service: Service(
                    name: ServiceName(name)!,
                    port: VirtualPort(UInt16(80 + position)),
                    kind: .mcp
                ),
                allow: [.trusted]
            )
        }
        alice = world.add(1, "alice")
        bob = world.add(2, "bob", exposed: rules)
    }

    /// Alice asks for `services`, and Bob says yes as `approval` has it.
    private mutating func trust(
        _ services: ServiceSet,
        _ approval: (String) -> ApproveRequest = { ApproveRequest(id: $0) }
    ) throws -> TrustDocument {
        _ = try world.answer(RequestTrust(peer: bob, services: services, note: ""), at: alice)
        let pending = try #require(try world.answer(ListTrust(), at: bob).pending.first)
        return try world.answer(approval(pending.id.description), at: bob)
    }

    private func mayUse(_ port: UInt16) -> Bool {
        world.nodes[bob]!.sidecar.decide(alice, VirtualPort(port), at: world.now).isAdmitted
    }

    @Test mutating func `a yes takes nothing away, and says what is new`() throws {
        let first = try trust(.names(["tools"]))
        #expect(first.services == .names(["tools"]) && first.added == .names(["tools"]))
        let second = try trust(.names(["planner"]))
        #expect(second.services == .names(["tools", "planner"]) && second.added == .names(["planner"]))
        #expect(mayUse(80) && mayUse(81) && !mayUse(82))
        let event = try #require(world.nodes[bob]!.events.last { $0.action == .trustGiven && $0.actor == bob })
        #expect(event.old["services"] == ["tools"] && event.new["services"] == ["planner", "tools"])
    }

    @Test mutating func `with only, a yes replaces what was given, and streams are decided again`() throws {
        _ = try trust(.names(["tools", "planner"]))
        let before = world.nodes[bob]!.reviews
        let changed = try trust(.names(["clock"])) { ApproveRequest(id: $0, only: true) }
        #expect(changed.services == .names(["clock"]) && changed.added == .names(["clock"]))
        #expect(!mayUse(80) && !mayUse(81) && mayUse(82))
        #expect(world.nodes[bob]!.reviews > before)
    }

    @Test mutating func `an operator sets what a trusted peer may use, also nothing`() throws {
        _ = try trust(.names(["tools"]))
        let before = world.nodes[bob]!.reviews
        let widened = try world.answer(SetTrust(peer: PeerName(alice), services: .all), at: bob)
        #expect(widened.services == .all && widened.added == .all && mayUse(82))
        let narrowed = try world.answer(SetTrust(peer: PeerName(alice), services: .names([])), at: bob)
        #expect(narrowed.services == .names([]) && narrowed.added == .names([]))
        #expect(!mayUse(80) && world.isTrusted(alice, bob) && world.isTrusted(bob, alice))
        #expect(world.nodes[bob]!.reviews > before)
        world.restart(bob)
        #expect(!mayUse(80), "also after a restart")
        #expect(try world.answer(ListTrust(), at: bob).trusted.first?.services == .names([]))
        #expect(world.failure(SetTrust(peer: PeerName(bob), services: .all), at: alice)?.code == nil)
    }

    @Test mutating func `nobody is set to anything without a trust`() throws {
        _ = try world.answer(RequestTrust(peer: bob, services: .all, note: ""), at: alice)
        #expect(world.failure(SetTrust(peer: PeerName(alice), services: .all), at: bob)?.code == "not-trusted")
        #expect(world.failure(SetTrust(peer: PeerName(hubIdentity.key), services: .all), at: bob) != nil)
    }

    @Test mutating func `a service that is not exposed is refused with the one that was meant`() throws {
        _ = try trust(.names(["tools"]))
        let slip = world.failure(SetTrust(peer: PeerName(alice), services: .names(["tolls"])), at: bob)
        #expect(slip?.code == "unknown-service" && slip?.hint?.contains("did you mean tools?") == true)
        let invited = world.failure(CreateInvitation(services: .names(["plan"])), at: bob)
        #expect(invited?.code == "unknown-service" && invited?.hint?.contains("planner") == true)
        #expect(mayUse(80))
        #expect(
            world.failure(CreateInvitation(services: .names(["later"])), at: alice) == nil,
            "it exposes nothing yet"
        )
    }

    @Test mutating func `a joiner says what the inviter may use of its own`() throws {
        let invitation = try world.answer(CreateInvitation(), at: alice).invitation
        let joined = try world.answer(JoinInvitation(invitation: invitation, services: .names(["clock"])), at: bob)
        #expect(joined.services == .names(["clock"]) && joined.offers == .all)
        #expect(!mayUse(80) && mayUse(82))
        let second = try world.answer(CreateInvitation(), at: alice).invitation
        let again = try world.answer(JoinInvitation(invitation: second, services: .names(["tools"])), at: bob)
        #expect(again.services == .names(["clock", "tools"]) && again.added == .names(["tools"]))
        let third = try world.answer(CreateInvitation(), at: alice).invitation
        let same = try world.answer(JoinInvitation(invitation: third), at: bob)
        #expect(same.services == .names(["clock", "tools"]), "another invitation widens nothing by itself")
    }

    @Test mutating func `a joiner may give nothing`() throws {
        let invitation = try world.answer(CreateInvitation(), at: alice).invitation
        let joined = try world.answer(JoinInvitation(invitation: invitation, services: .names([])), at: bob)
        #expect(joined.services == .names([]) && !mayUse(80) && world.isTrusted(alice, bob))
    }

    @Test mutating func `a request that is taken back waits nowhere`() throws {
        let asked = try world.answer(RequestTrust(peer: bob, services: .all, note: ""), at: alice)
        #expect(world.nodes[bob]!.sidecar.pendingCount == 1)
        let gone = try world.answer(WithdrawRequest(id: asked.id!.description), at: alice)
        #expect(gone.ids == [asked.id!] && gone.did == bob && gone.told)
        #expect(world.nodes[bob]!.sidecar.pendingCount == 0)
        #expect(try world.answer(ListTrust(), at: alice).outgoing.isEmpty)
        #expect(world.failure(WithdrawRequest(id: bob.did), at: alice)?.code == "no-such-request")
    }

    @Test mutating func `a request for more that is taken back leaves the trust`() throws {
        _ = try trust(.names(["tools"]))
        let asked = try world.answer(RequestTrust(peer: bob, services: .names(["clock"]), note: ""), at: alice)
        let gone = try world.answer(WithdrawRequest(id: bob.did), at: alice)
        #expect(gone.ids == [asked.id!] && !gone.told)
        #expect(world.isTrusted(alice, bob) && mayUse(80))
        #expect(try world.answer(ListTrust(), at: alice).outgoing.isEmpty)
    }
}
