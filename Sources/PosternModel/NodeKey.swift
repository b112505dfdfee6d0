/// An Ed25519 public key: who a node is (DESIGN §4). Its text form is a `did:key`.
package struct NodeKey: Hashable, Sendable {
    /// The 32 bytes of RFC 8032 §5.1.5, as four little-endian words, so that the key is a plain value without a heap
    /// box.
    package let words: Words32

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

extension NodeKey: Comparable {
    /// An order that costs no text: that of the words. It means nothing but itself.
    package static func < (lhs: NodeKey, rhs: NodeKey) -> Bool {
        let (mine, theirs) = (lhs.words, rhs.words)
        return (mine.a, mine.b, mine.c, mine.d) < (theirs.a, theirs.b, theirs.c, theirs.d)
    }
}

extension NodeKey: CustomStringConvertible {
    /// Multicodec prefix of an Ed25519 public key (multicodec table: `ed25519-pub`, 0xed as a varint).
    private static let multicodec: [UInt8] = [0xed, 0x01]

    /// The W3C `did:key` form: `did:key:z` and base58btc of the multicodec prefix and the key.
    package var did: String { "did:key:z" + Base58.encode(Self.multicodec + bytes) }

    package var description: String { did }

    /// The key that a `did:key` names, or nil when `did` is not one of an Ed25519 key.
    package init?(did: some StringProtocol) {
        let prefix = "did:key:z"
        guard did.hasPrefix(prefix), did.utf8.count <= 128 else { return nil }
        guard let decoded = Base58.decode(did.dropFirst(prefix.count)) else { return nil }
        guard decoded.count == 34, Array(decoded[0..<2]) == Self.multicodec else { return nil }
        self.init(bytes: Array(decoded[2...]))
    }
}

/// Thirty-two bytes as a plain value.
package struct Words32: Hashable, Sendable {
    package let a: UInt64
    package let b: UInt64
    package let c: UInt64
    package let d: UInt64

    package init(a: UInt64, b: UInt64, c: UInt64, d: UInt64) {
        self.a = a
        self.b = b
        self.c = c
        self.d = d
    }

    /// The value of exactly 32 `bytes`, or nil.
    package init?(bytes: [UInt8]) {
        guard bytes.count == 32 else { return nil }
        func word(_ start: Int) -> UInt64 {
            var value: UInt64 = 0
            for position in (start..<start + 8).reversed() {
                value = value << 8 | UInt64(bytes[position])
            }
            return value
        }
        self.init(a: word(0), b: word(8), c: word(16), d: word(24))
    }

    /// The 32 bytes, in wire order.
    package var bytes: [UInt8] {
        var result: [UInt8] = []
        result.reserveCapacity(32)
        for word in [a, b, c, d] {
            for shift in stride(from: 0, to: 64, by: 8) {
                result.append(UInt8(truncatingIfNeeded: word >> UInt64(shift)))
            }
        }
        return result
    }
}
