package import OverlayWire
package import PosternModel

/// A network address translator with one public address (RFC 4787): hosts behind it send through mappings, and what
/// comes to a mapping goes to the host that made it, or nowhere.
package struct NAT: Sendable {
    /// How it behaves.
    package struct Settings: Hashable, Sendable {
        /// Silence from inside after which a mapping is forgotten (RFC 4787 REQ-5; 30 s is found at home).
        package var timeout = Interval.seconds(30)
        /// Whether each destination gets a mapping, and so a port, of its own (address and port-dependent mapping).
        package var mapsPerDestination: Bool
        /// Whether only those are let in to whom something was sent (address and port-dependent filtering).
        package var filters = true

        /// One mapping for all destinations, for those only that were sent to: what most homes have.
        package static let portRestricted = Settings(mapsPerDestination: false)
        /// A mapping for each destination: what carriers and companies have.
        package static let symmetric = Settings(mapsPerDestination: true)
    }

    private struct Key: Hashable {
        let inside: Endpoint
        /// Nil when one mapping serves all destinations.
        let outside: Endpoint?
    }

    private struct Mapping {
        let key: Key
        var usedAt: Instant
        /// Those that were sent to.
        var contacts: Set<Endpoint>
    }

    private let address: UInt32
    private let settings: Settings
    private var ports: [Key: UInt16] = [:]
    private var mappings: [UInt16: Mapping] = [:]
    private var lastPort: UInt16

    /// A translator with no mapping yet, whose public address is `address`.
    package init(address: UInt32, settings: Settings) {
        self.address = address
        self.settings = settings
        lastPort = 20_000
    }

    /// Whether `endpoint` is at its public address.
    package func isPublic(_ endpoint: Endpoint) -> Bool {
        guard case .ipv4(let address, _) = endpoint else { return false }
        return address == self.address
    }

    /// The public endpoint from which a datagram leaves that `inside` sends to `outside`.
    package mutating func translate(_ inside: Endpoint, to outside: Endpoint, at now: Instant) -> Endpoint {
        let key = Key(inside: inside, outside: settings.mapsPerDestination ? outside : nil)
        if let port = ports[key], let mapping = mappings[port] {
            if isLive(mapping, at: now) {
                mappings[port]?.usedAt = now
                mappings[port]?.contacts.insert(outside)
                return .ipv4(address: address, port: port)
            }
            mappings[port] = nil
        }
        lastPort = lastPort == .max ? 20_000 : lastPort + 1
        ports[key] = lastPort
        mappings[lastPort] = Mapping(key: key, usedAt: now, contacts: [outside])
        return .ipv4(address: address, port: lastPort)
    }

    /// Who inside gets a datagram that `outside` sends to the public endpoint `mapped`; nil: nobody.
    package func admit(from outside: Endpoint, to mapped: Endpoint, at now: Instant) -> Endpoint? {
        guard case .ipv4(_, let port) = mapped, let mapping = mappings[port], isLive(mapping, at: now) else {
            return nil
        }
        guard !settings.filters || mapping.contacts.contains(outside) else { return nil }
        return mapping.key.inside
    }

    /// Who inside has, or had last, the public endpoint `mapped`.
    package func owner(of mapped: Endpoint) -> Endpoint? {
        guard case .ipv4(_, let port) = mapped, isPublic(mapped) else { return nil }
        return mappings[port]?.key.inside
    }

    /// Forgets all mappings, as after a restart: the next datagram of each leaves from another port.
    package mutating func rebind() {
        ports = [:]
        mappings = [:]
    }

    private func isLive(_ mapping: Mapping, at now: Instant) -> Bool { now - mapping.usedAt < settings.timeout }
}
