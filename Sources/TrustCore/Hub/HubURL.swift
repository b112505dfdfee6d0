package import OverlayWire

/// Where a hub is and who it is: `postern://HOST:PORT/did:key:z…`. The key is what is trusted; the host only says
/// where to try.
package struct HubURL: Hashable, Sendable {
    /// An IPv4 address, an IPv6 address without brackets, or a DNS name.
    package let host: String
    package let port: UInt16
    package let key: NodeKey

    private static let scheme = "postern://"

    /// Nil when `host` is neither an address nor a DNS name, or `port` is 0.
    package init?(host: String, port: UInt16, key: NodeKey) {
        guard port > 0 else { return nil }
        if let address = IPv6Text.parse(host) {
            self.host = IPv6Text.format(high: address.high, low: address.low)
        } else {
            guard Self.isHostName(host) else { return nil }
            self.host = host.lowercased()
        }
        self.port = port
        self.key = key
    }

    /// The hub that `text` names.
    package init(_ text: some StringProtocol) throws(HubURLError) {
        guard text.hasPrefix(Self.scheme), text.utf8.count <= 512 else { throw .scheme }
        let rest = text.dropFirst(Self.scheme.count)
        guard let slash = rest.firstIndex(of: "/") else { throw .key }
        let authority = rest[..<slash]
        guard let key = NodeKey(did: rest[rest.index(after: slash)...]) else { throw .key }
        guard let colon = authority.lastIndex(of: ":"), authority.last != "]" else { throw .port }
        guard let port = UInt16(authority[authority.index(after: colon)...]), port > 0 else { throw .port }
        var host = authority[..<colon]
        if host.hasPrefix("["), host.hasSuffix("]") {
            host = host.dropFirst().dropLast()
            guard IPv6Text.parse(host) != nil else { throw .host }
        } else if host.contains(":") {
            throw .host
        }
        guard let url = HubURL(host: String(host), port: port, key: key) else { throw .host }
        self = url
    }

    /// The endpoint, when the host is an address and needs no lookup.
    package var endpoint: Endpoint? {
        Endpoint(host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)")
    }

    /// RFC 1123 §2.1: labels of letters, digits and inner hyphens, at most 253 bytes; a dotted number must be IPv4.
    private static func isHostName(_ host: String) -> Bool {
        guard (1...253).contains(host.utf8.count) else { return false }
        let labels = host.split(separator: ".", omittingEmptySubsequences: false)
        let isLabel: (Substring) -> Bool = { label in
            guard (1...63).contains(label.utf8.count), label.first != "-", label.last != "-" else { return false }
            return label.utf8.allSatisfy { byte in
                switch byte {
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"): true
                case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"): true
                case _: false
                }
            }
        }
        guard labels.allSatisfy(isLabel), let last = labels.last else { return false }
        return last.allSatisfy(\.isNumber) ? Endpoint("\(host):1") != nil : true
    }
}

extension HubURL: CustomStringConvertible {
    package var description: String {
        Self.scheme + (host.contains(":") ? "[\(host)]" : host) + ":\(port)/\(key.did)"
    }
}

/// Why a text is not the URL of a hub.
package enum HubURLError: Error, Hashable, Sendable {
    case scheme
    case host
    case port
    case key
}

extension HubURLError: CustomStringConvertible {
    package var description: String {
        switch self {
        case .scheme: "a hub's URL begins with postern:// (postern://HOST:PORT/did:key:z…)"
        case .host: "the host in a hub's URL is an IPv4 address, an IPv6 address in brackets, or a DNS name"
        case .port: "a hub's URL names its UDP port: postern://HOST:PORT/did:key:z…"
        case .key: "a hub's URL ends with the hub's did:key, as `postern hub` prints it"
        }
    }
}
