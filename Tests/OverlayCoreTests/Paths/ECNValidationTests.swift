import OverlayWire
import PosternModel
import Testing

@testable import OverlayCore

/// A path whose packets are marked, and the peer's counts.
private final class MarkedPath {
    var ecn = ECNValidation(isUsable: true)
    var counts = ECNCounts()
    var now = Instant.at(0)

    /// Sends packets in a batch; returns its mark.
    @discardableResult
    func send(_ count: Int, isTracked: Bool = true) -> ECNCodepoint {
        let codepoint = ecn.codepoint(at: now, probeTimeout: .milliseconds(100))
        if codepoint == .ect0 { for _ in 0..<count { ecn.sent(isTracked: isTracked) } }
        return codepoint
    }

    /// The peer acknowledges `count` marked packets and counts these as they arrived. Returns the new CE marks.
    @discardableResult
    func acknowledge(_ count: Int, ect0: UInt64 = 0, ect1: UInt64 = 0, ce: UInt64 = 0) -> Int {
        let before = counts
        counts.ect0 += ect0
        counts.ect1 += ect1
        counts.ce += ce
        return ecn.acknowledge(marked: count, before: before, after: counts)
    }
}

struct ECNValidationTests {
    // RFC 9000 §A.4
    @Test func `packets are marked until ten have left or three probe time-outs have passed`() {
        let byCount = MarkedPath()
        #expect(byCount.send(9) == .ect0)
        #expect(byCount.send(1) == .ect0)
        #expect(byCount.send(1) == .notECT)
        let byTime = MarkedPath()
        #expect(byTime.send(1) == .ect0)
        byTime.now = .at(299)
        #expect(byTime.send(1) == .ect0)
        byTime.now = .at(300)
        #expect(byTime.send(1) == .notECT)
    }

    @Test func `right counts make the path capable, during the test or after it`() {
        let early = MarkedPath()
        early.send(3)
        early.acknowledge(3, ect0: 3)
        #expect(early.ecn.isCapable)
        #expect(early.send(1000) == .ect0)
        #expect(early.send(1) == .ect0)
        let late = MarkedPath()
        late.send(10)
        late.send(1)
        // Packets without an acknowledgement of their own are counted as well.
        late.acknowledge(3, ect0: 5)
        #expect(late.send(1) == .ect0)
    }

    @Test func `what the peer saw marked CE is told once`() {
        let path = MarkedPath()
        path.send(10)
        #expect(path.acknowledge(4, ect0: 3, ce: 1) == 1)
        #expect(path.acknowledge(2, ect0: 2) == 0)
        #expect(path.acknowledge(3, ce: 3) == 3)
        // Nothing that left here is acknowledged: the marks are those of another path.
        #expect(path.acknowledge(0, ce: 1) == 0)
        #expect(path.ecn.isCapable)
    }

    // RFC 9000 §13.4.2.1
    @Test(arguments: [
        ECNCounts(), ECNCounts(ect0: 2, ect1: 0, ce: 0), ECNCounts(ect0: 1, ect1: 0, ce: 1),
        ECNCounts(ect0: 3, ect1: 1, ce: 0), ECNCounts(ect0: 0, ect1: 3, ce: 0), nil,
    ])
    func `counts that lack acknowledged packets, or tell of others, turn marks off for good`(counts: ECNCounts?) {
        for isCapable in [false, true] {
            let path = MarkedPath()
            path.send(5)
            if isCapable { path.acknowledge(2, ect0: 2) }
            let before = path.counts
            let after = counts.map {
                ECNCounts(ect0: before.ect0 + $0.ect0, ect1: before.ect1 + $0.ect1, ce: before.ce + $0.ce)
            }
            #expect(path.ecn.acknowledge(marked: 3, before: before, after: after) == 0)
            #expect(!path.ecn.isMarking && !path.ecn.isCapable)
            path.acknowledge(1, ect0: 1, ce: 1)
            #expect(path.send(1) == .notECT)
        }
    }

    @Test func `counts that sink turn marks off`() {
        let path = MarkedPath()
        path.send(5)
        path.acknowledge(3, ect0: 3)
        let less = ECNCounts(ect0: 2, ect1: 0, ce: 9)
        #expect(path.ecn.acknowledge(marked: 1, before: path.counts, after: less) == 0)
        #expect(!path.ecn.isMarking)
    }

    @Test func `marks end when each of them was lost, but not for some losses`() {
        let path = MarkedPath()
        path.send(8)
        path.send(2, isTracked: false)
        path.send(1)
        path.ecn.lose(marked: 7)
        path.acknowledge(1, ect0: 1)
        #expect(path.ecn.isCapable)
        path.ecn.lose(marked: 100)
        #expect(path.ecn.isCapable)

        let swallowing = MarkedPath()
        swallowing.send(8)
        swallowing.send(2, isTracked: false)
        swallowing.send(1)
        swallowing.ecn.lose(marked: 8)
        #expect(!swallowing.ecn.isMarking)
        swallowing.acknowledge(1, ect0: 1)
        #expect(!swallowing.ecn.isCapable)
    }

    @Test func `a path through a relay is never marked`() {
        var ecn = ECNValidation(isUsable: false)
        #expect(ecn.codepoint(at: .at(0), probeTimeout: .zero) == .notECT)
    }
}

/// Marks between two nodes.
struct CongestionMarksTests {
    private func path(_ pair: borrowing Pair) -> Path? {
        let peer = pair.a.peer(with: pair.keyB)
        return peer.flatMap { pair.a.peer($0)?.session?.path }
    }

    /// Sends `count` bytes from `a` and returns how long it took until all was acknowledged.
    private func transfer(_ pair: inout Pair, _ count: Int) throws -> Interval {
        let found = pair.a.peer(with: pair.keyB)
        let peer = try #require(found)
        let stream = try pair.a.openStream(to: peer, port: VirtualPort(80), at: pair.now)
        let bytes = [UInt8](repeating: 7, count: count)
        let start = pair.now
        let written = try pair.a.write(bytes.span.bytes, to: stream, at: pair.now)
        try #require(written == count)
        while path(pair).map({ $0.bytesInFlight > 0 }) ?? true || pair.b.statistics.bytesReceived < UInt64(count) {
            pair.run(for: .milliseconds(5))
            try #require(pair.now - start < .seconds(20))
        }
        return pair.now - start
    }

    @Test func `marks that arrive make the path capable, and CE reduces the window without a loss`() throws {
        var pair = try Pair()
        _ = try transfer(&pair, 100_000)
        #expect(path(pair)?.ecn.isCapable == true)
        #expect(pair.a.statistics.congestionMarks == 0)
        let before = try #require(path(pair)?.congestion.window)
        pair.remark = { number, mark in mark == .ect0 && number % 8 == 0 ? .ce : mark }
        _ = try transfer(&pair, 200_000)
        #expect(pair.a.statistics.congestionMarks > 5)
        #expect(pair.a.statistics.packetsLost == 0)
        #expect(path(pair)?.ecn.isCapable == true)
        #expect(path(pair)?.congestion.window ?? .max < before)
    }

    @Test(arguments: [ECNCodepoint.notECT, .ect1])
    func `a way that changes marks turns them off, and nothing is lost for it`(other: ECNCodepoint) throws {
        var pair = try Pair()
        var lastMarked = 0
        pair.remark = { number, mark in
            if mark != .notECT { lastMarked = number }
            return mark == .notECT ? mark : other
        }
        _ = try transfer(&pair, 100_000)
        #expect(path(pair)?.ecn.isMarking == false)
        #expect(lastMarked < 60)
        #expect(pair.a.statistics.packetsLost == 0)
    }

    @Test func `a way that swallows marked packets is used without marks after three probe time-outs`() throws {
        var pair = try Pair()
        pair.remark = { _, mark in mark == .notECT ? mark : nil }
        #expect(try transfer(&pair, 100_000) < .seconds(3))
        #expect(path(pair)?.ecn.isMarking == false)
    }
}
