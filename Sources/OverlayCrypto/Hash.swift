internal import CSodium

/// Hashes of messages.
package enum Hash {
    /// BLAKE2b (RFC 7693) of `message`, of 1…64 bytes, keyed if `key` (at most 64 bytes) is not empty.
    package static func blake2b(_ message: [UInt8], key: [UInt8] = [], byteCount: Int = 32) -> [UInt8] {
        precondition((1...64).contains(byteCount) && key.count <= 64, "BLAKE2b takes and gives at most 64 bytes")
        Sodium.start()
        // Each array goes with its own length; the output has byteCount bytes.
        let hash = unsafe filledBytes(byteCount) { output in
            unsafe crypto_generichash_blake2b(output, byteCount, message, UInt64(message.count), key, key.count)
        }
        guard let hash else { preconditionFailure("lengths are within the bounds of BLAKE2b") }
        return hash
    }

    /// SHA-256 (FIPS 180-4) of `message`, where others ask for it by name.
    package static func sha256(_ message: [UInt8]) -> [UInt8] {
        Sodium.start()
        // The output has as many bytes as SHA-256 gives.
        let hash = unsafe filledBytes(32) { output in
            unsafe crypto_hash_sha256(output, message, UInt64(message.count))
        }
        guard let hash else { preconditionFailure("SHA-256 takes every message") }
        return hash
    }
}

/// Whether `a` and `b` are the same bytes; takes the same time wherever they differ. Lengths are not secret.
package func constantTimeEquals(_ a: [UInt8], _ b: [UInt8]) -> Bool {
    guard a.count == b.count else { return false }
    // Both arrays have a.count bytes.
    return unsafe sodium_memcmp(a, b, a.count) == 0
}
