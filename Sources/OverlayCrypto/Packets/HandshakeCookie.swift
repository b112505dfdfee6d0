internal import CSodium
package import OverlayWire
package import PosternModel

/// The secret of which a node under load makes cookies (`Protocol.md` §4.7; WireGuard paper §5.4.7). Wiped with the
/// last reference.
package struct CookieSecret: Sendable {
    private let memory: GuardedMemory

    /// Draws a secret.
    package init(from random: RandomSource) {
        self.init(random.guardedBytes(32))
    }

    init(_ memory: GuardedMemory) {
        self.memory = memory
    }

    /// The key of the second MAC that proves its owner to receive at `endpoint`, address and port, connection or
    /// conversation.
    package func cookie(for endpoint: Endpoint) -> MACKey {
        let place = PacketWriter.bytes(capacity: 32) { writer in
            switch endpoint {
            case .ipv4, .ipv6:
                writer.append(endpoint)
            case .connection(let connection):
                writer.append(UInt8(8))
                writer.append(bigEndian: connection.rawValue)
            case .relay(let relay):
                writer.append(UInt8(7))
                writer.append(bigEndian: relay.hub)
                writer.append(bigEndian: relay.generation)
                writer.append(bigEndian: relay.channel.rawValue)
            }
        }
        // The secret and the output hold 32 bytes; the array goes with its own length.
        let bytes = unsafe filledBytes(32) { output in
            unsafe memory.withBytes {
                unsafe crypto_generichash_blake2b(output, 32, place, UInt64(place.count), $0, 32)
            }
        }
        guard let bytes, let words = Words32(bytes: bytes) else {
            preconditionFailure("lengths are within the bounds of BLAKE2b")
        }
        return MACKey(words: words)
    }
}

/// How a cookie travels: sealed, so that only who has seen the handshake that it answers can make one that is taken
/// (`Protocol.md` §3.3).
package enum CookieSeal {
    /// Bytes of a nonce of XChaCha20-Poly1305.
    package static let nonceSize = 24
    private static let cookieSize = 32

    /// The key for cookies of `responder`: BLAKE2b-256 of "postern cookie" and its Ed25519 key.
    package static func key(for responder: NodeKey) -> MACKey {
        guard let words = Words32(bytes: Hash.blake2b(Array("postern cookie".utf8) + responder.bytes)) else {
            preconditionFailure("BLAKE2b-256 gives 32 bytes")
        }
        return MACKey(words: words)
    }

    /// `cookie` sealed for the sender of the initiation with `mac1`: 48 bytes. A nonce of ``nonceSize`` random bytes is
    /// used once.
    package static func seal(_ cookie: MACKey, nonce: [UInt8], mac1: [UInt8], key: MACKey) -> [UInt8] {
        precondition(nonce.count == nonceSize, "a nonce of XChaCha20 has 24 bytes")
        Sodium.start()
        let (text, key) = (cookie.words.bytes, key.words.bytes)
        // The output has room for the tag; nonce and key have their sizes; each array goes with its own length.
        let sealed = unsafe filledBytes(cookieSize + PacketLayout.tagSize) { output in
            unsafe crypto_aead_xchacha20poly1305_ietf_encrypt(
                output,
                nil,
                text,
                UInt64(text.count),
                mac1,
                UInt64(mac1.count),
                nil,
                nonce,
                key
            )
        }
        guard let sealed else { preconditionFailure("sealing cannot fail") }
        return sealed
    }

    /// The cookie in `sealed`, or nil when it was not made for the sender of the initiation with `mac1`.
    package static func open(_ sealed: [UInt8], nonce: [UInt8], mac1: [UInt8], key: MACKey) -> MACKey? {
        guard sealed.count == cookieSize + PacketLayout.tagSize, nonce.count == nonceSize else { return nil }
        Sodium.start()
        let key = key.words.bytes
        // The output is shorter by the tag; nonce and key have their sizes; each array goes with its own length.
        let text = unsafe filledBytes(cookieSize) { output in
            unsafe crypto_aead_xchacha20poly1305_ietf_decrypt(
                output,
                nil,
                nil,
                sealed,
                UInt64(sealed.count),
                mac1,
                UInt64(mac1.count),
                nonce,
                key
            )
        }
        return text.flatMap { Words32(bytes: $0) }.map { MACKey(words: $0) }
    }
}
