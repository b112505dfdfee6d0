internal import CSodium

/// Random bytes from a 32-byte seed: the same seed gives the same bytes. Shells seed it from the system, simulations
/// from their number.
///
/// Each kilobyte is ChaCha20 (RFC 8439 §2.4) under a key that is the start of the stream before it, so bytes that were
/// handed out cannot be computed from what is left in memory. A copy goes on with the same bytes as its original.
package struct RandomSource: RandomNumberGenerator, Sendable {
    private var memory: GuardedMemory
    /// Where the next unused byte stands in `memory`.
    private var position = Layout.byteCount

    private enum Layout {
        static let key = 0
        static let output = 32
        static let byteCount = 32 + 1024
    }

    /// A source of the bytes that `seed`, 32 bytes, stands for.
    package init(seed: [UInt8]) {
        precondition(seed.count == 32, "a seed has 32 bytes")
        Sodium.start()
        memory = GuardedMemory(byteCount: Layout.byteCount)
        // The layout gives the key 32 bytes.
        unsafe memory.withBytes { unsafe $0.update(from: seed, count: 32) }
    }

    /// 64 random bits, as `RandomNumberGenerator` wants them.
    package mutating func next() -> UInt64 { nextUInt64() }

    /// 64 random bits.
    package mutating func nextUInt64() -> UInt64 {
        var value: UInt64 = 0
        unsafe Swift.withUnsafeMutableBytes(of: &value) { unsafe fill($0) }
        return UInt64(littleEndian: value)
    }

    /// 32 random bits.
    package mutating func nextUInt32() -> UInt32 {
        var value: UInt32 = 0
        unsafe Swift.withUnsafeMutableBytes(of: &value) { unsafe fill($0) }
        return UInt32(littleEndian: value)
    }

    /// `byteCount` random bytes.
    package mutating func bytes(_ byteCount: Int) -> [UInt8] {
        unsafe Array(unsafeUninitializedCapacity: byteCount) { output, count in
            // The output has room for byteCount bytes.
            unsafe fill(UnsafeMutableRawBufferPointer(start: output.baseAddress, count: byteCount))
            count = byteCount
        }
    }

    /// `byteCount` random bytes that never leave guarded memory.
    mutating func guardedBytes(_ byteCount: Int) -> GuardedMemory {
        let bytes = GuardedMemory(byteCount: byteCount)
        // Both lengths are byteCount.
        unsafe bytes.withBytes { unsafe fill(UnsafeMutableRawBufferPointer(start: $0, count: byteCount)) }
        return bytes
    }

    /// Makes all that follows depend on `entropy` too, however much of it is unknown: no copy of this source that was
    /// made before goes on alike.
    package mutating func mix(_ entropy: [UInt8]) {
        let key = Hash.blake2b(bytes(32) + entropy)
        // The layout gives the key 32 bytes; the copy is this source's own since it gave bytes.
        unsafe memory.withBytes { unsafe $0.update(from: key, count: 32) }
        position = Layout.byteCount
    }

    private mutating func fill(_ output: UnsafeMutableRawBufferPointer) {
        if !isKnownUniquelyReferenced(&memory) { memory = memory.copy() }
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

    private mutating func refill() {
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
