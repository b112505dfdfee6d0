import HubCore
import HubProtocol
import OverlayCrypto
import OverlayWire
import PosternModel
import Testing
import TrustCore

@Suite struct HubMailTests {
    func deposit(_ byte: UInt8, to target: NodeIdentity = bob) -> HubRequest {
        .deposit(target: target.key, sealed: Array(repeating: byte, count: 40))
    }

    @Test func `the answer to mail is the same bytes for known, unknown, full and absent targets (R8, R9)`() {
        var settings = HubSettings.defaults
        settings.mailboxCount = 2
        var world = HubWorld(settings)
        world.join(bob)
        let present = world.ask(deposit(1), from: alice).answer
        let unknown = world.ask(deposit(1, to: carol), from: alice).answer
        _ = world.ask(deposit(2), from: alice)
        let full = world.ask(deposit(3), from: alice).answer
        let repeated = world.ask(deposit(1), from: alice).answer
        _ = world.leave(bob)
        let away = world.ask(deposit(4), from: alice).answer
        for answer in [unknown, full, repeated, away] {
            #expect(answer.document.compactBytes == present.document.compactBytes)
        }
        #expect(world.mail(of: bob).count == 2)
    }

    @Test func `mail for a node that has never been seen waits until it comes (R9)`() throws {
        var world = HubWorld()
        _ = world.ask(deposit(1), from: alice)
        let events = pushes(world.watch(bob), to: bob)
        guard case .mail(let id, let sealed, _)? = events.first else { throw RecordError.malformed }
        #expect(sealed == Array(repeating: 1, count: 40) && events.last == .ready)
        _ = world.leave(bob)
        #expect(pushes(world.watch(bob), to: bob).count == 2, "mail stays until it is acknowledged")
        _ = world.ask(.acknowledge([id]), from: carol)
        #expect(world.mail(of: bob).count == 1, "nobody else can remove it")
        _ = world.ask(.acknowledge([id]), from: bob)
        #expect(pushes(world.watch(bob), to: bob) == [.ready])
    }

    @Test func `mail for a node that watches is pushed at once, and only to it`() {
        var world = HubWorld()
        world.join(bob, carol)
        let actions = world.ask(deposit(1), from: alice).actions
        #expect(pushes(actions, to: bob).count == 1 && pushes(actions, to: carol).isEmpty)
        #expect(pushes(world.ask(deposit(1), from: alice).actions, to: bob).isEmpty, "the same box is one mail")
    }

    @Test func `one sender cannot fill mailboxes faster than its rate`() {
        var settings = HubSettings.defaults
        settings.deposits = RateLimit(burst: 3, perMinute: 1)
        var world = HubWorld(settings)
        let answers = (0..<5).map { world.ask(deposit(UInt8($0)), from: alice).answer }
        #expect(answers.filter { $0 == HubAnswer.done }.count == 3)
        #expect(world.mail(of: bob).count == 3)
        #expect(world.ask(deposit(9), from: carol).answer == HubAnswer.done)
    }

    @Test func `mail at the size limit is taken and beyond it is refused`() {
        var world = HubWorld()
        let largest = HubRequest.deposit(target: bob.key, sealed: Array(repeating: 1, count: RecordLimits.sealed))
        let larger = HubRequest.deposit(target: bob.key, sealed: Array(repeating: 1, count: RecordLimits.sealed + 1))
        #expect(world.ask(largest, from: alice).answer == HubAnswer.done)
        #expect(world.ask(larger, from: alice).answer.isInvalid)
    }

    @Test func `all mail together and its age are bounded`() throws {
        var settings = HubSettings.defaults
        settings.mailCount = 2
        var world = HubWorld(settings)
        for target in [alice, bob, carol] { _ = world.ask(deposit(1, to: target), from: alice) }
        #expect(world.mail(of: carol).isEmpty)
        world.pass(14 * 86_400 + 1)
        world.tidy()
        #expect(world.mail(of: alice).isEmpty)
        #expect(world.ask(deposit(1, to: carol), from: alice).answer == HubAnswer.done)
        #expect(world.mail(of: carol).count == 1)
    }
}
