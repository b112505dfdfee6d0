/// The ranges of the last ACK frame below its first: most of them come again, unchanged, in the next one, and tell
/// nothing.
struct RepeatedRanges {
    /// More are taken anew each time.
    static let maximum = 64

    /// From the highest to the lowest, as in a frame.
    private var last: [ClosedRange<UInt64>] = []
    private var present: [ClosedRange<UInt64>] = []
    /// Ranges of the last frame before this one are above what the present frame has come to.
    private var position = 0

    /// Takes the next range of a frame. True when the last frame had exactly this one.
    mutating func isRepeated(_ range: ClosedRange<UInt64>) -> Bool {
        if present.count < Self.maximum { present.append(range) }
        while position < last.count, last[position].lowerBound > range.upperBound { position += 1 }
        return position < last.count && last[position] == range
    }

    /// The frame is read to its end.
    mutating func endFrame() {
        swap(&last, &present)
        present.removeAll(keepingCapacity: true)
        position = 0
    }
}
