import OverlayWire

/// Packets of the Port Control Protocol, as far as one UDP mapping needs them (RFC 6887 §7, §11.1).
enum PCP {
    /// Which of a client's requests an answer is to (RFC 6887 §11.1).
    struct Nonce: Hashable, Sendable {
        static let byteCount = 12
        let bytes: [UInt8]

        init(_ bytes: [UInt8]) {
            precondition(bytes.count == Self.byteCount, "a nonce has 12 bytes")
            self.bytes = bytes
        }
    }

    private static let version: UInt8 = 2
    private static let map: UInt8 = 1
    private static let answerBit: UInt8 = 0x80
    private static let udp: UInt8 = 17
    private static let byteCount = 60

    // Offsets of RFC 6887 §7.2 and §11.1.
    private static let result = 3
    private static let lifetime = 4
    private static let nonce = 24
    private static let transport = 36
    private static let internalPort = 40
    private static let externalPort = 42
    private static let externalAddress = 44

    /// A MAP request of the host at `client`.
    static func request(
        client: UInt32,
        port: UInt16,
        suggested: Endpoint?,
        _ nonce: Nonce,
        lifetime: UInt32
    ) -> [UInt8] {
        var (address, outside): (UInt32, UInt16) = (0, port)
        if case .ipv4(let known, let knownPort)? = suggested { (address, outside) = (known, knownPort) }
        return PacketWriter.bytes(capacity: byteCount) {
            $0.append(version)
            $0.append(map)
            $0.appendZeros(2)
            $0.append(bigEndian: lifetime)
            append(mapped: client, to: &$0)
            for byte in nonce.bytes { $0.append(byte) }
            $0.append(udp)
            $0.appendZeros(3)
            $0.append(bigEndian: port)
            $0.append(bigEndian: outside)
            append(mapped: address, to: &$0)
        }
    }

    /// An IPv4-mapped address (RFC 4291 §2.5.5.2), as PCP wants them (RFC 6887 §5).
    private static func append(mapped address: UInt32, to writer: inout PacketWriter) {
        writer.append(bigEndian: UInt64(0))
        writer.append(bigEndian: 0xffff_0000_0000 | UInt64(address))
    }

    /// What a gateway answers to a MAP request.
    struct Answer {
        let isSuccess: Bool
        /// Where others reach the host.
        let endpoint: Endpoint
        /// In seconds.
        let lifetime: UInt32

        /// Nil for what is no answer to the request with `nonce` for `port`.
        init?(_ packet: RawSpan, nonce: Nonce, port: UInt16) {
            guard packet.byteCount >= PCP.byteCount,
                (try? packet.loadByte(at: 0)) == PCP.version,
                (try? packet.loadByte(at: 1)) == PCP.map | PCP.answerBit,
                (try? packet.copyBytes(PCP.nonce..<PCP.nonce + Nonce.byteCount)) == nonce.bytes,
                (try? packet.loadByte(at: PCP.transport)) == PCP.udp,
                (try? packet.load(UInt16.self, at: PCP.internalPort)) == port,
                let result = try? packet.loadByte(at: PCP.result),
                let lifetime = try? packet.load(UInt32.self, at: PCP.lifetime),
                let outside = try? packet.load(UInt16.self, at: PCP.externalPort),
                let high = try? packet.load(UInt64.self, at: PCP.externalAddress),
                let low = try? packet.load(UInt64.self, at: PCP.externalAddress + 8),
                result != 0 || (high == 0 && low >> 32 == 0xffff)
            else { return nil }
            isSuccess = result == 0
            endpoint = .ipv4(address: UInt32(truncatingIfNeeded: low), port: outside)
            self.lifetime = lifetime
        }
    }
}
