import NIOCore
import OverlayNIO

/// Chooses how much of a socket is read at once: as much as its sender keeps pace with, and little while memory for
/// what waits runs short.
struct ReceiveAllocator: RecvByteBufferAllocator, @unchecked Sendable {  // read on the loop that the memory belongs to
    private var adaptive = AdaptiveRecvByteBufferAllocator(minimum: 1024, initial: 2048, maximum: 65_536)
    private let memory: WaitingMemory
    private static let smallest = 2048

    init(memory: WaitingMemory) {
        self.memory = memory
    }

    func nextBufferSize() -> Int? {
        adaptive.nextBufferSize().map { min($0, max(memory.share, Self.smallest)) }
    }

    func buffer(allocator: ByteBufferAllocator) -> ByteBuffer {
        allocator.buffer(capacity: nextBufferSize() ?? Self.smallest)
    }

    mutating func record(actualReadBytes: Int) -> Bool { adaptive.record(actualReadBytes: actualReadBytes) }
}
