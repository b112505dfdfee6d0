import HubProtocol
import OverlayCrypto
import OverlayWire
import PosternModel
import Testing
import TrustCore

@testable import SidecarCore

private let now = Timestamp(seconds: 1_795_000_000)
private let alice = try! NodeIdentity(seed: Array(repeating: 1, count: 32)).key
private let bob = try! NodeIdentity(seed: Array(repeating: 2, count: 32)).key
private let hub = try! NodeIdentity(seed: Array(repeating: 3, count: 32)).key
private let full = Problem(code: "state-unusable", message: "no space left", hint: nil)

private func fact(_ number: Int) -> TrustFact { .bound("name-\(number)", to: alice) }
private func answer(_ number: UInt64) -> SidecarAction { .answer(CommandID(number), CommandAnswer("done")) }
private func failure(_ number: UInt64, _ problem: Problem = full) -> CommitGate.Step {
    .perform(.fail(CommandID(number), problem))
}
private func deposit(_ number: UInt64) -> SidecarAction {
    .hubRequest(SidecarRequestID(number), hub: hub, .deposit(target: bob, sealed: [1]))
}
private let admission = SidecarAction.admit(
    PeerAdmission(
        key: bob,
        handshakeKey: bob,
        secret: PreSharedKey(from: RandomSource(seed: Array(repeating: 7, count: 32))),
        candidates: [],
        isGuest: false
    )
)
private let relay = SidecarAction.setRelay(bob, hub: hub, RelayChannel(4))
private let services = SidecarAction.peerRequest(SidecarRequestID(90), peer: bob, .services)
private let accepted = PeerAnswer.redeemed(answer: [1, 2, 3])
private let event = AuditEvent(.trustGiven, actor: alice, subject: bob.did)
private let entry = CommitGate.Entry(event: event, time: now)

extension CommitGate {
    /// Takes `actions`, all at one time.
    fileprivate mutating func take(_ actions: SidecarAction...) -> [Step] {
        actions.flatMap { take($0, at: now) }
    }
}

@Suite struct CommitGateTests {
    @Test func `without facts that are unsaved everything is done at once`() {
        var gate = CommitGate()
        let actions = [answer(1), deposit(2), admission, relay, services, .connect(bob), .remember, .expel(bob, .none)]
        #expect(actions.flatMap { gate.take($0, at: now) } == actions.map { .perform($0) })
        #expect(gate.take(.audit(event)) == [.record(entry)])
        #expect(gate.begin() == nil && gate.isIdle)
    }

    @Test func `what promises waits for the write and is done in order after it`() {
        var gate = CommitGate()
        let promises = [
            answer(1), deposit(2), .answerPeer(PeerRequestID(3), accepted), admission, relay, .connect(bob),
        ]
        #expect(gate.take(.persist([fact(1)])) == [])
        #expect(promises.flatMap { gate.take($0, at: now) } == [])
        #expect(gate.begin()?.facts == [fact(1)])
        #expect(!gate.isIdle && gate.begin() == nil, "one write at a time")
        #expect(gate.take(answer(9)) == [], "a later input waits as well: its answer may tell of these facts")
        #expect(gate.finish(nil) == (promises + [answer(9)]).map { .perform($0) })
        #expect(gate.isIdle)
    }

    @Test func `what promises nothing goes on while a write is under way`() {
        var gate = CommitGate()
        _ = gate.take(.persist([fact(1)]), answer(1))
        _ = gate.begin()
        let actions: [SidecarAction] = [
            .remember, .connect(bob), relay, services, .openWatch(hub), .dropHub(hub), .expel(bob, .refused),
            .trustEnded(bob), .fail(CommandID(5), full),
            .hubRequest(SidecarRequestID(6), hub: hub, .register(contacts: [])),
            .hubRequest(SidecarRequestID(7), hub: hub, .release(RelayChannel(1))),
        ]
        #expect(actions.flatMap { gate.take($0, at: now) } == actions.map { .perform($0) })
    }

    @Test func `what peers offer is asked and told while nothing can be written`() {
        var gate = CommitGate()
        _ = gate.take(.persist([fact(1)]))
        _ = gate.begin()
        _ = gate.finish(full)
        gate.note(CommandID(1), says: .report)
        let offers = SidecarAction.answerPeer(PeerRequestID(2), .services([]))
        #expect(gate.take(services, answer(1), offers) == [services, answer(1), offers].map { .perform($0) })
        #expect(gate.isIdle, "none of them is a reason to try the disk again")
        #expect(gate.take(answer(1)) == [], "a report is one answer")
    }

    @Test func `what was decided is told while nothing can be written, and before that once it is on the disk`() {
        var gate = CommitGate()
        _ = gate.take(.persist([fact(1)]))
        gate.note(CommandID(1), says: .decision)
        #expect(gate.take(answer(1)) == [])
        _ = gate.begin()
        #expect(gate.finish(full) == [.perform(answer(1))])
        gate.note(CommandID(2), says: .decision)
        #expect(gate.take(answer(2)) == [.perform(answer(2))])
        #expect(gate.take(answer(3)) == [], "that is no reading")
        _ = gate.begin()
        _ = gate.finish(nil)
        gate.note(CommandID(4), says: .decision)
        _ = gate.take(.persist([fact(2)]))
        #expect(gate.take(answer(4)) == [])
    }

    @Test func `what was taken away is told so, though it could not be written`() {
        var gate = CommitGate()
        _ = gate.take(.persist([fact(1)]))
        gate.note(CommandID(1), says: .cut)
        #expect(gate.take(answer(1), answer(2)) == [])
        _ = gate.begin()
        let codes = gate.finish(full).map { step in
            if case .perform(.fail(_, let problem)) = step { problem.code } else { "" }
        }
        #expect(codes == ["cut-not-stored", full.code])
    }

    @Test func `facts of many commands that wait together become one write`() {
        var gate = CommitGate()
        _ = gate.take(.persist([fact(0)]), answer(0))
        _ = gate.begin()
        for number in 1..<200 { _ = gate.take(.persist([fact(number)]), answer(UInt64(number))) }
        #expect(gate.finish(nil) == [.perform(answer(0))], "only the first write is on the disk")
        #expect(gate.begin()?.facts == (1..<200).map(fact))
        #expect(gate.finish(nil) == (1..<200).map { .perform(answer(UInt64($0))) })
        #expect(gate.isIdle && gate.begin() == nil)
    }

    @Test func `an audit entry stands behind the facts before it`() {
        var gate = CommitGate()
        _ = gate.take(.persist([fact(1)]))
        #expect(gate.take(.audit(event)) == [])
        #expect(gate.begin() == CommitGate.Write(facts: [fact(1)], entries: [entry]))
        #expect(gate.take(.audit(event)) == [.record(entry)], "the files' queue keeps it behind the write")
        _ = gate.take(.persist([fact(2)]), .audit(event))
        _ = gate.finish(nil)
        #expect(gate.begin() == CommitGate.Write(facts: [fact(2)], entries: [entry]))
    }

    @Test func `a failed write promises nothing to anybody, and its facts go with the next`() {
        var gate = CommitGate()
        _ = gate.take(
            .persist([fact(1)]),
            answer(1),
            deposit(2),
            .answerPeer(PeerRequestID(3), accepted),
            .hubRequest(SidecarRequestID(4), hub: hub, .acknowledge([])),
            admission,
            relay
        )
        _ = gate.begin()
        _ = gate.take(.persist([fact(2)]), answer(5))
        #expect(
            gate.finish(full) == [
                failure(1), .hubUnanswered(SidecarRequestID(2)), .refuse(PeerRequestID(3)),
                .hubUnanswered(SidecarRequestID(4)),
            ]
        )
        #expect(gate.begin()?.facts == [fact(1), fact(2)])
        #expect(gate.finish(nil) == [.perform(admission), .perform(relay), .perform(answer(5))])
    }

    @Test func `entries of a failed write were recorded, and later ones do not wait for the next`() {
        var gate = CommitGate()
        _ = gate.take(.persist([fact(1)]), .audit(event))
        _ = gate.begin()
        _ = gate.finish(full)
        #expect(gate.take(.audit(event)) == [.record(entry)])
        gate.retry()
        #expect(gate.begin() == CommitGate.Write(facts: [fact(1)]))
    }

    @Test func `after a failed write nothing is tried until somebody needs it`() {
        var gate = CommitGate()
        _ = gate.take(.persist([fact(1)]))
        _ = gate.begin()
        _ = gate.finish(full)
        #expect(gate.isIdle && gate.begin() == nil, "a full disk is not written to without pause")
        #expect(gate.take(answer(7)) == [], "an answer waits for another try")
        #expect(gate.begin()?.facts == [fact(1)])
        #expect(gate.finish(full) == [failure(7)])
        #expect(gate.isIdle)
    }

    @Test func `an admission behind a failed write is done when another try succeeds`() {
        var gate = CommitGate()
        _ = gate.take(.persist([fact(1)]), admission)
        _ = gate.begin()
        #expect(gate.finish(full) == [] && gate.begin() == nil)
        gate.retry()
        #expect(gate.begin()?.facts == [fact(1)])
        #expect(gate.finish(nil) == [.perform(admission)])
    }

    @Test func `an expulsion forgets what waits for the peer's admission`() {
        var gate = CommitGate()
        _ = gate.take(.persist([fact(1)]), admission, relay, .connect(bob), services, answer(1))
        #expect(
            gate.take(.expel(bob, .refused)) == [
                .peerUnanswered(SidecarRequestID(90)), .perform(.expel(bob, .refused)),
            ]
        )
        _ = gate.begin()
        #expect(gate.finish(nil) == [.perform(answer(1))])
    }

    @Test func `a peer that is expelled and admitted again is admitted when that is on the disk`() {
        var gate = CommitGate()
        _ = gate.take(.persist([fact(1)]))
        #expect(gate.take(.expel(bob, .restarted)) == [.perform(.expel(bob, .restarted))])
        #expect(gate.take(admission) == [] && gate.take(.connect(alice)) == [.perform(.connect(alice))])
        _ = gate.begin()
        #expect(gate.finish(nil) == [.perform(admission)])
    }

    @Test func `more promises than may wait are refused at once`() {
        var gate = CommitGate(limit: 2)
        _ = gate.take(.persist([fact(1)]), answer(1), answer(2))
        #expect(gate.take(answer(3), deposit(4)) == [failure(3, .diskBehind), .hubUnanswered(SidecarRequestID(4))])
        #expect(gate.take(admission) == [], "what is bounded by the number of peers waits all the same")
        _ = gate.begin()
        #expect(gate.finish(nil) == [.perform(answer(1)), .perform(answer(2)), .perform(admission)])
    }
}
