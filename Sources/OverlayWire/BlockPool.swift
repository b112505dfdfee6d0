/// Memory for bytes in flight, in equal blocks that are named by number: stream buffers and relayed packets live here,
/// so that the steady state allocates nothing.
///
/// Blocks come from pages that are added when the free ones run out, up to a fixed number, and stay for the pool's
/// life.
@safe
package struct BlockPool: ~Copyable {
    /// The number of a block.
    package struct Block: Hashable, Sendable {
        fileprivate let number: UInt32
    }

    /// Bytes of a block.
    package static let blockSize = 4096
    private static let blocksPerPage = 64

    private var pages: [UnsafeMutableRawPointer] = unsafe []
    private var free: [UInt32] = []
    private let maximumPages: Int

    /// A pool that holds at most `byteCount` bytes (rounded up to a page of 256 KiB).
    package init(maximum byteCount: Int) {
        let pageSize = Self.blockSize * Self.blocksPerPage
        maximumPages = max(1, (byteCount + pageSize - 1) / pageSize)
    }

    deinit {
        for position in unsafe pages.indices { unsafe pages[position].deallocate() }
    }

    /// Blocks that are taken.
    package var usedBlocks: Int { unsafe pages.count * Self.blocksPerPage - free.count }

    /// Bytes of the blocks that are taken.
    package var usedBytes: Int { usedBlocks * Self.blockSize }

    /// Blocks that can still be taken.
    package var availableBlocks: Int { maximumPages * Self.blocksPerPage - usedBlocks }

    /// A block with undefined content, or nil at the pool's limit.
    package mutating func take() -> Block? {
        if free.isEmpty {
            guard unsafe pages.count < maximumPages else { return nil }
            let first = unsafe UInt32(pages.count * Self.blocksPerPage)
            unsafe pages.append(
                .allocate(byteCount: Self.blockSize * Self.blocksPerPage, alignment: 64)
            )
            free.append(contentsOf: (first..<first + UInt32(Self.blocksPerPage)).reversed())
        }
        return free.popLast().map(Block.init(number:))
    }

    /// Gives `block` back; it must not be used afterwards.
    package mutating func giveBack(_ block: Block) {
        free.append(block.number)
    }

    /// Copies `range` of `source` to `offset` in `block`.
    package func store(_ source: RawSpan, _ range: Range<Int>, to block: Block, at offset: Int) {
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
    package func load(_ block: Block, at offset: Int, count byteCount: Int, into writer: inout PacketWriter) {
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
    package func withSpan<Result>(_ block: Block, count byteCount: Int, _ body: (RawSpan) -> Result) -> Result {
        precondition(byteCount >= 0 && byteCount <= Self.blockSize, "a block has 4096 bytes")
        // In bounds by the precondition.
        let bytes = unsafe UnsafeRawBufferPointer(start: address(of: block), count: byteCount)
        return unsafe body(bytes.bytes)
    }

    @unsafe
    private func address(of block: Block) -> UnsafeMutableRawPointer {
        let (page, position) = Int(block.number).quotientAndRemainder(dividingBy: Self.blocksPerPage)
        return unsafe pages[page] + position * Self.blockSize
    }
}
