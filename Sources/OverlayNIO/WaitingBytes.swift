package import NIOCore

/// What a stream has been given and the core had no room for, oldest first. Costs no allocation until there is
/// something.
struct WaitingBytes {
    private(set) var byteCount = 0
    private var buffers: [ByteBuffer] = []
    /// Where the oldest stands; the places before it are empty buffers.
    private var head = 0

    var isEmpty: Bool { byteCount == 0 }

    mutating func append(_ bytes: ByteBuffer) {
        // A queue that never runs empty must not keep the places of all that went through it.
        if head > 32, head > buffers.count / 2 {
            buffers.removeFirst(head)
            head = 0
        }
        byteCount += bytes.readableBytes
        buffers.append(bytes)
    }

    /// Offers buffer by buffer to `take`, which says how many bytes of it it took, until one is not taken whole. Stops
    /// and returns false when `take` returns nil.
    mutating func drain(_ take: (ByteBuffer) -> Int?) -> Bool {
        while head < buffers.count {
            guard let count = take(buffers[head]) else { return false }
            byteCount -= count
            guard count == buffers[head].readableBytes else {
                buffers[head].moveReaderIndex(forwardBy: count)
                return true
            }
            buffers[head] = ByteBuffer()
            head += 1
        }
        buffers.removeAll(keepingCapacity: true)
        head = 0
        return true
    }
}

extension ByteBuffer {
    /// The same bytes, in memory of their own where they would keep much more than they need from being used again.
    package var compacted: ByteBuffer {
        readableBytes < storageCapacity / 2 ? ByteBuffer(bytes: readableBytesView) : self
    }
}
