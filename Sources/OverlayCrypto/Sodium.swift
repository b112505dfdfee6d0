internal import CSodium

/// The one place that starts libsodium. Every entry point of this target that needs it calls ``start()`` itself.
package enum Sodium {
    /// Picks the implementations for this processor. Idempotent, from any thread; costs a load after the first time.
    package static func start() { _ = isStarted }

    /// Bytes of memory for secrets that the system did not let this process lock (`RLIMIT_MEMLOCK`). It is used all the
    /// same; shells say so.
    package static var unlockedSecretByteCount: Int { GuardedArena.unlockedByteCount }

    private static let isStarted: Bool = {
        // sodium_init touches no memory of ours; -1 means that the library is unusable.
        precondition(sodium_init() >= 0, "libsodium cannot start on this machine")
        return true
    }()
}

/// Whether this processor does AES-256-GCM in hardware, as libsodium requires it.
package func hasHardwareAES() -> Bool {
    Sodium.start()
    return crypto_aead_aes256gcm_is_available() == 1
}

/// Why a cryptographic operation did not happen. Small and without text: forged packets must cost nothing.
package enum CryptoError: Error, Hashable, Sendable {
    /// Key material has the wrong length or is no point of the curve.
    case invalidKey
    /// The bytes were not sealed by who should have sealed them, or were changed or cut since.
    case authenticationFailed
    /// A Diffie-Hellman result is zero: the other key is a point of low order (RFC 7748 §6.1).
    case lowOrderPoint
    /// A counter reached its end, or a handshake has no message left.
    case exhausted
    /// The output does not fit where it should go.
    case bufferTooSmall
}
