import OverlayWire
import Testing

@testable import OverlayCore

@Suite("Block pool")
struct BlockPoolTests {
    private func content(of block: BlockPool.Block, count: Int, in pool: borrowing BlockPool) -> [UInt8] {
        pool.withSpan(block, count: count) { (try? $0.copyBytes(0..<count)) ?? [] }
    }

    @Test func `a pool gives as many blocks as its pages have, and then none`() {
        var pool = BlockPool(maximum: 256 << 10)
        var blocks: Set<BlockPool.Block> = []
        while let block = pool.take() { blocks.insert(block) }
        #expect(blocks.count == 64)
        #expect(pool.usedBlocks == 64)
        #expect(pool.usedBytes == 256 << 10)
        #expect(pool.availableBlocks == 0)
    }

    @Test(arguments: [(0, 64), (1, 64), (256 << 10, 64), ((256 << 10) + 1, 128)])
    func `the limit is rounded up to a page`(byteCount: Int, blocks: Int) {
        let pool = BlockPool(maximum: byteCount)
        #expect(pool.availableBlocks == blocks)
        #expect(pool.usedBlocks == 0)
    }

    @Test func `a block that was given back is taken again`() {
        var pool = BlockPool(maximum: 1)
        var blocks: [BlockPool.Block] = []
        while let block = pool.take() { blocks.append(block) }
        pool.giveBack(blocks[17])
        #expect(pool.availableBlocks == 1)
        let again = pool.take()
        let none = pool.take()
        #expect(again == blocks[17])
        #expect(none == nil)
        for block in blocks { pool.giveBack(block) }
        #expect(pool.usedBlocks == 0)
    }

    @Test func `each block keeps its own bytes while the pool grows`() throws {
        var pool = BlockPool(maximum: 1 << 20)
        var blocks: [BlockPool.Block] = []
        while let block = pool.take() {
            let pattern = [UInt8](repeating: UInt8(truncatingIfNeeded: blocks.count), count: BlockPool.blockSize)
            pool.store(pattern.span.bytes, 0..<pattern.count, to: block, at: 0)
            blocks.append(block)
        }
        #expect(blocks.count == 256)
        for (position, block) in blocks.enumerated() {
            let bytes = content(of: block, count: BlockPool.blockSize, in: pool)
            #expect(bytes.allSatisfy { $0 == UInt8(truncatingIfNeeded: position) })
        }
    }

    @Test func `pages that are not used go back to the system, but for a few`() {
        var pool = BlockPool(maximum: 16 << 20)
        #expect(pool.residentBytes == 0)
        var blocks: [BlockPool.Block] = []
        while let block = pool.take() { blocks.append(block) }
        #expect(pool.residentBytes == 16 << 20)
        for block in blocks.dropFirst() { pool.giveBack(block) }
        // The page of the block that is left, and 8 MiB to spare.
        #expect(pool.residentBytes == (8 << 20) + (256 << 10))
        pool.giveBack(blocks[0])
        #expect(pool.residentBytes == 8 << 20)
        #expect(pool.availableBlocks == pool.totalBlocks)
        // All of it can be taken again, each block once.
        var again: Set<BlockPool.Block> = []
        while let block = pool.take() { again.insert(block) }
        #expect(again.count == 4096 && pool.residentBytes == 16 << 20)
        for block in again { pool.giveBack(block) }
    }

    @Test(arguments: 0..<8)
    func `blocks that come and go in any order are never given twice`(seed: UInt64) {
        var pool = BlockPool(maximum: 12 << 20)
        var taken: [BlockPool.Block] = []
        var state = seed &* 0x9e37_79b9_7f4a_7c15 | 1
        func random(_ bound: Int) -> Int {
            state ^= state << 13
            state ^= state >> 7
            state ^= state << 17
            return Int(truncatingIfNeeded: state >> 33) % bound
        }
        for step in 0..<5000 {
            if taken.isEmpty || random(10) < (step % 1000 < 500 ? 7 : 3) {
                guard let block = pool.take() else { continue }
                #expect(!taken.contains(block))
                taken.append(block)
            } else {
                pool.giveBack(taken.remove(at: random(taken.count)))
            }
            #expect(pool.usedBlocks == taken.count)
        }
        for block in taken { pool.giveBack(block) }
        #expect(pool.usedBlocks == 0 && pool.residentBytes <= 8 << 20)
    }

    @Test func `a block that is given back twice traps`() async {
        await #expect(processExitsWith: .failure) {
            var pool = BlockPool(maximum: 1)
            guard let block = pool.take() else { return }
            pool.giveBack(block)
            pool.giveBack(block)
        }
    }

    @Test func `parts of a block are stored and loaded in place`() throws {
        var pool = BlockPool(maximum: 1)
        let taken = pool.take()
        let block = try #require(taken)
        let source: [UInt8] = Array(0..<100)
        pool.store(source.span.bytes, 10..<20, to: block, at: 4086)
        pool.store(source.span.bytes, 50..<50, to: block, at: 4096)
        let loaded = PacketWriter.bytes(capacity: 64) {
            $0.append(UInt8(0xff))
            pool.load(block, at: 4088, count: 8, into: &$0)
            pool.load(block, at: 4096, count: 0, into: &$0)
        }
        #expect(loaded == [0xff] + Array(12..<20))
    }

    @Test func `bytes outside of the block or of the source trap`() async {
        await #expect(processExitsWith: .failure) {
            var pool = BlockPool(maximum: 1)
            guard let block = pool.take() else { return }
            pool.store(([1, 2] as [UInt8]).span.bytes, 0..<2, to: block, at: 4095)
        }
        await #expect(processExitsWith: .failure) {
            var pool = BlockPool(maximum: 1)
            guard let block = pool.take() else { return }
            pool.store(([1, 2] as [UInt8]).span.bytes, 1..<3, to: block, at: 0)
        }
        await #expect(processExitsWith: .failure) {
            var pool = BlockPool(maximum: 1)
            guard let block = pool.take() else { return }
            _ = PacketWriter.bytes(capacity: 9000) { pool.load(block, at: 1, count: 4096, into: &$0) }
        }
        await #expect(processExitsWith: .failure) {
            var pool = BlockPool(maximum: 1)
            guard let block = pool.take() else { return }
            pool.withSpan(block, count: 4097) { _ in }
        }
    }
}
