internal import CSodium
package import PosternModel

/// Who this node is: its Ed25519 key pair and the X25519 form of it (DESIGN §4). The secrets never leave guarded
/// memory.
///
/// A node that has changed its key is named by its first one for good, and signs and shakes hands with its current one
/// (RULES N11).
package final class NodeIdentity: Sendable {
    /// The first Ed25519 public key: what the node is called.
    package let key: NodeKey
    /// The Ed25519 public key that it signs and shakes hands with.
    package let currentKey: NodeKey
    /// The records that lead from ``key`` to ``currentKey``, as records carry them; empty when they are one key.
    package let succession: [JSONValue]
    /// The keys before the current one that the node still holds, the earliest first: each is its own name.
    package let former: [NodeIdentity]
    /// The earliest key that the node still holds: what only the node itself reads goes on under it.
    package var eldest: NodeIdentity { former.first ?? self }
    /// The X25519 form of ``currentKey``, the static key of handshakes.
    package var exchangeKey: ExchangeKey { exchange.publicKey }

    let exchange: ExchangeKeyPair
    private let secrets: GuardedMemory

    private enum Layout {
        static let seed = 0
        static let signingKey = 32
        static let byteCount = 96
    }

    /// The identity that a 32-byte Ed25519 seed makes (RFC 8032 §5.1.5). Throws ``CryptoError/invalidKey`` on any other
    /// length.
    package convenience init(seed: [UInt8]) throws(CryptoError) {
        guard seed.count == 32 else { throw .invalidKey }
        Sodium.start()
        try self.init(guardedSeed: GuardedMemory(seed))
    }

    /// The same of 32 bytes that are guarded already.
    init(guardedSeed seed: GuardedMemory) throws(CryptoError) {
        let secrets = GuardedMemory(byteCount: Layout.byteCount)
        let exchangeSecret = GuardedMemory(byteCount: ExchangeKeyPair.byteCount)
        // The layout gives the seed 32 bytes and the signing key 64; public key and exchange secret have 32.
        let publicKey = unsafe filledBytes(32) { output in
            unsafe secrets.withBytes { base in
                unsafe seed.withBytes { unsafe (base + Layout.seed).update(from: $0, count: 32) }
                unsafe crypto_sign_seed_keypair(output, base + Layout.signingKey, base + Layout.seed)
                return unsafe exchangeSecret.withBytes {
                    unsafe crypto_sign_ed25519_sk_to_curve25519($0, base + Layout.signingKey)
                }
            }
        }
        guard let publicKey, let key = NodeKey(bytes: publicKey) else { throw .invalidKey }
        self.key = key
        currentKey = key
        succession = []
        former = []
        self.secrets = secrets
        exchange = try ExchangeKeyPair(secret: exchangeSecret)
    }

    /// The node that began with the key `first` and has the key of `current` now, as `succession` shows; it still holds
    /// the keys `former`.
    package init(_ current: NodeIdentity, of first: NodeKey, succession: [JSONValue], former: [NodeIdentity]) {
        key = first
        currentKey = current.currentKey
        self.succession = succession
        self.former = former
        secrets = current.secrets
        exchange = current.exchange
    }

    /// The Ed25519 signature of `message` (RFC 8032 §5.1.6).
    package func sign(_ message: [UInt8]) -> Signature {
        // A signature has 64 bytes, and so has the signing key.
        let bytes = unsafe filledBytes(Signature.byteCount) { output in
            unsafe secrets.withBytes {
                unsafe crypto_sign_detached(output, nil, message, UInt64(message.count), $0 + Layout.signingKey)
            }
        }
        guard let bytes, let signature = Signature(bytes: bytes) else {
            preconditionFailure("Ed25519 signs every message")
        }
        return signature
    }

    /// The message that somebody sealed to this node's key with ``NodeKey/seal(_:)``, or nil when `box` is none. Who
    /// has not heard of the current key seals to a former one.
    package func openSealed(_ box: [UInt8]) -> [UInt8]? {
        if let message = exchange.openSealed(box) { return message }
        for identity in former.reversed() {
            if let message = identity.exchange.openSealed(box) { return message }
        }
        return nil
    }
}

/// An Ed25519 signature (RFC 8032 §5.1.6).
package struct Signature: Hashable, Sendable {
    /// Bytes of a signature.
    package static let byteCount = 64

    /// The 64 bytes of the signature.
    package let bytes: [UInt8]

    /// The signature in `bytes`, or nil when there are not exactly 64.
    package init?(bytes: [UInt8]) {
        guard bytes.count == Self.byteCount else { return nil }
        self.bytes = bytes
    }
}
