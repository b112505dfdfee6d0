import PosternModel

/// The earliest of many deadlines, one for each slot: a binary heap that knows where each slot stands.
struct DeadlineHeap {
    private var heap: [(deadline: Instant, slot: Int)] = []
    private var positions: [Int] = []

    /// The earliest deadline and its slot.
    var first: (deadline: Instant, slot: Int)? { heap.first }

    /// Sets, moves or (nil) removes the deadline of `slot`. Logarithmic in the number of deadlines, constant if nothing
    /// changes.
    mutating func set(_ deadline: Instant?, for slot: Int) {
        while positions.count <= slot { positions.append(-1) }
        let position = positions[slot]
        switch (deadline, position >= 0) {
        case (nil, false):
            return
        case (nil, true):
            remove(at: position)
        case (let deadline?, false):
            positions[slot] = heap.count
            heap.append((deadline, slot))
            siftUp(heap.count - 1)
        case (let deadline?, true):
            guard heap[position].deadline != deadline else { return }
            heap[position].deadline = deadline
            siftUp(position)
            siftDown(positions[slot])
        }
    }

    private mutating func remove(at position: Int) {
        positions[heap[position].slot] = -1
        let last = heap.removeLast()
        guard position < heap.count else { return }
        heap[position] = last
        positions[last.slot] = position
        siftUp(position)
        siftDown(positions[last.slot])
    }

    private mutating func siftUp(_ start: Int) {
        var child = start
        while child > 0 {
            let parent = (child - 1) / 2
            guard heap[child].deadline < heap[parent].deadline else { return }
            exchange(child, parent)
            child = parent
        }
    }

    private mutating func siftDown(_ start: Int) {
        var parent = start
        while true {
            var smallest = parent
            let left = 2 * parent + 1
            if left < heap.count, heap[left].deadline < heap[smallest].deadline { smallest = left }
            if left + 1 < heap.count, heap[left + 1].deadline < heap[smallest].deadline { smallest = left + 1 }
            guard smallest != parent else { return }
            exchange(parent, smallest)
            parent = smallest
        }
    }

    private mutating func exchange(_ a: Int, _ b: Int) {
        heap.swapAt(a, b)
        positions[heap[a].slot] = a
        positions[heap[b].slot] = b
    }
}
