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
    /// How far the next leap goes.
    private var leap = Self.shortestLeap
    /// Where the numbers go on once so many are reserved; 0: where they are.
    private var goal: UInt64 = 0

    /// Numbers left at which more are asked for.
    static let reserve: UInt64 = 1 << 20
    /// How far a node goes ahead when nobody answers, since its state may be older than what others know of it: a
    /// restart without an orderly end takes as many, and each further leap is twice as long.
    static let shortestLeap: UInt64 = 1 << 24
    static let longestLeap: UInt64 = 1 << 36

    /// `reserved`: numbers that the key has never used and that nobody else will.
    init(reserved: Range<UInt64>) {
        value = reserved.lowerBound
        limit = reserved.upperBound
    }

    /// Above which number more are to be reserved.
    var next: UInt64 { max(limit, goal) }

    /// The next number, above `floor`; nil while none is left, or there is none.
    mutating func next(above floor: UInt64) -> UInt64? {
        guard value &+ 1 < limit, floor < .max else { return nil }
        value += 1
        return max(value, floor + 1)
    }

    /// Goes ahead as soon as so many numbers are reserved.
    mutating func leapAhead() {
        goal = value > .max / 2 ? value : value + leap
        leap = min(leap * 2, Self.longestLeap)
        if goal < limit { value = goal }
    }

    /// Somebody answers.
    mutating func settle() {
        leap = Self.shortestLeap
        goal = 0
    }

    /// Numbers up to `limit` are reserved now.
    mutating func extend(to limit: UInt64) {
        self.limit = max(self.limit, limit)
        isAsked = false
        if goal < self.limit { value = max(value, goal) }
    }

    /// Whether more are to be reserved; true once until they came.
    mutating func asksForMore() -> Bool {
        guard !isAsked, limit - value <= Self.reserve || goal >= limit else { return false }
        isAsked = true
        return true
    }
}
