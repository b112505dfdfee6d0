internal import CSodium

/// Chaining key, transcript hash and cipher of a handshake (Noise rev 34 §5.2).
struct NoiseSymmetricState: ~Copyable {
    /// The transcript hash: what both sides have seen. Not secret.
    private(set) var hash: [UInt8]

    private let algorithm: NoiseHash
    private var cipher: NoiseCipherState
    private let memory: GuardedMemory

    /// Everything secret, each part as long as the longest hash.
    private enum Layout {
        static let chainingKey = 0
        static let temporaryKey = 64
        static let second = 128
        static let third = 192
        /// Where HMAC puts its padded key and its message: one block and up to one hash and one byte.
        static let work = 256
        static let byteCount = work + NoiseHash.maximumBlockSize + NoiseHash.maximumSize + 1
    }

    /// InitializeSymmetric: a name that fits into a hash is padded with zeros, a longer one hashed.
    init(_ noise: NoiseProtocol) {
        algorithm = noise.hash
        cipher = NoiseCipherState(noise.cipher)
        memory = GuardedMemory(byteCount: Layout.byteCount)
        let name = Array(noise.name.utf8)
        let size = noise.hash.size
        hash = name.count <= size ? name + Array(repeating: 0, count: size - name.count) : noise.hash.digest(name, [])
        // The chaining key has room for the longest hash.
        unsafe memory.withBytes { unsafe ($0 + Layout.chainingKey).update(from: hash, count: size) }
    }

    private init(copying other: borrowing NoiseSymmetricState) {
        algorithm = other.algorithm
        cipher = other.cipher.copy()
        memory = other.memory.copy()
        hash = other.hash
    }

    /// The state as it is now, to return to when a message turns out to be false.
    func copy() -> NoiseSymmetricState { NoiseSymmetricState(copying: self) }

    var hasKey: Bool { cipher.hasKey }

    /// MixHash.
    mutating func mixHash(_ bytes: [UInt8]) {
        hash = algorithm.digest(hash, bytes)
    }

    /// MixKey with a public value, as psk handshakes do with each ephemeral key (Noise rev 34 §9.2).
    mutating func mixKey(publicValue bytes: [UInt8]) {
        mixKey(GuardedMemory(bytes))
    }

    /// MixKey with the Diffie-Hellman secret of `pair` and `other`.
    mutating func mixKey(_ pair: ExchangeKeyPair, _ other: ExchangeKey) throws(CryptoError) {
        mixKey(try pair.agree(with: other))
    }

    private mutating func mixKey(_ input: GuardedMemory) {
        expand(input, outputs: 2)
        cipher.setKey(cipherKey(at: Layout.second))
    }

    /// MixKeyAndHash with a pre-shared key.
    mutating func mixKeyAndHash(_ psk: PreSharedKey) {
        expand(psk.memory, outputs: 3)
        // The transcript takes a value from the middle of the chain; it is no key by itself.
        mixHash(memory.copyBytes(Layout.second, algorithm.size))
        cipher.setKey(cipherKey(at: Layout.third))
    }

    /// EncryptAndHash.
    mutating func seal(_ plaintext: [UInt8]) throws(CryptoError) -> [UInt8] {
        let sealed = try cipher.seal(plaintext, ad: hash)
        mixHash(sealed)
        return sealed
    }

    /// DecryptAndHash.
    mutating func open(_ ciphertext: [UInt8]) throws(CryptoError) -> [UInt8] {
        let plaintext = try cipher.open(ciphertext, ad: hash)
        mixHash(ciphertext)
        return plaintext
    }

    /// Split: the secret of what the initiator sends, and of what the responder sends.
    mutating func split() -> (initiator: SessionSecret, responder: SessionSecret) {
        expand(GuardedMemory(byteCount: 0), outputs: 2)
        return (
            SessionSecret(memory: cipherKey(at: Layout.chainingKey)),
            SessionSecret(memory: cipherKey(at: Layout.second))
        )
    }

    /// The 32 bytes at `offset`: a longer hash is truncated to a key.
    private func cipherKey(at offset: Int) -> GuardedMemory {
        let key = GuardedMemory(byteCount: NoiseCipherState.keySize)
        // In bounds by the layout: every part has 64 bytes.
        unsafe memory.withBytes { base in
            unsafe key.withBytes { unsafe $0.update(from: base + offset, count: NoiseCipherState.keySize) }
        }
        return key
    }

    /// HKDF of Noise rev 34 §4.3: the first output becomes the chaining key, the others stand at `second` and `third`.
    private func expand(_ input: GuardedMemory, outputs: Int) {
        let size = algorithm.size
        unsafe memory.withBytes { base in
            // Every part of the layout holds the longest hash, and no input is longer than one; the work area holds the
            // longest block, hash and a byte.
            unsafe input.withBytes {
                unsafe hmac(base, key: Layout.chainingKey, message: $0, input.byteCount, into: Layout.temporaryKey)
            }
            var message: [UInt8] = [1]
            unsafe hmac(base, key: Layout.temporaryKey, message: message, 1, into: Layout.chainingKey)
            let link = GuardedMemory(byteCount: size + 1)
            let places = [(from: Layout.chainingKey, to: Layout.second), (from: Layout.second, to: Layout.third)]
            for place in places.prefix(outputs - 1) {
                message[0] += 1
                unsafe link.withBytes { link in
                    unsafe link.update(from: base + place.from, count: size)
                    unsafe link[size] = message[0]
                    unsafe hmac(base, key: Layout.temporaryKey, message: link, size + 1, into: place.to)
                }
            }
        }
    }

    /// HMAC (RFC 2104) under the hash-long key at offset `key`, to offset `output`.
    @unsafe
    private func hmac(
        _ base: UnsafeMutablePointer<UInt8>,
        key: Int,
        message: UnsafePointer<UInt8>,
        _ byteCount: Int,
        into output: Int
    ) {
        let (size, blockSize) = (algorithm.size, algorithm.blockSize)
        let work = unsafe base + Layout.work
        // The work area holds a block and a message: no message here is longer than a hash and a byte.
        for position in 0..<blockSize {
            unsafe work[position] = (position < size ? base[key + position] : 0) ^ 0x36
        }
        unsafe (work + blockSize).update(from: message, count: byteCount)
        unsafe algorithm.digest(work, blockSize + byteCount, into: work + blockSize)
        for position in 0..<blockSize {
            unsafe work[position] ^= 0x36 ^ 0x5c
        }
        unsafe algorithm.digest(work, blockSize + size, into: base + output)
    }
}
