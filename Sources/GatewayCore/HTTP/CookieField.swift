import PosternModel

/// The pairs of a `Cookie` or `Set-Cookie` field (RFC 6265 §4), as far as one of them is the sidecar's own.
enum CookieField {
    private static let ownName = Array(ControlCookie.name.utf8)

    /// Whether the cookie of the status page is among the pairs in `value`.
    static func holdsOwn(_ bytes: Span<UInt8>, _ value: Range<Int>) -> Bool {
        var position = value.lowerBound
        while let pair = nextPair(bytes, value, &position) {
            if isOwn(bytes, pair) { return true }
        }
        return false
    }

    /// Whether the `Set-Cookie` of this value sets the cookie of the status page (RFC 6265 §5.2): an agent's response
    /// comes from the same host, so it would take the page's place.
    static func setsOwn(_ bytes: Span<UInt8>, _ value: Range<Int>) -> Bool {
        var position = value.lowerBound
        return nextPair(bytes, value, &position).map { isOwn(bytes, $0) } ?? false
    }

    /// Appends the other pairs to `output`; false when there is none.
    static func appendOthers(_ bytes: Span<UInt8>, _ value: Range<Int>, to output: inout [UInt8]) -> Bool {
        var position = value.lowerBound
        var isFirst = true
        while let pair = nextPair(bytes, value, &position) {
            guard !isOwn(bytes, pair) else { continue }
            if !isFirst { output.append("; ") }
            output.append(contentsOf: bytes, pair)
            isFirst = false
        }
        return !isFirst
    }

    /// The next pair, without white space around it.
    private static func nextPair(_ bytes: Span<UInt8>, _ value: Range<Int>, _ position: inout Int) -> Range<Int>? {
        while position < value.upperBound {
            var start = position
            var end = start
            while end < value.upperBound, bytes[end] != UInt8(ascii: ";") { end += 1 }
            position = end + 1
            while start < end, isSpace(bytes[start]) { start += 1 }
            while end > start, isSpace(bytes[end - 1]) { end -= 1 }
            if start < end { return start..<end }
        }
        return nil
    }

    private static func isSpace(_ octet: UInt8) -> Bool { octet == ASCII.space || octet == ASCII.tab }

    private static func isOwn(_ bytes: Span<UInt8>, _ pair: Range<Int>) -> Bool {
        var end = pair.lowerBound
        while end < pair.upperBound, bytes[end] != UInt8(ascii: "=") { end += 1 }
        while end > pair.lowerBound, isSpace(bytes[end - 1]) { end -= 1 }
        return bytes.equals(pair.lowerBound..<end, ownName)
    }
}
