package import PosternModel

/// Bounds-checked reads of wire fields. Integers are big endian. These helpers and `PacketWriter` are the only places
/// of this target that touch memory unsafely; each states the bound that makes it safe.
extension RawSpan {
    /// The byte at `offset`.
    package func loadByte(at offset: Int) throws(WireError) -> UInt8 {
        guard offset >= 0, offset < byteCount else { throw .truncated }
        return unsafe unsafeLoad(fromUncheckedByteOffset: offset, as: UInt8.self)
    }

    /// The big-endian integer at `offset`.
    package func load<Value: FixedWidthInteger & BitwiseCopyable>(
        _: Value.Type,
        at offset: Int
    ) throws(WireError) -> Value {
        guard offset >= 0, byteCount - offset >= MemoryLayout<Value>.size else { throw .truncated }
        return unsafe Value(bigEndian: unsafeLoadUnaligned(fromUncheckedByteOffset: offset, as: Value.self))
    }

    /// The 32 bytes at `offset`.
    package func loadWords32(at offset: Int) throws(WireError) -> Words32 {
        guard offset >= 0, byteCount - offset >= 32 else { throw .truncated }
        func word(_ position: Int) -> UInt64 {
            // In bounds by the guard above: position is 0, 8, 16 or 24.
            unsafe UInt64(
                littleEndian: unsafeLoadUnaligned(fromUncheckedByteOffset: offset + position, as: UInt64.self)
            )
        }
        return Words32(a: word(0), b: word(8), c: word(16), d: word(24))
    }

    /// The variable-length integer of RFC 9000 §16 at `offset`, which moves past it.
    package func loadVarint(at offset: inout Int) throws(WireError) -> UInt64 {
        let first = try loadByte(at: offset)
        switch first >> 6 {
        case 0:
            offset += 1
            return UInt64(first)
        case 1:
            let value = try load(UInt16.self, at: offset)
            offset += 2
            return UInt64(value & 0x3fff)
        case 2:
            let value = try load(UInt32.self, at: offset)
            offset += 4
            return UInt64(value & 0x3fff_ffff)
        case _:
            let value = try load(UInt64.self, at: offset)
            offset += 8
            return value & 0x3fff_ffff_ffff_ffff
        }
    }

    /// A copy of the bytes in `range`, for the paths that are not hot.
    package func copyBytes(_ range: Range<Int>) throws(WireError) -> [UInt8] {
        guard range.lowerBound >= 0, range.upperBound <= byteCount else { throw .truncated }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(range.count)
        for offset in range {
            // In bounds by the guard above.
            bytes.append(unsafe unsafeLoad(fromUncheckedByteOffset: offset, as: UInt8.self))
        }
        return bytes
    }
}

/// Sizes and limits of variable-length integers (RFC 9000 §16).
package enum Varint {
    /// The largest value.
    package static let maximum: UInt64 = 0x3fff_ffff_ffff_ffff

    /// How many bytes `value` takes on the wire: 1, 2, 4 or 8.
    package static func size(_ value: UInt64) -> Int {
        switch value {
        case ..<0x40: 1
        case ..<0x4000: 2
        case ..<0x4000_0000: 4
        case _: 8
        }
    }
}
