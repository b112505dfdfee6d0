/// An address, or all addresses that begin with the same bits: `192.0.2.7`, `172.17.0.0/16`, `fd00::/8`.
package struct AddressRange: Hashable, Sendable {
    /// The first address; one of IPv4 as IPv6 writes it (RFC 4291 §2.5.5.2).
    private let high: UInt64
    private let low: UInt64
    /// How many bits are the same, of 128.
    private let length: Int
    /// As it was written.
    private let text: String

    /// The range that `text` names, or nil.
    package init?(_ text: some StringProtocol) {
        let parts = text.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
        guard let address = Self.parse(parts[0]) else { return nil }
        let whole = address.isIPv4 ? 32 : 128
        var length = whole
        if parts.count == 2 {
            guard (1...3).contains(parts[1].utf8.count), parts[1].utf8.allSatisfy(HostName.isDigit),
                let given = Int(parts[1]), given <= whole
            else { return nil }
            length = given
        }
        (high, low) = (address.high, address.low)
        self.length = length + 128 - whole
        self.text = String(text)
    }

    /// Whether the address that `text` is lies in the range.
    package func contains(_ text: some StringProtocol) -> Bool {
        guard let address = Self.parse(text) else { return false }
        return (address.high ^ high) & Self.mask(min(length, 64)) == 0
            && (address.low ^ low) & Self.mask(max(length - 64, 0)) == 0
    }

    /// A word whose first `count` bits are set.
    private static func mask(_ count: Int) -> UInt64 { count == 0 ? 0 : ~0 << UInt64(64 - count) }

    private static func parse(_ text: some StringProtocol) -> (high: UInt64, low: UInt64, isIPv4: Bool)? {
        if let number = IPv4Text.parse(text) { return (0, 0xffff_0000_0000 | UInt64(number), true) }
        return IPv6Text.parse(text).map { ($0.high, $0.low, false) }
    }
}

extension AddressRange: CustomStringConvertible {
    package var description: String { text }
}
