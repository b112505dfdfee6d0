/// A key and the number of its next message (Noise rev 34 §5.1).
struct NoiseCipherState: ~Copyable {
    static let keySize = 32

    private let cipher: NoiseCipher
    /// Nil before the first key: then sealing leaves bytes as they are.
    private var key: GuardedMemory?
    private var counter: UInt64 = 0

    init(_ cipher: NoiseCipher, key: GuardedMemory? = nil) {
        self.cipher = cipher
        self.key = key
    }

    var hasKey: Bool { key != nil }

    /// Takes `key`, 32 bytes, and counts from 0.
    mutating func setKey(_ key: GuardedMemory) {
        precondition(key.byteCount == Self.keySize, "a cipher key has 32 bytes")
        self.key = key
        counter = 0
    }

    /// The state as it is now, to return to when a message turns out to be false. The key is shared, never changed.
    func copy() -> NoiseCipherState {
        var copy = NoiseCipherState(cipher, key: key)
        copy.counter = counter
        return copy
    }

    /// EncryptWithAd.
    mutating func seal(_ plaintext: [UInt8], ad: [UInt8]) throws(CryptoError) -> [UInt8] {
        guard let key else { return plaintext }
        guard counter < UInt64.max else { throw .exhausted }
        // The key holds 32 bytes.
        let sealed = unsafe key.withBytes { unsafe cipher.seal(plaintext, ad: ad, counter: counter, key: $0) }
        counter += 1
        return sealed
    }

    /// DecryptWithAd. The counter stays when the bytes are not authentic.
    mutating func open(_ ciphertext: [UInt8], ad: [UInt8]) throws(CryptoError) -> [UInt8] {
        guard let key else { return ciphertext }
        guard counter < UInt64.max else { throw .exhausted }
        // The key holds 32 bytes.
        let plaintext = unsafe key.withBytes { unsafe cipher.open(ciphertext, ad: ad, counter: counter, key: $0) }
        guard let plaintext else { throw .authenticationFailed }
        counter += 1
        return plaintext
    }
}
