/// Text of 128-bit addresses: RFC 4291 §2.2 in, RFC 5952 out.
package enum IPv6Text {
    /// The canonical text (RFC 5952 §4) of the address with these 128 bits.
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
        var text = ""
        text.reserveCapacity(39)
        for position in 0..<8 where !best.contains(position) {
            if position > 0 { text += position == best.upperBound ? "::" : ":" }
            text += String(groups[position], radix: 16)
        }
        // Zeros at the end stand before no group.
        return best.upperBound == 8 && !best.isEmpty ? text + "::" : text
    }

    /// The 128 bits of the address in `text`, or nil when it is none.
    package static func parse(_ text: some StringProtocol) -> (high: UInt64, low: UInt64)? {
        guard text.utf8.count <= 45 else { return nil }
        let halves = text.split(separator: "::", maxSplits: 2, omittingEmptySubsequences: false)
        guard halves.count <= 2 else { return nil }
        func groups(_ half: some StringProtocol) -> [UInt64]? {
            if half.isEmpty { return [] }
            var result: [UInt64] = []
            for part in half.split(separator: ":", omittingEmptySubsequences: false) {
                if part.endIndex == text.endIndex, let address = IPv4Text.parse(part) {
                    result += [UInt64(address >> 16), UInt64(address & 0xffff)]
                    continue
                }
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

/// Text of IPv4 addresses: four decimal octets without leading zeros, which some readers take for octal (RFC 6943
/// §3.1.1).
package enum IPv4Text {
    /// The text of the address with these 32 bits.
    package static func format(_ address: UInt32) -> String {
        stride(from: 24, through: 0, by: -8).map { String(address >> UInt32($0) & 0xff) }.joined(separator: ".")
    }

    /// The 32 bits of the address in `text`, or nil when it is none.
    package static func parse(_ text: some StringProtocol) -> UInt32? {
        let parts = text.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count == 4 else { return nil }
        var address: UInt32 = 0
        for part in parts {
            guard part.utf8.allSatisfy(HostName.isDigit), part == "0" || !part.hasPrefix("0") else { return nil }
            guard let octet = UInt8(part) else { return nil }
            address = address << 8 | UInt32(octet)
        }
        return address
    }
}
