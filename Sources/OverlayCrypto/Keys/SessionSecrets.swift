internal import CSodium

/// What a handshake ends with: one secret for each direction, and the hash that both sides share.
package struct SessionSecrets: Sendable {
    /// Protects what this side sends.
    package let send: SessionSecret
    /// Protects what the other side sends.
    package let receive: SessionSecret
    /// The transcript's hash, for binding other things to this handshake (Noise rev 34 §11.2). Not secret.
    package let handshakeHash: [UInt8]
}

/// Thirty-two secret bytes of one direction of a session, wiped when the last reference goes.
package final class SessionSecret: Sendable {
    /// Bytes of a secret.
    package static let byteCount = 32

    let memory: GuardedMemory

    /// The secret in `bytes`. Throws ``CryptoError/invalidKey`` when there are not exactly 32.
    package init(bytes: [UInt8]) throws(CryptoError) {
        guard bytes.count == Self.byteCount else { throw .invalidKey }
        memory = GuardedMemory(bytes)
    }

    init(memory: GuardedMemory) {
        precondition(memory.byteCount == Self.byteCount, "a session secret has 32 bytes")
        self.memory = memory
    }

    /// Writes BLAKE2b-256, keyed with this secret, of `label` to the 32 bytes at `output`.
    @unsafe
    func derive(_ label: String, into output: UnsafeMutablePointer<UInt8>) {
        let message = Array(label.utf8)
        // The caller vouches for 32 bytes of output; the secret holds 32.
        let status = unsafe memory.withBytes {
            unsafe crypto_generichash_blake2b(output, 32, message, UInt64(message.count), $0, Self.byteCount)
        }
        precondition(status == 0, "lengths are within the bounds of BLAKE2b")
    }
}
