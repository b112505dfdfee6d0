/// What stands before the bytes of a datagram of a service of kind `udp` in each overlay datagram that carries it
/// (`Protocol.md` §7.1; RULES D).
///
/// ```
///   0       1               5       7
/// +-------+---------------+-------+- - -
/// | flags | flow          | id    | bytes
/// +-------+---------------+-------+- - -
/// ```
package struct DatagramPart: Hashable, Sendable {
    /// Which of the bytes follow.
    package enum Place: Hashable, Sendable {
        case whole
        case first
        case second
    }

    /// Whether it comes from the service, and not from its client.
    package var isAnswer: Bool
    /// Which of the client's conversations it belongs to. The reaching end chooses it.
    package var flow: UInt32
    /// Of the datagram, among those of its flow and direction.
    package var id: UInt16
    package var place: Place

    /// Bytes before those of the datagram.
    package static let headSize = 7
    /// The largest datagram that is carried, in bytes (RULES D).
    package static let largest = 1452

    private enum Flag {
        static let answer: UInt8 = 0x01
        static let divided: UInt8 = 0x02
        static let second: UInt8 = 0x04
    }

    package init(isAnswer: Bool, flow: UInt32, id: UInt16, place: Place = .whole) {
        self.isAnswer = isAnswer
        self.flow = flow
        self.id = id
        self.place = place
    }

    /// The head at the start of `bytes`; nil when there is none, or one of a later version.
    package init?(_ bytes: Span<UInt8>) {
        guard bytes.count >= Self.headSize else { return nil }
        switch bytes[0] & ~Flag.answer {
        case 0: place = .whole
        case Flag.divided: place = .first
        case Flag.divided | Flag.second: place = .second
        case _: return nil
        }
        isAnswer = bytes[0] & Flag.answer != 0
        flow = (1..<5).reduce(0) { $0 << 8 | UInt32(bytes[$1]) }
        id = UInt16(bytes[5]) << 8 | UInt16(bytes[6])
    }

    /// The head.
    package var bytes: [UInt8] {
        var flags = isAnswer ? Flag.answer : 0
        switch place {
        case .whole: break
        case .first: flags |= Flag.divided
        case .second: flags |= Flag.divided | Flag.second
        }
        return [flags] + [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: flow >> $0) }
            + [UInt8(truncatingIfNeeded: id >> 8), UInt8(truncatingIfNeeded: id)]
    }

    /// The overlay datagrams that carry `byteCount` bytes behind this head, at most `limit` bytes in each: one or two.
    /// Nil when there is no room for them.
    package func divide(_ byteCount: Int, limit: Int) -> [(part: DatagramPart, range: Range<Int>)]? {
        let room = limit - Self.headSize
        guard byteCount <= Self.largest, byteCount <= 2 * room else { return nil }
        if byteCount <= room { return [(self, 0..<byteCount)] }
        let half = (byteCount + 1) / 2
        var (first, second) = (self, self)
        (first.place, second.place) = (.first, .second)
        return [(first, 0..<half), (second, half..<byteCount)]
    }
}

/// Joins the parts of the datagrams of one flow and direction. Those whose other part does not come are lost.
package struct DatagramJoiner: Sendable {
    private struct Half {
        let part: DatagramPart
        let bytes: [UInt8]
    }

    /// Halves that wait at a time; the oldest makes way.
    static let limit = 8

    private var halves: [Half] = []

    package init() {}

    /// What a part completes, and how many datagrams were given up for it.
    package mutating func join(_ part: DatagramPart, _ bytes: [UInt8]) -> (whole: [UInt8]?, lostCount: Int) {
        if part.place == .whole { return (bytes, 0) }
        if let position = halves.firstIndex(where: { $0.part.id == part.id }) {
            let other = halves.remove(at: position)
            if other.part.place != part.place {
                return (part.place == .second ? other.bytes + bytes : bytes + other.bytes, 0)
            }
            // An id that came round again: the other part of the former datagram is not to come any more.
            halves.append(Half(part: part, bytes: bytes))
            return (nil, 1)
        }
        halves.append(Half(part: part, bytes: bytes))
        guard halves.count > Self.limit else { return (nil, 0) }
        halves.removeFirst()
        return (nil, 1)
    }
}
