import PosternModel
import Testing

@testable import OverlayCrypto

/// The primitives as this target calls them, against the vectors of their RFCs.
@Suite("Primitives")
struct PrimitivesTests {
    private func bytes(_ hex: String) throws -> [UInt8] {
        try #require(Hex.decode(hex.filter { !$0.isWhitespace }))
    }

    @Test func `RFC 8439 §A.5: ChaCha20-Poly1305 with a nonce of the form that Noise and packets use`() throws {
        let key = GuardedMemory(try bytes("1c9240a5eb55d38af333888604f6b5f0473917c1402b80099dca5cbc207075c0"))
        let ad = try bytes("f33388860000000000004e91")
        let sealed = try bytes(
            """
            64a0861575861af460f062c79be643bd5e805cfd345cf389f108670ac76c8cb2
            4c6cfc18755d43eea09ee94e382d26b0bdb7b73c321b0100d4f03b7f355894cf
            332f830e710b97ce98c8a84abd0b948114ad176e008d33bd60f982b1ff37c855
            9797a06ef4f0ef61c186324e2b3506383606907b6a7c02b0f9f6157b53c867e4
            b9166c767b804d46a59b5216cde7a4e99040c5a40433225ee282a1b0a06c523e
            af4534d7f83fa1155b0047718cbc546a0d072b04b3564eea1b422273f548271a
            0bb2316053fa76991955ebd63159434ecebb4e466dae5a1073a6727627097a10
            49e617d91d361094fa68f0ff77987130305beaba2eda04df997b714d6c6f2c29
            a6ad5cb4022b02709beead9d67890cbb22392336fea1851f38
            """
        )
        let counter: UInt64 = 0x0807_0605_0403_0201
        let opened = key.withBytes { NoiseCipher.chaChaPoly.open(sealed, ad: ad, counter: counter, key: $0) }
        let text = try #require(opened)
        #expect(text.count == 265)
        #expect(String(decoding: text, as: UTF8.self).hasPrefix("Internet-Drafts are draft documents"))
        #expect(key.withBytes { NoiseCipher.chaChaPoly.seal(text, ad: ad, counter: counter, key: $0) } == sealed)
        #expect(key.withBytes { NoiseCipher.chaChaPoly.open(sealed, ad: ad, counter: counter + 1, key: $0) } == nil)
    }

    @Test func `RFC 9106: Argon2id with one lane makes the key that another implementation makes`() throws {
        // Computed with the Argon2id of Python's cryptography 50 (OpenSSL).
        let cost = try #require(PassphraseCost(passes: 2, memoryKiB: 8_192))
        let passphrase = Array("four quiet winter mornings".utf8)
        let key = try #require(ContentKey(passphrase: passphrase, salt: Array(0..<16), cost: cost))
        let expected = try bytes("ba4065676150407f88fd0096b70442a4b1634551b8476c51d159e6154983c4fe")
        #expect(key.copyBytes() == expected)
        #expect(ContentKey(passphrase: passphrase, salt: Array(0..<15), cost: cost) == nil)
        #expect(ContentKey(passphrase: [], salt: Array(0..<16), cost: cost) == nil)
        for (passes, memoryKiB) in [(0, 8_192), (17, 8_192), (1, 8_191), (1, 1 << 21)] as [(Int64, Int64)] {
            #expect(PassphraseCost(passes: passes, memoryKiB: memoryKiB) == nil)
        }
    }

    @Test(.enabled(if: hasHardwareAES(), "no AES in hardware"))
    func `AES-256-GCM of the GCM specification, test case 14`() throws {
        // McGrew and Viega, "The Galois/Counter Mode of Operation", test case 14: all zeros.
        let key = GuardedMemory(byteCount: 32)
        let sealed = try bytes("cea7403d4d606b6e074ec5d3baf39d18d0d1c8a799996bf0265b98b5d48ab919")
        let zeros = [UInt8](repeating: 0, count: 16)
        #expect(key.withBytes { NoiseCipher.aesGCM.seal(zeros, ad: [], counter: 0, key: $0) } == sealed)
        #expect(key.withBytes { NoiseCipher.aesGCM.open(sealed, ad: [], counter: 0, key: $0) } == zeros)
    }

    @Test func `RFC 7748 §6.1: X25519 key agreement`() throws {
        let alice = try ExchangeKeyPair(
            secretBytes: bytes("77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a")
        )
        let bob = try ExchangeKeyPair(
            secretBytes: bytes("5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb")
        )
        #expect(
            try alice.publicKey.bytes == bytes("8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a")
        )
        #expect(try bob.publicKey.bytes == bytes("de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f"))
        let shared = try bytes("4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742")
        #expect(try alice.agree(with: bob.publicKey).copyBytes(0, 32) == shared)
        #expect(try bob.agree(with: alice.publicKey).copyBytes(0, 32) == shared)
    }

    @Test(arguments: [
        "0000000000000000000000000000000000000000000000000000000000000000",
        "0100000000000000000000000000000000000000000000000000000000000000",
        "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
        "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    ])
    func `RFC 7748 §6.1: points of low order are refused`(_ hex: String) throws {
        let pair = try ExchangeKeyPair(secretBytes: randomBytes(32, seed: 1))
        let point = try #require(ExchangeKey(bytes: bytes(hex)))
        #expect(throws: CryptoError.lowOrderPoint) { _ = try pair.agree(with: point) }
    }

    @Test(arguments: [
        (
            seed: "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
            key: "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
            message: "",
            signature: """
            e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0\
            595bbe24655141438e7a100b
            """
        ),
        (
            seed: "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
            key: "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
            message: "72",
            signature: """
            92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eae\
            b4302aeeb00d291612bb0c00
            """
        ),
    ])
    func `RFC 8032 §7.1: Ed25519`(_ vector: (seed: String, key: String, message: String, signature: String)) throws {
        let identity = try NodeIdentity(seed: bytes(vector.seed))
        let message = try bytes(vector.message)
        let signature = identity.sign(message)
        #expect(try identity.key.bytes == bytes(vector.key))
        #expect(try signature.bytes == bytes(vector.signature))
        #expect(identity.key.verify(signature, of: message))
        #expect(!identity.key.verify(signature, of: message + [0]))
        for position in [0, 31, 32, 63] {
            var changed = signature.bytes
            changed[position] ^= 1
            let other = try #require(Signature(bytes: changed))
            #expect(!identity.key.verify(other, of: message))
        }
    }

    @Test func `RFC 7693 §A: BLAKE2b`() throws {
        let expected = """
            ba80a53f981c4d0d6a2797b69f12f6e94c212f14685ac4b74b12bb6fdbffa2d1\
            7d87c5392aab792dc252d5de4533cc9518d38aa8dbf1925ab92386edd4009923
            """
        #expect(try Hash.blake2b(Array("abc".utf8), byteCount: 64) == bytes(expected))
        let short = "0e5751c026e543b2e8ab2eb06099daa1d1e5df47778f7787faab45cdf12fe3a8"
        #expect(try Hash.blake2b([]) == bytes(short))
        #expect(Hash.blake2b([], key: [1]) != Hash.blake2b([]))
        #expect(Hash.blake2b([], byteCount: 1).count == 1)
    }

    @Test func `RFC 9001 §A.5: the ChaCha20 mask over packet numbers`() throws {
        let key = try bytes("25a282b9e82f06f21f488917a4fc8f1b73573685608597d0efcb076b0ab7a7a4")
        let sample = try bytes("5e5cd55c41f69080575d7999c25a5bfb")
        var field = [UInt8](repeating: 0, count: 5)
        PacketMask.apply(to: &field, byteCount: 5, sample: sample, key: key)
        #expect(try field == bytes("aefefe7d03"))
    }

    @Test func `the largest block counter makes a mask`() {
        let sample = [UInt8](repeating: 0xff, count: 16)
        var field: [UInt8] = [0, 0, 0, 0]
        PacketMask.apply(to: &field, byteCount: 4, sample: sample, key: [UInt8](repeating: 7, count: 32))
        let mask = field
        #expect(mask != [0, 0, 0, 0])
        PacketMask.apply(to: &field, byteCount: 4, sample: sample, key: [UInt8](repeating: 7, count: 32))
        #expect(field == [0, 0, 0, 0])
    }

    @Test func `comparison in constant time compares`() {
        #expect(constantTimeEquals([], []))
        #expect(constantTimeEquals([1, 2, 3], [1, 2, 3]))
        #expect(!constantTimeEquals([1, 2, 3], [1, 2, 4]))
        #expect(!constantTimeEquals([1, 2, 3], [1, 2]))
    }

    @Test func `hexadecimal text is read in either case and refused when it is none`() {
        #expect(Hex.encode([0x00, 0x9f, 0xff]) == "009fff")
        #expect(Hex.decode("009fFF") == [0x00, 0x9f, 0xff])
        #expect(Hex.decode("") == [])
        #expect(Hex.decode("0") == nil)
        #expect(Hex.decode("0g") == nil)
        #expect(Hex.decode("é0") == nil)
    }
}
