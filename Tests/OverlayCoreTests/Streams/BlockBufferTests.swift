import OverlayWire
import Testing

@testable import OverlayCore

@Suite("Block buffer")
struct BlockBufferTests {
    private static let block = UInt64(BlockPool.blockSize)

    private func load(_ buffer: BlockBuffer, _ range: Range<UInt64>, _ pool: borrowing BlockPool) -> [UInt8] {
        PacketWriter.bytes(capacity: max(1, range.count)) {
            buffer.load(from: range.lowerBound, count: range.count, into: &$0, pool: pool)
        }
    }

    @Test func `bytes are found where they were put, across blocks`() {
        var pool = BlockPool(maximum: 1 << 20)
        var buffer = BlockBuffer()
        let isReserved = buffer.reserve(100..<30_000, from: 100, pool: &pool)
        #expect(isReserved)
        let bytes = streamBytes(100..<30_000)
        buffer.store(bytes.span.bytes, 9900..<29_900, at: 10_000, pool: pool)
        buffer.store(bytes.span.bytes, 0..<9900, at: 100, pool: pool)
        #expect(load(buffer, 100..<30_000, pool) == bytes)
        #expect(load(buffer, 4100..<4300, pool) == streamBytes(4100..<4300))
    }

    @Test func `blocks are taken for the window and given back from the front`() {
        var pool = BlockPool(maximum: 1 << 20)
        var buffer = BlockBuffer()
        _ = buffer.reserve(10..<10 + Self.block, from: 10, pool: &pool)
        #expect(buffer.heldBytes == BlockPool.blockSize)
        _ = buffer.reserve(10..<11 + Self.block, from: 10, pool: &pool)
        #expect(pool.usedBlocks == 2)
        buffer.release(below: 9 + Self.block, end: 11 + Self.block, pool: &pool)
        #expect(pool.usedBlocks == 2)
        buffer.release(below: 10 + Self.block, end: 11 + Self.block, pool: &pool)
        #expect(pool.usedBlocks == 1)
        buffer.release(below: 11 + Self.block, end: 11 + Self.block, pool: &pool)
        #expect(pool.usedBlocks == 0)
        #expect(buffer.heldBytes == 0)
    }

    @Test func `a pool at its limit gives all or nothing`() {
        var pool = BlockPool(maximum: 1)
        var buffer = BlockBuffer()
        let isTooMuch = buffer.reserve(0..<64 * Self.block + 1, from: 0, pool: &pool)
        #expect(!isTooMuch)
        #expect(pool.usedBlocks == 0)
        let isEnough = buffer.reserve(0..<64 * Self.block, from: 0, pool: &pool)
        #expect(isEnough)
    }

    @Test func `a window that moves for long keeps its bytes and its size`() {
        var pool = BlockPool(maximum: 1 << 20)
        var buffer = BlockBuffer()
        var start: UInt64 = 0
        var end: UInt64 = 0
        var random = SplitMix(seed: 8)
        for _ in 0..<3000 {
            let next = end + UInt64.random(in: 1...3000, using: &random)
            let isReserved = buffer.reserve(start..<next, from: start, pool: &pool)
            #expect(isReserved)
            buffer.store(streamBytes(end..<next).span.bytes, 0..<Int(next - end), at: end, pool: pool)
            end = next
            let read = UInt64.random(in: start...end, using: &random)
            #expect(load(buffer, start..<read, pool) == streamBytes(start..<read))
            start = read
            buffer.release(below: start, end: end, pool: &pool)
            #expect(buffer.heldBytes <= Int(end - start) + 2 * BlockPool.blockSize)
        }
    }
}
