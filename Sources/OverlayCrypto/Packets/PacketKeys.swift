internal import CSodium
import OverlayWire

/// What seals the packets of a session (`Protocol.md` §5).
package enum DataCipher: Hashable, Sendable {
    /// NIST SP 800-38D; both sides need ``hasHardwareAES()``.
    case aes256GCM
    /// RFC 8439.
    case chaCha20Poly1305
}

/// The keys of one direction, ready for use: the data key, for AES with its key schedule, and the mask key.
///
/// The nonce of a packet is four zero bytes and its number as 64 bits, least significant byte first.
@safe
struct PacketKeys: ~Copyable {
    private let cipher: DataCipher
    let memory: GuardedMemory

    private typealias AESState = crypto_aead_aes256gcm_state

    private enum Layout {
        /// The 32-byte ChaCha20 key, or libsodium's AES state, which must stand at a multiple of 16.
        static let data = 0
        static let mask = 512
        static let byteCount = mask + 32
    }

    /// Derives the keys for `cipher` from `secret`. A cipher that this machine lacks is a bug of ours and traps:
    /// whoever agrees on AES asks ``hasHardwareAES()`` first.
    init(secret: SessionSecret, cipher: DataCipher) {
        precondition(crypto_aead_aes256gcm_statebytes() <= Layout.mask, "the layout has room for the AES state")
        self.cipher = cipher
        memory = GuardedMemory(byteCount: Layout.byteCount)
        // In bounds by the layout, whose slot stands at a multiple of 64.
        unsafe memory.withBytes { base in
            unsafe secret.derive("postern mask 1", into: base + Layout.mask)
            switch cipher {
            case .chaCha20Poly1305:
                unsafe secret.derive("postern data 1 chacha20poly1305", into: base + Layout.data)
            case .aes256GCM:
                precondition(hasHardwareAES(), "AES-256-GCM was agreed without the hardware for it")
                let key = GuardedMemory(byteCount: 32)
                unsafe key.withBytes { key in
                    unsafe secret.derive("postern data 1 aes256gcm", into: key)
                    _ = unsafe crypto_aead_aes256gcm_beforenm(Self.aesState(base), key)
                }
            }
        }
    }

    /// Encrypts `byteCount` bytes at `text` in place and writes the tag behind them.
    @unsafe
    @inline(__always)
    func encrypt(
        _ text: UnsafeMutablePointer<UInt8>,
        byteCount: Int,
        header: UnsafePointer<UInt8>,
        number: PacketNumber
    ) {
        let nonce = Self.nonce(number)
        // The caller vouches for byteCount bytes and a tag of room at text, and for a whole header; the nonce has 12.
        unsafe withUnsafeBytes(of: nonce) { nonce in
            guard let nonce = unsafe nonce.baseAddress?.assumingMemoryBound(to: UInt8.self) else { return }
            unsafe memory.withBytes { base in
                let headerSize = UInt64(PacketLayout.Protected.payload)
                let count = UInt64(byteCount)
                switch cipher {
                case .aes256GCM:
                    _ = unsafe crypto_aead_aes256gcm_encrypt_afternm(
                        text,
                        nil,
                        text,
                        count,
                        header,
                        headerSize,
                        nil,
                        nonce,
                        Self.aesState(base)
                    )
                case .chaCha20Poly1305:
                    _ = unsafe crypto_aead_chacha20poly1305_ietf_encrypt(
                        text,
                        nil,
                        text,
                        count,
                        header,
                        headerSize,
                        nil,
                        nonce,
                        base + Layout.data
                    )
                }
            }
        }
    }

    /// Decrypts the `byteCount` bytes of ciphertext and tag at `sealed` into `output`, and says whether they are
    /// authentic.
    @unsafe
    @inline(__always)
    func decrypt(
        _ sealed: UnsafePointer<UInt8>,
        byteCount: Int,
        header: UnsafePointer<UInt8>,
        number: PacketNumber,
        into output: UnsafeMutablePointer<UInt8>
    ) -> Bool {
        let nonce = Self.nonce(number)
        // The caller vouches for byteCount bytes at sealed, that much less a tag at output, and a whole header; the
        // nonce has 12.
        return unsafe withUnsafeBytes(of: nonce) { nonce in
            guard let nonce = unsafe nonce.baseAddress?.assumingMemoryBound(to: UInt8.self) else { return false }
            return unsafe memory.withBytes { base in
                let headerSize = UInt64(PacketLayout.Protected.payload)
                let count = UInt64(byteCount)
                switch cipher {
                case .aes256GCM:
                    return unsafe crypto_aead_aes256gcm_decrypt_afternm(
                        output,
                        nil,
                        nil,
                        sealed,
                        count,
                        header,
                        headerSize,
                        nonce,
                        Self.aesState(base)
                    ) == 0
                case .chaCha20Poly1305:
                    return unsafe crypto_aead_chacha20poly1305_ietf_decrypt(
                        output,
                        nil,
                        nil,
                        sealed,
                        count,
                        header,
                        headerSize,
                        nonce,
                        base + Layout.data
                    ) == 0
                }
            }
        }
    }

    /// XORs the four bytes at `field` with the mask that the 16 bytes at `sample` make. Doing it twice undoes it.
    @unsafe
    @inline(__always)
    func mask(_ field: UnsafeMutablePointer<UInt8>, sample: UnsafePointer<UInt8>) {
        // The caller vouches for 4 and 16 bytes; the mask key has 32.
        unsafe memory.withBytes {
            unsafe PacketMask.apply(to: field, byteCount: 4, sample: sample, key: $0 + Layout.mask)
        }
    }

    /// The AES state in the layout at `base`.
    @unsafe
    @inline(__always)
    private static func aesState(_ base: UnsafeMutablePointer<UInt8>) -> UnsafeMutablePointer<AESState> {
        // In bounds and aligned by the layout.
        unsafe UnsafeMutableRawPointer(base + Layout.data).assumingMemoryBound(to: AESState.self)
    }

    private static func nonce(_ number: PacketNumber) -> (UInt32, UInt32, UInt32) {
        let low = UInt32(truncatingIfNeeded: number.rawValue)
        let high = UInt32(truncatingIfNeeded: number.rawValue >> 32)
        return (0, low.littleEndian, high.littleEndian)
    }
}

/// The mask over packet numbers.
enum PacketMask {
    /// XORs `byteCount` bytes at `field` with the mask of the 16 bytes at `sample` under the 32-byte `key`.
    // RFC 9001 §5.4.4: the sample's first four bytes are ChaCha20's block counter, the other twelve its nonce.
    @unsafe
    @inline(__always)
    static func apply(
        to field: UnsafeMutablePointer<UInt8>,
        byteCount: Int,
        sample: UnsafePointer<UInt8>,
        key: UnsafePointer<UInt8>
    ) {
        // In bounds: the sample has 16 bytes.
        let counter = unsafe UInt32(littleEndian: UnsafeRawPointer(sample).loadUnaligned(as: UInt32.self))
        // The caller vouches for byteCount bytes, at most one block, so the counter cannot run over.
        _ = unsafe crypto_stream_chacha20_ietf_xor_ic(field, field, UInt64(byteCount), sample + 4, counter, key)
    }
}
