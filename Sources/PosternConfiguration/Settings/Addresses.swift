package import OverlayWire

/// A host and a port as they are written in a configuration: `HOST:PORT`, `[IPV6]:PORT`.
package struct HostPort: Hashable, Sendable {
    /// A host name or an address; an IPv6 address without its brackets.
    package let host: String
    /// 0 where a listener may take any free one.
    package let port: UInt16

    package init(host: String, port: UInt16) {
        self.host = host
        self.port = port
    }

    /// The pair that `text` names, or nil.
    package init?(_ text: some StringProtocol) {
        guard let colon = text.lastIndex(of: ":") else { return nil }
        let digits = text[text.index(after: colon)...]
        guard (1...5).contains(digits.utf8.count), digits.allSatisfy(\.isASCIIDigit), let port = UInt16(digits) else {
            return nil
        }
        let written = text[..<colon]
        if written.hasPrefix("["), written.hasSuffix("]") {
            guard let address = IPv6Text.parse(written.dropFirst().dropLast()) else { return nil }
            self.init(host: IPv6Text.format(high: address.high, low: address.low), port: port)
        } else {
            guard Name.isHost(written) else { return nil }
            self.init(host: written.lowercased(), port: port)
        }
    }

    /// Whether the host is an IP address or `localhost`: something to listen on without asking the DNS.
    package var isAddress: Bool { host == "localhost" || Endpoint(description) != nil }

    /// Whether only programs on this machine reach it: 127.0.0.0/8 (RFC 1122 §3.2.1.3), ::1, `localhost`.
    package var isLoopback: Bool {
        if host == "localhost" { return true }
        guard let endpoint = Endpoint(description) else { return false }
        switch endpoint {
        case .ipv4(let address, _): return address >> 24 == 127
        case .ipv6(let high, let low, _): return high == 0 && low == 1
        case .relay: return false
        }
    }

    /// The most likely mistake in a `text` that is no address to listen on.
    static func hint(for text: String, loopback: Bool) -> String? {
        if let pair = HostPort(text) {
            guard pair.isAddress else { return "names are not looked up here; write an IP address" }
            return loopback ? "only loopback is allowed: write 127.0.0.1:\(pair.port)" : nil
        }
        if let port = UInt16(text) { return "write \(loopback ? "127.0.0.1" : "0.0.0.0"):\(port)" }
        if Name.isHost(text) { return "the port is missing" }
        if text.hasPrefix("http://") { return "leave http:// away" }
        return IPv6Text.parse(text) == nil ? nil : "an IPv6 address stands in brackets and has a port: [\(text)]:0"
    }
}

extension HostPort: CustomStringConvertible {
    package var description: String { (host.contains(":") ? "[\(host)]" : host) + ":\(port)" }
}

/// A hub as `hubs:` names it: `postern://HOST:PORT/did:key:z…`. The key is what is trusted.
package struct HubAddress: Hashable, Sendable {
    /// Where to try.
    package let place: HostPort
    /// Who answers there.
    package let key: NodeKey

    /// The hub that `text` names, or nil.
    package init?(_ text: String) {
        let scheme = "postern://"
        guard text.hasPrefix(scheme), text.utf8.count <= 512 else { return nil }
        let rest = text.dropFirst(scheme.count)
        guard let slash = rest.firstIndex(of: "/") else { return nil }
        guard let place = HostPort(rest[..<slash]), place.port > 0 else { return nil }
        guard let key = NodeKey(did: rest[rest.index(after: slash)...]) else { return nil }
        self.place = place
        self.key = key
    }
}

extension HubAddress: CustomStringConvertible {
    package var description: String { "postern://\(place)/\(key.did)" }
}

/// A name or address under which nodes reach a hub; without a port it is the one the hub listens on.
package struct PublicHost: Hashable, Sendable {
    /// A host name or an address without brackets.
    package let host: String
    /// Nil: the port listened on.
    package let port: UInt16?

    /// The host in `text`, or nil.
    package init?(_ text: String) {
        if let address = IPv6Text.parse(text) {
            host = IPv6Text.format(high: address.high, low: address.low)
            port = nil
        } else if Name.isHost(text) {
            host = text.lowercased()
            port = nil
        } else if text.hasPrefix("["), text.hasSuffix("]") {
            guard let address = IPv6Text.parse(text.dropFirst().dropLast()) else { return nil }
            host = IPv6Text.format(high: address.high, low: address.low)
            port = nil
        } else {
            guard let pair = HostPort(text), pair.port > 0 else { return nil }
            host = pair.host
            port = pair.port
        }
    }
}

/// The local target of an exposed service.
package struct Upstream: Hashable, Sendable {
    /// Where the agent listens.
    package let place: HostPort
    /// As it was written.
    package let text: String

    /// `http://HOST[:PORT][/]`: nothing else, since paths come from the client. The port defaults to 80.
    init?(http text: String) {
        let scheme = "http://"
        guard text.hasPrefix(scheme) else { return nil }
        var rest = text.dropFirst(scheme.count)
        if rest.hasSuffix("/") { rest = rest.dropLast() }
        if let place = HostPort(rest) {
            guard place.port > 0 else { return nil }
            self.place = place
        } else {
            guard let place = HostPort("\(rest):80") else { return nil }
            self.place = place
        }
        self.text = text
    }

    /// `HOST:PORT` or `tcp://HOST:PORT`.
    init?(tcp text: String) {
        let scheme = "tcp://"
        let rest = text.hasPrefix(scheme) ? text.dropFirst(scheme.count) : text[...]
        guard let place = HostPort(rest), place.port > 0 else { return nil }
        self.place = place
        self.text = text
    }

    /// What to say about an address that has a path.
    static func pathHint(_ text: String) -> String? {
        let scheme = "http://"
        guard text.hasPrefix(scheme) else { return nil }
        let authority = text.dropFirst(scheme.count).prefix { $0 != "/" && $0 != "?" && $0 != "#" }
        guard authority.count + scheme.count < text.count, Upstream(http: scheme + authority) != nil else { return nil }
        return "leave the path away (http://\(authority)); clients put it into their own URL"
    }
}

extension Character {
    /// Whether it is one of 0-9.
    var isASCIIDigit: Bool { ("0"..."9").contains(self) }
}
