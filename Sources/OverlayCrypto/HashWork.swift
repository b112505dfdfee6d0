internal import CSodium

/// Proof of work over one message: numbers that, appended to it as eight big-endian bytes, give a BLAKE2b-256 hash with
/// leading zero bits. Each bit doubles what a solution costs; checking one costs a single hash.
package struct HashWork: Sendable {
    /// The message and room for the number.
    private let prefix: [UInt8]

    /// Work over `message`.
    package init(over message: [UInt8]) {
        Sodium.start()
        prefix = message
    }

    /// The leading zero bits that `number` gives, of which up to 64 are counted.
    package func bits(of number: UInt64) -> Int {
        var buffers = Buffers(prefix: prefix)
        return buffers.bits(of: number)
    }

    /// The first of the numbers `range` that gives at least `bits` leading zero bits, or nil when none does. Takes a
    /// fraction of a microsecond for each number.
    package func search(_ range: Range<UInt64>, bits: Int) -> UInt64? {
        var buffers = Buffers(prefix: prefix)
        return range.first { buffers.bits(of: $0) >= bits }
    }

    /// The bytes that a search uses over and over.
    private struct Buffers {
        private var input: [UInt8]
        private var output = [UInt8](repeating: 0, count: 32)

        init(prefix: [UInt8]) {
            input = prefix + [UInt8](repeating: 0, count: 8)
        }

        mutating func bits(of number: UInt64) -> Int {
            let start = input.count - 8
            for position in 0..<8 {
                input[start + position] = UInt8(truncatingIfNeeded: number >> UInt64(56 - 8 * position))
            }
            // The output has 32 bytes; the input goes with its own length, and there is no key.
            let failure = unsafe crypto_generichash_blake2b(&output, 32, input, UInt64(input.count), nil, 0)
            precondition(failure == 0, "lengths are within the bounds of BLAKE2b")
            let head = output.prefix(8).reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
            return head.leadingZeroBitCount
        }
    }
}
