import PosternModel

/// The numbers of this node's first messages: each is larger than all before, also across restarts, since blocks of
/// them are reserved on the disk ahead of use (`Protocol.md` §4.9).
struct HandshakeCounter {
    /// The last number that was used.
    private(set) var value: UInt64
    /// The first number that is not reserved.
    private(set) var limit: UInt64
    /// Whether more numbers were asked for and did not come yet.
    private var isAsked = false

    /// Numbers left at which more are asked for: four leaps.
    static let reserve: UInt64 = 4 * leap
    /// How far a node goes ahead when nobody answers: its state may be older than what others know of it.
    static let leap: UInt64 = 1 << 20

    /// `reserved`: numbers that the key has never used and that nobody else will.
    init(reserved: Range<UInt64>) {
        value = reserved.lowerBound
        limit = reserved.upperBound
    }

    /// The next number, above `floor`; nil while none is left, or there is none.
    mutating func next(above floor: UInt64) -> UInt64? {
        guard value &+ 1 < limit, floor < .max else { return nil }
        value += 1
        return max(value, floor + 1)
    }

    /// Goes ahead as far as numbers are reserved.
    mutating func leapAhead() {
        guard limit > value + 1 else { return }
        value = min(value + Self.leap, limit - 1)
    }

    /// Numbers up to `limit` are reserved now.
    mutating func extend(to limit: UInt64) {
        self.limit = max(self.limit, limit)
        isAsked = false
    }

    /// Whether more are to be reserved; true once until they came.
    mutating func asksForMore() -> Bool {
        guard !isAsked, limit - value <= Self.reserve else { return false }
        isAsked = true
        return true
    }
}
