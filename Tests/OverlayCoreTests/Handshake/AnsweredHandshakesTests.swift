import OverlayWire
import PosternModel
import Testing

@testable import OverlayCore

@Suite("Answered handshakes")
struct AnsweredHandshakesTests {
    private let peer = PeerHandle(slot: 1, generation: 1)
    private let path = AddressPair(local: .ipv4(address: 1, port: 1), remote: .ipv4(address: 2, port: 2))

    private func ephemeral(_ number: Int) -> Words32 { Words32(a: UInt64(number), b: 0, c: 0, d: 0) }

    @Test func `an answer is found by the key that it was given to`() {
        var answered = AnsweredHandshakes()
        answered.add([1, 2], to: ephemeral(1), peer: peer, path: path, at: .at(0))
        #expect(answered.answer(to: ephemeral(1), at: .at(5))?.packet == [1, 2])
        #expect(answered.answer(to: ephemeral(1), at: .at(5))?.peer == peer)
        #expect(answered.answer(to: ephemeral(2), at: .at(5)) == nil)
    }

    @Test func `an answer is kept for twenty seconds, whether or not others come`() {
        var answered = AnsweredHandshakes()
        answered.add([1], to: ephemeral(1), peer: peer, path: path, at: .at(0))
        #expect(answered.answer(to: ephemeral(1), at: .at(20_000)) != nil)
        #expect(answered.answer(to: ephemeral(1), at: .at(20_001)) == nil)
        answered.add([2], to: ephemeral(2), peer: peer, path: path, at: .at(20_001))
        #expect(answered.answer(to: ephemeral(1), at: .at(20_001)) == nil)
        #expect(answered.answer(to: ephemeral(2), at: .at(20_001)) != nil)
    }

    @Test func `the oldest answers go when there are too many`() {
        var answered = AnsweredHandshakes()
        for number in 0...AnsweredHandshakes.maximum {
            answered.add([1], to: ephemeral(number), peer: peer, path: path, at: .at(0))
        }
        #expect(answered.answer(to: ephemeral(0), at: .at(0)) == nil)
        #expect(answered.answer(to: ephemeral(1), at: .at(0)) != nil)
        #expect(answered.answer(to: ephemeral(AnsweredHandshakes.maximum), at: .at(0)) != nil)
    }

    @Test func `nothing is answered any more to a peer that is gone`() {
        var answered = AnsweredHandshakes()
        let other = PeerHandle(slot: 1, generation: 2)
        answered.add([1], to: ephemeral(1), peer: peer, path: path, at: .at(0))
        answered.add([2], to: ephemeral(2), peer: other, path: path, at: .at(0))
        answered.removeAll(of: peer)
        #expect(answered.answer(to: ephemeral(1), at: .at(0)) == nil)
        #expect(answered.answer(to: ephemeral(2), at: .at(0))?.packet == [2])
    }
}
