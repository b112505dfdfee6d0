internal import CSodium

/// What guessing a passphrase costs: Argon2id (RFC 9106) with one lane, as libsodium has it.
package struct PassphraseCost: Hashable, Sendable {
    /// How often the memory is gone over.
    package let passes: Int
    /// The memory that one guess takes, in KiB.
    package let memoryKiB: Int

    /// Bytes of a salt (RFC 9106 §3.1).
    package static let saltByteCount = 16

    /// 64 MiB as in the second recommendation of RFC 9106 §4, and a pass more, since there is one lane and not four.
    package static let standard = PassphraseCost(checkedPasses: 4, memoryKiB: 65_536)

    /// The cost that a file states; nil when it is none that a reader pays: 1…16 passes over 8 MiB…1 GiB.
    package init?(passes: Int64, memoryKiB: Int64) {
        guard (1...16).contains(passes), (8_192...1_048_576).contains(memoryKiB) else { return nil }
        self.init(checkedPasses: Int(passes), memoryKiB: Int(memoryKiB))
    }

    private init(checkedPasses passes: Int, memoryKiB: Int) {
        self.passes = passes
        self.memoryKiB = memoryKiB
    }
}

extension ContentKey {
    /// The key that `passphrase` makes with a salt of 16 bytes: Argon2id version 1.3 (RFC 9106) with one lane. Nil when
    /// the salt has another length, the passphrase is empty or the system has not the memory. Takes a tenth of a second
    /// and more.
    package init?(passphrase: [UInt8], salt: [UInt8], cost: PassphraseCost) {
        guard salt.count == PassphraseCost.saltByteCount, !passphrase.isEmpty else { return nil }
        Sodium.start()
        let memory = GuardedMemory(byteCount: Self.byteCount)
        // The output has 32 bytes, the salt 16, and the passphrase goes with its own length.
        let status = unsafe passphrase.withUnsafeBytes { passphrase in
            guard let text = unsafe passphrase.bindMemory(to: CChar.self).baseAddress else { return CInt(-1) }
            return unsafe memory.withBytes { output in
                unsafe crypto_pwhash(
                    output,
                    UInt64(Self.byteCount),
                    text,
                    UInt64(passphrase.count),
                    salt,
                    UInt64(cost.passes),
                    cost.memoryKiB << 10,
                    crypto_pwhash_alg_argon2id13()
                )
            }
        }
        guard status == 0 else { return nil }
        self.init(memory: memory)
    }
}
