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
    /// `Postern-Error`, which a peer's sidecar may say in a response.
    case posternError
    /// Ours: `Postern-Peer` and whatever else begins with `Postern-`. Servers that hand fields over as environment
    /// variables turn every other octet than letters and digits into `_`, so that `Postern_Peer` and `Postern.Peer`
    /// are the same to them.
    case postern
    case other

    /// The field whose name stands in `range`.
    init(_ bytes: Span<UInt8>, _ range: Range<Int>) {
        guard !range.isEmpty, let (field, name) = Self.candidate(range.count, ASCII.lowercase(bytes[range.lowerBound]))
        else {
            self = .other
            return
        }
        if bytes.matches(range, name) {
            self = field
        } else {
            self = Self.isPostern(bytes, range) ? .postern : .other
        }
    }

    /// The only field that a name with this length and this first letter can be.
    private static func candidate(_ count: Int, _ first: UInt8) -> (KnownField, StaticString)? {
        switch (first, count) {
        case (UInt8(ascii: "a"), 13): (.authorization, "authorization")
        case (UInt8(ascii: "c"), 10): (.connection, "connection")
        case (UInt8(ascii: "c"), 14): (.contentLength, "content-length")
        case (UInt8(ascii: "e"), 6): (.expect, "expect")
        case (UInt8(ascii: "h"), 4): (.host, "host")
        case (UInt8(ascii: "k"), 10): (.keepAlive, "keep-alive")
        case (UInt8(ascii: "l"), 8): (.location, "location")
        case (UInt8(ascii: "o"), 6): (.origin, "origin")
        case (UInt8(ascii: "p"), 16): (.proxyConnection, "proxy-connection")
        case (UInt8(ascii: "p"), 9...): (.posternError, "postern-error")
        case (UInt8(ascii: "t"), 2): (.te, "te")
        case (UInt8(ascii: "t"), 17): (.transferEncoding, "transfer-encoding")
        case (UInt8(ascii: "u"), 7): (.upgrade, "upgrade")
        case _: nil
        }
    }

    private static func isPostern(_ bytes: Span<UInt8>, _ range: Range<Int>) -> Bool {
        guard range.count > 8, bytes.hasPrefix(range, "postern") else { return false }
        return !ASCII.isAlphanumeric(bytes[range.lowerBound + 7])
    }
}
