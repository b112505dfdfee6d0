import PosternModel
import TestSupport
import Testing

@testable import OverlayWire

@Suite("Variable-length integers")
struct VarintTests {
    private func decoded(_ bytes: [UInt8]) throws(WireError) -> (value: UInt64, end: Int) {
        var offset = 0
        let value = try bytes.span.bytes.loadVarint(at: &offset)
        return (value, offset)
    }

    @Test(
        arguments: [
            ("c2197c5eff14e88c", 151_288_809_941_952_652), ("9d7f3e7d", 494_878_333), ("7bbd", 15_293), ("25", 37),
            ("4025", 37),
        ] as [(String, UInt64)]
    )
    func `the examples of RFC 9000 §A_1 are read`(bytes: String, value: UInt64) throws {
        let (found, end) = try decoded(hex(bytes))
        #expect(found == value)
        #expect(end == hex(bytes).count)
    }

    @Test(
        arguments: [
            (0, 1), (63, 1), (64, 2), (16383, 2), (16384, 4), (1_073_741_823, 4), (1_073_741_824, 8),
            (4_611_686_018_427_387_903, 8),
        ] as [(UInt64, Int)]
    )
    func `each value is written in the fewest bytes and read back`(value: UInt64, byteCount: Int) throws {
        let bytes = written { $0.append(varint: value) }
        #expect(bytes.count == byteCount)
        #expect(Varint.size(value) == byteCount)
        #expect(try decoded(bytes) == (value, byteCount))
        for count in 0..<byteCount {
            #expect(throws: WireError.truncated) { try decoded(Array(bytes[..<count])) }
        }
    }

    @Test func `a value of 63 bits is a bug of ours`() async {
        await #expect(processExitsWith: .failure) {
            _ = PacketWriter.bytes(capacity: 8) { $0.append(varint: 1 << 62) }
        }
    }

    @Test func `reads outside of the bytes are refused, whatever the offset`() {
        let bytes: [UInt8] = Array(0..<40)
        let span = bytes.span.bytes
        for offset in [-1, 40, 41, .max, .min] {
            #expect(throws: WireError.truncated) { try span.loadByte(at: offset) }
            #expect(throws: WireError.truncated) { try span.load(UInt32.self, at: offset) }
            #expect(throws: WireError.truncated) { try span.loadWords32(at: offset) }
            #expect(throws: WireError.truncated) {
                var offset = offset
                return try span.loadVarint(at: &offset)
            }
        }
        #expect(throws: WireError.truncated) { try span.load(UInt32.self, at: 37) }
        #expect(throws: WireError.truncated) { try span.loadWords32(at: 9) }
        #expect(throws: WireError.truncated) { try span.copyBytes(30..<41) }
        #expect(throws: WireError.truncated) { try span.copyBytes(-1..<3) }
        #expect((try? span.load(UInt32.self, at: 36)) == 0x2425_2627)
        #expect((try? span.copyBytes(38..<40)) == [38, 39])
        #expect((try? span.loadWords32(at: 8))?.bytes == Array(8..<40))
    }
}
