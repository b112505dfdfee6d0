package import OverlayWire

/// Seals the packets of one direction of a session (`Protocol.md` §5). The keys are wiped with it.
package struct PacketSealer: ~Copyable {
    let keys: PacketKeys

    /// A sealer with the keys that `secret` gives for `cipher`. Traps when this machine lacks AES for
    /// ``DataCipher/aes256GCM``: ask ``hasHardwareAES()`` before agreeing on it.
    package init(secret: SessionSecret, cipher: DataCipher) {
        keys = PacketKeys(secret: secret, cipher: cipher)
    }

    /// Seals the packet that `writer` holds from `start` on: type, index, the low 32 bits of `packetNumber`, frames.
    ///
    /// The frames are encrypted in place, the tag is appended, for which the caller left ``PacketLayout/tagSize``
    /// bytes, and the number is masked. A number must never be used twice with the same keys. Allocates nothing.
    package func seal(_ packetNumber: PacketNumber, in writer: inout PacketWriter, from start: Int) {
        let byteCount = writer.count - start - PacketLayout.Protected.payload
        precondition(byteCount >= 0, "a packet to be sealed has a whole header")
        writer.appendZeros(PacketLayout.tagSize)
        unsafe writer.withUnsafeBytes(in: start..<writer.count) { bytes in
            guard let packet = unsafe bytes.baseAddress?.assumingMemoryBound(to: UInt8.self) else { return }
            let field = unsafe packet + PacketLayout.Protected.packetNumber
            // In bounds by the precondition: the header is there, and a tag of room behind byteCount bytes.
            let low = unsafe UInt32(bigEndian: UnsafeRawPointer(field).loadUnaligned(as: UInt32.self))
            precondition(low == UInt32(truncatingIfNeeded: packetNumber.rawValue), "the header has the packet's number")
            let text = unsafe packet + PacketLayout.Protected.payload
            unsafe keys.encrypt(text, byteCount: byteCount, header: packet, number: packetNumber)
            // A tag alone already has the 16 bytes of a sample.
            unsafe keys.mask(field, sample: text)
        }
    }
}
