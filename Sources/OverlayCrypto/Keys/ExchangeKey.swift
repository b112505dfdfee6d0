internal import CSodium
package import PosternModel

/// An X25519 public key (RFC 7748 §5), as a plain value.
package struct ExchangeKey: Hashable, Sendable {
    /// The 32 bytes as a plain value.
    package let words: Words32

    /// The key with these bytes.
    package init(words: Words32) {
        self.words = words
    }

    /// The key in `bytes`, or nil when there are not exactly 32.
    package init?(bytes: [UInt8]) {
        guard let words = Words32(bytes: bytes) else { return nil }
        self.words = words
    }

    /// The 32 bytes of the key.
    package var bytes: [UInt8] { words.bytes }
}

/// An X25519 key pair whose secret half stays in guarded memory.
final class ExchangeKeyPair: Sendable {
    static let byteCount = 32

    let publicKey: ExchangeKey
    private let secret: GuardedMemory

    /// The pair whose secret is `secret`: 32 bytes, clamped whenever used (RFC 7748 §5).
    init(secret: GuardedMemory) throws(CryptoError) {
        guard secret.byteCount == Self.byteCount else { throw .invalidKey }
        Sodium.start()
        // Both sides hold 32 bytes.
        let bytes = unsafe filledBytes(Self.byteCount) { output in
            unsafe secret.withBytes { unsafe crypto_scalarmult_base(output, $0) }
        }
        guard let bytes, let key = ExchangeKey(bytes: bytes) else { throw .invalidKey }
        publicKey = key
        self.secret = secret
    }

    /// The pair whose secret is `bytes`.
    convenience init(secretBytes bytes: [UInt8]) throws(CryptoError) {
        guard bytes.count == Self.byteCount else { throw .invalidKey }
        try self.init(secret: GuardedMemory(bytes))
    }

    /// A new pair, whose secret never leaves guarded memory.
    convenience init(from random: RandomSource) {
        do {
            try self.init(secret: random.guardedBytes(Self.byteCount))
        } catch {
            preconditionFailure("every 32 bytes are a secret")
        }
    }

    /// The secret shared with the holder of `other`, 32 bytes (RFC 7748 §6.1). Throws ``CryptoError/lowOrderPoint``
    /// when `other` is a point that makes every secret zero.
    func agree(with other: ExchangeKey) throws(CryptoError) -> GuardedMemory {
        let shared = GuardedMemory(byteCount: Self.byteCount)
        // All three hold 32 bytes.
        let status = unsafe shared.withBytes { output in
            unsafe secret.withBytes { unsafe crypto_scalarmult(output, $0, other.bytes) }
        }
        guard status == 0 else { throw .lowOrderPoint }
        return shared
    }

    /// The message that was sealed to this pair (libsodium's sealed box), or nil.
    func openSealed(_ box: [UInt8]) -> [UInt8]? {
        guard box.count >= crypto_box_sealbytes() else { return nil }
        let key = publicKey.bytes
        // The message is shorter than the box by sealbytes; both keys hold 32 bytes.
        return unsafe filledBytes(box.count - crypto_box_sealbytes()) { output in
            unsafe secret.withBytes { unsafe crypto_box_seal_open(output, box, UInt64(box.count), key, $0) }
        }
    }
}
