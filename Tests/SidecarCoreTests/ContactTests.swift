import HubProtocol
import OverlayCrypto
import OverlayWire
import PosternModel
import SidecarCore
import TestSupport
import Testing
import TrustCore

/// Contact cards (RULES C), and room for strangers' requests (RULES M).
@Suite struct ContactTests {
    var world = World()
    let alice: NodeKey

    init() {
        alice = world.add(1, "alice")
    }

    /// Delivers a request of somebody new to alice, as a hub does; returns whether she acknowledged it.
    private mutating func ask(_ number: Int, as mailClass: MailClass) throws -> (isTaken: Bool, asker: NodeKey) {
        var seed = Array(repeating: UInt8(77), count: 32)
        (seed[0], seed[1]) = (UInt8(number & 255), UInt8(number >> 8))
        let asker = try NodeIdentity(seed: seed)
        let grant = Grant(from: asker, to: alice, services: .all, issued: world.now.wall.inMilliseconds)
        let terms = TrustRequest.Terms(
            name: "stranger",
            note: "",
            services: .all,
            hubs: [world.hubURL],
            issued: world.now.wall.inMilliseconds,
            expires: (world.now.wall + .seconds(3_600)).inMilliseconds,
            nonce: Array(repeating: 1, count: 16)
        )
        let sealed = try Mail.request(TrustRequest(from: asker, terms: terms, grant: grant)).sealed()
        let id = RecordID(ofBytes: sealed)
        var isTaken = false
        let hub = world.hubURL.key
        world.input(alice) { sidecar, now in
            let actions = sidecar.receive(.mail(id: id, sealed: sealed, as: mailClass), from: hub, at: now)
            isTaken = actions.contains { action in
                if case .hubRequest(_, hub: hub, .acknowledge([id])) = action { true } else { false }
            }
            return actions
        }
        return (isTaken, asker.key)
    }

    private func stranger(_ origin: UInt64) -> MailClass { .stranger(from: MailOrigin(origin)) }
    private mutating func pending() throws -> [NodeKey] { try world.answer(ListTrust(), at: alice).pending.map(\.did) }

    @Test mutating func `strangers of one network have few places, and what finds none is not acknowledged`() throws {
        let asked = try (0..<8).map { try ask($0, as: stranger(1)) }
        #expect(asked.map(\.isTaken) == [true, true, true, true, true, false, false, false])
        #expect(try pending().count == 5)
        #expect(try ask(50, as: stranger(2)).isTaken, "other networks have places of their own")
        #expect(try ask(51, as: .known).isTaken)
    }

    @Test mutating func `a hundred keys of a few networks do not keep out whoever comes from another`() throws {
        // Ten networks with five requests each: the strangers' part is full.
        for number in 0..<50 {
            #expect(try ask(number, as: stranger(UInt64(number % 10))).isTaken)
            world.pass(1)
        }
        let real = try ask(1_000, as: stranger(99))
        #expect(real.isTaken)
        var waiting = try pending()
        #expect(waiting.count == 50 && waiting.contains(real.asker))
        #expect(try !ask(200, as: stranger(3)).isTaken, "the most frequent source gets nothing by that")
        for number in 300..<340 { _ = try ask(number, as: stranger(UInt64(number))) }
        waiting = try pending()
        #expect(waiting.count == 50 && waiting.contains(real.asker), "the one from a quiet network stays")
        let known = try ask(2_000, as: .known)
        let contact = try ask(2_001, as: .contact(from: MailOrigin(3)))
        #expect(known.isTaken && contact.isTaken, "who is vouched for has places of their own")
        let listed = try world.answer(ListTrust(), at: alice).pending
        #expect(listed.filter { !$0.stranger }.map(\.did).sorted() == [known.asker, contact.asker].sorted())
    }

    @Test mutating func `what was left at the hub is fetched when a place is free`() throws {
        for number in 0..<6 { _ = try ask(number, as: stranger(1)) }
        var opened = 0
        let id = try #require(try world.answer(ListTrust(), at: alice).pending.first?.id)
        world.input(alice) { sidecar, now in
            let actions = sidecar.perform(
                RejectRequest(id: id.description),
                id: CommandID(9_999),
                at: now,
                seeing: Unseen()
            )
            opened = actions.count { if case .openWatch = $0 { true } else { false } }
            return actions
        }
        #expect(opened == 1)
        let again = try ask(5, as: stranger(1))
        #expect(again.isTaken)
    }

    @Test mutating func `a contact card gives room and the right to ask, and no trust`() throws {
        let made = try world.answer(CreateContact(), at: alice)
        let text = "Write to me: <\(made.contact.text)>."
        guard case .contact(let card) = try TrustAddressee(text: text) else {
            Issue.record("the card is found in the text")
            return
        }
        #expect(card == made.contact && card.owner == alice && card.hubs == [world.hubURL])
        let bob = world.add(2, "bob", withHub: false)
        let asked = try world.answer(RequestTrust(peer: .contact(card)), at: bob)
        #expect(asked.did == alice && asked.state != .trusted)
        #expect(!world.isTrusted(alice, bob))
        let waiting = try world.answer(ListTrust(), at: alice).pending
        #expect(waiting.map(\.did) == [bob])
        _ = try world.answer(ApproveRequest(id: waiting[0].id.description), at: alice)
        #expect(world.isTrusted(alice, bob) && world.isTrusted(bob, alice))
    }

    @Test mutating func `a deposit by a card shows its token, and hubs are told the ids of cards that hold`() throws {
        let made = try world.answer(CreateContact(), at: alice)
        let token = made.contact.token
        var requests: [HubRequest] = []
        let bob = world.add(2, "bob")
        world.input(bob) { sidecar, now in
            let ask = RequestTrust(peer: .contact(made.contact))
            let actions = sidecar.perform(ask, id: CommandID(9_999), at: now, seeing: Unseen())
            for case .hubRequest(_, _, let request) in actions { requests.append(request) }
            return actions
        }
        #expect(
            requests.contains { request in
                if case .deposit(_, _, .contact(token)) = request { true } else { false }
            }
        )
        #expect(try world.answer(ListContacts(), at: alice).map(\.id) == [token.id])
        let facts = world.nodes[alice]!.sidecar.compactedFacts(at: world.now.wall)
        world.restart(alice, journal: [TrustJournal.content(facts)])
        #expect(try world.answer(ListContacts(), at: alice) == [made])
        #expect(try world.answer(RevokeContact(id: String(token.id.description.prefix(5))), at: alice).id == token.id)
        #expect(try world.answer(ListContacts(), at: alice).isEmpty)
        #expect(world.failure(RevokeContact(id: "none"), at: alice)?.code == "no-such-contact")
    }

    @Test func `a damaged card is refused, and a node without a hub has none`() throws {
        var world = World()
        let lonely = world.add(9, "lonely", withHub: false)
        #expect(world.failure(CreateContact(), at: lonely)?.code == "no-hub")
        let token = try #require(ContactToken(bytes: Array(repeating: 3, count: 16)))
        let card = ContactCard(owner: lonely, name: "lonely", hubs: [world.hubURL], token: token)
        #expect(ContactCard(within: card.text) == card)
        for length in 0..<card.text.count { #expect(ContactCard(within: card.text.prefix(length)) == nil) }
        #expect(throws: Problem.self) { try TrustAddressee(text: String(card.text.dropLast())) }
        #expect(!Invitation.isInvitation(card.text))
    }
}
