/// The edits of one head, first by position: nothing is copied while there is none.
struct HeadEdits {
    private struct Edit {
        let range: Range<Int>
        /// Offsets into `insertions`.
        let insertion: Range<Int>
    }

    private var edits: [Edit] = []
    private var insertions: [UInt8] = []

    var isEmpty: Bool { edits.isEmpty }
    var count: Int { edits.count }

    mutating func clear() {
        if !edits.isEmpty { edits.removeAll(keepingCapacity: true) }
        if !insertions.isEmpty { insertions.removeAll(keepingCapacity: true) }
    }

    /// Replaces `range` by what `write` appends. Ranges come in ascending order and do not overlap.
    mutating func replace(_ range: Range<Int>, _ write: (inout [UInt8]) -> Void) {
        let start = insertions.count
        write(&insertions)
        edits.append(Edit(range: range, insertion: start..<insertions.count))
    }

    /// Removes `range`.
    mutating func remove(_ range: Range<Int>) {
        edits.append(Edit(range: range, insertion: insertions.count..<insertions.count))
    }

    /// Appends the edited head to `output`.
    func apply(to head: Span<UInt8>, into output: inout [UInt8]) {
        var copied = 0
        for edit in edits {
            output.append(contentsOf: head, copied..<edit.range.lowerBound)
            output.append(contentsOf: insertions[edit.insertion])
            copied = edit.range.upperBound
        }
        output.append(contentsOf: head, copied..<head.count)
    }
}
