import OverlayCrypto
import OverlayWire
import PosternModel
import Testing

@Suite("Handshake MAC")
struct HandshakeMACTests {
    private func key(_ seed: UInt8) throws -> NodeKey {
        try NodeIdentity(seed: Array(repeating: seed, count: 32)).key
    }

    @Test func `it is keyed BLAKE2b-128 under the hash of a label and the receiver's key`() throws {
        let receiver = try key(1)
        let message = randomBytes(200, seed: 2)
        let expected = Hash.blake2b(
            message,
            key: Hash.blake2b(Array("postern mac1".utf8) + receiver.bytes),
            byteCount: 16
        )
        let macKey = HandshakeMAC.key(for: receiver)
        #expect(HandshakeMAC.mac(message, key: macKey) == expected)
        let packet = try written { writer in
            writer.appendZeros(3)
            writer.append(message)
            HandshakeMAC.append(to: &writer, from: 3, key: macKey)
        }
        #expect(Array(packet.bytes.dropFirst(3)) == message + expected)
    }

    private func verify(_ packet: [UInt8], at offset: Int, _ key: MACKey) -> Bool {
        HandshakeMAC.verify(packet.span.bytes, at: offset, key: key)
    }

    @Test func `every flipped bit and every other receiver is noticed`() throws {
        let macKey = try HandshakeMAC.key(for: key(1))
        let message = randomBytes(60, seed: 3)
        let packet = message + HandshakeMAC.mac(message, key: macKey) + Array(repeating: 0, count: 16)
        #expect(verify(packet, at: 60, macKey))
        #expect(try !verify(packet, at: 60, HandshakeMAC.key(for: key(2))))
        for bit in 0..<76 * 8 {
            var changed = packet
            changed[bit / 8] ^= 1 << UInt8(bit % 8)
            #expect(!verify(changed, at: 60, macKey))
        }
    }

    @Test(arguments: [-1, 0, 17, 33, 1000, Int.max, Int.min])
    func `a place outside the packet holds no MAC`(_ offset: Int) throws {
        let packet = randomBytes(32, seed: 1)
        let macKey = try HandshakeMAC.key(for: key(1))
        #expect(!verify(packet, at: offset, macKey))
        #expect(!verify([], at: 0, macKey))
    }
}
