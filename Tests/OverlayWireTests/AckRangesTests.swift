import TestSupport
import Testing

@testable import OverlayWire

@Suite("ACK ranges")
struct AckRangesTests {
    /// The ranges of the ACK frame in `bytes`, as a receiver walks them.
    private func ranges(_ bytes: [UInt8]) throws -> [ClosedRange<UInt64>] {
        guard case .ack(let frame) = try parsedFrame(bytes).frame else { return [] }
        var walk = try AckRanges(frame)
        var result: [ClosedRange<UInt64>] = []
        while let range = try walk.next(in: bytes.span.bytes) { result.append(range) }
        return result
    }

    @Test func `RFC 9000 §19_3_1 ranges go down from the largest`() throws {
        // Largest 100, ten below it; gap 3 leaves out 86...89; six more; gap 0 leaves out 79; one more.
        let frame = hex("02 4064 00 02 0a 03 05 00 00")
        #expect(try ranges(frame) == [90...100, 80...85, 78...78])
    }

    @Test func `packet 0 alone is acknowledged`() throws {
        #expect(try ranges(hex("02 00 00 00 00")) == [0...0])
    }

    @Test func `the ranges reach down to packet 0 and no further`() throws {
        #expect(try ranges(hex("02 02 00 01 00 00 00")) == [2...2, 0...0])
        #expect(throws: WireError.invalidValue) { try ranges(hex("02 02 00 01 00 00 01")) }
        #expect(throws: WireError.invalidValue) { try ranges(hex("02 02 00 01 00 01 00")) }
    }

    @Test func `the largest packet number is acknowledged`() throws {
        let top = Varint.maximum
        #expect(try ranges(hex("02 ffffffffffffffff 00 00 00")) == [top...top])
        #expect(try ranges(hex("02 ffffffffffffffff 00 00 ffffffffffffffff")) == [0...top])
    }
}
