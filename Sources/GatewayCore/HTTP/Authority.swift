/// `host[:port]` as it stands in `Host`, `Origin`, `Location` and absolute request targets (RFC 3986 §3.2), without
/// user information.
struct Authority {
    let host: Range<Int>
    /// Nil where none is written.
    let port: UInt16?

    /// The authority that stands in `range`, or nil when it is none.
    init?(_ bytes: Span<UInt8>, _ range: Range<Int>) {
        guard !range.isEmpty, let hostEnd = Self.endOfHost(bytes, range) else { return nil }
        host = range.lowerBound..<hostEnd
        guard !host.isEmpty else { return nil }
        if hostEnd == range.upperBound {
            port = nil
            return
        }
        let digits = hostEnd + 1..<range.upperBound
        guard bytes[hostEnd] == UInt8(ascii: ":"), (1...5).contains(digits.count) else { return nil }
        var value: UInt32 = 0
        for position in digits {
            guard ASCII.isDigit(bytes[position]) else { return nil }
            value = value * 10 + UInt32(bytes[position] &- 0x30)
        }
        guard let port = UInt16(exactly: value) else { return nil }
        self.port = port
    }

    private static func endOfHost(_ bytes: Span<UInt8>, _ range: Range<Int>) -> Int? {
        var position = range.lowerBound
        if bytes[position] == UInt8(ascii: "[") {
            position += 1
            while position < range.upperBound, bytes[position] != UInt8(ascii: "]") {
                guard
                    ASCII.hexadecimal(bytes[position]) != nil || bytes[position] == UInt8(ascii: ":")
                        || bytes[position] == UInt8(ascii: ".")
                else { return nil }
                position += 1
            }
            return position < range.upperBound ? position + 1 : nil
        }
        while position < range.upperBound, bytes[position] != UInt8(ascii: ":") {
            guard isNameOctet(bytes[position]) else { return nil }
            position += 1
        }
        return position
    }

    // RFC 3986 §3.2.2: unreserved characters; names with others do not resolve anywhere.
    private static func isNameOctet(_ octet: UInt8) -> Bool {
        switch octet {
        case 0x30...0x39, 0x41...0x5a, 0x61...0x7a, 0x2d, 0x2e, 0x5f, 0x7e: true
        case _: false
        }
    }

    /// Whether the host is this machine's loopback: any of 127.0.0.0/8 (RFC 1122 §3.2.1.3), `localhost`, or ::1.
    func isLoopback(_ bytes: Span<UInt8>) -> Bool {
        if bytes.hasPrefix(host, "127.") { return isDottedQuad(bytes) }
        return bytes.matches(host, "localhost") || bytes.matches(host, "[::1]")
    }

    /// Whether the host is four decimal numbers below 256 with dots between.
    private func isDottedQuad(_ bytes: Span<UInt8>) -> Bool {
        var (numbers, digits, value) = (1, 0, 0)
        for position in host {
            if bytes[position] == UInt8(ascii: ".") {
                guard digits > 0 else { return false }
                (numbers, digits, value) = (numbers + 1, 0, 0)
            } else {
                guard ASCII.isDigit(bytes[position]) else { return false }
                (digits, value) = (digits + 1, value * 10 + Int(bytes[position] &- 0x30))
                guard digits <= 3, value < 256 else { return false }
            }
        }
        return numbers == 4 && digits > 0
    }
}

/// The start of an `http` or `https` URI: what precedes its path.
struct Origin {
    /// From the scheme's first letter to the authority's last.
    let range: Range<Int>
    let authority: Authority
    let defaultPort: UInt16

    /// The origin with which `range` begins; nil when it has none of these schemes.
    ///
    /// - Parameter portWithoutScheme: the port of one that leaves out the scheme as well (RFC 3986 §4.2); nil: such a
    ///   one is none.
    init?(_ bytes: Span<UInt8>, prefixOf range: Range<Int>, portWithoutScheme: UInt16? = nil) {
        let start: Int
        if bytes.hasPrefix(range, "http://") {
            start = range.lowerBound + 7
            defaultPort = 80
        } else if bytes.hasPrefix(range, "https://") {
            start = range.lowerBound + 8
            defaultPort = 443
        } else if let port = portWithoutScheme, bytes.hasPrefix(range, "//") {
            start = range.lowerBound + 2
            defaultPort = port
        } else {
            return nil
        }
        var end = start
        while end < range.upperBound, !Self.endsAuthority(bytes[end]) { end += 1 }
        guard let authority = Authority(bytes, start..<end) else { return nil }
        self.authority = authority
        self.range = range.lowerBound..<end
    }

    private static func endsAuthority(_ octet: UInt8) -> Bool {
        octet == UInt8(ascii: "/") || octet == UInt8(ascii: "?") || octet == UInt8(ascii: "#")
    }
}

/// The names under which clients may address us.
package struct OwnNames: Sendable {
    /// In lower case, without a port.
    private let names: [[UInt8]]
    private let includesLoopback: Bool

    /// Loopback, and `overlayNames`.
    package init(overlayNames: [String] = []) {
        names = overlayNames.map { Array($0.lowercased().utf8) }
        includesLoopback = true
    }

    /// `host` alone, as it stands in an authority.
    package init(only host: String) {
        names = [Array(host.lowercased().utf8)]
        includesLoopback = false
    }

    func contain(_ authority: Authority, in bytes: Span<UInt8>) -> Bool {
        if includesLoopback, authority.isLoopback(bytes) { return true }
        for name in names where bytes.matches(authority.host, name) { return true }
        return false
    }
}
