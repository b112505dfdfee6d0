internal import CSodium

/// The secret of a trust record, which both sides mix into their handshakes (Noise rev 34 §9).
package struct PreSharedKey: Hashable, Sendable {
    /// Bytes of a secret (Noise rev 34 §9).
    package static let byteCount = 32
    /// What stands in where two peers have no secret: 32 zero bytes.
    package static let none = PreSharedKey(memory: GuardedMemory(byteCount: byteCount))

    let memory: GuardedMemory

    /// The secret in `bytes`, or nil when there are not exactly 32.
    package init?(bytes: [UInt8]) {
        guard bytes.count == Self.byteCount else { return nil }
        memory = GuardedMemory(bytes)
    }

    /// A fresh secret.
    package init(from random: RandomSource) {
        self.init(memory: random.guardedBytes(Self.byteCount))
    }

    private init(memory: GuardedMemory) {
        self.memory = memory
    }

    /// The secret that this one gives for `purpose`: keyed BLAKE2b-256 (RFC 7693) over its text.
    package func derived(for purpose: String) -> PreSharedKey {
        let output = GuardedMemory(byteCount: Self.byteCount)
        let text = Array(purpose.utf8)
        // Output and key have the 32 bytes that are named.
        unsafe output.withBytes { output in
            unsafe memory.withBytes { key in
                _ = unsafe crypto_generichash(output, Self.byteCount, text, UInt64(text.count), key, Self.byteCount)
            }
        }
        return PreSharedKey(memory: output)
    }

    /// A plain copy of the 32 bytes, for storing or sending them sealed.
    package func copyBytes() -> [UInt8] { memory.copyBytes(0, Self.byteCount) }

    /// Takes the same time wherever the secrets differ.
    package static func == (lhs: PreSharedKey, rhs: PreSharedKey) -> Bool { lhs.memory.equals(rhs.memory) }

    /// Hashes the bytes with the process's own random key.
    package func hash(into hasher: inout Hasher) { hasher.combine(copyBytes()) }
}

extension PreSharedKey: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    package var description: String { "<redacted>" }
    package var debugDescription: String { description }
    package var customMirror: Mirror { Mirror(self, children: []) }
}
