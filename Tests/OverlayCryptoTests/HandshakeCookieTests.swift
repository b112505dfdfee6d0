import OverlayWire
import PosternModel
import Testing

@testable import OverlayCrypto

@Suite("Handshake cookie")
struct HandshakeCookieTests {
    private let secret = CookieSecret(GuardedMemory(Array(0..<32)))
    private let nonce = [UInt8](100..<124)
    private let mac1 = [UInt8](200..<216)
    private let place = Endpoint.ipv4(address: 0x0a00_0001, port: 1001)

    private func sealKey(_ seed: UInt8 = 1) throws -> MACKey {
        CookieSeal.key(for: try NodeIdentity(seed: Array(repeating: seed, count: 32)).key)
    }

    // The values were computed in Python, with hashlib and an HChaCha20 of its own (`Tests/EndToEnd/wire.py`).
    @Test(
        arguments: [
            (
                Endpoint.ipv4(address: 0x0a00_0001, port: 1001),
                "255ef632aad45b5bbfd4f2ae9ec0518d9dc6644b3aaf3bbe01cb2bf23f0fa5b5"
            ),
            (
                .ipv6(high: 0x2001_0db8_0000_0000, low: 1, port: 1001),
                "7a27d58c47917ecf4620bd4d46d8e83a9be6f2da913c852e3482753469ba04db"
            ),
            (
                .relay(RelayHandle(hub: 3, generation: 1, channel: RelayChannel(5))),
                "55786808f5d35a7943061529732c9a8099bac0a30e8656ddcd55ff3e26dbac27"
            ),
        ]
    )
    func `a cookie is the keyed hash of where its owner is`(_ endpoint: Endpoint, _ expected: String) {
        #expect(Hex.encode(secret.cookie(for: endpoint).words.bytes) == expected)
    }

    @Test func `it travels under XChaCha20-Poly1305, bound to the first MAC`() throws {
        let cookie = secret.cookie(for: place)
        let sealed = try CookieSeal.seal(cookie, nonce: nonce, mac1: mac1, key: sealKey())
        let expected = """
            192d2256262da7f3a950b06d8f62afeaf2908f803b666c1b982003fff205c532\
            3bddce262f0217e724d3a85e4f806ad8
            """
        #expect(Hex.encode(sealed) == expected)
        #expect(try CookieSeal.open(sealed, nonce: nonce, mac1: mac1, key: sealKey()) == cookie)
    }

    @Test func `one that is changed, cut or for another handshake or responder does not open`() throws {
        let key = try sealKey()
        let sealed = CookieSeal.seal(secret.cookie(for: place), nonce: nonce, mac1: mac1, key: key)
        #expect(try CookieSeal.open(sealed, nonce: nonce, mac1: mac1, key: sealKey(2)) == nil)
        #expect(CookieSeal.open(sealed, nonce: nonce, mac1: mac1.reversed(), key: key) == nil)
        #expect(CookieSeal.open(sealed, nonce: nonce.reversed(), mac1: mac1, key: key) == nil)
        #expect(CookieSeal.open(sealed, nonce: nonce.dropLast(), mac1: mac1, key: key) == nil)
        for count in 0..<sealed.count {
            #expect(CookieSeal.open(Array(sealed.prefix(count)), nonce: nonce, mac1: mac1, key: key) == nil)
        }
        for bit in 0..<sealed.count * 8 {
            var changed = sealed
            changed[bit / 8] ^= 1 << UInt8(bit % 8)
            #expect(CookieSeal.open(changed, nonce: nonce, mac1: mac1, key: key) == nil)
        }
    }
}
