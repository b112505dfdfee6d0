import OverlayWire
import PosternModel
import Testing

@testable import OverlayCore

/// Direct paths that both sides open at once (`Protocol.md` §9.2).
@Suite struct OpeningTests {
    private let start = Instant(nanoseconds: 0)
    private let patience = Interval.seconds(1)

    /// The delays with which both sides send in the try `sequence` of the one that asks, over a relay of 80 ms.
    private func delays(inTry sequence: Int) throws -> (asker: Interval, other: Interval) {
        var asker = Opening()
        var other = Opening()
        for _ in 1..<sequence { _ = asker.ask(tries: 3, patience: patience, at: start) }
        let asked = asker.ask(tries: 3, patience: patience, at: start)
        asker.asked(at: start)
        let ready = other.answer(asked, yields: true, patience: patience, at: start + .milliseconds(40))
        let go = try asker.begin(#require(ready), at: start + .milliseconds(80))
        let word = start + .milliseconds(120)
        try other.go(#require(go), at: word)
        return try (#require(asker.deadline) - word, #require(other.deadline) - word)
    }

    @Test func `both send half a round trip after the word, and then one ahead of the other in turn`() throws {
        let all = try (1...5).map { try delays(inTry: $0) }
        #expect(all.map(\.asker) == [.zero, Opening.lead, .zero, Opening.lead, .zero])
        #expect(all.map(\.other) == [.zero, .zero, Opening.lead, .zero, Opening.lead])
    }

    @Test func `of two that ask at once one gives way`() {
        var (one, other) = (Opening(), Opening())
        let (first, second) = (
            one.ask(tries: 3, patience: patience, at: start), other.ask(tries: 3, patience: patience, at: start)
        )
        let refused = one.answer(second, yields: false, patience: patience, at: start)
        let answer = other.answer(first, yields: true, patience: patience, at: start)
        #expect(refused == nil && answer == PunchFrame(.ready, sequence: 1))
        #expect(one.isOurs && !other.isOurs)
    }

    @Test func `an answer to another question, or to none, begins nothing`() {
        var opening = Opening()
        var answers = [opening.begin(PunchFrame(.ready, sequence: 1), at: start)]
        _ = opening.ask(tries: 3, patience: patience, at: start)
        // The question has not left.
        answers.append(opening.begin(PunchFrame(.ready, sequence: 1), at: start))
        opening.asked(at: start)
        answers.append(opening.begin(PunchFrame(.ready, sequence: 2), at: start))
        #expect(answers == [nil, nil, nil])
        var idle = Opening()
        idle.go(PunchFrame(.go, sequence: 1), at: start)
        #expect(idle.isIdle && idle.deadline == nil)
    }

    @Test func `a word that asks for a long wait is no word`() {
        var bytes = PacketWriter.bytes(capacity: 32) {
            $0.append(PunchFrame(.go, sequence: 1, delay: PunchFrame.longestDelay))
        }
        var offset = 0
        #expect((try? Frame.parse(bytes.span.bytes, at: &offset)) != nil)
        bytes = PacketWriter.bytes(capacity: 32) {
            $0.append(PunchFrame(.go, sequence: 1, delay: PunchFrame.longestDelay + 1))
        }
        offset = 0
        #expect((try? Frame.parse(bytes.span.bytes, at: &offset)) == nil)
    }
}
