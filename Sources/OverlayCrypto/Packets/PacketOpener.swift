package import OverlayWire

/// Opens the packets of one direction of a session (`Protocol.md` §5). The keys are wiped with it.
package struct PacketOpener: ~Copyable {
    let keys: PacketKeys

    /// An opener with the keys that `secret` gives for `cipher`. Traps when this machine lacks AES for
    /// ``DataCipher/aes256GCM``: ask ``hasHardwareAES()`` before agreeing on it.
    package init(secret: SessionSecret, cipher: DataCipher) {
        keys = PacketKeys(secret: secret, cipher: cipher)
    }

    /// Opens `packet`, with its masked number completed next to `largest`, the largest number that arrived so far.
    ///
    /// The frames stand in the first `byteCount` bytes of `scratch` afterwards. Throws
    /// ``CryptoError/authenticationFailed`` when the packet is cut, changed or not from the peer; then the content of
    /// `scratch` means nothing. Allocates nothing. Whether the number is fresh is for a ``ReplayWindow`` to say.
    package func open(
        _ packet: RawSpan,
        largest: PacketNumber?,
        into scratch: Scratch
    ) throws(CryptoError) -> (packetNumber: PacketNumber, byteCount: Int) {
        guard let number = number(of: packet, largest: largest) else { throw .authenticationFailed }
        return try open(packet, as: number, into: scratch)
    }

    /// The number of `packet`, unmasked and completed, or nil when it is too short. Not authenticated:
    /// nothing may be decided by it before ``open(_:as:into:)``.
    package func number(of packet: RawSpan, largest: PacketNumber?) -> PacketNumber? {
        guard packet.byteCount >= PacketLayout.Protected.overhead else { return nil }
        let low = unsafe packet.withUnsafeBytes { bytes -> UInt32 in
            guard let packet = unsafe bytes.baseAddress?.assumingMemoryBound(to: UInt8.self) else { return 0 }
            // In bounds by the guard above: header and tag are there.
            return unsafe unmaskedNumber(packet)
        }
        return PacketNumber.completing(low, after: largest)
    }

    /// Opens `packet`, whose number ``number(of:largest:)`` gave. Errors and outcome are those of
    /// ``open(_:largest:into:)``.
    package func open(
        _ packet: RawSpan,
        as number: PacketNumber,
        into scratch: Scratch
    ) throws(CryptoError) -> (packetNumber: PacketNumber, byteCount: Int) {
        let sealedCount = packet.byteCount - PacketLayout.Protected.payload
        let byteCount = sealedCount - PacketLayout.tagSize
        guard byteCount >= 0, byteCount <= Scratch.byteCount else { throw .authenticationFailed }
        let isAuthentic = unsafe packet.withUnsafeBytes { bytes -> Bool in
            guard let packet = unsafe bytes.baseAddress?.assumingMemoryBound(to: UInt8.self) else { return false }
            // The header as it was before masking; 9 of 16 bytes are used.
            var storage: (UInt64, UInt64) = (0, 0)
            return unsafe withUnsafeMutableBytes(of: &storage) { header -> Bool in
                guard let header = unsafe header.baseAddress?.assumingMemoryBound(to: UInt8.self) else { return false }
                // In bounds by the guard above: header and tag are there, and the scratch buffer takes byteCount.
                unsafe header.update(from: packet, count: PacketLayout.Protected.packetNumber)
                let low = UInt32(truncatingIfNeeded: number.rawValue).bigEndian
                unsafe UnsafeMutableRawPointer(header).storeBytes(
                    of: low,
                    toByteOffset: PacketLayout.Protected.packetNumber,
                    as: UInt32.self
                )
                let sealed = unsafe packet + PacketLayout.Protected.payload
                return unsafe scratch.withBytes {
                    unsafe keys.decrypt(sealed, byteCount: sealedCount, header: header, number: number, into: $0)
                }
            }
        }
        guard isAuthentic else { throw .authenticationFailed }
        return (number, byteCount)
    }

    /// The low 32 bits of the number of `packet`, which has a header and 16 bytes more.
    @unsafe
    @inline(__always)
    private func unmaskedNumber(_ packet: UnsafePointer<UInt8>) -> UInt32 {
        var field: (UInt8, UInt8, UInt8, UInt8) = (0, 0, 0, 0)
        return unsafe withUnsafeMutableBytes(of: &field) { field -> UInt32 in
            guard let field = unsafe field.baseAddress?.assumingMemoryBound(to: UInt8.self) else { return 0 }
            // Four bytes of both; the caller vouches for the packet's.
            unsafe field.update(from: packet + PacketLayout.Protected.packetNumber, count: 4)
            unsafe keys.mask(field, sample: packet + PacketLayout.Protected.payload)
            return unsafe UInt32(bigEndian: UnsafeRawPointer(field).loadUnaligned(as: UInt32.self))
        }
    }
}

extension PacketNumber {
    /// The number nearest to the one after `largest` whose low 32 bits are `low` (RFC 9000 §A.3: decoding a truncated
    /// packet number, here always of 32 bits).
    package static func completing(_ low: UInt32, after largest: PacketNumber?) -> PacketNumber {
        let window: UInt64 = 1 << 32
        let half = window / 2
        let expected = largest.map { $0.rawValue &+ 1 } ?? 0
        let candidate = expected & ~(window - 1) | UInt64(low)
        if candidate &+ half <= expected, candidate < UInt64.max - window { return PacketNumber(candidate + window) }
        if candidate > expected &+ half, candidate >= window { return PacketNumber(candidate - window) }
        return PacketNumber(candidate)
    }
}
