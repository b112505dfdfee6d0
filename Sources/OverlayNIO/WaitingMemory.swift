/// Counts what waits outside the core: bytes in streams for which the core has no room, and bytes that those who use
/// the streams have read and cannot pass on. Confined to the node's loop.
package final class WaitingMemory {
    private let limit: Int
    /// Bytes that wait.
    package private(set) var byteCount = 0

    init(limit: Int) {
        self.limit = limit
    }

    /// Bytes that may wait in one place now: the less, the more wait in all, so that there is always room for who comes
    /// next. Who has more stops reading; what it read before that may exceed the limit.
    package var share: Int { max(0, limit - byteCount) / 8 }

    /// So many bytes more wait, or fewer.
    package func add(_ count: Int) {
        byteCount += count
    }
}
