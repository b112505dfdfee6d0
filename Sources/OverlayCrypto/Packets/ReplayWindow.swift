package import OverlayWire

/// Which of the last 4096 packet numbers have arrived (RFC 6479, with one word to spare so that the window is exact).
///
/// Ask ``isFresh(_:)`` before decrypting, ``mark(_:)`` after: a forged packet must not move the window.
package struct ReplayWindow: ~Copyable, Sendable {
    /// How far behind the largest number a packet may come.
    package static let span: UInt64 = 4096

    private static let wordCount = 65
    /// Bit n & 63 of word n / 64 % 65 says whether number n arrived; words of numbers above the largest are stale.
    private var words = InlineArray<65, UInt64>(repeating: 0)
    private var largest: UInt64?

    /// A window that has seen nothing.
    package init() {}

    /// Whether `number` has neither arrived nor fallen behind the window.
    package func isFresh(_ number: PacketNumber) -> Bool {
        let number = number.rawValue
        guard let largest, number <= largest else { return true }
        guard largest - number < Self.span else { return false }
        return words[Self.word(number)] & Self.bit(number) == 0
    }

    /// Records that `number`, which was fresh, has arrived; what has fallen behind the window is left alone.
    package mutating func mark(_ number: PacketNumber) {
        let number = number.rawValue
        if let largest, number <= largest {
            guard largest - number < Self.span else { return }
        } else {
            clear(upTo: number)
            largest = number
        }
        words[Self.word(number)] |= Self.bit(number)
    }

    /// Empties the words between the largest number's and that of `number`, which becomes the largest.
    private mutating func clear(upTo number: UInt64) {
        let current = largest.map { $0 >> 6 } ?? 0
        let steps = min(number >> 6 - current, UInt64(Self.wordCount))
        for step in 0..<steps {
            words[Self.word((current + 1 + step) << 6)] = 0
        }
    }

    private static func word(_ number: UInt64) -> Int { Int(number >> 6 % UInt64(wordCount)) }
    private static func bit(_ number: UInt64) -> UInt64 { 1 << (number & 63) }
}
