internal import CSodium

/// The ciphers of Noise rev 34 §12 over libsodium.
enum NoiseCipher: String, Hashable, Sendable {
    case chaChaPoly = "ChaChaPoly"
    case aesGCM = "AESGCM"

    static let tagSize = 16

    /// Whether this machine can do it.
    var isAvailable: Bool {
        switch self {
        case .chaChaPoly: true
        case .aesGCM: hasHardwareAES()
        }
    }

    /// The 96-bit nonce of the `counter`-th message: four zero bytes, and the counter least significant byte first for
    /// ChaChaPoly (Noise rev 34 §12.3), most significant first for AESGCM (§12.4).
    private func nonce(_ counter: UInt64) -> [UInt8] {
        let bytes = (0..<8).map { UInt8(truncatingIfNeeded: counter >> UInt64(8 * $0)) }
        switch self {
        case .chaChaPoly: return [0, 0, 0, 0] + bytes
        case .aesGCM: return [0, 0, 0, 0] + bytes.reversed()
        }
    }

    /// `plaintext` sealed under the 32-byte `key`.
    @unsafe
    func seal(_ plaintext: [UInt8], ad: [UInt8], counter: UInt64, key: UnsafePointer<UInt8>) -> [UInt8] {
        Sodium.start()
        let nonce = nonce(counter)
        let (count, adCount) = (UInt64(plaintext.count), UInt64(ad.count))
        // The output has room for the tag; the caller vouches for the key; each array goes with its own length.
        let sealed = unsafe filledBytes(plaintext.count + Self.tagSize) { output in
            switch self {
            case .chaChaPoly:
                unsafe crypto_aead_chacha20poly1305_ietf_encrypt(
                    output,
                    nil,
                    plaintext,
                    count,
                    ad,
                    adCount,
                    nil,
                    nonce,
                    key
                )
            case .aesGCM:
                unsafe crypto_aead_aes256gcm_encrypt(output, nil, plaintext, count, ad, adCount, nil, nonce, key)
            }
        }
        guard let sealed else { preconditionFailure("sealing cannot fail") }
        return sealed
    }

    /// What was sealed in `ciphertext`, or nil when it is not authentic.
    @unsafe
    func open(_ ciphertext: [UInt8], ad: [UInt8], counter: UInt64, key: UnsafePointer<UInt8>) -> [UInt8]? {
        guard ciphertext.count >= Self.tagSize else { return nil }
        Sodium.start()
        let nonce = nonce(counter)
        let (count, adCount) = (UInt64(ciphertext.count), UInt64(ad.count))
        // The output is shorter by the tag; the caller vouches for the key; each array goes with its own length.
        return unsafe filledBytes(ciphertext.count - Self.tagSize) { output in
            switch self {
            case .chaChaPoly:
                unsafe crypto_aead_chacha20poly1305_ietf_decrypt(
                    output,
                    nil,
                    nil,
                    ciphertext,
                    count,
                    ad,
                    adCount,
                    nonce,
                    key
                )
            case .aesGCM:
                unsafe crypto_aead_aes256gcm_decrypt(output, nil, nil, ciphertext, count, ad, adCount, nonce, key)
            }
        }
    }
}

/// The hash functions of Noise rev 34 §12 that libsodium has.
enum NoiseHash: String, Hashable, Sendable {
    case blake2b = "BLAKE2b"
    case sha256 = "SHA256"
    case sha512 = "SHA512"

    /// The longest hash of all.
    static let maximumSize = 64
    /// The longest block of all.
    static let maximumBlockSize = 128

    /// Bytes of a hash: HASHLEN.
    var size: Int {
        switch self {
        case .blake2b, .sha512: 64
        case .sha256: 32
        }
    }

    /// Bytes that HMAC pads its key to: BLOCKLEN.
    var blockSize: Int {
        switch self {
        case .blake2b, .sha512: 128
        case .sha256: 64
        }
    }

    /// Writes the hash of `byteCount` bytes at `input` to ``size`` bytes at `output`, which may be among them.
    @unsafe
    func digest(_ input: UnsafePointer<UInt8>, _ byteCount: Int, into output: UnsafeMutablePointer<UInt8>) {
        // The caller vouches for both lengths.
        switch self {
        case .blake2b: _ = unsafe crypto_generichash_blake2b(output, size, input, UInt64(byteCount), nil, 0)
        case .sha256: _ = unsafe crypto_hash_sha256(output, input, UInt64(byteCount))
        case .sha512: _ = unsafe crypto_hash_sha512(output, input, UInt64(byteCount))
        }
    }

    /// The hash of `first` and `second`, one behind the other.
    func digest(_ first: [UInt8], _ second: [UInt8]) -> [UInt8] {
        Sodium.start()
        let message = first + second
        // The output has ``size`` bytes.
        let hash = unsafe filledBytes(size) { output in
            unsafe digest(message, message.count, into: output)
            return 0
        }
        guard let hash else { preconditionFailure("hashing cannot fail") }
        return hash
    }
}
