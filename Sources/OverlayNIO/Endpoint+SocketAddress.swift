package import NIOCore
package import OverlayWire

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

extension Endpoint {
    /// The endpoint that `address` names, or nil when it is not an IP address.
    package init?(_ address: SocketAddress) {
        switch address {
        case .v4(let v4):
            self = withUnsafeBytes(of: v4.address) { Endpoint(rawIPv4: $0) }
        case .v6(let v6):
            self = withUnsafeBytes(of: v6.address) { Endpoint(rawIPv6: $0) }
        case .unixDomainSocket:
            return nil
        }
    }

    /// The socket address of a UDP endpoint, or nil for anything else.
    package var socketAddress: SocketAddress? {
        switch self {
        case .ipv4(let address, let port):
            // Fails only on a length that no IP address has.
            try? SocketAddress(packedIPAddress: ByteBuffer(integer: address), port: Int(port))
        case .ipv6(let high, let low, let port):
            try? SocketAddress(
                packedIPAddress: ByteBuffer(bytes: Self.octets(high) + Self.octets(low)),
                port: Int(port)
            )
        case .connection, .relay:
            nil
        }
    }

    private static func octets(_ word: UInt64) -> [UInt8] {
        withUnsafeBytes(of: word.bigEndian) { Array($0) }
    }
}

/// The system's socket address structures, by offset: `sockaddr_in` and `sockaddr_in6` begin with the family, then port
/// and address in network order, at the same places on every system of ours.
enum RawSocketAddress {
    /// Bytes of the larger one.
    static let capacity = 28
    static let sizeIPv4 = 16
    static let sizeIPv6 = 28
    private static let port = 2
    private static let addressIPv4 = 4
    private static let addressIPv6 = 8

    /// Writes `endpoint` into `memory`, which has room for ``capacity`` bytes, and returns the structure's size.
    static func write(_ endpoint: Endpoint, to memory: UnsafeMutableRawBufferPointer) -> Int {
        switch endpoint {
        case .ipv4(let address, let portNumber):
            begin(family: AF_INET, size: sizeIPv4, in: memory)
            memory.storeBytes(of: portNumber.bigEndian, toByteOffset: port, as: UInt16.self)
            memory.storeBytes(of: address.bigEndian, toByteOffset: addressIPv4, as: UInt32.self)
            return sizeIPv4
        case .ipv6(let high, let low, let portNumber):
            begin(family: AF_INET6, size: sizeIPv6, in: memory)
            memory.storeBytes(of: portNumber.bigEndian, toByteOffset: port, as: UInt16.self)
            memory.storeBytes(of: high.bigEndian, toByteOffset: addressIPv6, as: UInt64.self)
            memory.storeBytes(of: low.bigEndian, toByteOffset: addressIPv6 + 8, as: UInt64.self)
            return sizeIPv6
        case .connection, .relay:
            preconditionFailure("only UDP addresses are sent to from a socket")
        }
    }

    private static func begin(family: CInt, size: Int, in memory: UnsafeMutableRawBufferPointer) {
        precondition(memory.count >= size, "room for every socket address")
        memory[..<size].initializeMemory(as: UInt8.self, repeating: 0)
        #if os(Linux)
        memory.storeBytes(of: UInt16(family), toByteOffset: 0, as: UInt16.self)
        #else
        memory[0] = UInt8(size)
        memory[1] = UInt8(family)
        #endif
    }

    fileprivate static func readPort(_ bytes: UnsafeRawBufferPointer) -> UInt16 {
        UInt16(bigEndian: bytes.loadUnaligned(fromByteOffset: port, as: UInt16.self))
    }

    fileprivate static func readIPv4(_ bytes: UnsafeRawBufferPointer) -> UInt32 {
        UInt32(bigEndian: bytes.loadUnaligned(fromByteOffset: addressIPv4, as: UInt32.self))
    }

    fileprivate static func readIPv6(_ bytes: UnsafeRawBufferPointer, _ word: Int) -> UInt64 {
        UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: addressIPv6 + 8 * word, as: UInt64.self))
    }
}

extension Endpoint {
    /// From the bytes of a `sockaddr_in`.
    init(rawIPv4 bytes: UnsafeRawBufferPointer) {
        self = .ipv4(address: RawSocketAddress.readIPv4(bytes), port: RawSocketAddress.readPort(bytes))
    }

    /// From the bytes of a `sockaddr_in6`.
    init(rawIPv6 bytes: UnsafeRawBufferPointer) {
        self = .ipv6(
            high: RawSocketAddress.readIPv6(bytes, 0),
            low: RawSocketAddress.readIPv6(bytes, 1),
            port: RawSocketAddress.readPort(bytes)
        )
    }
}
