import OverlayWire
import PosternModel
import Testing

@testable import OverlayCore

/// When a silent peer is asked whether it is there (`Protocol.md` §8).
@Suite struct InquiryTests {
    private let start = Instant(nanoseconds: 0)

    /// When a peer that answers at once and has nothing to say is asked, in seconds since the last stream byte.
    private func questions(until end: Int64) -> [Int64] {
        var inquiry = Inquiry()
        var heardAt = start
        var asked: [Int64] = []
        while true {
            let due = heardAt + inquiry.patience(progress: 1, first: .seconds(1))
            guard due < start + .seconds(end) else { return asked }
            inquiry.ask(progress: 1, heardAt: heardAt, first: .seconds(1), longest: .seconds(25), at: due)
            asked.append((due - start).nanoseconds / 1_000_000_000)
            heardAt = due
        }
    }

    @Test func `it is asked after a second, then ever more seldom, and no more than each 25 s`() {
        #expect(questions(until: 120) == [1, 2, 3, 4, 6, 10, 15, 22, 34, 51, 76, 101])
    }

    @Test func `after every byte it is asked after a second again`() {
        var inquiry = Inquiry()
        let late = start + .seconds(60)
        inquiry.ask(progress: 1, heardAt: start, first: .seconds(1), longest: .seconds(25), at: late)
        #expect(inquiry.patience(progress: 1, first: .seconds(1)) == .seconds(25))
        #expect(inquiry.patience(progress: 2, first: .seconds(1)) == .seconds(1))
    }

    @Test func `a stream that waits is asked about on a public path, and no stream is not`() throws {
        for hasStream in [false, true] {
            var pair = try Pair()
            let handle = pair.a.peer(with: pair.keyB)
            let peer = try #require(handle)
            if hasStream {
                let stream = try pair.a.openStream(to: peer, port: VirtualPort(9), at: pair.now)
                _ = try pair.a.write([UInt8](repeating: 1, count: 10).span.bytes, to: stream, at: pair.now)
            } else {
                pair.a.connect(peer, at: pair.now)
            }
            pair.run(for: .seconds(5))
            let before = pair.sentCount
            pair.run(for: .seconds(8))
            let count = pair.sentCount - before
            #expect(hasStream ? (2...8).contains(count) : count == 0)
        }
    }
}
