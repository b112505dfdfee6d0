import OverlayWire
import Testing

@testable import OverlayCore
@testable import OverlayCrypto

@Suite("Handshake guards")
struct HandshakeGuardsTests {
    private let peer = PeerHandle(slot: 1, generation: 1)

    private func ephemeral(_ number: Int) -> Words32 { Words32(a: UInt64(number), b: 0, c: 0, d: 0) }

    @Test func `an answer is found by the key that it was given to`() {
        var answered = AnsweredHandshakes()
        answered.add([1, 2], to: ephemeral(1), peer: peer, at: .at(0))
        #expect(answered.answer(to: ephemeral(1), at: .at(5))?.packet == [1, 2])
        #expect(answered.answer(to: ephemeral(1), at: .at(5))?.peer == peer)
        #expect(answered.answer(to: ephemeral(2), at: .at(5)) == nil)
    }

    @Test func `an answer is kept for twenty seconds, whether or not others come`() {
        var answered = AnsweredHandshakes()
        answered.add([1], to: ephemeral(1), peer: peer, at: .at(0))
        #expect(answered.answer(to: ephemeral(1), at: .at(20_000)) != nil)
        #expect(answered.answer(to: ephemeral(1), at: .at(20_001)) == nil)
        answered.add([2], to: ephemeral(2), peer: peer, at: .at(20_001))
        #expect(answered.answer(to: ephemeral(1), at: .at(20_001)) == nil)
        #expect(answered.answer(to: ephemeral(2), at: .at(20_001)) != nil)
    }

    @Test func `the oldest answers go when there are too many`() {
        var answered = AnsweredHandshakes()
        for number in 0...AnsweredHandshakes.maximum {
            answered.add([1], to: ephemeral(number), peer: peer, at: .at(0))
        }
        #expect(answered.answer(to: ephemeral(0), at: .at(0)) == nil)
        #expect(answered.answer(to: ephemeral(1), at: .at(0)) != nil)
        #expect(answered.answer(to: ephemeral(AnsweredHandshakes.maximum), at: .at(0)) != nil)
    }

    @Test func `nothing is answered any more to a peer that is gone`() {
        var answered = AnsweredHandshakes()
        let other = PeerHandle(slot: 1, generation: 2)
        answered.add([1], to: ephemeral(1), peer: peer, at: .at(0))
        answered.add([2], to: ephemeral(2), peer: other, at: .at(0))
        answered.removeAll(of: peer)
        #expect(answered.answer(to: ephemeral(1), at: .at(0)) == nil)
        #expect(answered.answer(to: ephemeral(2), at: .at(0))?.packet == [2])
    }

    @Test func `the budget of a second is taken once and comes back with the next`() {
        var budget = HandshakeBudget(perSecond: 3)
        let first = (0..<5).map { _ in budget.take(at: .at(1500)) }
        #expect(first == [true, true, true, false, false])
        let sameSecond = budget.take(at: .at(1999))
        #expect(!sameSecond)
        let next = (0..<4).map { _ in budget.take(at: .at(2000)) }
        #expect(next == [true, true, true, false])
        var none = HandshakeBudget(perSecond: 0)
        let isTaken = none.take(at: .at(0))
        #expect(!isTaken)
    }

    // MARK: Receiver indices of an epoch

    private func epoch() throws -> KeyEpoch {
        let secret = try SessionSecret(bytes: Array(repeating: 1, count: 32))
        return KeyEpoch(
            serial: 1,
            secrets: SessionSecrets(send: secret, receive: secret, handshakeHash: []),
            cipher: .chaCha20Poly1305,
            ours: ReceiverIndex(100),
            theirs: ReceiverIndex(200),
            isInitiator: true,
            at: .at(0)
        )
    }

    @Test func `a spare index is taken into use on a new path, and kept when there is none`() throws {
        let epoch = try epoch()
        #expect(epoch.peerIndex == ReceiverIndex(200))
        epoch.changeIndex()
        #expect(epoch.peerIndex == ReceiverIndex(200))
        epoch.learn(sequence: 1, ReceiverIndex(201))
        #expect(epoch.peerIndex == ReceiverIndex(200))
        epoch.changeIndex()
        #expect(epoch.peerIndex == ReceiverIndex(201))
    }

    @Test func `repeated and excessive offers of indices are ignored`() throws {
        let epoch = try epoch()
        epoch.learn(sequence: 2, ReceiverIndex(9))
        for sequence in 1...10 as ClosedRange<UInt64> {
            epoch.learn(sequence: sequence, ReceiverIndex(UInt32(200 + sequence)))
            epoch.learn(sequence: sequence, ReceiverIndex(7))
        }
        var seen: [UInt32] = []
        for _ in 0..<10 {
            seen.append(epoch.peerIndex.rawValue)
            epoch.changeIndex()
        }
        #expect(seen == [200, 201, 202, 203, 203, 203, 203, 203, 203, 203])
    }

    @Test func `our indices are found by their sequence until they are retired`() throws {
        let epoch = try epoch()
        #expect(!epoch.hasSpare(behind: ReceiverIndex(100)))
        #expect(epoch.addIndex(ReceiverIndex(101)) == 1)
        #expect(epoch.hasSpare(behind: ReceiverIndex(100)))
        #expect(epoch.addIndex(ReceiverIndex(102)) == 2)
        #expect(epoch.index(sequence: 0) == ReceiverIndex(100))
        #expect(epoch.index(sequence: 2) == ReceiverIndex(102))
        #expect(epoch.index(sequence: 3) == nil)
        #expect(epoch.retire(before: ReceiverIndex(101)) == [])
        #expect(epoch.retire(before: ReceiverIndex(102)) == [ReceiverIndex(100)])
        #expect(!epoch.isAddressed(by: ReceiverIndex(100)))
        #expect(epoch.isAddressed(by: ReceiverIndex(101)))
        #expect(epoch.index(sequence: 0) == nil)
        #expect(epoch.index(sequence: 1) == ReceiverIndex(101))
        #expect(epoch.retire(before: ReceiverIndex(55)) == [])
    }
}
