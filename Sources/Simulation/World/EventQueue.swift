package import PosternModel

/// What is to happen and when: a binary heap. Entries of the same instant come out in the order they went in, so that a
/// run depends on nothing but its seed.
package struct EventQueue<Item> {
    private struct Entry {
        let at: Instant
        let sequence: UInt64
        let item: Item

        func comes(before other: Entry) -> Bool {
            at == other.at ? sequence < other.sequence : at < other.at
        }
    }

    private var heap: [Entry] = []
    private var nextSequence: UInt64 = 0

    package init() {}

    /// How many entries wait.
    package var count: Int { heap.count }

    /// When the first entry is due, or nil when there is none.
    package var earliest: Instant? { heap.first?.at }

    /// Adds `item` for `at`. O(log n).
    package mutating func add(_ item: Item, at: Instant) {
        heap.append(Entry(at: at, sequence: nextSequence, item: item))
        nextSequence += 1
        var child = heap.count - 1
        while child > 0 {
            let parent = (child - 1) / 2
            guard heap[child].comes(before: heap[parent]) else { return }
            heap.swapAt(child, parent)
            child = parent
        }
    }

    /// Takes the first entry out. O(log n).
    package mutating func takeFirst() -> (at: Instant, item: Item)? {
        guard let first = heap.first else { return nil }
        let last = heap.removeLast()
        guard !heap.isEmpty else { return (first.at, first.item) }
        heap[0] = last
        var parent = 0
        while true {
            var least = parent
            for child in [2 * parent + 1, 2 * parent + 2] where child < heap.count {
                if heap[child].comes(before: heap[least]) { least = child }
            }
            guard least != parent else { return (first.at, first.item) }
            heap.swapAt(parent, least)
            parent = least
        }
    }
}
