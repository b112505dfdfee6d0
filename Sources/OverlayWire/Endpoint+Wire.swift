/// Underlay addresses inside frames: a family byte (4 or 6), the address, the port. Connections and relays have
/// no wire form: which connection, whose hub and which channel is each node's own business.
extension Endpoint {
    /// Bytes on the wire, or nil for a connection or relay.
    package var wireSize: Int? {
        switch self {
        case .ipv4: 7
        case .ipv6: 19
        case .connection, .relay: nil
        }
    }
}

extension PacketWriter {
    /// Appends a UDP endpoint; anything else is a bug of ours.
    package mutating func append(_ endpoint: Endpoint) {
        switch endpoint {
        case .ipv4(let address, let port):
            append(UInt8(4))
            append(bigEndian: address)
            append(bigEndian: port)
        case .ipv6(let high, let low, let port):
            append(UInt8(6))
            append(bigEndian: high)
            append(bigEndian: low)
            append(bigEndian: port)
        case .connection, .relay:
            preconditionFailure("only UDP addresses have a wire form")
        }
    }
}

extension RawSpan {
    /// The UDP endpoint at `offset`, which moves past it.
    package func loadEndpoint(at offset: inout Int) throws(WireError) -> Endpoint {
        switch try loadByte(at: offset) {
        case 4:
            let address = try load(UInt32.self, at: offset + 1)
            let port = try load(UInt16.self, at: offset + 5)
            offset += 7
            return .ipv4(address: address, port: port)
        case 6:
            let high = try load(UInt64.self, at: offset + 1)
            let low = try load(UInt64.self, at: offset + 9)
            let port = try load(UInt16.self, at: offset + 17)
            offset += 19
            return .ipv6(high: high, low: low, port: port)
        case _:
            throw .invalidValue
        }
    }
}
