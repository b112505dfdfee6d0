internal import CSodium

/// How a key's seed stands in a file: as 64 hexadecimal digits. Read and written without tables, and with no copy left
/// behind in memory that is not guarded.
package enum SeedText {
    /// Digits of a seed.
    package static let digitCount = 64

    /// `prefix`, the digits of a fresh seed of the system's, and a line feed: for a file, and to be wiped after that.
    package static func fresh(after prefix: String) -> [UInt8] {
        Sodium.start()
        let seed = GuardedMemory(byteCount: digitCount / 2)
        var text = Array(prefix.utf8)
        let start = text.count
        // Room for the digits and the zero that libsodium sets behind them; the line feed takes its place.
        text += Array(repeating: 0, count: digitCount + 1)
        unsafe seed.withBytes { seed in
            unsafe randombytes_buf(seed, digitCount / 2)
            unsafe text.withUnsafeMutableBytes { text in
                let room = unsafe UnsafeMutableRawBufferPointer(rebasing: text[start...]).bindMemory(to: CChar.self)
                guard let first = room.baseAddress else { preconditionFailure("there is room for the digits") }
                _ = unsafe sodium_bin2hex(first, digitCount + 1, seed, digitCount / 2)
            }
        }
        text[start + digitCount] = UInt8(ascii: "\n")
        return text
    }

    /// The identity whose seed `digits` are. Throws ``CryptoError/invalidKey`` unless there are 64, of either case.
    package static func identity(_ digits: ArraySlice<UInt8>) throws(CryptoError) -> NodeIdentity {
        guard digits.count == digitCount else { throw .invalidKey }
        Sodium.start()
        let seed = GuardedMemory(byteCount: digitCount / 2)
        var written = 0
        let result = unsafe seed.withBytes { seed in
            unsafe digits.withUnsafeBytes { digits in
                // The output has half as many bytes as there are digits.
                unsafe sodium_hex2bin(
                    seed,
                    digitCount / 2,
                    digits.bindMemory(to: CChar.self).baseAddress,
                    digitCount,
                    nil,
                    &written,
                    nil
                )
            }
        }
        guard result == 0, written == digitCount / 2 else { throw .invalidKey }
        return try NodeIdentity(guardedSeed: seed)
    }

    /// Overwrites bytes that held a secret.
    package static func wipe(_ bytes: inout [UInt8]) {
        // The buffer has the length it says.
        unsafe bytes.withUnsafeMutableBytes { unsafe sodium_memzero($0.baseAddress, $0.count) }
    }
}
