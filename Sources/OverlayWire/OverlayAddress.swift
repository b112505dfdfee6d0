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

/// Text of 128-bit addresses: RFC 4291 §2.2 in, RFC 5952 out.
package enum IPv6Text {
    /// The canonical text (RFC 5952 §4).
    package static func format(high: UInt64, low: UInt64) -> String {
        let groups = (0..<8).map { position -> UInt16 in
            let word = position < 4 ? high : low
            return UInt16(truncatingIfNeeded: word >> UInt64(48 - 16 * (position & 3)))
        }
        // RFC 5952 §4.2: the first longest run of two or more zero groups is shortened.
        var best = 0..<0
        var start = 0
        while start < 8 {
            var end = start
            while end < 8, groups[end] == 0 { end += 1 }
            if end - start > max(best.count, 1) { best = start..<end }
            start = max(end, start + 1)
        }
        func text(_ range: Range<Int>) -> String {
            range.map { String(groups[$0], radix: 16) }.joined(separator: ":")
        }
        return best.isEmpty ? text(0..<8) : text(0..<best.lowerBound) + "::" + text(best.upperBound..<8)
    }

    /// The address in `text`, without zone or embedded IPv4; nil when it is none.
    package static func parse(_ text: some StringProtocol) -> (high: UInt64, low: UInt64)? {
        guard text.utf8.count <= 39 else { return nil }
        let halves = text.split(separator: "::", maxSplits: 2, omittingEmptySubsequences: false)
        guard halves.count <= 2 else { return nil }
        func groups(_ half: some StringProtocol) -> [UInt64]? {
            if half.isEmpty { return [] }
            var result: [UInt64] = []
            for part in half.split(separator: ":", omittingEmptySubsequences: false) {
                guard (1...4).contains(part.utf8.count), part.allSatisfy(\.isHexDigit) else { return nil }
                guard let value = UInt64(part, radix: 16) else { return nil }
                result.append(value)
            }
            return result
        }
        guard let front = groups(halves[0]) else { return nil }
        guard let back = halves.count == 2 ? groups(halves[1]) : [] else { return nil }
        let count = front.count + back.count
        guard halves.count == 2 ? count <= 7 : count == 8 else { return nil }
        let all = front + Array(repeating: 0, count: 8 - count) + back
        func word(_ slice: ArraySlice<UInt64>) -> UInt64 { slice.reduce(0) { $0 << 16 | $1 } }
        return (word(all[0..<4]), word(all[4..<8]))
    }
}
