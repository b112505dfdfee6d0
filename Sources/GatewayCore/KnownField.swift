/// The fields that the gateway acts on.
enum KnownField: Equatable {
    case host
    case origin
    case connection
    case keepAlive
    case proxyConnection
    case te
    case transferEncoding
    case contentLength
    case upgrade
    case location
    case expect
    case authorization
    /// Ours: `Postern-Peer` and whatever else begins with `Postern-`. Servers that hand fields over as environment
    /// variables do not tell `_` from `-`, so that `Postern_Peer` is one of them.
    case postern
    case other

    /// The field whose name stands in `range`.
    init(_ bytes: Span<UInt8>, _ range: Range<Int>) {
        let field: KnownField? =
            switch range.count {
            case 2: bytes.matches(range, "te") ? .te : nil
            case 4: bytes.matches(range, "host") ? .host : nil
            case 6:
                if bytes.matches(range, "origin") { .origin } else { bytes.matches(range, "expect") ? .expect : nil }
            case 7: bytes.matches(range, "upgrade") ? .upgrade : nil
            case 8: bytes.matches(range, "location") ? .location : nil
            case 10:
                if bytes.matches(range, "connection") {
                    .connection
                } else {
                    bytes.matches(range, "keep-alive") ? .keepAlive : nil
                }
            case 13: bytes.matches(range, "authorization") ? .authorization : nil
            case 14: bytes.matches(range, "content-length") ? .contentLength : nil
            case 16: bytes.matches(range, "proxy-connection") ? .proxyConnection : nil
            case 17: bytes.matches(range, "transfer-encoding") ? .transferEncoding : nil
            case _: nil
            }
        if let field {
            self = field
        } else {
            self = Self.isPostern(bytes, range) ? .postern : .other
        }
    }

    private static func isPostern(_ bytes: Span<UInt8>, _ range: Range<Int>) -> Bool {
        guard range.count > 8, ASCII.lowercase(bytes[range.lowerBound]) == UInt8(ascii: "p") else { return false }
        return bytes.hasPrefix(range, "postern-") || bytes.hasPrefix(range, "postern_")
    }
}
