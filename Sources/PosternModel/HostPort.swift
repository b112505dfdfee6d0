/// A host and a port: `HOST:PORT` or `[IPV6]:PORT`.
package struct HostPort: Hashable, Sendable {
    /// A host name in lower case or an address; an IPv6 address in its canonical form, without brackets.
    package let host: String
    /// 0 where a listener may take any free one.
    package let port: UInt16

    /// The pair, or nil when `host` is neither an address nor a host name.
    package init?(host: some StringProtocol, port: UInt16) {
        if let address = IPv6Text.parse(host) {
            self.host = IPv6Text.format(high: address.high, low: address.low)
        } else {
            guard HostName.isValid(host) else { return nil }
            self.host = host.lowercased()
        }
        self.port = port
    }

    /// `port` on 127.0.0.1.
    package static func loopback(_ port: UInt16) -> HostPort { HostPort(unchecked: "127.0.0.1", port: port) }

    private init(unchecked host: String, port: UInt16) {
        self.host = host
        self.port = port
    }

    /// The pair that `text` names, or nil. An IPv6 address stands in brackets.
    package init?(_ text: some StringProtocol) {
        guard let colon = text.lastIndex(of: ":") else { return nil }
        let digits = text[text.index(after: colon)...]
        guard (1...5).contains(digits.utf8.count), digits.utf8.allSatisfy(HostName.isDigit),
            let port = UInt16(digits)
        else { return nil }
        let written = text[..<colon]
        if written.hasPrefix("["), written.hasSuffix("]") {
            let host = written.dropFirst().dropLast()
            guard IPv6Text.parse(host) != nil else { return nil }
            self.init(host: host, port: port)
        } else {
            guard !written.contains(":") else { return nil }
            self.init(host: written, port: port)
        }
    }

    /// The host's address: what it is written as, or for `localhost` 127.0.0.1. Nil for a name that has to be looked
    /// up.
    package var address: String? {
        if host == "localhost" { return "127.0.0.1" }
        return IPv4Text.parse(host) != nil || IPv6Text.parse(host) != nil ? host : nil
    }

    /// Whether the host is an address or `localhost`: something to listen on without asking the DNS.
    package var isAddress: Bool { address != nil }

    /// Whether only programs on this host can reach it: 127.0.0.0/8 (RFC 1122 §3.2.1.3), ::1 (RFC 4291 §2.5.3),
    /// `localhost`.
    package var isLoopback: Bool {
        guard let address else { return false }
        if let number = IPv4Text.parse(address) { return number >> 24 == 127 }
        return address == "::1"
    }

    /// The same host with another port.
    package func with(port: UInt16) -> HostPort { HostPort(unchecked: host, port: port) }
}

extension HostPort: CustomStringConvertible {
    package var description: String { (host.contains(":") ? "[\(host)]" : host) + ":\(port)" }
}
