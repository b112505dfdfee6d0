import PosternModel

/// By which addresses an agent means itself, in documents that its clients are to read.
struct AgentAddresses: Sendable {
    private let upstream: HostPort
    /// What the agent is told to be called, where that is neither its upstream nor what clients say.
    private let literal: String?
    private let grpc: HostPort?

    /// The addresses of the agent behind `service`.
    init(_ service: ExposedService) {
        upstream = service.upstream
        grpc = service.grpc
        literal =
            switch service.hostPolicy {
            case .upstream, .preserve: nil
            case .literal(let value): HostPort(value)?.host ?? value.lowercased()
            }
    }

    /// Whether gRPC leads to the agent through the gateway.
    var servesGRPC: Bool { grpc != nil }

    /// Whether a client that is told `address` is sent to the agent: to its upstream, or to an address that means
    /// something on the agent's own host or network only. A public address stands for itself.
    func contain(_ address: WebAddress) -> Bool {
        let host = address.host
        if host == upstream.host || host == grpc?.host || host == literal { return true }
        if HostPort(host: host, port: 0)?.isLoopback == true || host == "0.0.0.0" || host == "::" { return true }
        let port = address.port ?? (address.scheme == "https" ? 443 : 80)
        return (port == upstream.port || port == grpc?.port) && Self.isPrivate(host)
    }

    private static func isPrivate(_ host: String) -> Bool {
        if privateRanges.contains(where: { $0.contains(host) }) { return true }
        // RFC 6762 §3, RFC 8375 §2; and names that a container or a host file gives.
        return !host.contains(".") && !host.contains(":") || privateDomains.contains { host.hasSuffix($0) }
    }

    /// RFC 1918 §3, RFC 3927 §2.1, RFC 6598 §7; RFC 4193 §3.1, RFC 4291 §2.5.6.
    private static let privateRanges = [
        "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16", "100.64.0.0/10", "fc00::/7", "fe80::/10",
    ].compactMap { AddressRange($0) }
    private static let privateDomains = [".local", ".localhost", ".internal", ".lan", ".home.arpa"]
}

/// `scheme://host[:port]rest`, or `host:port` as gRPC writes it.
package struct WebAddress: Hashable, Sendable {
    /// In lower case; empty where none is written.
    package let scheme: String
    /// In lower case, an IPv6 address without brackets.
    package let host: String
    package let port: UInt16?
    /// Path, query and fragment, as they are written.
    let rest: String

    /// The address in `text`; nil when it has no authority.
    package init?(_ text: String) {
        let parts = text.firstRange(of: "://")
        scheme = parts.map { text[..<$0.lowerBound].lowercased() } ?? ""
        let hierarchy = text[(parts?.upperBound ?? text.startIndex)...]
        let written = hierarchy.prefix { $0 != "/" && $0 != "?" && $0 != "#" }
        rest = String(hierarchy[written.endIndex...])
        let bytes = Array(written.utf8)
        guard let authority = Authority(bytes.span, bytes.indices) else { return nil }
        // Without a scheme only a port tells an address from a path.
        guard !scheme.isEmpty || authority.port != nil && rest.isEmpty else { return nil }
        var name = String(decoding: bytes[authority.host], as: UTF8.self).lowercased()
        if name.hasPrefix("[") { name = String(name.dropFirst().dropLast()) }
        host = HostPort(host: name, port: 0)?.host ?? name
        port = authority.port
    }

    /// `host[:port]`, as `Host` has it.
    var authority: String { (host.contains(":") ? "[\(host)]" : host) + (port.map { ":\($0)" } ?? "") }

    /// The same in the place of `authority`, which a client reaches without TLS.
    func moved(to authority: String) -> String {
        switch scheme {
        case "": authority
        case "https": "http://" + authority + rest
        case "grpcs": "grpc://" + authority + rest
        case "wss": "ws://" + authority + rest
        case _: scheme + "://" + authority + rest
        }
    }
}
