/// Where a hub is and who it is: `postern://HOST:PORT/did:key:z…`, with `?websocket=URL` behind it where its WebSocket
/// is not plain at the same host and port. The key is what is trusted; the places only say where to try.
package struct HubURL: Hashable, Sendable {
    /// An address or a DNS name, and a UDP port that is not 0.
    package let place: HostPort
    /// Who answers there.
    package let key: NodeKey
    /// Where it takes WebSocket connections, for those whom UDP does not lead to it.
    package let websocket: WebSocketURL

    private static let websocketQuery = "?websocket="
    private static let scheme = "postern://"
    /// Bytes that a URL may have.
    private static let lengthLimit = 512

    /// Nil when the port is 0. `websocket`: nil: where such a URL has none.
    package init?(_ place: HostPort, key: NodeKey, websocket: WebSocketURL? = nil) {
        guard place.port > 0 else { return nil }
        self.websocket = websocket ?? WebSocketURL(plainAt: place)
        self.place = place
        self.key = key
    }

    /// The hub that `text` names.
    package init(_ text: some StringProtocol) throws(HubURLError) {
        guard text.hasPrefix(Self.scheme), text.utf8.count <= Self.lengthLimit else { throw .scheme }
        let rest = text.dropFirst(Self.scheme.count)
        guard let slash = rest.firstIndex(of: "/") else { throw .key }
        let (did, query) = Self.split(rest[rest.index(after: slash)...])
        guard let key = NodeKey(did: did) else { throw .key }
        let authority = rest[..<slash]
        guard let colon = authority.lastIndex(of: ":"), authority.last != "]" else { throw .port }
        guard let port = UInt16(authority[authority.index(after: colon)...]), port > 0 else { throw .port }
        guard let place = HostPort(authority) else { throw .host }
        if let query {
            guard let websocket = WebSocketURL(query) else { throw .websocket }
            self.websocket = websocket
        } else {
            websocket = WebSocketURL(plainAt: place)
        }
        self.place = place
        self.key = key
    }

    /// The did and what stands behind `?websocket=`.
    private static func split<Text: StringProtocol>(_ text: Text) -> (did: Text.SubSequence, websocket: Substring?) {
        guard let query = text.firstIndex(of: "?"), text[query...].hasPrefix(websocketQuery) else {
            return (text[...], nil)
        }
        return (text[..<query], Substring(text[query...].dropFirst(websocketQuery.count)))
    }
}

extension HubURL: CustomStringConvertible {
    package var description: String {
        let text = "\(Self.scheme)\(place)/\(key.did)"
        return websocket == WebSocketURL(plainAt: place) ? text : "\(text)\(Self.websocketQuery)\(websocket)"
    }
}

/// Why a text is not the URL of a hub.
package enum HubURLError: Error, Hashable, Sendable {
    case scheme
    case host
    case port
    case key
    case websocket
}

extension HubURLError: CustomStringConvertible {
    package var description: String {
        switch self {
        case .scheme: "a hub's URL begins with postern:// (postern://HOST:PORT/did:key:z…)"
        case .host: "the host in a hub's URL is an IPv4 address, an IPv6 address in brackets, or a DNS name"
        case .port: "a hub's URL names its UDP port: postern://HOST:PORT/did:key:z…"
        case .key: "a hub's URL ends with the hub's did:key, as `postern hub` prints it"
        case .websocket: "behind ?websocket= stands ws://HOST[:PORT][/PATH] or wss://HOST[:PORT][/PATH]"
        }
    }
}
