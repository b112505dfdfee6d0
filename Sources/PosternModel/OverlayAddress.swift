/// A 128-bit overlay address with the layout of an IPv6 unique local address (RFC 4193; DESIGN §4):
///
/// ```
///  8 bits   40 bits      16 bits   64 bits
/// +--------+------------+---------+------------+
/// | 0xfd   | network id | group   | node part  |
/// +--------+------------+---------+------------+
/// ```
///
/// Both ids are hashes, so nobody can give an address to another key. Group 0 is the canonical address of a node. The
/// address names; it never authenticates.
package struct OverlayAddress: Hashable, Sendable {
    package let high: UInt64
    package let low: UInt64

    /// The address of `nodePart` in the network with the 40-bit id `network` (upper bits are ignored).
    package init(network: UInt64, group: UInt16, nodePart: UInt64) {
        high = 0xfd << 56 | (network & 0xff_ffff_ffff) << 16 | UInt64(group)
        low = nodePart
    }

    /// The address with these 128 bits, or nil when it does not begin with `fd`.
    package init?(high: UInt64, low: UInt64) {
        guard high >> 56 == 0xfd else { return nil }
        self.high = high
        self.low = low
    }

    /// The 40-bit network id.
    package var network: UInt64 { high >> 16 & 0xff_ffff_ffff }
    /// The group within the network; 0 is the canonical address.
    package var group: UInt16 { UInt16(truncatingIfNeeded: high) }
    /// The first 64 bits of the node's id.
    package var nodePart: UInt64 { low }
}

extension OverlayAddress: CustomStringConvertible {
    /// The canonical text of RFC 5952.
    package var description: String { IPv6Text.format(high: high, low: low) }

    /// The overlay address in RFC 4291 §2.2 `text`, or nil when it is no address or not an overlay one.
    package init?(_ text: some StringProtocol) {
        guard let parsed = IPv6Text.parse(text) else { return nil }
        self.init(high: parsed.high, low: parsed.low)
    }
}
