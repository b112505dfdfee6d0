import TestSupport
import Testing

@testable import GatewayCore

@Suite struct DatagramPartTests {
    private static let limit = 1111

    private static func part(_ id: UInt16, _ place: DatagramPart.Place = .whole) -> DatagramPart {
        DatagramPart(isAnswer: false, flow: 7, id: id, place: place)
    }

    @Test(arguments: [false, true], [DatagramPart.Place.whole, .first, .second])
    func `a head is read as it was written`(isAnswer: Bool, place: DatagramPart.Place) {
        let part = DatagramPart(isAnswer: isAnswer, flow: 0x0102_0304, id: 0x0506, place: place)
        #expect(part.bytes.count == DatagramPart.headSize)
        #expect(DatagramPart(part.bytes.span) == part)
        for count in 0..<DatagramPart.headSize {
            let short = Array(part.bytes.prefix(count))
            #expect(DatagramPart(short.span) == nil)
        }
    }

    @Test func `heads of later versions are refused`() {
        for flags in UInt8.min ... .max {
            let bytes = [flags] + [UInt8](repeating: 0, count: 6)
            let isKnown = [0, 1, 2, 3, 6, 7].contains(flags)
            #expect((DatagramPart(bytes.span) != nil) == isKnown, "\(flags)")
        }
    }

    @Test(arguments: [0, 1, 512, 1104, 1105, 1200, 1232, 1452])
    func `what RULES D promises is carried in at most two parts, and joined again`(count: Int) throws {
        let bytes = (0..<count).map { UInt8(truncatingIfNeeded: $0) }
        let parts = try #require(Self.part(1).divide(count, limit: Self.limit))
        #expect(parts.count == (count <= Self.limit - DatagramPart.headSize ? 1 : 2))
        #expect(parts.allSatisfy { $0.range.count + DatagramPart.headSize <= Self.limit })
        for order in [parts, parts.reversed()] {
            var joiner = DatagramJoiner()
            let results = order.map { joiner.join($0.part, Array(bytes[$0.range])) }
            #expect(results.last?.whole == bytes)
            #expect(results.dropLast().allSatisfy { $0.whole == nil })
            #expect(results.allSatisfy { $0.lostCount == 0 })
        }
    }

    @Test func `what is larger is not carried`() {
        #expect(Self.part(1).divide(1453, limit: Self.limit) == nil)
        #expect(Self.part(1).divide(1452, limit: 400) == nil)
    }

    @Test func `the halves of two datagrams are never one, and only a few wait`() {
        var joiner = DatagramJoiner()
        #expect(joiner.join(Self.part(1, .first), [1]).whole == nil)
        #expect(joiner.join(Self.part(2, .second), [2]).whole == nil)
        #expect(joiner.join(Self.part(1, .first), [3]).lostCount == 1)
        #expect(joiner.join(Self.part(1, .second), [4]).whole == [3, 4])
        var lost = 0
        for id in 10..<30 { lost += joiner.join(Self.part(UInt16(id), .first), []).lostCount }
        // One of two waits already.
        #expect(lost == 21 - DatagramJoiner.limit)
        #expect(joiner.join(Self.part(29, .second), [9]).whole == [9])
    }
}
