import HubCore
import HubProtocol
import OverlayCrypto
import OverlayWire
import PosternModel
import Testing
import TrustCore

/// Somebody who makes keys without end.
@Suite struct HubFloodTests {
    /// A key for each number.
    func newcomer(_ number: Int) -> NodeIdentity {
        let seed = (0..<32).map { UInt8(truncatingIfNeeded: (number + 1_000) >> (8 * ($0 % 4))) }
        return try! NodeIdentity(seed: seed)
    }

    @Test func `strangers with new keys in three networks take nobody's room`() {
        var world = HubWorld(.cheap)
        world.join(bob)
        _ = world.leave(bob)
        var taken = 0
        for number in 0..<600 {
            let from = network(number % 3)
            let answer = world.deposit(box(number), from: newcomer(number), in: from).answer
            if answer == .done { taken += 1 } else { #expect(answer == .refused(.overLimit)) }
        }
        #expect(taken == 60, "twenty an hour and network")
        #expect(world.mail(of: bob).count == 6, "two of each network wait")
        let grant = DepositEvidence.grant(bobsGrant)
        _ = world.ask(.deposit(target: bob.key, sealed: box(9_001), evidence: grant), from: alice, in: network(0))
        _ = world.deposit(box(9_002), from: carol, in: network(9))
        let events = pushes(world.watch(bob), to: bob)
        let arrived = events.compactMap { event -> (sealed: [UInt8], mailClass: MailClass)? in
            if case .mail(_, let sealed, let mailClass) = event { (sealed, mailClass) } else { nil }
        }
        #expect(arrived.contains { $0.sealed == box(9_001) && $0.mailClass == .known })
        #expect(arrived.contains { $0.sealed == box(9_002) })
    }

    @Test func `a mailbox full of strangers gives the room of the network that has most`() {
        var settings = HubSettings.cheap
        settings.strangerMailbox = MailboxShare(count: 4, countPerSource: 3)
        var world = HubWorld(settings)
        for number in 0..<3 { _ = world.deposit(box(number), from: newcomer(number), in: network(1)) }
        for number in 3..<6 { _ = world.deposit(box(number), from: newcomer(number), in: network(number)) }
        let left = world.mail(of: bob).map(\.sealed)
        #expect(left.count == 4 && left.suffix(3) == [box(3), box(4), box(5)])
    }

    @Test func `beyond its bytes the pool of strangers' mail gives the room of the network that has most`() {
        var settings = HubSettings.cheap
        settings.strangerPool = 5 * (40 + MailHeader.overhead)
        var world = HubWorld(settings)
        let targets = (0..<6).map { newcomer(100 + $0) }
        for number in 0..<4 {
            _ = world.deposit(box(number), to: targets[number].key, from: newcomer(number), in: network(1))
        }
        for number in 4..<6 {
            _ = world.deposit(box(number), to: targets[number].key, from: newcomer(number), in: network(number))
        }
        #expect(targets[..<4].count { world.mail(of: $0).isEmpty } == 1)
        #expect(targets[4...].allSatisfy { !world.mail(of: $0).isEmpty })
    }

    @Test func `the price rises with what the network used and with the pool, never with the target`() {
        var settings = HubSettings.cheap
        settings.strangerPrice = StrangerPrice(least: 2, most: 10)
        settings.strangerPool = 12 * (40 + MailHeader.overhead)
        var world = HubWorld(settings)
        func price(for target: NodeKey, in network: SourceNetwork) -> Int? {
            let answer = world.ask(.deposit(target: target, sealed: box(77)), from: carol, in: network).answer
            guard case .refused(.workNeeded(let bits, _)) = answer else { return nil }
            return bits
        }
        #expect(price(for: bob.key, in: network(1)) == 2)
        for number in 0..<10 { _ = world.deposit(box(number), from: newcomer(number), in: network(1)) }
        #expect(price(for: bob.key, in: network(1)) == 4, "half of the allowance is used")
        #expect(price(for: alice.key, in: network(1)) == 4, "an empty mailbox costs what a full one does")
        #expect(price(for: bob.key, in: network(2)) == 2)
        for number in 10..<22 {
            _ = world.deposit(box(number), to: newcomer(number).key, from: newcomer(number), in: network(number))
        }
        #expect(price(for: bob.key, in: network(50)) ?? 0 > 4, "the pool is nearly full")
    }

    @Test func `new nodes of one network wait their turn, those of others do not`() {
        var settings = HubSettings.defaults
        settings.registrations = RateLimit(burst: 3, perHour: 60)
        var world = HubWorld(settings)
        let answers = (0..<5).map { world.ask(.register(contacts: []), from: newcomer($0), in: network(1)).answer }
        #expect(answers.map(\.isGood) == [true, true, true, false, false])
        #expect(answers.last == .refused(.overLimit))
        #expect(world.ask(.register(contacts: []), from: newcomer(0), in: network(1)).answer.isGood)
        #expect(world.ask(.register(contacts: []), from: newcomer(9), in: network(2)).answer.isGood)
        world.pass(60)
        #expect(world.ask(.register(contacts: []), from: newcomer(4), in: network(1)).answer.isGood)
    }

    @Test func `a node that keeps changing its registration is told to wait, and the trail does not grow`() {
        var world = HubWorld()
        var events: [AuditEvent] = []
        var answers: [HubAnswer] = []
        for number in 0..<200 {
            let request = number % 2 == 0 ? HubRequest.register(contacts: []) : .deregister
            let (answer, actions) = world.ask(request, from: alice)
            answers.append(answer)
            events += audited(actions)
        }
        #expect(events.count == 60 && answers[198] == .refused(.overLimit))
        #expect(world.ask(.register(contacts: []), from: bob).answer.isGood, "others do not feel it")
    }

    @Test func `look-ups that are refused are counted, not listed`() {
        var world = HubWorld()
        world.join(alice, bob)
        let lookUp = HubRequest.resolve(target: carol.key, grant: .ofCarol)
        let events = (0..<50).flatMap { _ in audited(world.ask(lookUp, from: alice).actions) }
        #expect(events.map(\.action) == [.accessRefused] && events.first?.actor == alice.key)
        let counted = audited(world.tidy())
        #expect(counted.map(\.new) == [["more": 49]] && counted.first?.actor == hubIdentity.key)
        #expect(audited(world.tidy()).isEmpty)
    }

    @Test func `registrations go whose nodes have not been seen for long, present nodes stay`() {
        var settings = HubSettings.defaults
        settings.nodeCount = 2
        var world = HubWorld(settings)
        world.join(alice, bob)
        _ = world.leave(bob)
        #expect(world.ask(.register(contacts: []), from: carol).answer == .refused(.full))
        world.pass(90 * 86_400 + 1)
        let event = audited(world.tidy()).first
        #expect(event?.action == .deregistered && event?.old == ["unseen": 1])
        #expect(world.ask(.register(contacts: []), from: carol).answer.isGood, "there is room again")
        #expect(world.ask(.register(contacts: []), from: bob).answer == .refused(.full))
    }

    @Test func `the time that a node was last seen is that of its leaving`() {
        var world = HubWorld()
        world.join(alice, bob)
        world.pass(80 * 86_400)
        _ = world.leave(bob)
        world.pass(80 * 86_400)
        world.tidy()
        #expect(world.ask(.resolve(target: bob.key, grant: .toAlice), from: alice).answer == .offline)
    }
}

extension Grant {
    /// Bob's, without an end.
    static let toAlice = Grant(from: bob, to: alice.key, services: .all, issued: time(0))
}
