/// Packet numbers that are left out now and then: whoever acknowledges one acknowledges what it has not received, to
/// make this node send faster than anything arrives (RFC 9000 §21.4).
struct SkippedNumbers {
    /// One number in so many is left out at first, in twice as many each time after: every gap costs the peer's
    /// acknowledgements a range.
    static let firstPeriod: UInt64 = 64
    static let longestPeriod: UInt64 = 1 << 16
    /// Numbers that are remembered: those before were passed long ago.
    private static let maximum = 4

    private(set) var recent: [UInt64] = []
    private var period = Self.firstPeriod
    /// The next that is left out; nil: none ever.
    private var next: UInt64?

    /// None is left out.
    init() {}

    /// Numbers behind the first packets are left out, as `draw` has it: random bits.
    init(draw: UInt64) {
        next = 2 + draw % Self.firstPeriod
    }

    func isDue(at number: UInt64) -> Bool { next.map { number >= $0 } ?? false }

    /// `number` is left out.
    mutating func skip(_ number: UInt64, draw: UInt64) {
        if recent.count == Self.maximum { recent.removeFirst() }
        recent.append(number)
        period = min(period * 2, Self.longestPeriod)
        next = number + 1 + period / 2 + draw % period
    }

    /// Whether `range` holds a number that never left.
    func overlaps(_ range: ClosedRange<UInt64>) -> Bool { recent.contains { range.contains($0) } }
}
