package import PosternModel

/// Appends wire fields to memory that the caller owns: one or more packets, one behind the other.
///
/// The writer lives no longer than the memory it was made for. Every append checks the bound, so a field that does not
/// fit is a bug of ours and traps; ask ``remaining`` first.
@safe
package struct PacketWriter: ~Copyable {
    private let base: UnsafeMutableRawPointer
    /// Bytes of the memory.
    package let capacity: Int
    /// Bytes written so far.
    package private(set) var count = 0
    /// Where the packet at hand must end, at most ``capacity``.
    package var limit: Int {
        didSet { precondition(limit <= capacity, "a packet cannot end behind the buffer") }
    }

    /// A writer to the start of `memory`, which must outlive it.
    @unsafe
    package init(_ memory: UnsafeMutableRawBufferPointer) {
        guard let address = memory.baseAddress else {
            preconditionFailure("a packet buffer is never empty")
        }
        unsafe base = address
        capacity = memory.count
        limit = memory.count
    }

    /// Bytes that still fit before ``limit``.
    package var remaining: Int { limit - count }

    /// Runs `body` on a writer to `byteCount` fresh bytes and returns what it wrote: for the paths that are not hot.
    package static func bytes(
        capacity: Int,
        _ body: (inout PacketWriter) -> Void
    ) -> [UInt8] {
        unsafe Array(unsafeUninitializedCapacity: capacity) { memory, count in
            var writer = unsafe PacketWriter(UnsafeMutableRawBufferPointer(memory))
            body(&writer)
            count = writer.count
        }
    }

    /// Appends one byte.
    package mutating func append(_ byte: UInt8) {
        reserve(1)
        // In bounds by reserve.
        unsafe base.storeBytes(of: byte, toByteOffset: count, as: UInt8.self)
        count += 1
    }

    /// Appends `value` in big-endian order.
    package mutating func append<Value: FixedWidthInteger & BitwiseCopyable>(bigEndian value: Value) {
        reserve(MemoryLayout<Value>.size)
        // In bounds by reserve.
        unsafe base.storeBytes(of: value.bigEndian, toByteOffset: count, as: Value.self)
        count += MemoryLayout<Value>.size
    }

    /// Appends `value` as a variable-length integer (RFC 9000 §16).
    package mutating func append(varint value: UInt64) {
        switch value {
        case ..<0x40:
            append(UInt8(truncatingIfNeeded: value))
        case ..<0x4000:
            append(bigEndian: UInt16(truncatingIfNeeded: value) | 0x4000)
        case ..<0x4000_0000:
            append(bigEndian: UInt32(truncatingIfNeeded: value) | 0x8000_0000)
        case _:
            precondition(value <= Varint.maximum, "a variable-length integer holds 62 bits")
            append(bigEndian: value | 0xc000_0000_0000_0000)
        }
    }

    package mutating func append(_ words: Words32) {
        for word in [words.a, words.b, words.c, words.d] {
            append(bigEndian: word.byteSwapped)
        }
    }

    package mutating func append(_ bytes: [UInt8]) {
        unsafe append(bytes.span.bytes)
    }

    package mutating func append(_ bytes: RawSpan) {
        reserve(bytes.byteCount)
        // In bounds by reserve; the source cannot overlap memory that is being written exclusively.
        unsafe bytes.withUnsafeBytes { source in
            guard let address = source.baseAddress else { return }
            unsafe (base + count).copyMemory(from: address, byteCount: source.count)
        }
        count += bytes.byteCount
    }

    /// Appends `byteCount` zero bytes.
    package mutating func appendZeros(_ byteCount: Int) {
        reserve(byteCount)
        // In bounds by reserve.
        unsafe (base + count).initializeMemory(as: UInt8.self, repeating: 0, count: byteCount)
        count += byteCount
    }

    /// Lets `body` fill up to `byteCount` bytes behind what is written, and counts what it says it wrote.
    @unsafe
    package mutating func append(
        atMost byteCount: Int,
        _ body: (UnsafeMutableRawBufferPointer) -> Int
    ) {
        reserve(byteCount)
        // In bounds by reserve.
        let written = unsafe body(UnsafeMutableRawBufferPointer(start: base + count, count: byteCount))
        precondition(written >= 0 && written <= byteCount, "a field cannot be larger than its room")
        count += written
    }

    /// Forgets everything behind `newCount`.
    package mutating func truncate(to newCount: Int) {
        precondition(newCount >= 0 && newCount <= count, "a writer truncates to what it has written")
        count = newCount
    }

    /// The written bytes in `range`, for encryption in place.
    @unsafe
    package func withUnsafeBytes<Result>(
        in range: Range<Int>,
        _ body: (UnsafeMutableRawBufferPointer) -> Result
    ) -> Result {
        precondition(range.lowerBound >= 0 && range.upperBound <= count, "only written bytes can be read")
        return unsafe body(UnsafeMutableRawBufferPointer(start: base + range.lowerBound, count: range.count))
    }

    /// Runs `body` on everything written.
    package func withSpan<Result>(_ body: (RawSpan) -> Result) -> Result {
        // In bounds: count bytes are written.
        let bytes = unsafe UnsafeRawBufferPointer(start: base, count: count)
        return unsafe body(bytes.bytes)
    }

    /// A copy of everything written.
    package func copyBytes() -> [UInt8] {
        unsafe Array(UnsafeRawBufferPointer(start: base, count: count))
    }

    private func reserve(_ byteCount: Int) {
        precondition(byteCount >= 0 && byteCount <= limit - count, "the field does not fit into the packet")
    }
}
