internal import CSodium
package import PosternModel

/// What one can do with somebody's public key, and the names that follow from it (DESIGN §4).
extension NodeKey {
    /// The X25519 form. Throws ``CryptoError/invalidKey`` when the bytes are no point of the curve or one of low order.
    package func exchangeKey() throws(CryptoError) -> ExchangeKey {
        Sodium.start()
        // Both keys hold 32 bytes.
        let converted = unsafe filledBytes(32) { unsafe crypto_sign_ed25519_pk_to_curve25519($0, bytes) }
        guard let converted, let key = ExchangeKey(bytes: converted) else { throw .invalidKey }
        return key
    }

    /// The one other key with the same X25519 form: the point with the opposite sign, which stands in the highest bit
    /// (RFC 8032 §5.1.2). X25519 knows only the other coordinate.
    package var negated: NodeKey {
        NodeKey(words: Words32(a: words.a, b: words.b, c: words.c, d: words.d ^ 1 << 63))
    }

    /// Whether the holder of this key signed `message`.
    package func verify(_ signature: Signature, of message: [UInt8]) -> Bool {
        Sodium.start()
        // The signature holds 64 bytes, the key 32.
        return unsafe crypto_sign_verify_detached(signature.bytes, message, UInt64(message.count), bytes) == 0
    }

    /// `message` in a box that only the holder of this key can open, and that does not tell who sealed it; nil when the
    /// key is no point of the curve. The box is that of libsodium's `crypto_box_seal`, with an ephemeral key from
    /// `random`: the public half of that key, then `crypto_box` under the BLAKE2b-192 of both public keys as nonce.
    package func seal(_ message: [UInt8], using random: RandomSource) -> [UInt8]? {
        guard let key = try? exchangeKey() else { return nil }
        let seed = random.guardedBytes(32)
        let secret = GuardedMemory(byteCount: 32)
        // Seed, secret and public key hold 32 bytes each.
        let ephemeral = unsafe filledBytes(32) { output in
            unsafe seed.withBytes { seed in
                unsafe secret.withBytes { secret in unsafe crypto_box_seed_keypair(output, secret, seed) }
            }
        }
        guard let ephemeral else { return nil }
        let nonce = Hash.blake2b(ephemeral + key.bytes, byteCount: crypto_box_noncebytes())
        // The box is longer than the message by macbytes; the nonce has noncebytes, the keys hold 32 bytes.
        let box = unsafe filledBytes(message.count + crypto_box_macbytes()) { output in
            unsafe secret.withBytes { secret in
                unsafe crypto_box_easy(output, message, UInt64(message.count), nonce, key.bytes, secret)
            }
        }
        return box.map { ephemeral + $0 }
    }

    /// BLAKE2b-256 of the key.
    package var nodeID: NodeID {
        guard let words = Words32(bytes: Hash.blake2b(bytes)) else {
            preconditionFailure("BLAKE2b-256 gives 32 bytes")
        }
        return NodeID(words: words)
    }

    /// The address in the node's personal network, whose genesis record is "postern personal network" and the key.
    package var personalAddress: OverlayAddress {
        let record = Array("postern personal network".utf8) + bytes
        return address(inNetwork: NodeKey.networkID(ofGenesis: record), group: 0)
    }

    /// The address in `group` of the network with the 40-bit id `network`; group 0 is the canonical address.
    package func address(inNetwork network: UInt64, group: UInt16) -> OverlayAddress {
        OverlayAddress(network: network, group: group, nodePart: nodeID.words.a.byteSwapped)
    }

    /// The 40-bit id of the network that begins with `record`: the first 40 bits of its BLAKE2b-256.
    package static func networkID(ofGenesis record: [UInt8]) -> UInt64 {
        Hash.blake2b(record).prefix(5).reduce(0) { $0 << 8 | UInt64($1) }
    }
}

/// The hash of a node's key: 256 bits that the node cannot choose.
package struct NodeID: Hashable, Sendable {
    /// The 32 bytes as a plain value.
    package let words: Words32

    /// The id with these bytes.
    package init(words: Words32) {
        self.words = words
    }

    /// The 32 bytes of the hash.
    package var bytes: [UInt8] { words.bytes }
}
