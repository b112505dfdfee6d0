/// How far an address reaches, by the special-purpose registries of RFC 6890.
package enum AddressScope: Hashable, Sendable {
    /// No single host receives there: unspecified, multicast, broadcast and reserved addresses, IPv4 inside IPv6, and
    /// port 0.
    case nowhere
    /// The host itself.
    case loopback
    /// One link (RFC 3927, RFC 4291 §2.5.6).
    case link
    /// A block that each network uses for itself (RFC 1918, RFC 4193, RFC 6598), by its first octet.
    case site(UInt8)
    /// Everywhere.
    case global
}

extension Endpoint {
    /// How far the address reaches. A connection or a conversation of a relay reaches everywhere.
    package var scope: AddressScope {
        switch self {
        case .ipv4(_, port: 0), .ipv6(_, _, port: 0): .nowhere
        case .ipv4(let address, _): Self.scope(ofIPv4: address)
        case .ipv6(let high, let low, _): Self.scope(ofIPv6: high, low)
        case .connection, .relay: .global
        }
    }

    private static func scope(ofIPv4 address: UInt32) -> AddressScope {
        let octet = address >> 24
        if octet == 0 || octet >= 224 { return .nowhere }
        if octet == 127 { return .loopback }
        if address >> 16 == 0xa9fe { return .link }
        let isShared = octet == 10 || address >> 22 == 0x191 || address >> 20 == 0xac1 || address >> 16 == 0xc0a8
        return isShared ? .site(UInt8(truncatingIfNeeded: octet)) : .global
    }

    private static func scope(ofIPv6 high: UInt64, _ low: UInt64) -> AddressScope {
        if high == 0 {
            // ::, ::1, and the addresses of RFC 4291 §2.5.5 that hold one of IPv4.
            return low == 1 ? .loopback : low >> 48 == 0 ? .nowhere : .global
        }
        if high >> 56 == 0xff { return .nowhere }
        if high >> 54 == 0xfe80 >> 6 { return .link }
        return high >> 57 == 0xfc >> 1 ? .site(0xfc) : .global
    }
}
