internal import CSodium
package import OverlayWire
package import PosternModel

/// A key of handshake packets: of the first MAC and of sealed cookies, which whoever knows the receiver's public key
/// can compute, or of the second MAC, which only the owner of a cookie has.
package struct MACKey: Hashable, Sendable {
    let words: Words32
}

/// The MACs of handshake packets (WireGuard paper §5.4.4). A packet that lacks the first costs its receiver one hash
/// and no answer, and only who knows the receiver's key can make it. The second proves that its sender has a cookie.
package enum HandshakeMAC {
    /// Bytes of a MAC.
    package static let byteCount = 16

    /// The key of the first MAC of packets to `receiver`: BLAKE2b-256 of "postern mac1" and the receiver's Ed25519 key.
    package static func key(for receiver: NodeKey) -> MACKey {
        guard let words = Words32(bytes: Hash.blake2b(Array("postern mac1".utf8) + receiver.bytes)) else {
            preconditionFailure("BLAKE2b-256 gives 32 bytes")
        }
        return MACKey(words: words)
    }

    /// The MAC of `bytes`: BLAKE2b-128 under `key`.
    package static func mac(_ bytes: [UInt8], key: MACKey) -> [UInt8] {
        Hash.blake2b(bytes, key: key.words.bytes, byteCount: byteCount)
    }

    /// Appends the MAC of everything written from `start` on.
    package static func append(to writer: inout PacketWriter, from start: Int, key: MACKey) {
        var mac = Tag()
        unsafe writer.withUnsafeBytes(in: start..<writer.count) { bytes in
            unsafe compute(UnsafeRawBufferPointer(bytes), key: key, into: &mac)
        }
        writer.append(bigEndian: mac.high)
        writer.append(bigEndian: mac.low)
    }

    /// Whether the 16 bytes at `offset` of `packet` are the MAC of the bytes before them. Allocates nothing.
    package static func verify(_ packet: RawSpan, at offset: Int, key: MACKey) -> Bool {
        guard offset >= 0, offset <= packet.byteCount - byteCount else { return false }
        return unsafe packet.withUnsafeBytes { bytes in
            guard let base = bytes.baseAddress else { return false }
            var mac = Tag()
            // In bounds by the guard above.
            unsafe compute(UnsafeRawBufferPointer(start: base, count: offset), key: key, into: &mac)
            return unsafe Swift.withUnsafeBytes(of: mac.wire) {
                // Both sides hold 16 bytes.
                unsafe sodium_memcmp(base + offset, $0.baseAddress, byteCount) == 0
            }
        }
    }

    /// A MAC as two host-order numbers.
    private struct Tag {
        var high: UInt64 = 0
        var low: UInt64 = 0
        /// The bytes in wire order.
        var wire: (UInt64, UInt64) { (high.bigEndian, low.bigEndian) }
    }

    private static func compute(_ bytes: UnsafeRawBufferPointer, key: MACKey, into mac: inout Tag) {
        Sodium.start()
        var output: (UInt64, UInt64) = (0, 0)
        let words = (
            key.words.a.littleEndian, key.words.b.littleEndian, key.words.c.littleEndian, key.words.d.littleEndian
        )
        let status = unsafe Swift.withUnsafeBytes(of: words) { key in
            unsafe Swift.withUnsafeMutableBytes(of: &output) { output -> Int32 in
                guard let output = output.baseAddress else { return -1 }
                let message = unsafe bytes.baseAddress?.assumingMemoryBound(to: UInt8.self)
                // The output has 16 bytes, the key 32.
                return unsafe crypto_generichash_blake2b(
                    output.assumingMemoryBound(to: UInt8.self),
                    byteCount,
                    message,
                    UInt64(bytes.count),
                    key.baseAddress?.assumingMemoryBound(to: UInt8.self),
                    key.count
                )
            }
        }
        precondition(status == 0, "lengths are within the bounds of BLAKE2b")
        mac = Tag(high: UInt64(bigEndian: output.0), low: UInt64(bigEndian: output.1))
    }
}
