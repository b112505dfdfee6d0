/// A set of numbers as sorted, separate, half-open ranges. Linear in the number of ranges, which is the number of gaps;
/// a set that was never filled has no memory of its own.
struct RangeSet: Equatable {
    private(set) var ranges: [Range<UInt64>] = []

    var isEmpty: Bool { ranges.isEmpty }
    var first: Range<UInt64>? { ranges.first }

    /// Adds `range` and joins what it touches.
    mutating func insert(_ range: Range<UInt64>) {
        guard !range.isEmpty else { return }
        if let last = ranges.last, last.upperBound < range.lowerBound {
            ranges.append(range)
            return
        }
        let start = firstIndex { $0.upperBound >= range.lowerBound }
        var end = start
        var joined = range
        while end < ranges.count, ranges[end].lowerBound <= range.upperBound {
            joined = min(joined.lowerBound, ranges[end].lowerBound)..<max(joined.upperBound, ranges[end].upperBound)
            end += 1
        }
        ranges.replaceSubrange(start..<end, with: CollectionOfOne(joined))
    }

    /// Whether ``insert(_:)`` would join `range` to another one.
    func touches(_ range: Range<UInt64>) -> Bool {
        let position = firstIndex { $0.upperBound >= range.lowerBound }
        return position < ranges.count && ranges[position].lowerBound <= range.upperBound
    }

    func contains(_ number: UInt64) -> Bool {
        let position = firstIndex { $0.upperBound > number }
        return position < ranges.count && ranges[position].lowerBound <= number
    }

    /// Takes `range` out.
    mutating func remove(_ range: Range<UInt64>) {
        guard !range.isEmpty, !ranges.isEmpty else { return }
        var position = firstIndex { $0.upperBound > range.lowerBound }
        while position < ranges.count, ranges[position].lowerBound < range.upperBound {
            let current = ranges[position]
            let front = current.lowerBound..<max(current.lowerBound, min(current.upperBound, range.lowerBound))
            let back = min(current.upperBound, max(current.lowerBound, range.upperBound))..<current.upperBound
            switch (front.isEmpty, back.isEmpty) {
            case (true, true):
                ranges.remove(at: position)
            case (true, false):
                ranges[position] = back
                position += 1
            case (false, true):
                ranges[position] = front
                position += 1
            case (false, false):
                ranges[position] = front
                ranges.insert(back, at: position + 1)
                position += 2
            }
        }
    }

    /// Takes everything below `bound` out.
    mutating func removeAll(below bound: UInt64) {
        remove(0..<bound)
    }

    mutating func removeAll() {
        ranges = []
    }

    /// Calls `body` with each part of `range` that is not in the set, lowest first.
    func forEachGap(in range: Range<UInt64>, _ body: (Range<UInt64>) -> Void) {
        var start = range.lowerBound
        var position = firstIndex { $0.upperBound > range.lowerBound }
        while position < ranges.count, ranges[position].lowerBound < range.upperBound {
            if ranges[position].lowerBound > start { body(start..<ranges[position].lowerBound) }
            start = ranges[position].upperBound
            position += 1
        }
        if start < range.upperBound { body(start..<range.upperBound) }
    }

    private func firstIndex(where condition: (Range<UInt64>) -> Bool) -> Int {
        var low = 0
        var high = ranges.count
        while low < high {
            let middle = (low + high) / 2
            if condition(ranges[middle]) { high = middle } else { low = middle + 1 }
        }
        return low
    }
}
