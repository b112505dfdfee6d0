import OverlayWire

/// Packets of the NAT Port Mapping Protocol (RFC 6886 §3.2, §3.3).
enum NATPMP {
    private static let version: UInt8 = 0
    private static let externalAddress: UInt8 = 0
    private static let mapUDP: UInt8 = 1
    private static let answerBit: UInt8 = 0x80

    /// Asks for the public address.
    static let addressRequest: [UInt8] = [version, externalAddress]

    /// Asks that UDP to `suggested`, or another port, comes to `port`.
    static func mapRequest(port: UInt16, suggested: UInt16, lifetime: UInt32) -> [UInt8] {
        PacketWriter.bytes(capacity: 12) {
            $0.append(version)
            $0.append(mapUDP)
            $0.appendZeros(2)
            $0.append(bigEndian: port)
            $0.append(bigEndian: suggested)
            $0.append(bigEndian: lifetime)
        }
    }

    /// What a gateway answers.
    enum Answer: Equatable {
        /// The public address, as a host-order number.
        case address(UInt32)
        /// UDP to `outside` comes to `port` for so many seconds.
        case mapped(port: UInt16, outside: UInt16, lifetime: UInt32)
        /// It does not know the version or the request: another protocol may be its own.
        case unsupported
        /// It knows what is asked, and does not do it.
        case refused

        /// Nil for what is no answer.
        init?(_ packet: RawSpan) {
            guard (try? packet.loadByte(at: 0)) == NATPMP.version,
                let operation = try? packet.loadByte(at: 1), operation & NATPMP.answerBit != 0,
                let result = try? packet.load(UInt16.self, at: 2)
            else { return nil }
            // RFC 6886 §3.5: 1 is an unknown version, 5 an unknown operation.
            guard result == 0 else {
                self = result == 1 || result == 5 ? .unsupported : .refused
                return
            }
            switch operation ^ NATPMP.answerBit {
            case NATPMP.externalAddress:
                guard let address = try? packet.load(UInt32.self, at: 8) else { return nil }
                self = .address(address)
            case NATPMP.mapUDP:
                guard let port = try? packet.load(UInt16.self, at: 8),
                    let outside = try? packet.load(UInt16.self, at: 10),
                    let lifetime = try? packet.load(UInt32.self, at: 12)
                else { return nil }
                self = .mapped(port: port, outside: outside, lifetime: lifetime)
            case _:
                return nil
            }
        }
    }
}
