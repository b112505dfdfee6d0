/// The fields that the gateway acts on.
enum KnownField: Equatable {
    case host
    case origin
    case connection
    case keepAlive
    /// `Proxy-Connection` or `Proxy-Authorization`: between a client and its proxy.
    case proxyConnection
    case te
    case transferEncoding
    case contentLength
    case upgrade
    case location
    case expect
    case authorization
    case secFetchSite
    case cookie
    case setCookie
    /// `Postern-Error`, which a peer's sidecar may say in a response.
    case posternError
    /// Ours: `Postern-Peer` and whatever else begins with `Postern-`. Servers that hand fields over as environment
    /// variables turn every other octet than letters and digits into `_`, so that `Postern_Peer` and `Postern.Peer`
    /// are the same to them.
    case postern
    case other

    /// The field whose name stands in `range`.
    init(_ bytes: Span<UInt8>, _ range: Range<Int>) {
        let field: KnownField? =
            switch range.count {
            case 2: bytes.reads(range, "te") ? .te : nil
            case 4: bytes.reads(range, "host") ? .host : nil
            case 6:
                if bytes.reads(range, "origin") {
                    .origin
                } else if bytes.reads(range, "cookie") {
                    .cookie
                } else {
                    bytes.reads(range, "expect") ? .expect : nil
                }
            case 7: bytes.reads(range, "upgrade") ? .upgrade : nil
            case 8: bytes.reads(range, "location") ? .location : nil
            case 10:
                if bytes.reads(range, "connection") {
                    .connection
                } else {
                    bytes.reads(range, "keep-alive") ? .keepAlive : bytes.reads(range, "set-cookie") ? .setCookie : nil
                }
            case 13:
                if bytes.reads(range, "authorization") {
                    .authorization
                } else {
                    bytes.reads(range, "postern-error") ? .posternError : nil
                }
            case 14:
                if bytes.reads(range, "content-length") {
                    .contentLength
                } else {
                    bytes.reads(range, "sec-fetch-site") ? .secFetchSite : nil
                }
            case 16: bytes.reads(range, "proxy-connection") ? .proxyConnection : nil
            case 19: bytes.reads(range, "proxy-authorization") ? .proxyConnection : nil
            case 17: bytes.reads(range, "transfer-encoding") ? .transferEncoding : nil
            case _: nil
            }
        self = field ?? (Self.isPostern(bytes, range) ? .postern : .other)
    }

    /// Whether the field has just one name.
    var isWholeName: Bool {
        switch self {
        case .postern, .other: false
        case .host, .origin, .connection, .keepAlive, .proxyConnection, .te, .transferEncoding, .contentLength,
            .upgrade, .location, .expect, .authorization, .secFetchSite, .cookie, .setCookie,
            .posternError:
            true
        }
    }

    private static func isPostern(_ bytes: Span<UInt8>, _ range: Range<Int>) -> Bool {
        guard range.count > 8, ASCII.lowercase(bytes[range.lowerBound]) == UInt8(ascii: "p"),
            bytes.hasPrefix(range, "postern")
        else { return false }
        return !ASCII.isAlphanumeric(bytes[range.lowerBound + 7])
    }
}
