import PosternModel
import Testing

@testable import OverlayCrypto

@Suite("Keys and names")
struct KeysTests {
    private func identity(_ seed: UInt8) throws -> NodeIdentity {
        try NodeIdentity(seed: Array(repeating: seed, count: 32))
    }

    @Test(arguments: [0, 31, 33, 64])
    func `a seed of any other length makes no identity`(_ count: Int) {
        #expect(throws: CryptoError.invalidKey) { _ = try NodeIdentity(seed: randomBytes(count, seed: 1)) }
    }

    @Test func `the X25519 form of the public key is the one of the identity`() throws {
        for seed in UInt8(0)..<16 {
            let identity = try identity(seed)
            #expect(try identity.key.exchangeKey() == identity.exchangeKey)
        }
    }

    @Test func `a key that is no point of the curve has no X25519 form and seals nothing`() throws {
        // y = 2 is not the y of any point; y = 1 is the neutral element, of order 1.
        for y in [UInt8(2), 1] {
            let key = try #require(NodeKey(bytes: [y] + Array(repeating: 0, count: 31)))
            #expect(throws: CryptoError.invalidKey) { _ = try key.exchangeKey() }
            let random = RandomSource(seed: randomBytes(32, seed: 1))
            #expect(key.seal([1], using: random) == nil)
        }
    }

    @Test(arguments: [0, 1, 32, 5000])
    func `only its receiver opens a sealed box, and only whole`(_ count: Int) throws {
        let receiver = try identity(1)
        let message = randomBytes(count, seed: 9)
        let random = RandomSource(seed: randomBytes(32, seed: 8))
        let box = try #require(receiver.key.seal(message, using: random))
        #expect(receiver.openSealed(box) == message)
        #expect(try identity(2).openSealed(box) == nil)
        #expect(receiver.openSealed(Array(box.dropLast())) == nil)
        #expect(receiver.openSealed(Array(box.prefix(47))) == nil)
        #expect(receiver.openSealed([]) == nil)
        for position in [0, 31, 32, box.count - 1] {
            var changed = box
            changed[position] ^= 0x40
            #expect(receiver.openSealed(changed) == nil)
        }
        #expect(receiver.key.seal(message, using: random) != box)
        let again = RandomSource(seed: randomBytes(32, seed: 8))
        #expect(receiver.key.seal(message, using: again) == box)
    }

    @Test func `one seed makes one identity`() throws {
        let (first, second) = (try identity(3), try identity(3))
        #expect(first.key == second.key && first.exchangeKey == second.exchangeKey)
        #expect(try identity(4).key != first.key)
    }

    @Test func `R1: addresses follow from the key and nothing else`() throws {
        let key = try identity(4).key
        let id = Hash.blake2b(key.bytes)
        #expect(key.nodeID.bytes == id)
        let nodePart = id.prefix(8).reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
        let address = key.address(inNetwork: 0x12_3456_789a, group: 7)
        #expect(address.nodePart == nodePart)
        #expect(address.network == 0x12_3456_789a)
        #expect(address.group == 7)
        let genesis = Hash.blake2b(Array("postern personal network".utf8) + key.bytes)
        let network = genesis.prefix(5).reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
        #expect(key.personalAddress == key.address(inNetwork: network, group: 0))
        #expect(try key.personalAddress != identity(5).key.personalAddress)
    }

    @Test func `keys and secrets of the wrong length are refused`() {
        for count in [0, 31, 33] {
            let bytes = randomBytes(count, seed: 1)
            #expect(ExchangeKey(bytes: bytes) == nil)
            #expect(PreSharedKey(bytes: bytes) == nil)
            #expect(throws: CryptoError.invalidKey) { _ = try SessionSecret(bytes: bytes) }
            #expect(throws: CryptoError.invalidKey) { _ = try ExchangeKeyPair(secretBytes: bytes) }
        }
        #expect(Signature(bytes: randomBytes(63, seed: 1)) == nil)
        #expect(Signature(bytes: randomBytes(65, seed: 1)) == nil)
    }

    @Test func `a pre-shared key compares by its bytes and never shows them`() throws {
        let bytes = Array(repeating: UInt8(0xab), count: 32)
        let key = try #require(PreSharedKey(bytes: bytes))
        #expect(try key == #require(PreSharedKey(bytes: bytes)))
        #expect(key != .none)
        #expect(PreSharedKey.none.copyBytes() == Array(repeating: 0, count: 32))
        #expect("\(key)" == "<redacted>")
        #expect(String(reflecting: key) == "<redacted>")
        #expect(Mirror(reflecting: key).children.isEmpty)
        #expect(Set([key, key, .none]).count == 2)
        #expect(key.copyBytes() == bytes)
    }

    @Test func `guarded memory is zeroed when it is used again`() {
        for byteCount in [32, 96, 600, 1100] {
            for _ in 0..<200 {
                let memory = GuardedMemory(byteCount: byteCount)
                #expect(memory.copyBytes(0, byteCount).allSatisfy { $0 == 0 })
                memory.withBytes { UnsafeMutableBufferPointer(start: $0, count: byteCount).update(repeating: 0xee) }
                #expect(memory.withBytes { UInt(bitPattern: $0) % 64 } == 0)
            }
        }
    }

    @Test func `pieces of guarded memory that live together do not overlap`() {
        let pieces = (0..<3000).map { number in
            GuardedMemory(Array(repeating: UInt8(truncatingIfNeeded: number), count: 32 + number % 90))
        }
        for (number, piece) in pieces.enumerated() {
            let expected = Array(repeating: UInt8(truncatingIfNeeded: number), count: 32 + number % 90)
            #expect(piece.copyBytes(0, piece.byteCount) == expected)
        }
    }
}
