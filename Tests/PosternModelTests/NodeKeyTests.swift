import TestSupport
import Testing

@testable import PosternModel

@Suite("Node keys")
struct NodeKeyTests {
    /// Examples of the W3C did:key method and of its Ed25519 test vectors, with the key in base58.
    @Test(
        arguments: [
            (
                "did:key:z6MkpTHR8VNsBxYAAWHut2Geadd9jSwuBV8xRoAnwWsdvktH",
                "B12NYF8RrR3h41TDCTJojY59usg3mbtbjnFs7Eud1Y6u"
            ),
            (
                "did:key:z6MkiTBz1ymuepAQ4HEHYSF1H8quG5GLVVQR3djdX3mDooWp",
                "4zvwRjXUKGfvwnParsHAS3HuSVzV5cA4McphgmoCtajS"
            ),
        ]
    )
    func `a published did of an Ed25519 key is read and written`(did: String, base58: String) throws {
        let key = try #require(NodeKey(did: did))
        #expect(key.did == did)
        #expect(key.description == did)
        #expect(Base58.encode(key.bytes) == base58)
        #expect(NodeKey(bytes: Base58.decode(base58) ?? []) == key)
    }

    @Test func `base58 of any length means what long division makes of it, zeros in front among it`() {
        var random = SplitMix(seed: 1)
        for count in 0..<80 {
            for zeros in 0...min(2, count) {
                let bytes = (0..<count).map { $0 < zeros ? 0 : UInt8.random(in: 0...255, using: &random) }
                let text = Base58.encode(bytes)
                #expect(text == divided(bytes))
                #expect(Base58.decode(text) == bytes)
            }
        }
        for text in ["0", "O", "I", "l", "1é", "+", " "] { #expect(Base58.decode(text) == nil) }
    }

    /// Base58 by dividing the whole number for each digit.
    private func divided(_ bytes: [UInt8]) -> String {
        let alphabet = Array("123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz")
        var (number, text) = (bytes, "")
        while number.contains(where: { $0 != 0 }) {
            var rest = 0
            for position in number.indices {
                let value = rest * 256 + Int(number[position])
                number[position] = UInt8(value / 58)
                rest = value % 58
            }
            text = String(alphabet[rest]) + text
        }
        return String(repeating: "1", count: bytes.prefix { $0 == 0 }.count) + text
    }

    @Test func `the example of the did method comes back as it was`() throws {
        let did = "did:key:z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2doK"
        let key = try #require(NodeKey(did: did))
        #expect(key.bytes.count == 32)
        #expect(key.did == did)
    }

    @Test func `the key of the all-zero seed has the did of the test vectors`() throws {
        let key = try #require(
            NodeKey(bytes: hex("3b6a27bcceb6a42d62a3a8d02a6f0d73653215771de243a63ac048a18b59da29"))
        )
        #expect(key.did == "did:key:z6MkiTBz1ymuepAQ4HEHYSF1H8quG5GLVVQR3djdX3mDooWp")
    }

    @Test(
        arguments: [
            "", "did:key:", "did:key:z", "did:web:example.org", "z6MkiTBz1ymuepAQ4HEHYSF1H8quG5GLVVQR3djdX3mDooWp",
            "did:key:z6MkiTBz1ymuepAQ4HEHYSF1H8quG5GLVVQR3djdX3mDooW",
            "DID:KEY:z6MkiTBz1ymuepAQ4HEHYSF1H8quG5GLVVQR3djdX3mDooWp",
            "did:key:z16MkiTBz1ymuepAQ4HEHYSF1H8quG5GLVVQR3djdX3mDooWp",
            "did:key:z6MkiTBz1ymuepAQ4HEHYSF1H8quG5GLVVQR3djdX3mDooW0",
            "did:key:z6MkiTBz1ymuepAQ4HEHYSF1H8quG5GLVVQR3djdX3mDooWp ",
            // secp256k1, X25519 and P-256 keys of the same method
            "did:key:zQ3shokFTS3brHcDQrn82RUDfCZESWL1ZdCEJwekUDPQiYBme",
            "did:key:z6LSeu9HkTHSfLLeUs2nnzUSNedgDUevfNQgQjQC23ZCit6F",
            "did:key:zDnaerDaTF5BXEavCrfRZEk316dpbLsfPDZ3WJ5hRTPFU2169",
        ]
    )
    func `what is no did of an Ed25519 key is refused`(did: String) {
        #expect(NodeKey(did: did) == nil)
    }

    @Test func `a did that is far too long is refused without work`() {
        #expect(NodeKey(did: "did:key:z" + String(repeating: "6", count: 1_000_000)) == nil)
    }

    /// draft-msporny-base58-03 §5.
    @Test(
        arguments: [
            ("48656c6c6f20576f726c6421", "2NEpo7TZRRrLZSi2U"),
            (
                "54686520717569636b2062726f776e20666f78206a756d7073206f76657220746865206c617a7920646f672e",
                "USm3fpXnKG5EUBx2ndxBDMPVciP5hGey2Jh4NDv6gmeo1LkMeiKrLJUUBk6Z"
            ),
            ("0000287fb4cd", "11233QC4"), ("", ""), ("00", "1"), ("000000", "111"), ("0001", "12"), ("ff", "5Q"),
        ]
    )
    func `base58 keeps the published examples and leading zeros`(bytes: String, text: String) {
        #expect(Base58.encode(hex(bytes)) == text)
        #expect(Base58.decode(text) == hex(bytes))
    }

    @Test(arguments: ["0", "O", "I", "l", "2NEpo7TZRRrLZSi2U!", " 2", "é"])
    func `text outside of the base58 alphabet is refused`(text: String) {
        #expect(Base58.decode(text) == nil)
    }

    @Test func `random bytes survive base58`() {
        var random = SplitMix(seed: 58)
        for length in 0..<64 {
            var bytes = (0..<length).map { _ in UInt8.random(in: 0...255, using: &random) }
            for zero in 0..<min(length, length % 4) { bytes[zero] = 0 }
            #expect(Base58.decode(Base58.encode(bytes)) == bytes)
        }
    }
}
