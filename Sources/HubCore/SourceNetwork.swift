package import OverlayWire

/// The network that a node's packets come from, as far as one owner can be told from another by it: the first 24 bits
/// of an IPv4 address, the first 48 of an IPv6 one. Where no address shows, as behind a relay, it is ``unknown``, and
/// all of those share what one network may have.
package struct SourceNetwork: Hashable, Sendable {
    /// The family, 4 or 6, and the prefix.
    let bits: UInt64

    /// The network of sessions that show none.
    package static let unknown = SourceNetwork(bits: 0)

    private init(bits: UInt64) {
        self.bits = bits
    }

    /// The network of a session whose path leads to `endpoint`; nil: there is no path.
    package init(_ endpoint: Endpoint?) {
        switch endpoint {
        case .ipv4(let address, _): self.init(ipv4: address)
        // An IPv4-mapped address (RFC 4291 §2.5.5.2) is an IPv4 address.
        case .ipv6(0, let low, _) where low >> 32 == 0xffff: self.init(ipv4: UInt32(truncatingIfNeeded: low))
        case .ipv6(let high, _, _): self.init(bits: 6 << 56 | high >> 16)
        case .connection, .relay, nil: self = .unknown
        }
    }

    private init(ipv4 address: UInt32) {
        self.init(bits: 4 << 56 | UInt64(address >> 8))
    }
}
