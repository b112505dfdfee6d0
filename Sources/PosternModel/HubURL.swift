/// Where a hub is and who it is: `postern://HOST:PORT/did:key:z…`. The key is what is trusted; the place only says
/// where to try.
package struct HubURL: Hashable, Sendable {
    /// An address or a DNS name, and a UDP port that is not 0.
    package let place: HostPort
    /// Who answers there.
    package let key: NodeKey

    private static let scheme = "postern://"
    /// Bytes that a URL may have.
    private static let lengthLimit = 512

    /// Nil when the port is 0.
    package init?(_ place: HostPort, key: NodeKey) {
        guard place.port > 0 else { return nil }
        self.place = place
        self.key = key
    }

    /// The hub that `text` names.
    package init(_ text: some StringProtocol) throws(HubURLError) {
        guard text.hasPrefix(Self.scheme), text.utf8.count <= Self.lengthLimit else { throw .scheme }
        let rest = text.dropFirst(Self.scheme.count)
        guard let slash = rest.firstIndex(of: "/"), let key = NodeKey(did: rest[rest.index(after: slash)...]) else {
            throw .key
        }
        let authority = rest[..<slash]
        guard let colon = authority.lastIndex(of: ":"), authority.last != "]" else { throw .port }
        guard let port = UInt16(authority[authority.index(after: colon)...]), port > 0 else { throw .port }
        guard let place = HostPort(authority) else { throw .host }
        self.place = place
        self.key = key
    }
}

extension HubURL: CustomStringConvertible {
    package var description: String { "\(Self.scheme)\(place)/\(key.did)" }
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
