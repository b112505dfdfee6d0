package import PosternModel

/// Where packets go on the underlay: a UDP address, a connection of the shell's, or a conversation that a hub relays.
package enum Endpoint: Hashable, Sendable {
    /// An IPv4 address as a host-order number, and a UDP port.
    case ipv4(address: UInt32, port: UInt16)
    /// An IPv6 address as two host-order numbers, and a UDP port.
    case ipv6(high: UInt64, low: UInt64, port: UInt16)
    /// Through a connection that the shell holds, such as a WebSocket with a hub: each message is a packet.
    case connection(ConnectionID)
    /// Through the session with a hub.
    case relay(RelayHandle)

    /// Whether packets to it travel inside the session with a hub.
    package var isRelay: Bool {
        switch self {
        case .relay: true
        case .ipv4, .ipv6, .connection: false
        }
    }

    /// Whether packets to it travel inside something else than UDP: it is used where UDP does not lead to the peer.
    package var isDetour: Bool {
        switch self {
        case .relay, .connection: true
        case .ipv4, .ipv6: false
        }
    }

    /// Whether it never leaves the host: 127.0.0.0/8 (RFC 1122 §3.2.1.3) or ::1
    /// (RFC 4291 §2.5.3).
    package var isLoopback: Bool {
        switch self {
        case .ipv4(let address, _): address >> 24 == 127
        case .ipv6(let high, let low, _): high == 0 && low == 1
        case .connection, .relay: false
        }
    }

    /// Whether no address translation lies between: loopback, private and link-local addresses (RFC 1122 §3.2.1.3,
    /// RFC 1918, RFC 3927, RFC 4193, RFC 4291 §2.5).
    package var isLocal: Bool {
        switch self {
        case .ipv4(let address, _):
            address >> 24 == 127 || address >> 24 == 10 || address >> 20 == 0xac1 || address >> 16 == 0xc0a8
                || address >> 16 == 0xa9fe
        case .ipv6(let high, let low, _):
            (high == 0 && low == 1) || high >> 57 == 0xfc >> 1 || high >> 54 == 0xfe80 >> 6
        case .connection, .relay:
            false
        }
    }
}

/// Names a connection of the shell's, for as long as the process runs: none gets the number of another.
package struct ConnectionID: Hashable, Sendable {
    package let rawValue: UInt64

    package init(_ rawValue: UInt64) {
        self.rawValue = rawValue
    }
}

/// Names a conversation that a hub relays for this node. Once the node has forgotten the hub it names nothing: another
/// peer in the same slot has another generation.
package struct RelayHandle: Hashable, Sendable {
    /// The number of the hub among this node's peers.
    package let hub: UInt32
    /// Which of the peers that had this number, one after the other.
    package let generation: UInt32
    /// The hub's number for the conversation.
    package let channel: RelayChannel

    package init(hub: UInt32, generation: UInt32, channel: RelayChannel) {
        self.hub = hub
        self.generation = generation
        self.channel = channel
    }
}

extension Endpoint {
    /// The UDP endpoint at `place`; nil when its host is a name that has to be looked up.
    package init?(_ place: HostPort) {
        guard let address = place.address else { return nil }
        if let number = IPv4Text.parse(address) {
            self = .ipv4(address: number, port: place.port)
        } else {
            guard let words = IPv6Text.parse(address) else { return nil }
            self = .ipv6(high: words.high, low: words.low, port: place.port)
        }
    }
}

extension Endpoint: CustomStringConvertible {
    package var description: String {
        switch self {
        case .ipv4(let address, let port):
            return "\(IPv4Text.format(address)):\(port)"
        case .ipv6(let high, let low, let port):
            return "[\(IPv6Text.format(high: high, low: low))]:\(port)"
        case .connection(let connection):
            return "connection:\(connection.rawValue)"
        case .relay(let relay):
            return "relay:\(relay.hub)/\(relay.channel.rawValue)"
        }
    }

    /// The UDP endpoint written `1.2.3.4:5` or `[2001:db8::1]:5`, or nil.
    package init?(_ text: some StringProtocol) {
        guard let place = HostPort(text), place.host != "localhost" else { return nil }
        self.init(place)
    }
}
