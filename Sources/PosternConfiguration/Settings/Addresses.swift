package import PosternModel

extension HostPort {
    /// The most likely mistake in a `text` that is no address to listen on.
    static func hint(for text: String, loopback: Bool) -> String? {
        if let pair = HostPort(text) {
            guard pair.isAddress else { return "names are not looked up here; write an IP address" }
            return loopback ? "only loopback is allowed: write 127.0.0.1:\(pair.port)" : nil
        }
        if let port = UInt16(text) { return "write \(loopback ? "127.0.0.1" : "0.0.0.0"):\(port)" }
        if HostName.isValid(text) { return "the port is missing" }
        if text.hasPrefix("http://") { return "leave out http://" }
        return IPv6Text.parse(text) == nil ? nil : "an IPv6 address stands in brackets and has a port: [\(text)]:0"
    }
}

/// A name or address under which nodes reach a hub; without a port it is the one the hub listens on.
package struct PublicHost: Hashable, Sendable {
    private let place: HostPort

    /// The host in `text`, or nil.
    package init?(_ text: String) {
        if let place = HostPort(text) {
            guard place.port > 0 else { return nil }
            self.place = place
        } else {
            let isBracketed = text.hasPrefix("[") && text.hasSuffix("]")
            let host = isBracketed ? text.dropFirst().dropLast() : text[...]
            guard !isBracketed || IPv6Text.parse(host) != nil else { return nil }
            guard let place = HostPort(host: host, port: 0) else { return nil }
            self.place = place
        }
    }

    /// Where nodes reach a hub that listens on `port`.
    package func place(listeningOn port: UInt16) -> HostPort {
        place.port == 0 ? place.with(port: port) : place
    }
}

/// The local target of an exposed service.
package struct Upstream: Hashable, Sendable {
    /// Where the agent listens.
    package let place: HostPort
    /// As it was written.
    package let text: String
    /// Whether it is spoken to over TLS.
    let isSecured: Bool

    private static let securedScheme = "https://"

    /// `http://HOST[:PORT][/]` or `https://…`: nothing else, since paths come from the client. The port defaults to 80
    /// or 443.
    init?(http text: String) {
        isSecured = text.hasPrefix(Self.securedScheme)
        let scheme = isSecured ? Self.securedScheme : "http://"
        guard text.hasPrefix(scheme) else { return nil }
        var rest = text.dropFirst(scheme.count)
        if rest.hasSuffix("/") { rest = rest.dropLast() }
        if let place = HostPort(rest) {
            guard place.port > 0 else { return nil }
            self.place = place
        } else {
            guard let place = HostPort("\(rest):\(isSecured ? 443 : 80)") else { return nil }
            self.place = place
        }
        self.text = text
    }

    /// `HOST:PORT`, with `scheme` before it or not.
    init?(bare text: String, scheme: String) {
        let rest = text.hasPrefix(scheme) ? text.dropFirst(scheme.count) : text[...]
        guard let place = HostPort(rest), place.port > 0 else { return nil }
        isSecured = false
        self.place = place
        self.text = text
    }

    /// What to say about an address that has a path.
    static func pathHint(_ text: String) -> String? {
        let scheme = text.hasPrefix(securedScheme) ? securedScheme : "http://"
        guard text.hasPrefix(scheme) else { return nil }
        let authority = text.dropFirst(scheme.count).prefix { $0 != "/" && $0 != "?" && $0 != "#" }
        guard authority.count + scheme.count < text.count, Upstream(http: scheme + authority) != nil else { return nil }
        return "omit the path (\(scheme)\(authority)); clients put it into their own URL"
    }
}
