import OverlayWire

/// A window of a byte stream in pool blocks: filled at any place, emptied at the front.
struct BlockBuffer {
    private var blocks: [BlockPool.Block] = []
    private var firstBlock = 0
    /// The stream offset of the first byte of the first block.
    private var origin: UInt64 = 0

    /// Bytes of pool memory that the buffer holds.
    var heldBytes: Int { (blocks.count - firstBlock) * BlockPool.blockSize }

    /// Makes room up to `end` for a window that begins at `start`; false when the pool is at its limit.
    mutating func reserve(from start: UInt64, upTo end: UInt64, pool: inout BlockPool) -> Bool {
        if blocks.isEmpty { origin = start }
        let needed = Int(end - origin) + BlockPool.blockSize - 1
        let missing = needed / BlockPool.blockSize - (blocks.count - firstBlock)
        guard missing > 0 else { return true }
        guard pool.availableBlocks >= missing else { return false }
        for _ in 0..<missing {
            guard let block = pool.take() else { return false }
            blocks.append(block)
        }
        return true
    }

    /// Copies `range` of `source` to the place of stream offset `offset`, for which room was reserved.
    func store(_ source: RawSpan, _ range: Range<Int>, at offset: UInt64, pool: borrowing BlockPool) {
        var position = range.lowerBound
        var place = Int(offset - origin)
        while position < range.upperBound {
            let (block, inBlock) = place.quotientAndRemainder(dividingBy: BlockPool.blockSize)
            let count = min(range.upperBound - position, BlockPool.blockSize - inBlock)
            pool.store(source, position..<position + count, to: blocks[firstBlock + block], at: inBlock)
            position += count
            place += count
        }
    }

    /// Appends `byteCount` bytes from stream offset `offset` to `writer`.
    func load(from offset: UInt64, count byteCount: Int, into writer: inout PacketWriter, pool: borrowing BlockPool) {
        var left = byteCount
        var place = Int(offset - origin)
        while left > 0 {
            let (block, inBlock) = place.quotientAndRemainder(dividingBy: BlockPool.blockSize)
            let count = min(left, BlockPool.blockSize - inBlock)
            pool.load(blocks[firstBlock + block], at: inBlock, count: count, into: &writer)
            left -= count
            place += count
        }
    }

    /// Gives back the blocks that lie wholly below `offset`; all of them when `offset` is also the `end` of the bytes.
    mutating func release(below offset: UInt64, end: UInt64, pool: inout BlockPool) {
        guard offset < end else {
            releaseAll(pool: &pool)
            return
        }
        while firstBlock < blocks.count, origin + UInt64(BlockPool.blockSize) <= offset {
            pool.giveBack(blocks[firstBlock])
            firstBlock += 1
            origin += UInt64(BlockPool.blockSize)
        }
        if firstBlock >= 32, firstBlock * 2 >= blocks.count {
            blocks.removeFirst(firstBlock)
            firstBlock = 0
        }
    }

    mutating func releaseAll(pool: inout BlockPool) {
        while firstBlock < blocks.count {
            pool.giveBack(blocks[firstBlock])
            firstBlock += 1
        }
        blocks.removeAll(keepingCapacity: blocks.capacity <= 16)
        firstBlock = 0
    }
}
