/// A first-in first-out queue in a ring whose storage grows by doubling and never shrinks: no allocation in the steady
/// state. Elements are also reached by position.
struct RingQueue<Element> {
    private var storage: [Element?] = []
    private var head = 0
    private(set) var count = 0

    init() {}

    var isEmpty: Bool { count == 0 }

    var first: Element? { isEmpty ? nil : storage[head] }

    mutating func append(_ element: Element) {
        if count == storage.count { grow() }
        storage[slot(count)] = element
        count += 1
    }

    mutating func popFirst() -> Element? {
        guard count > 0 else { return nil }
        // Moved, not copied: an element may be large and own references.
        var element: Element?
        swap(&element, &storage[head])
        head = (head + 1) & (storage.count - 1)
        count -= 1
        return element
    }

    mutating func popLast() -> Element? {
        guard count > 0 else { return nil }
        var element: Element?
        swap(&element, &storage[slot(count - 1)])
        count -= 1
        return element
    }

    mutating func removeAll() {
        while popFirst() != nil {}
    }

    /// The element `position` places behind the first.
    subscript(position: Int) -> Element {
        get {
            precondition(position >= 0 && position < count, "a position in the queue")
            guard let element = storage[slot(position)] else {
                preconditionFailure("every place between the ends is filled")
            }
            return element
        }
        set {
            precondition(position >= 0 && position < count, "a position in the queue")
            storage[slot(position)] = newValue
        }
    }

    private func slot(_ position: Int) -> Int {
        (head + position) & (storage.count - 1)
    }

    private mutating func grow() {
        var larger: [Element?] = []
        larger.reserveCapacity(max(8, storage.count * 2))
        for position in 0..<count { larger.append(storage[slot(position)]) }
        while larger.count < max(8, storage.count * 2) { larger.append(nil) }
        storage = larger
        head = 0
    }
}
