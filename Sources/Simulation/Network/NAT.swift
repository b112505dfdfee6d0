package import OverlayWire
package import PosternModel

/// A network address translator with one public address (RFC 4787): hosts behind it send through mappings, and what
/// comes to a mapping goes to the host that made it, or nowhere.
package struct NAT: Sendable {
    /// What a mapping, or who is let in by one, depends on (RFC 4787 §4.1, §5).
    package enum Dependence: Hashable, Sendable, CaseIterable {
        /// On nothing outside.
        case endpointIndependent
        /// On the address outside.
        case addressDependent
        /// On the address and the port outside.
        case addressAndPortDependent

        /// What of `endpoint` counts; nil: nothing.
        fileprivate func part(of endpoint: Endpoint) -> Endpoint? {
            switch (self, endpoint) {
            case (.endpointIndependent, _): nil
            case (.addressDependent, .ipv4(let address, _)): .ipv4(address: address, port: 0)
            case (.addressDependent, _), (.addressAndPortDependent, _): endpoint
            }
        }
    }

    /// How it behaves.
    package struct Settings: Hashable, Sendable {
        /// Silence from inside after which a mapping is forgotten (RFC 4787 REQ-5; 30 s is found at home).
        package var timeout = Interval.seconds(30)
        /// Which destinations share a mapping, and so a port.
        package var mapping: Dependence
        /// Who is let in by one: everybody, or those to whom something was sent.
        package var filtering: Dependence
        /// Whether ports are taken one after the other, or at random.
        package var isSequential = true
        /// Whether what is sent from inside to its public address comes back in (RFC 4787 §6).
        package var hairpins = false

        package init(mapping: Dependence, filtering: Dependence) {
            self.mapping = mapping
            self.filtering = filtering
        }

        /// One mapping for all destinations, which lets in everybody.
        package static let fullCone = Settings(mapping: .endpointIndependent, filtering: .endpointIndependent)
        /// One mapping for all destinations, for those only that were sent to: what most homes have.
        package static let portRestricted = Settings(
            mapping: .endpointIndependent,
            filtering: .addressAndPortDependent
        )
        /// A mapping for each destination: what carriers and companies have.
        package static let symmetric = Settings(mapping: .addressAndPortDependent, filtering: .addressAndPortDependent)

        /// Whether a host behind it and one behind `other` are to end on a direct path: where both have one mapping
        /// they open it from both sides; where one has, it lets the other in, or guesses the port of the other.
        package func isDirect(with other: Settings) -> Bool {
            mapping == .endpointIndependent || other.mapping == .endpointIndependent
        }
    }

    private struct Key: Hashable {
        let inside: Endpoint
        /// What the mapping depends on outside.
        let outside: Endpoint?
    }

    private struct Mapping {
        let key: Key
        var usedAt: Instant
        /// Those that were sent to, as far as they count.
        var contacts: Set<Endpoint?>
    }

    private let address: UInt32
    /// How it behaves.
    package let settings: Settings
    private var ports: [Key: UInt16] = [:]
    private var mappings: [UInt16: Mapping] = [:]
    private var lastPort: UInt16
    private var random: SeededRandom

    /// A translator with no mapping yet, whose public address is `address`.
    package init(address: UInt32, settings: Settings) {
        self.address = address
        self.settings = settings
        lastPort = 20_000
        random = SeededRandom(seed: UInt64(address))
    }

    /// A port that no mapping has.
    private mutating func freePort() -> UInt16 {
        guard !settings.isSequential else { return lastPort == .max ? 20_000 : lastPort + 1 }
        while true {
            let port = UInt16(random.number(in: 1024...65_535))
            if mappings[port] == nil { return port }
        }
    }

    /// Whether `endpoint` is at its public address.
    package func isPublic(_ endpoint: Endpoint) -> Bool {
        guard case .ipv4(let address, _) = endpoint else { return false }
        return address == self.address
    }

    /// The public endpoint from which a datagram leaves that `inside` sends to `outside`.
    package mutating func translate(_ inside: Endpoint, to outside: Endpoint, at now: Instant) -> Endpoint {
        let key = Key(inside: inside, outside: settings.mapping.part(of: outside))
        if let port = ports[key], let mapping = mappings[port] {
            if isLive(mapping, at: now) {
                mappings[port]?.usedAt = now
                mappings[port]?.contacts.insert(settings.filtering.part(of: outside))
                return .ipv4(address: address, port: port)
            }
            mappings[port] = nil
        }
        lastPort = freePort()
        ports[key] = lastPort
        mappings[lastPort] = Mapping(key: key, usedAt: now, contacts: [settings.filtering.part(of: outside)])
        return .ipv4(address: address, port: lastPort)
    }

    /// Who inside gets a datagram that `outside` sends to the public endpoint `mapped`; nil: nobody.
    package func admit(from outside: Endpoint, to mapped: Endpoint, at now: Instant) -> Endpoint? {
        guard case .ipv4(_, let port) = mapped, let mapping = mappings[port], isLive(mapping, at: now) else {
            return nil
        }
        guard mapping.contacts.contains(settings.filtering.part(of: outside)) else { return nil }
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
