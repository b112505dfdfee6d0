package import OverlayWire

/// A service that this sidecar exposes, and to whom (INTERFACE `expose`).
package struct ExposedRule: Hashable, Sendable {
    /// The name that peers see and that grants use.
    package var service: String
    package var port: VirtualPort
    /// `mcp`, `a2a`, `http`, `tcp`, …: told to peers, decided elsewhere.
    package var kind: String
    /// Empty: nobody.
    package var allow: [AllowRule]

    package init(service: String, port: VirtualPort, kind: String, allow: [AllowRule]) {
        self.service = service
        self.port = port
        self.kind = kind
        self.allow = allow
    }
}

/// One entry of an `allow` list.
package enum AllowRule: Hashable, Sendable {
    /// Every peer with which a trust stands.
    case trusted
    /// One peer, by did, address or name.
    case peer(String)
    /// The members of a network. No peer is one until networks exist, so it admits nobody.
    case network(String)
    /// The members of a group of a network. No peer is one until networks exist, so it admits nobody.
    case group(network: String, group: String)

    /// The rule that was written as `text`.
    package init(_ text: String) {
        if text == "trusted" {
            self = .trusted
        } else if text.hasPrefix("network:") {
            self = .network(String(text.dropFirst("network:".count)))
        } else if text.hasPrefix("group:") {
            let parts = text.dropFirst("group:".count).split(separator: "/", maxSplits: 1)
            self = .group(
                network: parts.first.map(String.init) ?? "",
                group: parts.dropFirst().first.map(String.init) ?? ""
            )
        } else {
            self = .peer(text)
        }
    }

    /// Whether it speaks of networks, and so admits nobody yet.
    package var needsNetworks: Bool {
        switch self {
        case .trusted, .peer: false
        case .network, .group: true
        }
    }
}
