import OverlayWire
import PosternModel
import Testing

@testable import OverlayCore

@Suite("Received packets")
struct ReceivedPacketsTests {
    private func receive(
        _ received: inout ReceivedPackets,
        _ numbers: some Sequence<UInt64>,
        isAckEliciting: Bool = true,
        ecn: ECNCodepoint = .notECT,
        at time: Int64 = 0
    ) {
        for number in numbers {
            received.receive(
                number,
                isAckEliciting: isAckEliciting,
                ecn: ecn,
                maxAckDelay: .milliseconds(25),
                roundTrip: .milliseconds(40),
                at: .at(time)
            )
        }
    }

    /// The acknowledgement as the peer reads it; nil when none was written.
    private func acknowledgement(
        _ received: inout ReceivedPackets,
        capacity: Int = 1200,
        at time: Int64 = 0
    ) throws -> (frame: AckFrame, ranges: [ClosedRange<UInt64>])? {
        var largest: PacketNumber?
        let bytes = PacketWriter.bytes(capacity: capacity) { largest = received.writeAck(to: &$0, at: .at(time)) }
        guard let largest else {
            #expect(bytes.isEmpty)
            return nil
        }
        var offset = 0
        guard case .ack(let frame) = try Frame.parse(bytes.span.bytes, at: &offset) else { return nil }
        #expect(offset == bytes.count)
        #expect(frame.largest == largest)
        var walk = try AckRanges(frame)
        var ranges: [ClosedRange<UInt64>] = []
        while let range = try walk.next(in: bytes.span.bytes) { ranges.append(range) }
        return (frame, ranges)
    }

    // RFC 9000 §13.2.2
    @Test func `every second packet is acknowledged at once, a single one after the delay`() throws {
        var received = ReceivedPackets()
        receive(&received, [1], at: 10)
        #expect(!received.isAckDue && received.hasNews)
        #expect(received.deadline == .at(34), "a millisecond before the promised 25, for timers that are late")
        received.advance(to: .at(33))
        #expect(received.isAckDue == false)
        received.advance(to: .at(34))
        #expect(received.isAckDue == true)
        let (frame, ranges) = try #require(try acknowledgement(&received, at: 34))
        #expect(ranges == [1...1])
        #expect(frame.delay == 24_000)
        #expect(!received.isAckDue && !received.hasNews && received.deadline == nil)
        receive(&received, [2, 3])
        #expect(received.isAckDue == true)
    }

    // draft-ietf-quic-ack-frequency
    @Test func `a long transfer is acknowledged every tenth packet, or after a quarter of a round trip`() throws {
        var received = ReceivedPackets()
        for number in stride(from: UInt64(1), through: 99, by: 2) {
            receive(&received, [number, number + 1])
            #expect(received.isAckDue == true, "young: every second packet")
            _ = try acknowledgement(&received)
        }
        receive(&received, 101...109, at: 100)
        #expect(!received.isAckDue && received.deadline == .at(110), "a quarter of 40 ms")
        receive(&received, [110], at: 105)
        #expect(received.isAckDue == true, "the tenth")
        _ = try acknowledgement(&received, at: 105)
        receive(&received, [111], at: 200)
        #expect(received.deadline == .at(224), "one packet alone waits for its answer")
        receive(&received, [112], at: 215)
        #expect(received.isAckDue == true, "more than a quarter of a round trip after the first")
        _ = try acknowledgement(&received, at: 215)
        receive(&received, [114], at: 300)
        #expect(received.isAckDue == true, "a gap is told at once, however old the conversation")
    }

    @Test func `packets that ask for no acknowledgement get none of their own`() {
        var received = ReceivedPackets()
        receive(&received, 1...10, isAckEliciting: false)
        #expect(!received.isAckDue && !received.hasNews && received.deadline == nil)
        #expect(received.largest == 10)
    }

    // RFC 9000 §13.2.1
    @Test func `a gap, a late packet and a congestion mark are told at once`() throws {
        var received = ReceivedPackets()
        receive(&received, [1])
        _ = try acknowledgement(&received)
        receive(&received, [3])
        #expect(received.isAckDue == true)
        _ = try acknowledgement(&received)
        receive(&received, [2])
        #expect(received.isAckDue == true)
        let (_, ranges) = try #require(try acknowledgement(&received))
        #expect(ranges == [1...3])
        receive(&received, [4], ecn: .ce)
        #expect(received.isAckDue == true)
    }

    @Test func `the delay counts from the arrival of the largest`() throws {
        var received = ReceivedPackets()
        receive(&received, [5], at: 10)
        receive(&received, [3], at: 14)
        let (frame, ranges) = try #require(try acknowledgement(&received, at: 20))
        #expect(frame.delay == 10_000)
        #expect(ranges == [5...5, 3...3])
    }

    @Test func `ranges grow, join and stay apart as packets arrive`() throws {
        var received = ReceivedPackets()
        receive(&received, [10, 12, 14, 11, 9, 20, 13, 10])
        let (_, ranges) = try #require(try acknowledgement(&received))
        #expect(ranges == [20...20, 9...14])
        #expect(received.largest == 20)
    }

    // RFC 9000 §13.2.3
    @Test func `no more than thirty-two ranges are remembered, the highest ones`() throws {
        var received = ReceivedPackets()
        receive(&received, stride(from: 0, to: 200, by: 2))
        receive(&received, [3])
        let (frame, ranges) = try #require(try acknowledgement(&received))
        #expect(ranges.count == ReceivedPackets.maximumRanges)
        #expect(frame.rangeCount == 31)
        #expect(ranges.first == 198...198)
        #expect(ranges.last == 136...136)
    }

    @Test(arguments: [49, 50, 65, 66, 100, 400])
    func `an acknowledgement takes as many ranges as fit`(capacity: Int) throws {
        var received = ReceivedPackets()
        receive(&received, stride(from: 1 << 40, to: (1 << 40) + 200, by: 2))
        let written = try acknowledgement(&received, capacity: capacity)
        #expect(written?.ranges.count == (capacity < 50 ? nil : min(32, 1 + (capacity - 50) / 16)))
        #expect(received.isAckDue == (written == nil))
    }

    @Test func `congestion marks are counted and told`() throws {
        var received = ReceivedPackets()
        receive(&received, [1, 2], ecn: .ect0)
        receive(&received, [3], ecn: .ect1)
        receive(&received, [4, 5, 6], ecn: .ce)
        receive(&received, [7])
        let (frame, _) = try #require(try acknowledgement(&received))
        #expect(frame.ecn == ECNCounts(ect0: 2, ect1: 1, ce: 3))
        var unmarked = ReceivedPackets()
        receive(&unmarked, [1])
        #expect(try #require(try acknowledgement(&unmarked)).frame.ecn == nil)
    }

    // RFC 9000 §13.2.4
    @Test func `ranges that the peer knows to be acknowledged are left out`() throws {
        var received = ReceivedPackets()
        receive(&received, [1, 2, 5, 6, 9])
        received.forget(upTo: PacketNumber(6))
        let (_, ranges) = try #require(try acknowledgement(&received))
        #expect(ranges == [9...9])
        received.forget(upTo: PacketNumber(9))
        #expect(try #require(try acknowledgement(&received)).ranges == [9...9])
    }

    @Test func `nothing is written before anything arrived`() throws {
        var received = ReceivedPackets()
        #expect(try acknowledgement(&received) == nil)
        #expect(received.largest == nil)
    }

    @Test(arguments: 0..<30)
    func `what arrived and nothing else is acknowledged`(seed: UInt64) throws {
        var random = SplitMix(seed: seed)
        var received = ReceivedPackets()
        var model = Set<UInt64>()
        for _ in 0..<60 {
            let number = UInt64.random(in: 0..<90, using: &random)
            receive(&received, [number])
            model.insert(number)
            let (_, ranges) = try #require(try acknowledgement(&received))
            let told = Set(ranges.flatMap(Array.init))
            // Beyond thirty-two ranges the lowest are forgotten; nothing is ever invented.
            #expect(told.isSubset(of: model))
            let lowest = try #require(told.min())
            if ranges.count < ReceivedPackets.maximumRanges { continue }
            #expect(model.filter { $0 >= lowest } == told)
        }
    }
}
