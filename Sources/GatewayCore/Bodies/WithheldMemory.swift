/// What all connections of a loop withhold together, so that many bodies that never become whole cost no more than a
/// bounded part of the memory.
final class WithheldMemory {
    fileprivate let limit: Int
    /// In bytes.
    fileprivate(set) var byteCount = 0

    init(limit: Int) {
        self.limit = limit
    }
}

/// The part of one message, which is given back when the message is gone.
final class WithheldShare {
    private let memory: WithheldMemory
    private var byteCount = 0

    init(of memory: WithheldMemory) {
        self.memory = memory
    }

    deinit {
        memory.byteCount -= byteCount
    }

    /// Takes `count` bytes more; false, and nothing taken, when there is no room for them.
    func take(_ count: Int) -> Bool {
        guard memory.byteCount + count <= memory.limit else { return false }
        memory.byteCount += count
        byteCount += count
        return true
    }
}
