import OverlayWire

/// The two ends of a path: where its packets leave this node, and where they reach the peer (RFC 9000 §9; the candidate
/// pair of RFC 8445 §6.1.2). Two local addresses to one remote address are two paths.
struct AddressPair: Hashable, Sendable {
    /// The peer's end. It comes first because it tells most pairs apart.
    let remote: Endpoint
    /// Our end, as the shell names it: the address that a socket is bound to. A relayed path has the relay at both ends
    /// (RFC 8445 §4: a relayed candidate is its own base), and one through a connection has the connection.
    let local: Endpoint

    init(local: Endpoint, remote: Endpoint) {
        self.local = local
        self.remote = remote
    }

    /// The path through a relay.
    init(_ relay: RelayHandle) {
        self.init(local: .relay(relay), remote: .relay(relay))
    }

    /// The path through a connection.
    init(_ connection: ConnectionID) {
        self.init(local: .connection(connection), remote: .connection(connection))
    }

    var isRelayed: Bool { remote.isRelay }

    /// Whether it needs no socket of ours.
    var isDetour: Bool { remote.isDetour }

    /// Every pair of one of `locals` with `remote` (RFC 8445 §6.1.2.2: both of one address family), in their order.
    static func all(from locals: [Endpoint], to remote: Endpoint) -> [AddressPair] {
        switch remote {
        case .ipv4, .ipv6:
            locals.filter { $0.isSameFamily(as: remote) }.map { AddressPair(local: $0, remote: remote) }
        case .connection(let connection):
            [AddressPair(connection)]
        case .relay(let relay):
            [AddressPair(relay)]
        }
    }
}

extension Endpoint {
    /// Whether both are UDP addresses of one IP version.
    func isSameFamily(as other: Endpoint) -> Bool {
        switch (self, other) {
        case (.ipv4, .ipv4), (.ipv6, .ipv6): true
        case (.ipv4, _), (.ipv6, _), (.connection, _), (.relay, _): false
        }
    }
}
