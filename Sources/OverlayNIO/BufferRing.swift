package import NIOCore

/// Hands out empty buffers, the same ones again and again once nobody else holds them: reads cost no allocation in the
/// steady state. A buffer that is still held when its turn comes is left to its holder and replaced.
package struct BufferRing {
    /// Bytes that fit into each buffer.
    package let capacity: Int
    private var buffers: [ByteBuffer] = []
    private var next = 0
    private let count: Int
    private let allocator = ByteBufferAllocator()

    /// At most `count` buffers are kept; each is made when it is first needed.
    package init(count: Int, capacity: Int) {
        self.count = count
        self.capacity = capacity
        buffers.reserveCapacity(count)
    }

    /// Lets `fill` write into an empty buffer and returns the buffer.
    package mutating func take(_ fill: (inout ByteBuffer) -> Void) -> ByteBuffer {
        if buffers.count < count {
            buffers.append(allocator.buffer(capacity: capacity))
            next = buffers.count - 1
        } else {
            next = next + 1 == count ? 0 : next + 1
            // Keeps the storage when it is ours alone, takes fresh storage otherwise.
            buffers[next].clear(minimumCapacity: capacity)
        }
        fill(&buffers[next])
        return buffers[next]
    }
}
