/// What to send on for some bytes that were received: parts of them as they are, and bytes in place of others.
///
/// One plan is reused for all calls of a loop, so that nothing is allocated per message.
package struct ForwardPlan: Sendable {
    /// One part of what is sent.
    package enum Piece: Hashable, Sendable {
        /// These offsets of the input, unchanged.
        case input(Range<Int>)
        /// These offsets of `replacements`.
        case replacement(Range<Int>)
    }

    /// In the order in which they are to be sent.
    package private(set) var pieces: [Piece] = []
    /// The bytes that stand in for others.
    package private(set) var replacements: [UInt8] = []

    package init() {}

    /// Whether nothing is to be sent.
    package var isEmpty: Bool { pieces.isEmpty }

    /// How many bytes are to be sent.
    package var byteCount: Int {
        var count = 0
        for piece in pieces {
            switch piece {
            case .input(let range), .replacement(let range): count += range.count
            }
        }
        return count
    }

    mutating func clear() {
        // One by one, because there are few: emptying an array at once costs more.
        while pieces.popLast() != nil {}
        if !replacements.isEmpty { replacements.removeAll(keepingCapacity: true) }
    }

    /// Sends `range` of the input.
    mutating func append(input range: Range<Int>) {
        guard !range.isEmpty else { return }
        if case .input(let last) = pieces.last, last.upperBound == range.lowerBound {
            pieces[pieces.count - 1] = .input(last.lowerBound..<range.upperBound)
        } else {
            pieces.append(.input(range))
        }
    }

    /// Sends what `write` appends to the replacements.
    mutating func append(replacement write: (inout [UInt8]) -> Void) {
        let start = replacements.count
        write(&replacements)
        guard replacements.count > start else { return }
        if case .replacement(let last) = pieces.last, last.upperBound == start {
            pieces[pieces.count - 1] = .replacement(last.lowerBound..<replacements.count)
        } else {
            pieces.append(.replacement(start..<replacements.count))
        }
    }

    /// The bytes to send, for whoever does not mind the copy.
    package func bytes(of input: Span<UInt8>) -> [UInt8] {
        var result: [UInt8] = []
        for piece in pieces {
            switch piece {
            case .input(let range): result.append(contentsOf: input, range)
            case .replacement(let range): result.append(contentsOf: replacements[range])
            }
        }
        return result
    }
}
