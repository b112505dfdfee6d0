import PosternModel

/// The HTTP proxies through which WebSocket connections leave, as the environment names them: `HTTPS_PROXY`, else
/// `ALL_PROXY`, but for the hosts of `NO_PROXY`. Names in lower case count first.
package struct WebProxies: Sendable, Hashable {
    /// One proxy.
    struct Proxy: Sendable, Hashable {
        /// Where it listens.
        let place: HostPort
        /// What `Proxy-Authorization` says (RFC 7617); nil: nothing.
        let authorization: String?

        /// The proxy at `http://[USER:PASSWORD@]HOST[:PORT][/]`, with the scheme or without; nil for anything else.
        init?(_ text: String) {
            let plain = "http://"
            var rest = text.hasPrefix(plain) ? text.dropFirst(plain.count) : text[...]
            if rest.hasSuffix("/") { rest = rest.dropLast() }
            if let at = rest.lastIndex(of: "@") {
                authorization = "Basic " + Self.base64(Self.unescaped(rest[..<at]))
                rest = rest[rest.index(after: at)...]
            } else {
                authorization = nil
            }
            guard let place = HostPort(rest) ?? HostPort("\(rest):80"), place.port > 0 else { return nil }
            self.place = place
        }

        /// What percent signs stand for (RFC 3986 §2.1).
        private static func unescaped(_ text: Substring) -> [UInt8] {
            var bytes: [UInt8] = []
            var rest = Array(text.utf8)[...]
            while let byte = rest.popFirst() {
                let digits = String(decoding: rest.prefix(2), as: UTF8.self)
                if byte == UInt8(ascii: "%"), rest.count >= 2, let value = UInt8(digits, radix: 16) {
                    bytes.append(value)
                    rest = rest.dropFirst(2)
                } else {
                    bytes.append(byte)
                }
            }
            return bytes
        }

        /// RFC 4648 §4.
        private static func base64(_ bytes: [UInt8]) -> String {
            let text = String(Base64URL.encode(bytes).map { $0 == "-" ? "+" : $0 == "_" ? "/" : $0 })
            return text + String(repeating: "=", count: (4 - text.utf8.count % 4) % 4)
        }
    }

    private let proxy: Proxy?
    private let exceptions: [String]

    /// Those that `environment` names.
    package init(environment: [String: String]) {
        func value(_ name: String) -> String? {
            [name.lowercased(), name].compactMap { environment[$0] }.first { !$0.isEmpty }
        }
        proxy = (value("HTTPS_PROXY") ?? value("ALL_PROXY")).flatMap(Proxy.init)
        exceptions = (value("NO_PROXY") ?? "").split { $0 == "," || $0 == " " }.map { $0.lowercased() }
    }

    /// No proxies.
    static let none = WebProxies(environment: [:])

    /// The proxy for connections to `place`; nil: none.
    func proxy(for place: HostPort) -> Proxy? {
        exceptions.contains { Self.covers($0, place) } ? nil : proxy
    }

    /// Whether an entry of `NO_PROXY` is about `place`: `*`, a domain with all below it, an address or a range.
    private static func covers(_ exception: String, _ place: HostPort) -> Bool {
        if exception == "*" || exception == place.description { return true }
        if place.address != nil, exception != "localhost" {
            return AddressRange(exception)?.contains(place.host) ?? false
        }
        let domain = exception.hasPrefix(".") ? exception.dropFirst() : exception[...]
        return place.host == domain || place.host.hasSuffix("." + domain)
    }
}
