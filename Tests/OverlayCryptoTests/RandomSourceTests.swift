import Testing

@testable import OverlayCrypto

@Suite("Random source")
struct RandomSourceTests {
    private func source(_ seed: UInt8) -> RandomSource { RandomSource(seed: Array(repeating: seed, count: 32)) }

    @Test func `the same seed gives the same bytes, another seed others`() {
        let (first, second, third) = (source(1), source(1), source(2))
        let bytes = first.bytes(5000)
        #expect(second.bytes(5000) == bytes)
        #expect(third.bytes(5000) != bytes)
    }

    @Test func `the pieces in which bytes are asked for do not matter`() {
        let (whole, pieces) = (source(3), source(3))
        let expected = whole.bytes(4096)
        var bytes: [UInt8] = []
        var count = 1
        while bytes.count < 4096 {
            bytes += pieces.bytes(min(count, 4096 - bytes.count))
            count = count * 3 % 1999
        }
        #expect(bytes == expected)
    }

    @Test func `numbers are the bytes in little-endian order`() {
        let (bytes, numbers) = (source(4), source(4))
        let expected = bytes.bytes(12)
        let wide = numbers.nextUInt64()
        let narrow = numbers.nextUInt32()
        #expect(withUnsafeBytes(of: wide.littleEndian) { Array($0) } == Array(expected[..<8]))
        #expect(withUnsafeBytes(of: narrow.littleEndian) { Array($0) } == Array(expected[8...]))
    }

    @Test func `who holds a source twice is never given the same bytes`() {
        let original = source(5)
        let second = original
        #expect(original.bytes(3000) != second.bytes(3000))
        #expect(original.bytes(32) != source(5).bytes(32))
    }

    @Test func `two copies of a machine make other keys from the first on`() {
        var drawn: UInt8 = 0
        let entropy: () -> [UInt8] = {
            drawn += 1
            return Array(repeating: drawn, count: 32)
        }
        let copies = (0..<2).map { _ in RandomSource(seed: Array(repeating: 8, count: 32), entropy: entropy) }
        let keys = copies.map { ExchangeKeyPair(from: $0).publicKey }
        #expect(keys[0] != keys[1])
        #expect(copies[0].bytes(32) != copies[1].bytes(32))
        let alike = (0..<2).map { _ in ExchangeKeyPair(from: source(8)).publicKey }
        #expect(alike[0] == alike[1])
    }

    @Test func `bits are as often set as not`() {
        let source = source(6)
        let set = source.bytes(100_000).reduce(0) { $0 + $1.nonzeroBitCount }
        // 400,000 expected; six standard deviations are 2,683.
        #expect(abs(set - 400_000) < 2683)
    }

    @Test func `it serves as a random number generator`() {
        var source = source(7)
        let shuffled = (0..<100).shuffled(using: &source)
        #expect(shuffled.sorted() == Array(0..<100))
        #expect(shuffled != Array(0..<100))
        #expect((0..<1000).allSatisfy { _ in (5..<9).contains(Int.random(in: 5..<9, using: &source)) })
    }
}
