import OverlayWire

/// A window of a byte stream in pool blocks: filled at any place, emptied at the front.
///
/// The blocks stand in a ring, each at its place: where nothing was put there is none. Up to two of them, enough for
/// any small message, stand in the value itself: only a stream that holds more asks the system for memory, and every
/// byte is found in constant time.
struct BlockBuffer {
    private var inlineBlocks: InlineArray<2, BlockPool.Block> = .init(repeating: .none)
    /// A power of two of places, once two are too few; else empty.
    private var ring: [BlockPool.Block] = []
    /// Where the first block stands in the ring.
    private var head: UInt32 = 0
    private var count: UInt32 = 0
    /// Places with a block: none stands where nothing has arrived.
    private var heldCount: UInt32 = 0
    /// The stream offset of the first byte of the first block.
    private var origin: UInt64 = 0

    private static let blockSize = UInt64(BlockPool.blockSize)
    /// The largest ring that an empty buffer keeps, in blocks: what a reader that keeps pace lets pile up.
    private static let idlePlaces = 256

    /// Bytes of pool memory that the buffer holds.
    var heldBytes: Int { Int(heldCount) * BlockPool.blockSize }

    /// Makes room for `range` in a window that begins at `start`, but leaves `spare` blocks to others; false, and
    /// nothing is taken, when the pool has too few. What lies below costs nothing but a place each.
    mutating func reserve(
        _ range: Range<UInt64>,
        from start: UInt64,
        sparing spare: Int = 0,
        pool: inout BlockPool
    ) -> Bool {
        if count == 0 { origin = start }
        let first = Int((range.lowerBound - origin) / Self.blockSize)
        let end = Int((range.upperBound - origin + Self.blockSize - 1) / Self.blockSize)
        var missing = 0
        for number in first..<max(first, end) where !isHeld(number) { missing += 1 }
        guard missing > 0 else { return true }
        guard pool.availableBlocks >= missing + spare else { return false }
        if end > placeCount { enlarge(to: end) }
        while count < end {
            put(.none, at: Int(count))
            count += 1
        }
        for number in first..<end where !isHeld(number) {
            guard let block = pool.take() else { preconditionFailure("so many blocks were there") }
            put(block, at: number)
            heldCount += 1
        }
        return true
    }

    private func isHeld(_ number: Int) -> Bool { number < Int(count) && block(number) != .none }

    /// Copies `range` of `source` to the place of stream offset `offset`, for which room was reserved.
    func store(_ source: RawSpan, _ range: Range<Int>, at offset: UInt64, pool: borrowing BlockPool) {
        var position = range.lowerBound
        var place = offset - origin
        while position < range.upperBound {
            let (number, inBlock) = (Int(place / Self.blockSize), Int(place % Self.blockSize))
            let byteCount = min(range.upperBound - position, BlockPool.blockSize - inBlock)
            pool.store(source, position..<position + byteCount, to: block(number), at: inBlock)
            position += byteCount
            place += UInt64(byteCount)
        }
    }

    /// Appends `byteCount` bytes from stream offset `offset` to `writer`.
    func load(from offset: UInt64, count byteCount: Int, into writer: inout PacketWriter, pool: borrowing BlockPool) {
        var left = byteCount
        var place = offset - origin
        while left > 0 {
            let (number, inBlock) = (Int(place / Self.blockSize), Int(place % Self.blockSize))
            let byteCount = min(left, BlockPool.blockSize - inBlock)
            pool.load(block(number), at: inBlock, count: byteCount, into: &writer)
            left -= byteCount
            place += UInt64(byteCount)
        }
    }

    /// Gives back the blocks that lie wholly below `offset`; all of them when `offset` is also the `end` of the bytes.
    mutating func release(below offset: UInt64, end: UInt64, pool: inout BlockPool) {
        guard offset < end else {
            releaseAll(pool: &pool)
            return
        }
        while count > 0, origin + Self.blockSize <= offset { releaseFirst(pool: &pool) }
    }

    mutating func releaseAll(pool: inout BlockPool) {
        while count > 0 { releaseFirst(pool: &pool) }
        head = 0
        if ring.count > Self.idlePlaces { ring = [] }
    }

    private mutating func releaseFirst(pool: inout BlockPool) {
        if isHeld(0) {
            pool.giveBack(block(0))
            heldCount -= 1
        }
        head = (head + 1) & UInt32(placeCount - 1)
        count -= 1
        origin += Self.blockSize
    }

    // MARK: The ring

    private var placeCount: Int { ring.isEmpty ? inlineBlocks.count : ring.count }

    private func place(of number: Int) -> Int { (Int(head) + number) & (placeCount - 1) }

    /// The block `number` places behind the first.
    private func block(_ number: Int) -> BlockPool.Block {
        precondition(number < Int(count), "only reserved room is used")
        return ring.isEmpty ? inlineBlocks[place(of: number)] : ring[place(of: number)]
    }

    private mutating func put(_ block: BlockPool.Block, at number: Int) {
        if ring.isEmpty { inlineBlocks[place(of: number)] = block } else { ring[place(of: number)] = block }
    }

    private mutating func enlarge(to needed: Int) {
        var larger: [BlockPool.Block] = []
        let places = max(8, needed.nextPowerOfTwo)
        larger.reserveCapacity(places)
        for number in 0..<Int(count) { larger.append(block(number)) }
        larger.append(contentsOf: repeatElement(.none, count: places - Int(count)))
        ring = larger
        head = 0
    }
}

extension BlockPool {
    /// One block in so many is kept from what can wait: more bytes of a stream that has some on their way, and those
    /// that arrived behind a gap.
    static let reserveShare = 16
}
