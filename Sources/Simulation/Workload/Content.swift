/// The bytes of a simulated stream or datagram: each is determined by the run's seed, a tag and its offset, so that a
/// receiver can tell a wrong, missing, repeated or foreign byte without having seen the sender.
package struct Content: Sendable {
    private let key: UInt64

    /// What the stream or datagram `tag` carries in `direction` in the run of `seed`.
    package init(seed: UInt64, tag: ContentTag, direction: Direction) {
        key = SeededRandom.mix(seed ^ SeededRandom.mix(tag.rawValue &* 2 &+ (direction == .up ? 0 : 1)))
    }

    /// The bytes in `range` of offsets.
    package func bytes(_ range: Range<Int>) -> [UInt8] {
        Array(unsafeUninitializedCapacity: range.count) { memory, count in
            var offset = range.lowerBound
            while offset < range.upperBound {
                var word = SeededRandom.mix(key &+ UInt64(offset >> 3)) >> UInt64((offset & 7) * 8)
                for _ in (offset & 7)..<min(8, (offset & 7) + range.upperBound - offset) {
                    memory[count] = UInt8(truncatingIfNeeded: word)
                    word >>= 8
                    count += 1
                    offset += 1
                }
            }
        }
    }
}

/// Names one stream or datagram of a run.
package struct ContentTag: Hashable, Comparable, Sendable {
    package let rawValue: UInt64

    package init(_ rawValue: UInt64) {
        self.rawValue = rawValue
    }

    package static func < (lhs: ContentTag, rhs: ContentTag) -> Bool { lhs.rawValue < rhs.rawValue }

    /// How many bytes a tag takes at the head of what it names.
    package static let headerByteCount = 16
    private static let magic: UInt64 = 0x706f_7374_6572_6e21

    /// The tag as the first bytes of its stream or datagram.
    package var header: [UInt8] {
        [Self.magic, rawValue].flatMap { word in
            stride(from: 56, through: 0, by: -8).map { UInt8(truncatingIfNeeded: word >> UInt64($0)) }
        }
    }

    /// The tag in a whole `header`, or nil when it is none.
    package init?(header: [UInt8]) {
        guard header.count == Self.headerByteCount else { return nil }
        let words = [header[0..<8], header[8..<16]].map { $0.reduce(UInt64(0)) { $0 << 8 | UInt64($1) } }
        guard words[0] == Self.magic else { return nil }
        self.init(words[1])
    }
}

extension ContentTag: CustomStringConvertible {
    package var description: String { "#\(rawValue)" }
}

/// Which way bytes of a stream go: up from who opened it, down from who accepted it.
package enum Direction: Sendable {
    case up
    case down
}

/// One end of a stream.
package enum Side: Sendable {
    case opener
    case acceptor

    /// The direction in which this side writes.
    package var outgoing: Direction {
        switch self {
        case .opener: .up
        case .acceptor: .down
        }
    }

    /// The direction from which this side reads.
    package var incoming: Direction { other.outgoing }

    /// The side at the other end.
    package var other: Side {
        switch self {
        case .opener: .acceptor
        case .acceptor: .opener
        }
    }
}
