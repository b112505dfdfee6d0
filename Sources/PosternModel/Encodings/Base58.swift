/// Base58 with the Bitcoin alphabet (draft-msporny-base58-03), as `did:key` uses it.
package enum Base58 {
    private static let alphabet = Array("123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz".utf8)
    /// The digit of each ASCII character; 255 for those outside the alphabet.
    private static let digits = alphabet.indices.reduce(into: [UInt8](repeating: .max, count: 128)) { digits, digit in
        digits[Int(alphabet[digit])] = UInt8(digit)
    }

    /// So many digits are one limb: 58 to the power of 5 is less than 2 to the power of 30.
    private static let digitsPerLimb = 5
    private static let limbBase: UInt64 = 656_356_768

    /// The base58 text of `bytes`. Quadratic in the length: meant for keys, not for data.
    package static func encode(_ bytes: [UInt8]) -> String {
        // Little-endian limbs of five digits, multiplied by 2^32 for each four bytes.
        var limbs: [UInt64] = []
        limbs.reserveCapacity(bytes.count / 3 + 1)
        var position = 0
        while position < bytes.count {
            let count = (bytes.count - position) % 4
            let end = position + (count == 0 ? 4 : count)
            var carry: UInt64 = 0
            for byte in bytes[position..<end] { carry = carry << 8 | UInt64(byte) }
            let shift = UInt64(8 * (end - position))
            for limb in limbs.indices {
                carry += limbs[limb] << shift
                (carry, limbs[limb]) = carry.quotientAndRemainder(dividingBy: limbBase)
            }
            while carry > 0 {
                let (rest, limb) = carry.quotientAndRemainder(dividingBy: limbBase)
                limbs.append(limb)
                carry = rest
            }
            position = end
        }
        var text: [UInt8] = []
        text.reserveCapacity(limbs.count * digitsPerLimb + bytes.count)
        for limb in limbs {
            var rest = limb
            for _ in 0..<digitsPerLimb {
                text.append(alphabet[Int(rest % 58)])
                rest /= 58
            }
        }
        // The highest limb may have fewer digits, and each zero byte in front is one zero.
        while text.last == alphabet[0] { text.removeLast() }
        for byte in bytes {
            guard byte == 0 else { break }
            text.append(alphabet[0])
        }
        text.reverse()
        return String(decoding: text, as: UTF8.self)
    }

    /// The bytes of base58 `text`, or nil when it holds a character outside the alphabet.
    package static func decode(_ text: some StringProtocol) -> [UInt8]? {
        decode(Array(text.utf8))
    }

    private static func decode(_ text: [UInt8]) -> [UInt8]? {
        var limbs: [UInt32] = []
        limbs.reserveCapacity(text.count / 5 + 1)
        var (pending, scale): (UInt64, UInt64) = (0, 1)
        for (position, character) in text.enumerated() {
            guard character < 128, digits[Int(character)] != .max else { return nil }
            pending = pending * 58 + UInt64(digits[Int(character)])
            scale *= 58
            guard scale == limbBase || position == text.count - 1 else { continue }
            for limb in limbs.indices {
                pending += UInt64(limbs[limb]) * scale
                limbs[limb] = UInt32(truncatingIfNeeded: pending)
                pending >>= 32
            }
            if pending > 0 { limbs.append(UInt32(pending)) }
            (pending, scale) = (0, 1)
        }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(limbs.count * 4 + text.count)
        for limb in limbs {
            for shift in stride(from: UInt32(0), to: 32, by: 8) {
                bytes.append(UInt8(truncatingIfNeeded: limb >> shift))
            }
        }
        while bytes.last == 0 { bytes.removeLast() }
        for character in text {
            guard character == alphabet[0] else { break }
            bytes.append(0)
        }
        bytes.reverse()
        return bytes
    }
}
