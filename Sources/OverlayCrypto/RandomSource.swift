internal import CSodium

/// Random bytes from a 32-byte seed: the same seed gives the same bytes. Shells seed it from the system, simulations
/// from their number.
///
/// Each kilobyte is ChaCha20 (RFC 8439 §2.4) under a key that is the start of the stream before it, so bytes that were
/// handed out cannot be computed from what is left in memory. A reference, so that nothing in a process is given the
/// same bytes twice; what is copied with the whole machine differs from the next key on, where there is `entropy`.
package final class RandomSource: RandomNumberGenerator {
    private let memory: GuardedMemory
    /// Fresh randomness of the system, 32 bytes a call: mixed in before each key that is made.
    private let entropy: (() -> [UInt8])?
    /// Where the next unused byte stands in `memory`.
    private var position = Layout.byteCount

    private enum Layout {
        static let key = 0
        static let output = 32
        static let byteCount = 32 + 1024
    }

    /// A source of the bytes that `seed`, 32 bytes, stands for, and of what `entropy` brings before each key.
    package init(seed: [UInt8], entropy: (() -> [UInt8])? = nil) {
        precondition(seed.count == 32, "a seed has 32 bytes")
        Sodium.start()
        self.entropy = entropy
        memory = GuardedMemory(byteCount: Layout.byteCount)
        // The layout gives the key 32 bytes.
        unsafe memory.withBytes { unsafe $0.update(from: seed, count: 32) }
    }

    /// 64 random bits, as `RandomNumberGenerator` wants them.
    package func next() -> UInt64 { nextUInt64() }

    /// 64 random bits.
    package func nextUInt64() -> UInt64 {
        var value: UInt64 = 0
        unsafe Swift.withUnsafeMutableBytes(of: &value) { unsafe fill($0) }
        return UInt64(littleEndian: value)
    }

    /// 32 random bits.
    package func nextUInt32() -> UInt32 {
        var value: UInt32 = 0
        unsafe Swift.withUnsafeMutableBytes(of: &value) { unsafe fill($0) }
        return UInt32(littleEndian: value)
    }

    /// `byteCount` random bytes.
    package func bytes(_ byteCount: Int) -> [UInt8] {
        unsafe Array(unsafeUninitializedCapacity: byteCount) { output, count in
            // The output has room for byteCount bytes.
            unsafe fill(UnsafeMutableRawBufferPointer(start: output.baseAddress, count: byteCount))
            count = byteCount
        }
    }

    /// `byteCount` random bytes for a secret that has to leave guarded memory.
    package func secretBytes(_ byteCount: Int) -> [UInt8] {
        refresh()
        return bytes(byteCount)
    }

    /// `byteCount` random bytes for a key, which never leave guarded memory.
    func guardedBytes(_ byteCount: Int) -> GuardedMemory {
        refresh()
        let bytes = GuardedMemory(byteCount: byteCount)
        // Both lengths are byteCount.
        unsafe bytes.withBytes { unsafe fill(UnsafeMutableRawBufferPointer(start: $0, count: byteCount)) }
        return bytes
    }

    /// Makes all that follows depend on what the system brings, if there is such, too.
    package func refresh() {
        guard let entropy else { return }
        let key = Hash.blake2b(bytes(32) + entropy())
        // The layout gives the key 32 bytes.
        unsafe memory.withBytes { unsafe $0.update(from: key, count: 32) }
        position = Layout.byteCount
    }

    private func fill(_ output: UnsafeMutableRawBufferPointer) {
        var written = 0
        while written < output.count {
            if position == Layout.byteCount { refill() }
            let count = min(output.count - written, Layout.byteCount - position)
            let start = position
            unsafe memory.withBytes { base in
                // In bounds: start + count <= the layout's size, written + count <= output.count.
                unsafe UnsafeMutableRawBufferPointer(rebasing: output[written..<written + count])
                    .copyMemory(from: UnsafeRawBufferPointer(start: base + start, count: count))
                unsafe sodium_memzero(base + start, count)
            }
            position += count
            written += count
        }
    }

    private func refill() {
        let nonce: [UInt8] = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]
        unsafe memory.withBytes { base in
            // The stream overwrites the key only after ChaCha20 has taken it: the bytes are all zero but the key, so it
            // is copied aside first. Every length is the layout's.
            unsafe withUnsafeTemporaryAllocation(byteCount: 32, alignment: 16) { key in
                let copy = unsafe key.assumingMemoryBound(to: UInt8.self).baseAddress
                guard let copy = unsafe copy else { preconditionFailure("32 bytes are not empty") }
                unsafe copy.update(from: base + Layout.key, count: 32)
                unsafe crypto_stream_chacha20_ietf(base, UInt64(Layout.byteCount), nonce, copy)
                unsafe sodium_memzero(copy, 32)
            }
        }
        position = Layout.output
    }
}
