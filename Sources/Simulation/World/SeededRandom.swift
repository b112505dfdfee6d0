package import PosternModel

/// The simulation's source of randomness: xoshiro256** (Blackman and Vigna, 2018), seeded through SplitMix64.
///
/// Everything random in a run comes from values of this type that derive from the run's seed, so a seed is the run.
package struct SeededRandom: RandomNumberGenerator, Sendable {
    private var a: UInt64
    private var b: UInt64
    private var c: UInt64
    private var d: UInt64

    /// A source that yields the same numbers for the same seed.
    package init(seed: UInt64) {
        var state = seed
        a = Self.splitMix(&state)
        b = Self.splitMix(&state)
        c = Self.splitMix(&state)
        d = Self.splitMix(&state)
    }

    /// A source for one purpose of the run: it yields the same numbers whatever other purposes draw.
    package init(seed: UInt64, purpose: Purpose, index: Int = 0) {
        var state = seed
        var mixed = Self.splitMix(&state) ^ (purpose.rawValue &* 0x9e37_79b9_7f4a_7c15)
        mixed = Self.splitMix(&mixed) ^ UInt64(truncatingIfNeeded: index)
        self.init(seed: mixed)
    }

    /// What a derived source is for.
    package enum Purpose: UInt64, Sendable {
        case identities = 1
        case nodes
        case links
        case topology
        case workload
        case faults
        case attacker
        case settings
        case entropy
    }

    package mutating func next() -> UInt64 {
        let scrambled = b &* 5
        let result = (scrambled << 7 | scrambled >> 57) &* 9
        let shifted = b << 17
        c ^= a
        d ^= b
        b ^= c
        a ^= d
        c ^= shifted
        d = d << 45 | d >> 19
        return result
    }

    /// Whether something of this probability, 0…1, happens. Draws one number in every case.
    package mutating func happens(_ probability: Double) -> Bool {
        Double(next() >> 11) * 0x1p-53 < probability
    }

    /// A number from 0 up to, not including, `bound`, which is positive.
    package mutating func below(_ bound: Int) -> Int {
        precondition(bound > 0, "there is no number below zero to draw")
        return Int(next().multipliedFullWidth(by: UInt64(bound)).high)
    }

    /// A number in `range`.
    package mutating func number(in range: ClosedRange<Int>) -> Int {
        range.lowerBound + below(range.upperBound - range.lowerBound + 1)
    }

    /// A length of time in `range`, in whole nanoseconds.
    package mutating func interval(in range: ClosedRange<Interval>) -> Interval {
        let width = Int(range.upperBound.nanoseconds - range.lowerBound.nanoseconds)
        return Interval(nanoseconds: range.lowerBound.nanoseconds + Int64(below(width + 1)))
    }

    /// One of `choices`, which is not empty.
    package mutating func pick<Choice>(_ choices: [Choice]) -> Choice {
        choices[below(choices.count)]
    }

    /// `byteCount` random bytes.
    package mutating func bytes(_ byteCount: Int) -> [UInt8] {
        var result: [UInt8] = []
        result.reserveCapacity(byteCount + 8)
        while result.count < byteCount {
            var word = next()
            for _ in 0..<8 {
                result.append(UInt8(truncatingIfNeeded: word))
                word >>= 8
            }
        }
        result.removeLast(result.count - byteCount)
        return result
    }

    private static func splitMix(_ state: inout UInt64) -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        return mix(state)
    }

    /// SplitMix64's finaliser: a bijection whose every output bit depends on every input bit.
    package static func mix(_ value: UInt64) -> UInt64 {
        var word = value
        word = (word ^ word >> 30) &* 0xbf58_476d_1ce4_e5b9
        word = (word ^ word >> 27) &* 0x94d0_49bb_1331_11eb
        return word ^ word >> 31
    }
}
