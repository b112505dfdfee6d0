/// Where a hub takes WebSocket connections: `ws://HOST[:PORT][/PATH]`, or `wss://…` over TLS (RFC 6455 §3). There is no
/// query: whoever gives the URL in a record shall not make others send more than a path.
package struct WebSocketURL: Hashable, Sendable {
    /// The host and the TCP port.
    package let place: HostPort
    /// Whether it is spoken over TLS.
    package let isSecured: Bool
    /// The path, beginning with a slash.
    package let path: String

    /// Without TLS, at `place`.
    package init(plainAt place: HostPort) {
        self.init(place, isSecured: false)
    }

    /// At `place`, with the path `/`.
    package init(_ place: HostPort, isSecured: Bool) {
        self.place = place
        self.isSecured = isSecured
        path = "/"
    }

    /// The URL that `text` is, or nil.
    package init?(_ text: some StringProtocol) {
        isSecured = text.hasPrefix(Self.securedScheme)
        let scheme = isSecured ? Self.securedScheme : Self.plainScheme
        guard text.hasPrefix(scheme), text.utf8.count <= Self.lengthLimit else { return nil }
        let rest = text.dropFirst(scheme.count)
        let authority = rest.prefix { $0 != "/" }
        let path = rest.dropFirst(authority.count)
        guard path.utf8.allSatisfy(Self.isPathByte) else { return nil }
        if let place = HostPort(authority) {
            guard place.port > 0 else { return nil }
            self.place = place
        } else {
            guard let place = HostPort("\(authority):\(Self.usualPort(isSecured))") else { return nil }
            self.place = place
        }
        self.path = path.isEmpty ? "/" : String(path)
    }

    private static let plainScheme = "ws://"
    private static let securedScheme = "wss://"
    /// Bytes that a URL may have.
    private static let lengthLimit = 255

    private static func usualPort(_ isSecured: Bool) -> UInt16 { isSecured ? 443 : 80 }

    /// RFC 3986 §3.3: the unreserved characters and the slash.
    private static func isPathByte(_ byte: UInt8) -> Bool {
        HostName.isLetter(byte) || HostName.isDigit(byte) || "/-._~".utf8.contains(byte)
    }

    /// What stands in the `Host` field.
    package var authority: String {
        guard place.port == Self.usualPort(isSecured) else { return place.description }
        return place.host.contains(":") ? "[\(place.host)]" : place.host
    }
}

extension WebSocketURL: CustomStringConvertible {
    package var description: String {
        (isSecured ? Self.securedScheme : Self.plainScheme) + authority + path
    }
}
