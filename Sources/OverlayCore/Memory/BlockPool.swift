import OverlayWire

/// Memory for bytes in flight, in equal blocks that are named by number: stream buffers, datagrams and relayed packets
/// live here, so that the steady state allocates nothing.
///
/// Blocks come from pages that are added when the free blocks run out, up to a fixed number. Of the pages without a
/// taken block a few are kept; the memory of the others goes back to the system.
@safe
struct BlockPool: ~Copyable {
    /// The number of a block.
    struct Block: Hashable, Sendable {
        fileprivate let number: UInt32

        fileprivate var page: Int { Int(number / UInt32(Page.blockCount)) }
        fileprivate var position: Int { Int(number % UInt32(Page.blockCount)) }

        /// Names no block: what stands where none was taken yet.
        static let none = Block(number: .max)
    }

    /// Blocks that are next to each other in memory.
    @safe
    private struct Page {
        /// Nil while the system has it.
        var memory: UnsafeMutableRawPointer?
        /// A bit for each block that can be taken.
        var free: UInt64

        static let blockCount = UInt64.bitWidth
        static let byteCount = blockCount * BlockPool.blockSize
    }

    /// Bytes of a block.
    static let blockSize = 4096
    /// Pages without a taken block that keep their memory: 8 MiB, so that bursts cost the system nothing.
    private static let sparePages = 32

    private var pages: [Page] = []
    /// The numbers of the pages with a free block, each once: the last gives the next block.
    private var pagesWithRoom: [UInt32] = []
    private let maximumPages: Int
    private var spareCount = 0
    private var residentPages = 0
    /// Blocks that are taken.
    private(set) var usedBlocks = 0

    /// A pool that holds at most `byteCount` bytes (rounded up to a page of 256 KiB).
    init(maximum byteCount: Int) {
        maximumPages = max(1, (byteCount + Page.byteCount - 1) / Page.byteCount)
    }

    deinit {
        for page in pages { unsafe page.memory?.deallocate() }
    }

    /// Bytes of the blocks that are taken.
    var usedBytes: Int { usedBlocks * Self.blockSize }

    /// Blocks that can still be taken.
    var availableBlocks: Int { totalBlocks - usedBlocks }

    /// Blocks that can be taken at all.
    var totalBlocks: Int { maximumPages * Page.blockCount }

    /// Bytes that the pool has from the system, taken or not.
    var residentBytes: Int { residentPages * Page.byteCount }

    /// A block with undefined content, or nil at the pool's limit.
    mutating func take() -> Block? {
        if pagesWithRoom.isEmpty {
            guard pages.count < maximumPages else { return nil }
            pagesWithRoom.append(UInt32(pages.count))
            unsafe pages.append(Page(memory: nil, free: .max))
        }
        let position = Int(pagesWithRoom[pagesWithRoom.count - 1])
        if pages[position].free == .max { occupy(position) }
        let bit = pages[position].free.trailingZeroBitCount
        pages[position].free &= pages[position].free - 1
        if pages[position].free == 0 { pagesWithRoom.removeLast() }
        usedBlocks += 1
        return Block(number: UInt32(position * Page.blockCount + bit))
    }

    /// The first block of the page is about to be taken.
    private mutating func occupy(_ position: Int) {
        if unsafe pages[position].memory != nil {
            spareCount -= 1
        } else {
            unsafe pages[position].memory = .allocate(byteCount: Page.byteCount, alignment: 64)
            residentPages += 1
        }
    }

    /// Gives `block` back; it must not be used afterwards.
    mutating func giveBack(_ block: Block) {
        let position = block.page
        let bit: UInt64 = 1 << UInt64(block.position)
        precondition(pages[position].free & bit == 0, "a block is given back once")
        if pages[position].free == 0 { pagesWithRoom.append(UInt32(position)) }
        pages[position].free |= bit
        usedBlocks -= 1
        if pages[position].free == .max { vacate(position) }
    }

    /// The last block of the page was given back.
    private mutating func vacate(_ position: Int) {
        guard spareCount == Self.sparePages else {
            spareCount += 1
            return
        }
        unsafe pages[position].memory?.deallocate()
        unsafe pages[position].memory = nil
        residentPages -= 1
    }

    /// Copies `range` of `source` to `offset` in `block`.
    func store(_ source: RawSpan, _ range: Range<Int>, to block: Block, at offset: Int) {
        precondition(range.lowerBound >= 0 && range.upperBound <= source.byteCount, "the bytes must be in the source")
        precondition(offset >= 0 && offset + range.count <= Self.blockSize, "the bytes must fit into the block")
        let target = unsafe address(of: block) + offset
        // In bounds by the two preconditions; a block never overlaps a packet.
        unsafe source.withUnsafeBytes { bytes in
            guard let base = bytes.baseAddress else { return }
            unsafe target.copyMemory(from: base + range.lowerBound, byteCount: range.count)
        }
    }

    /// Appends `byteCount` bytes from `offset` in `block` to `writer`.
    func load(_ block: Block, at offset: Int, count byteCount: Int, into writer: inout PacketWriter) {
        precondition(offset >= 0 && byteCount >= 0 && offset + byteCount <= Self.blockSize, "a block has 4096 bytes")
        let source = unsafe address(of: block) + offset
        // In bounds by the precondition and by the writer's own check.
        unsafe writer.append(atMost: byteCount) { target in
            guard let base = target.baseAddress else { return 0 }
            unsafe base.copyMemory(from: source, byteCount: byteCount)
            return byteCount
        }
    }

    /// Runs `body` on the first `byteCount` bytes of `block`.
    func withSpan<Result>(_ block: Block, count byteCount: Int, _ body: (RawSpan) -> Result) -> Result {
        precondition(byteCount >= 0 && byteCount <= Self.blockSize, "a block has 4096 bytes")
        // In bounds by the precondition.
        let bytes = unsafe UnsafeRawBufferPointer(start: address(of: block), count: byteCount)
        return unsafe body(bytes.bytes)
    }

    @unsafe
    private func address(of block: Block) -> UnsafeMutableRawPointer {
        guard let memory = unsafe pages[block.page].memory else {
            preconditionFailure("a page keeps its memory while one of its blocks is taken")
        }
        return unsafe memory + block.position * Self.blockSize
    }
}
