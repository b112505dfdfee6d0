package import OverlayWire
package import PosternModel

/// The underlay: who has which address, and the links between hosts. It decides what becomes of a datagram and when;
/// the ``World`` carries it there.
///
/// Addresses are `10.segment.host.version`, and on the internet, which is segment 0, `20.0.host.version`: two addresses
/// reach each other when they are of the same segment, and a host sends from its address in the destination's segment.
/// Hosts behind a translator are in a segment of their own and reach the internet through it.
package struct Network {
    /// A datagram on its way.
    package struct Arrival: Sendable {
        package var at: Instant
        package var host: HostID
        package var from: Endpoint
        package var to: Endpoint
        /// The port of the receiver's own at which it arrives.
        package var port: UInt16
        package var bytes: [UInt8]
        /// The congestion mark that it arrives with.
        package var ecn: ECNCodepoint
        /// Whether some of its bits were flipped on the way.
        package var isCorrupted: Bool
    }

    /// What became of a datagram.
    package struct Verdict: Sendable {
        /// The address it left from, as its receiver sees it; nil when the sender had no way to send.
        package var source: Endpoint?
        package var drop: DropReason?
        package var first: Arrival?
        package var second: Arrival?

        fileprivate static func dropped(_ reason: DropReason, from source: Endpoint?) -> Verdict {
            Verdict(source: source, drop: reason)
        }
    }

    private let seed: UInt64
    private let hostCount: Int
    private var interfaces: [[Interface]]
    private var owners: [Endpoint: HostID] = [:]
    /// By sender times host count plus receiver.
    private var links: [Link]
    /// Wires that links share, and which of them the datagrams of a pair cross first.
    package private(set) var bottlenecks: [Bottleneck] = []
    private var routes: [Int?]
    /// How many partitions keep the pair apart now.
    private var partitions: [Int]
    /// Whether the pair can never reach each other directly.
    private var firewalls: [Bool]

    private var nats: [NAT] = []
    /// Behind which translator a host is.
    private var sites: [Int?]

    private struct Interface {
        var segment: UInt8
        var version: UInt8
        var endpoint: Endpoint
    }

    /// A network of `hostCount` hosts, each with one address in segment 0, all links alike.
    package init(seed: UInt64, hostCount: Int, profile: LinkProfile) {
        self.seed = seed
        self.hostCount = hostCount
        links = (0..<hostCount * hostCount).map { index in
            Link(profile: profile, random: SeededRandom(seed: seed, purpose: .links, index: index))
        }
        routes = Array(repeating: nil, count: hostCount * hostCount)
        partitions = Array(repeating: 0, count: hostCount * hostCount)
        firewalls = Array(repeating: false, count: hostCount * hostCount)
        interfaces = Array(repeating: [], count: hostCount)
        sites = Array(repeating: nil, count: hostCount)
        for host in HostID.all(hostCount) {
            attach(host, segment: 0)
        }
    }

    /// What the socket of every host is bound to: all its addresses, of which the network picks one for each packet.
    package static let anyAddress = Endpoint.ipv4(address: 0, port: port)
    /// The port of that socket.
    package static let port: UInt16 = 4242

    /// The address `version` of `host` in `segment`.
    package static func endpoint(segment: UInt8, host: UInt8, version: UInt8) -> Endpoint {
        let network: UInt32 = segment == 0 ? 20 : 10
        return .ipv4(address: network << 24 | UInt32(segment) << 16 | UInt32(host) << 8 | UInt32(version), port: port)
    }

    /// The addresses of `host`, its internet address first.
    package func endpoints(of host: HostID) -> [Endpoint] {
        interfaces[host.index].map(\.endpoint)
    }

    /// Those of its addresses that anybody can reach.
    package func openEndpoints(of host: HostID) -> [Endpoint] {
        let hidden = sites[host.index].map(Self.privateSegment)
        return interfaces[host.index].filter { $0.segment != hidden }.map(\.endpoint)
    }

    /// Who has `endpoint` now, or is behind it.
    package func owner(of endpoint: Endpoint) -> HostID? {
        host(at: endpoint) ?? nats.lazy.compactMap { $0.owner(of: endpoint) }.first.flatMap { host(at: $0) }
    }

    /// Who has the address of `endpoint`, whatever the port.
    private func host(at endpoint: Endpoint) -> HostID? { owners[endpoint.with(port: Self.port)] }

    /// Moves `hosts` off the internet and behind a translator of their own.
    package mutating func hide(_ hosts: [HostID], behind settings: NAT.Settings) {
        let site = nats.count
        let address = Self.endpoint(segment: 0, host: Self.firstTranslator + UInt8(site), version: 1)
        guard case .ipv4(let address, _) = address else { return }
        nats.append(NAT(address: address, settings: settings))
        for host in hosts {
            sites[host.index] = site
            for interface in interfaces[host.index] where interface.segment == 0 { owners[interface.endpoint] = nil }
            interfaces[host.index].removeAll { $0.segment == 0 }
            attach(host, segment: Self.privateSegment(site))
        }
    }

    /// The translator in front of `host` forgets its mappings.
    package mutating func rebind(_ host: HostID) {
        if let site = sites[host.index] { nats[site].rebind() }
    }

    /// The segment 0 host numbers from here on are translators, below those of attackers.
    private static let firstTranslator: UInt8 = 150

    private static func privateSegment(_ site: Int) -> UInt8 { 100 + UInt8(site) }

    /// Gives `host` one more address, in `segment`.
    package mutating func attach(_ host: HostID, segment: UInt8) {
        let endpoint = Self.endpoint(segment: segment, host: UInt8(host.index), version: 1)
        interfaces[host.index].append(Interface(segment: segment, version: 1, endpoint: endpoint))
        owners[endpoint] = host
    }

    /// Moves `host` to new addresses in the same segments; nobody has the old ones afterwards.
    package mutating func readdress(_ host: HostID) {
        for index in interfaces[host.index].indices {
            let old = interfaces[host.index][index]
            owners[old.endpoint] = nil
            let version = old.version &+ 1
            let endpoint = Self.endpoint(segment: old.segment, host: UInt8(host.index), version: version)
            interfaces[host.index][index] = Interface(segment: old.segment, version: version, endpoint: endpoint)
            owners[endpoint] = host
        }
    }

    /// What the link from `sender` to `receiver` does from now on.
    package mutating func setProfile(_ profile: LinkProfile, from sender: HostID, to receiver: HostID) {
        links[index(sender, receiver)].profile = profile
    }

    /// Builds a wire of `settings` that everything between the pairs of `routes` crosses from now on, in the direction
    /// from the first to the second.
    package mutating func addBottleneck(_ settings: Bottleneck.Settings, routes pairs: [(HostID, HostID)]) {
        for (sender, receiver) in pairs { routes[index(sender, receiver)] = bottlenecks.count }
        bottlenecks.append(Bottleneck(settings))
    }

    /// Every pair has its link to itself again.
    package mutating func removeBottlenecks() {
        for index in routes.indices { routes[index] = nil }
        bottlenecks = []
    }

    /// Forgets what was recorded at every bottleneck.
    package mutating func restartRecords() {
        for index in bottlenecks.indices { bottlenecks[index].restartRecord() }
    }

    /// Parts `sender` from `receiver` in that direction, once more for each call.
    package mutating func part(_ sender: HostID, from receiver: HostID) {
        partitions[index(sender, receiver)] += 1
    }

    /// Undoes one ``part(_:from:)``.
    package mutating func join(_ sender: HostID, to receiver: HostID) {
        partitions[index(sender, receiver)] -= 1
    }

    /// Ends all partitions.
    package mutating func joinAll() {
        for index in partitions.indices { partitions[index] = 0 }
    }

    /// Puts up or removes a firewall between the pair: no datagram crosses directly, in either direction.
    package mutating func setFirewall(_ isUp: Bool, between one: HostID, and other: HostID) {
        firewalls[index(one, other)] = isUp
        firewalls[index(other, one)] = isUp
    }

    /// Whether nothing stands between the pair now, in either direction.
    package func isOpen(_ one: HostID, _ other: HostID) -> Bool {
        let both = [index(one, other), index(other, one)]
        return both.allSatisfy { partitions[$0] == 0 && !firewalls[$0] }
    }

    /// Decides what becomes of `bytes` that `sender` sends from its `port` to `destination` at `now`.
    package mutating func send(
        _ bytes: [UInt8],
        ecn: ECNCodepoint = .notECT,
        from sender: HostID,
        port: UInt16 = Network.port,
        to destination: Endpoint,
        at now: Instant
    ) -> Verdict {
        guard let segment = Self.segment(of: destination) else { return .dropped(.noRoute, from: nil) }
        guard let source = source(of: sender, port: port, in: segment, to: destination, at: now) else {
            return .dropped(.noRoute, from: nil)
        }
        guard let (receiver, ownPort) = receiver(of: destination, from: source, at: now) else {
            return .dropped(.noRoute, from: source)
        }
        let pair = index(sender, receiver)
        guard partitions[pair] == 0, !firewalls[pair] else { return .dropped(.partition, from: source) }
        var arrival = Arrival(
            at: now,
            host: receiver,
            from: source,
            to: destination,
            port: ownPort,
            bytes: bytes,
            ecn: ecn,
            isCorrupted: false
        )
        if let route = routes[pair] {
            switch bottlenecks[route].pass(byteCount: bytes.count, ecn: ecn, at: now) {
            case .dropped:
                return .dropped(.queueFull, from: source)
            case .passed(let departure, let isMarked):
                arrival.at = departure
                if isMarked { arrival.ecn = .ce }
            }
        }
        switch links[pair].transmit(byteCount: bytes.count, at: arrival.at) {
        case .dropped(let reason): return .dropped(reason, from: source)
        case .carried(let carriage): return Self.verdict(on: arrival, carriage)
        }
    }

    /// The endpoint that a receiver in `segment` sees; nil when `sender` has no way there.
    private mutating func source(
        of sender: HostID,
        port: UInt16,
        in segment: UInt8,
        to destination: Endpoint,
        at now: Instant
    ) -> Endpoint? {
        if let interface = interfaces[sender.index].first(where: { $0.segment == segment }) {
            return interface.endpoint.with(port: port)
        }
        guard segment == 0, let site = sites[sender.index] else { return nil }
        guard nats[site].settings.hairpins || !nats[site].isPublic(destination) else { return nil }
        let inside = interfaces[sender.index].first { $0.segment == Self.privateSegment(site) }
        return inside.map { nats[site].translate($0.endpoint.with(port: port), to: destination, at: now) }
    }

    /// Who gets a datagram, and at which port of its own.
    private func receiver(
        of destination: Endpoint,
        from source: Endpoint,
        at now: Instant
    ) -> (host: HostID, port: UInt16)? {
        if let owner = host(at: destination) { return destination.port.map { (owner, $0) } }
        guard let nat = nats.first(where: { $0.isPublic(destination) }),
            let inside = nat.admit(from: source, to: destination, at: now), let owner = host(at: inside)
        else { return nil }
        return inside.port.map { (owner, $0) }
    }

    /// The copies of `arrival` that `carriage` brings.
    private static func verdict(on arrival: Arrival, _ carriage: Link.Carriage) -> Verdict {
        var intact = arrival
        intact.at = carriage.arrival
        var verdict = Verdict(source: arrival.from, first: intact)
        if let secondArrival = carriage.secondArrival {
            verdict.second = intact
            verdict.second?.at = secondArrival
        }
        if let corruption = carriage.corruption {
            verdict.first?.bytes = flipBits(of: arrival.bytes, seed: corruption)
            verdict.first?.isCorrupted = true
        }
        return verdict
    }

    /// `bytes` with one to eight bits flipped.
    package static func flipBits(of bytes: [UInt8], seed: UInt64) -> [UInt8] {
        guard !bytes.isEmpty else { return bytes }
        var random = SeededRandom(seed: seed)
        var flipped = bytes
        for _ in 0..<random.number(in: 1...8) {
            flipped[random.below(bytes.count)] ^= 1 << UInt8(random.below(8))
        }
        return flipped
    }

    private static func segment(of endpoint: Endpoint) -> UInt8? {
        switch endpoint {
        case .ipv4(let address, _) where address >> 24 == 10 || address >> 16 == 20 << 8:
            UInt8(truncatingIfNeeded: address >> 16)
        case .ipv4, .ipv6, .connection, .relay: nil
        }
    }

    private func index(_ sender: HostID, _ receiver: HostID) -> Int {
        sender.index * hostCount + receiver.index
    }
}

extension Endpoint {
    /// The UDP port.
    var port: UInt16? {
        switch self {
        case .ipv4(_, let port), .ipv6(_, _, let port): port
        case .connection, .relay: nil
        }
    }

    /// Whether both are at one address, whatever the port.
    func isSameHost(as other: Endpoint) -> Bool { with(port: 0) == other.with(port: 0) }

    /// The same address with another port.
    func with(port: UInt16) -> Endpoint {
        switch self {
        case .ipv4(let address, _): .ipv4(address: address, port: port)
        case .ipv6(let high, let low, _): .ipv6(high: high, low: low, port: port)
        case .connection, .relay: self
        }
    }
}
