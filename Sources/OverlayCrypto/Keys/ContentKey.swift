internal import CSodium

/// A symmetric key under which the members of a network seal what only they read: XChaCha20-Poly1305
/// (draft-irtf-cfrg-xchacha §2.3), whose nonces are long enough to be drawn at random.
package struct ContentKey: Hashable, Sendable {
    /// Bytes of a key.
    package static let byteCount = 32

    private static let nonceSize = 24
    private static let tagSize = 16
    private static let hashContext = Array("postern network key 1".utf8)

    private let memory: GuardedMemory

    /// The key in `bytes`, or nil when there are not exactly 32.
    package init?(bytes: [UInt8]) {
        guard bytes.count == Self.byteCount else { return nil }
        memory = GuardedMemory(bytes)
    }

    init(memory: GuardedMemory) {
        precondition(memory.byteCount == Self.byteCount, "a content key has 32 bytes")
        self.memory = memory
    }

    /// A new key.
    package init(using random: RandomSource) {
        memory = random.guardedBytes(Self.byteCount)
    }

    /// BLAKE2b-256 of a fixed text under the key: names it, and tells nothing of it.
    package var hash: [UInt8] { Hash.blake2b(Self.hashContext, key: copyBytes()) }

    /// A plain copy of the 32 bytes, for storing or sending them sealed.
    package func copyBytes() -> [UInt8] { memory.copyBytes(0, Self.byteCount) }

    /// A random nonce and `message` sealed under it; `context` is authenticated and not contained.
    package func seal(_ message: [UInt8], context: [UInt8], using random: RandomSource) -> [UInt8] {
        Sodium.start()
        let nonce = random.bytes(Self.nonceSize)
        // The output is longer than the message by the tag; the nonce has 24 bytes, the key 32.
        let sealed = unsafe filledBytes(message.count + Self.tagSize) { output in
            unsafe memory.withBytes { key in
                unsafe crypto_aead_xchacha20poly1305_ietf_encrypt(
                    output,
                    nil,
                    message,
                    UInt64(message.count),
                    context,
                    UInt64(context.count),
                    nil,
                    nonce,
                    key
                )
            }
        }
        guard let sealed else { preconditionFailure("XChaCha20-Poly1305 seals every message") }
        return nonce + sealed
    }

    /// The message in `box`; nil when it was not sealed under this key and `context`.
    package func open(_ box: [UInt8], context: [UInt8]) -> [UInt8]? {
        Sodium.start()
        guard box.count >= Self.nonceSize + Self.tagSize else { return nil }
        let nonce = Array(box.prefix(Self.nonceSize))
        let sealed = Array(box.dropFirst(Self.nonceSize))
        // The output is shorter than what was sealed by the tag; the nonce has 24 bytes, the key 32.
        return unsafe filledBytes(sealed.count - Self.tagSize) { output in
            unsafe memory.withBytes { key in
                unsafe crypto_aead_xchacha20poly1305_ietf_decrypt(
                    output,
                    nil,
                    nil,
                    sealed,
                    UInt64(sealed.count),
                    context,
                    UInt64(context.count),
                    nonce,
                    key
                )
            }
        }
    }

    /// Takes the same time wherever the keys differ.
    package static func == (lhs: ContentKey, rhs: ContentKey) -> Bool { lhs.memory.equals(rhs.memory) }

    /// Hashes the bytes with the process's own random key.
    package func hash(into hasher: inout Hasher) { hasher.combine(copyBytes()) }
}

extension ContentKey: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    package var description: String { "<redacted>" }
    package var debugDescription: String { description }
    package var customMirror: Mirror { Mirror(self, children: []) }
}
