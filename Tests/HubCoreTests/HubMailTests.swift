import HubCore
import HubProtocol
import OverlayCrypto
import OverlayWire
import PosternModel
import Testing
import TrustCore

extension HubSettings {
    /// Work that a test does in no time.
    static let cheap: HubSettings = {
        var settings = HubSettings.defaults
        settings.strangerPrice = StrangerPrice(least: 2, most: 6)
        return settings
    }()
}

extension HubWorld {
    /// Leaves `sealed` as a sidecar does: without evidence, and with the work that the hub asks for.
    mutating func deposit(
        _ sealed: [UInt8],
        to target: NodeKey = bob.key,
        from node: NodeIdentity,
        in network: SourceNetwork = .unknown,
        at hub: NodeKey = hubIdentity.key
    ) -> (answer: HubAnswer, actions: [HubAction]) {
        let (answer, actions) = ask(.deposit(target: target, sealed: sealed), from: node, in: network)
        guard case .refused(.workNeeded(let bits, let hour)) = answer else { return (answer, actions) }
        let challenge = WorkChallenge(hub: hub, sender: node.key, target: target, sealed: sealed, hour: hour)
        let evidence = challenge.solve(bits: bits).map { DepositEvidence.work($0) }
        return ask(.deposit(target: target, sealed: sealed, evidence: evidence), from: node, in: network)
    }
}

func box(_ number: Int) -> [UInt8] { (0..<40).map { UInt8(truncatingIfNeeded: number >> (8 * ($0 % 4))) } }

@Suite struct HubMailTests {
    var world = HubWorld(.cheap)

    @Test mutating func `the answer to mail is the same bytes for known, unknown, full and absent targets (R8, R9)`() {
        world.join(bob)
        let present = world.deposit(box(1), from: alice).answer
        let unknown = world.deposit(box(1), to: carol.key, from: alice).answer
        _ = world.deposit(box(2), from: alice)
        let full = world.deposit(box(3), from: alice).answer
        let repeated = world.deposit(box(1), from: alice).answer
        _ = world.leave(bob)
        let away = world.deposit(box(4), from: alice).answer
        #expect(present == .done)
        for answer in [unknown, full, repeated, away] {
            #expect(answer.document.compactBytes == present.document.compactBytes)
        }
        #expect(world.mail(of: bob).count == 2)
    }

    @Test mutating func `mail for a node that has never been seen waits until it comes (R9)`() throws {
        _ = world.deposit(box(1), from: alice)
        let events = pushes(world.watch(bob), to: bob)
        guard case .mail(let id, let sealed, .stranger)? = events.first else { throw RecordError.malformed }
        #expect(sealed == box(1) && events.last == .ready)
        _ = world.leave(bob)
        #expect(pushes(world.watch(bob), to: bob).count == 2, "mail stays until it is acknowledged")
        _ = world.ask(.acknowledge([id]), from: carol)
        #expect(world.mail(of: bob).count == 1, "nobody else can remove it")
        _ = world.ask(.acknowledge([id]), from: bob)
        #expect(pushes(world.watch(bob), to: bob) == [.ready])
    }

    @Test mutating func `mail for a node that watches is pushed at once, and only to it`() {
        world.join(bob, carol)
        let actions = world.deposit(box(1), from: alice).actions
        #expect(pushes(actions, to: bob).count == 1 && pushes(actions, to: carol).isEmpty)
        let again = world.deposit(box(1), from: alice).actions
        #expect(pushes(again, to: bob).isEmpty, "the same box is one mail")
    }

    @Test func `one sender cannot fill mailboxes faster than its rate`() {
        var settings = HubSettings.cheap
        settings.deposits = RateLimit(burst: 3, perMinute: 1)
        var world = HubWorld(settings)
        let grant = DepositEvidence.grant(bobsGrant)
        let answers = (0..<5).map { number in
            world.ask(.deposit(target: bob.key, sealed: box(number), evidence: grant), from: alice).answer
        }
        #expect(answers == [.done, .done, .done, .refused(.overLimit), .refused(.overLimit)])
        #expect(world.mail(of: bob).count == 3)
        #expect(world.deposit(box(9), from: carol).answer == .done)
    }

    @Test mutating func `mail at the size limit is taken and beyond it is refused`() {
        let largest = world.deposit(Array(repeating: 1, count: RecordLimits.sealed), from: alice)
        let larger = world.deposit(Array(repeating: 1, count: RecordLimits.sealed + 1), from: alice)
        #expect(largest.answer == .done && larger.answer.isInvalid)
    }

    @Test mutating func `mail that nobody fetches goes after two weeks`() {
        _ = world.deposit(box(1), from: alice)
        world.pass(14 * 86_400 + 1)
        world.tidy()
        #expect(world.mail(of: bob).isEmpty)
    }

    @Test mutating func `of a pair that is known eight mails wait, the latest ones`() {
        let grant = DepositEvidence.grant(bobsGrant)
        for number in 0..<12 {
            let deposit = HubRequest.deposit(target: bob.key, sealed: box(number), evidence: grant)
            #expect(world.ask(deposit, from: alice).answer == .done)
        }
        #expect(world.mail(of: bob).map(\.sealed) == (4..<12).map { box($0) })
    }

    @Test mutating func `work counts for one hub, sender, target, mail and hour`() throws {
        func work(
            hub: NodeKey = hubIdentity.key,
            target: NodeKey = bob.key,
            _ sealed: [UInt8],
            hour: Int64
        ) throws
            -> DepositEvidence
        {
            // Far more than is asked, so that no other challenge is met by accident.
            let challenge = WorkChallenge(hub: hub, sender: alice.key, target: target, sealed: sealed, hour: hour)
            return .work(try #require(challenge.solve(bits: 16)))
        }
        var settings = HubSettings.defaults
        settings.strangerPrice = StrangerPrice(least: 12, most: 12)
        world = HubWorld(settings)
        let hour = WorkChallenge.hour(of: world.now.wall)
        let needed = HubAnswer.refused(.workNeeded(bits: 12, hour: hour))
        let wrong: [DepositEvidence?] = [
            nil, try work(hub: carol.key, box(1), hour: hour), try work(target: carol.key, box(1), hour: hour),
            try work(box(2), hour: hour), try work(box(1), hour: hour - 2), .grant(Grant.ofCarol),
        ]
        for evidence in wrong {
            let deposit = HubRequest.deposit(target: bob.key, sealed: box(1), evidence: evidence)
            #expect(world.ask(deposit, from: alice).answer == needed)
        }
        let right = HubRequest.deposit(target: bob.key, sealed: box(1), evidence: try work(box(1), hour: hour - 1))
        #expect(world.ask(right, from: carol).answer == needed, "somebody else's work is none")
        #expect(world.ask(right, from: alice).answer == .done)
        #expect(world.mail(of: bob).count == 1)
    }

    @Test mutating func `a contact card gives room while its maker stands by it, and the answer tells nothing`() throws
    {
        let token = try #require(ContactToken(bytes: Array(0..<16)))
        let deposit = { HubRequest.deposit(target: bob.key, sealed: box($0), evidence: .contact(token)) }
        #expect(world.ask(deposit(1), from: alice).answer == .done)
        _ = world.ask(.register(contacts: [token.id]), from: bob)
        #expect(world.ask(deposit(2), from: alice).answer == .done)
        _ = world.ask(.register(contacts: []), from: bob)
        #expect(world.ask(deposit(3), from: alice, in: network(5)).answer == .done)
        let kinds = world.mail(of: bob).map(\.standing.kind)
        #expect(kinds == [.stranger, .contact, .stranger])
    }

    @Test mutating func `a grant that was revoked makes a stranger, and the answer tells nothing (R8)`() {
        world.join(bob)
        _ = world.ask(.revoke(Revocation(from: bob, to: alice.key, issued: time(5))), from: bob)
        let deposit = HubRequest.deposit(target: bob.key, sealed: box(1), evidence: .grant(bobsGrant))
        #expect(world.ask(deposit, from: alice).answer == .done)
        #expect(world.mail(of: bob).map(\.standing.kind) == [.stranger])
    }

    @Test mutating func `the reader can tell networks apart, and two readers cannot compare them`() {
        for target in [bob, carol] {
            for (number, from) in [(1, 1), (2, 1), (3, 2)] {
                let sealed = box(number + (target.key == bob.key ? 0 : 100))
                _ = world.deposit(sealed, to: target.key, from: identity(UInt8(10 + number)), in: network(from))
            }
        }
        func origins(_ events: [HubEvent]) -> [MailOrigin?] {
            events.compactMap { if case .mail(_, _, let mailClass) = $0 { mailClass.origin } else { nil } }
        }
        let (first, second) = (
            origins(pushes(world.watch(bob), to: bob)), origins(pushes(world.watch(carol), to: carol))
        )
        #expect(first.count == 3 && first[0] == first[1] && first[0] != first[2])
        #expect(Set(first).isDisjoint(with: second))
    }

    @Test(arguments: [
        (Endpoint.ipv4(address: 0x0102_0304, port: 5), Endpoint.ipv4(address: 0x0102_03ff, port: 6), true),
        (.ipv4(address: 0x0102_0304, port: 5), .ipv4(address: 0x0102_0404, port: 5), false),
        (.ipv4(address: 0x0102_0304, port: 5), .ipv6(high: 0, low: 0xffff_0102_0305, port: 5), true),
        (
            .ipv6(high: 0x2001_0db8_0001_0002, low: 1, port: 5), .ipv6(high: 0x2001_0db8_0001_ffff, low: 2, port: 5),
            true
        ),
        (
            .ipv6(high: 0x2001_0db8_0001_0002, low: 1, port: 5), .ipv6(high: 0x2001_0db8_0002_0002, low: 1, port: 5),
            false
        ),
    ])
    func `a network is an IPv4 24 or an IPv6 48`(one: Endpoint, other: Endpoint, isSame: Bool) {
        #expect((SourceNetwork(one) == SourceNetwork(other)) == isSame)
        #expect(SourceNetwork(one) != .unknown && SourceNetwork(nil) == .unknown)
    }
}

extension Grant {
    /// Alice's from somebody who is not asked.
    static let ofCarol = Grant(from: carol, to: alice.key, services: .all, issued: time(0), expires: time(1_000))
}
