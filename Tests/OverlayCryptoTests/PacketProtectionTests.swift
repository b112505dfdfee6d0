import OverlayCrypto
import OverlayWire
import PosternModel
import Testing

@Suite("Packet protection")
struct PacketProtectionTests {
    static let ciphers: [DataCipher] = hasHardwareAES() ? [.aes256GCM, .chaCha20Poly1305] : [.chaCha20Poly1305]
    private static let index: UInt32 = 0xdead_beef

    private func secret(_ seed: UInt8 = 1) throws -> SessionSecret {
        try SessionSecret(bytes: Array(repeating: seed, count: 32))
    }

    /// A sealed packet with `frames`, behind `before` other bytes in the same buffer.
    private func seal(
        _ frames: [UInt8],
        number: UInt64,
        cipher: DataCipher,
        before: Int = 0,
        secret: SessionSecret
    ) throws -> [UInt8] {
        let sealer = PacketSealer(secret: secret, cipher: cipher)
        let buffer = try written { writer in
            writer.appendZeros(before)
            writer.append(PacketType.protected.rawValue)
            writer.append(bigEndian: Self.index)
            writer.append(bigEndian: UInt32(truncatingIfNeeded: number))
            writer.append(frames)
            sealer.seal(PacketNumber(number), in: &writer, from: before)
        }
        #expect(buffer.bytes.prefix(before).allSatisfy { $0 == 0 })
        return Array(buffer.bytes.dropFirst(before))
    }

    /// What an opener makes of `packet`.
    private func open(
        _ packet: [UInt8],
        largest: UInt64?,
        cipher: DataCipher,
        secret: SessionSecret
    ) throws -> (number: UInt64, frames: [UInt8]) {
        let opener = PacketOpener(secret: secret, cipher: cipher)
        let scratch = Scratch()
        let opened = try opener.open(packet.span.bytes, largest: largest.map(PacketNumber.init), into: scratch)
        let frames = try scratch.withSpan(opened.byteCount) { try $0.copyBytes(0..<opened.byteCount) }
        return (opened.packetNumber.rawValue, frames)
    }

    @Test(arguments: ciphers, [0, 1, 15, 16, 17, 1200, 9000, 60_000])
    func `a sealed packet opens to what it held`(_ cipher: DataCipher, _ count: Int) throws {
        let frames = randomBytes(count, seed: 3)
        for (number, largest): (UInt64, UInt64?) in [(0, nil), (1, 0), (7, nil), (1 << 32, (1 << 32) - 1), (5, 9)] {
            let packet = try seal(frames, number: number, cipher: cipher, before: count % 3, secret: secret())
            #expect(packet.count == count + PacketLayout.Protected.overhead)
            #expect(packet[0] == PacketType.protected.rawValue)
            #expect(Array(packet[1..<5]) == [0xde, 0xad, 0xbe, 0xef])
            let opened = try open(packet, largest: largest, cipher: cipher, secret: secret())
            #expect(opened.number == number)
            #expect(opened.frames == frames)
        }
    }

    @Test(arguments: ciphers)
    func `each flipped bit makes a packet false`(_ cipher: DataCipher) throws {
        let secret = try secret()
        let packet = try seal(randomBytes(40, seed: 4), number: 77, cipher: cipher, secret: secret)
        for bit in 0..<packet.count * 8 {
            var changed = packet
            changed[bit / 8] ^= 1 << UInt8(bit % 8)
            #expect(throws: CryptoError.authenticationFailed) {
                _ = try open(changed, largest: 70, cipher: cipher, secret: secret)
            }
        }
    }

    @Test(arguments: ciphers)
    func `each truncation and each extension makes a packet false`(_ cipher: DataCipher) throws {
        let secret = try secret()
        let packet = try seal(randomBytes(40, seed: 4), number: 77, cipher: cipher, secret: secret)
        for count in 0..<packet.count {
            #expect(throws: CryptoError.authenticationFailed) {
                _ = try open(Array(packet.prefix(count)), largest: 70, cipher: cipher, secret: secret)
            }
        }
        #expect(throws: CryptoError.authenticationFailed) {
            _ = try open(packet + [0], largest: 70, cipher: cipher, secret: secret)
        }
        #expect(throws: CryptoError.authenticationFailed) {
            _ = try open(packet + randomBytes(70_000, seed: 1), largest: 70, cipher: cipher, secret: secret)
        }
    }

    @Test(arguments: ciphers)
    func `another secret, cipher or far-off number makes a packet false`(_ cipher: DataCipher) throws {
        let packet = try seal([1, 2, 3], number: 77, cipher: cipher, secret: secret(1))
        #expect(throws: CryptoError.authenticationFailed) {
            _ = try open(packet, largest: nil, cipher: cipher, secret: secret(2))
        }
        for other in Self.ciphers where other != cipher {
            #expect(throws: CryptoError.authenticationFailed) {
                _ = try open(packet, largest: nil, cipher: other, secret: secret(1))
            }
        }
        #expect(throws: CryptoError.authenticationFailed) {
            _ = try open(packet, largest: 1 << 33, cipher: cipher, secret: secret(1))
        }
    }

    @Test(arguments: ciphers)
    func `S2: equal packets with different numbers have nothing in common behind the index`(_ cipher: DataCipher) throws
    {
        let packets = try (0..<50).map { number in
            try seal(Array(repeating: 0, count: 64), number: UInt64(number), cipher: cipher, secret: secret())
        }
        #expect(Set(packets.map { Array($0[5..<9]) }).count == 50)
        #expect(Set(packets.map { Array($0[9..<25]) }).count == 50)
    }

    @Test(arguments: ciphers)
    func `a replayed packet opens again and the window refuses it`(_ cipher: DataCipher) throws {
        let secret = try secret()
        let window = Window()
        let packet = try seal([9], number: 5, cipher: cipher, secret: secret)
        let opener = PacketOpener(secret: secret, cipher: cipher)
        let scratch = Scratch()
        let unmasked = opener.number(of: packet.span.bytes, largest: nil)
        let first = try #require(unmasked)
        #expect(first == PacketNumber(5))
        #expect(window.isFresh(first))
        let opened = try opener.open(packet.span.bytes, as: first, into: scratch)
        #expect(opened.packetNumber == PacketNumber(5))
        window.mark(opened.packetNumber)
        let again = opener.number(of: packet.span.bytes, largest: opened.packetNumber)
        #expect(again == first)
        #expect(!window.isFresh(first))
    }

    @Test func `the keys are those that the specification derives`() throws {
        // Protocol.md §5, by Python: BLAKE2b for the keys, ChaCha20-Poly1305 and ChaCha20 of `cryptography`.
        let packet = try seal([0x01, 0x02, 0x03], number: 0x1_0000_002a, cipher: .chaCha20Poly1305, secret: secret(7))
        #expect(Hex.encode(packet) == Self.chaChaPacket)
        guard hasHardwareAES() else { return }
        let other = try seal([0x01, 0x02, 0x03], number: 0x1_0000_002a, cipher: .aes256GCM, secret: secret(7))
        #expect(Hex.encode(other) == Self.aesPacket)
    }

    private static let chaChaPacket = "04deadbeefc4406c3c93befcfaeb028a47efd5538086dabd4b7cab75"
    private static let aesPacket = "04deadbeefc212f989132b47ab699346704be8769a408330b5521988"

    @Test(
        arguments: [
            (low: 0, largest: nil, full: 0), (low: 5, largest: nil, full: 5),
            (low: 0x8000_0000, largest: nil, full: 0x8000_0000),
            (low: 0, largest: 0xffff_ffff, full: 0x1_0000_0000),
            (low: 0xffff_ffff, largest: 0x1_0000_0000, full: 0xffff_ffff),
            (low: 10, largest: 0x7_0000_0005, full: 0x7_0000_000a),
            (low: 0x8000_0005, largest: 0x7_0000_0005, full: 0x7_8000_0005),
            (low: 0x8000_0007, largest: 0x7_0000_0005, full: 0x6_8000_0007),
            (low: 0xffff_ffff, largest: 0, full: 0xffff_ffff),
        ] as [(low: UInt32, largest: UInt64?, full: UInt64)]
    )
    func `RFC 9000 §A.3: a number is completed to the nearest one expected`(
        _ example: (low: UInt32, largest: UInt64?, full: UInt64)
    ) {
        let number = PacketNumber.completing(example.low, after: example.largest.map(PacketNumber.init))
        #expect(number == PacketNumber(example.full))
    }

    @Test func `completing a number never traps`() {
        for largest in [0, 1, .max - 1, .max, .max / 2, 1 << 62] as [UInt64] {
            for low in [0, 1, .max, .max / 2] as [UInt32] {
                let number = PacketNumber.completing(low, after: PacketNumber(largest))
                #expect(UInt32(truncatingIfNeeded: number.rawValue) == low)
            }
        }
    }
}
