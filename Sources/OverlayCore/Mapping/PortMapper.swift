package import OverlayWire
package import PosternModel

/// Asks the host's IPv4 gateway to lead a UDP port of its public address here: by PCP (RFC 6887), where that is not
/// known by its forerunner NAT-PMP (RFC 6886), both spoken at UDP port 5351, and then by UPnP (Internet Gateway Device
/// 1 and 2).
///
/// ```
///   ASKING ── an answer ──▶ MAPPED ── half the lifetime is over ──▶ ASKING (again, the mapping stands meanwhile)
///      └───── no answer, or a refusal ──▶ SEARCHING ── UPnP leads it here ──▶ MAPPED (renewed by SEARCHING)
///                                             └─────── or not ──▶ RESTING ── a while later ──▶ ASKING
/// ```
/// A value without input and output: the shell sends what ``pollRequest()`` gives to the gateway, and feeds what
/// comes from there to ``receive(_:at:)``; it does what ``pollSearch()`` wants, and tells ``found(_:at:)``.
package struct PortMapper: Sendable {
    /// Which protocol the gateway speaks.
    package enum Method: String, Sendable {
        case pcp
        case natPMP = "nat-pmp"
        case upnp
    }

    /// A gateway is to be searched for and asked by UPnP.
    package struct Search: Hashable, Sendable {
        /// The wished port outside.
        package let port: UInt16
        /// Seconds.
        package let lifetime: UInt32
    }

    /// What came of a search: where others reach this host, and for how many seconds; 0: until it is given back.
    package typealias Finding = (endpoint: Endpoint, lifetime: UInt32)

    /// A mapping that stands.
    package struct Mapping: Hashable, Sendable {
        /// Where others reach this host.
        package let endpoint: Endpoint
        package let method: Method
    }

    /// The gateway's port.
    package static let serverPort: UInt16 = 5351
    /// Times between two requests that were not answered (RFC 6886 §3.1: 250 ms, doubled), then it is left alone.
    private static let spacing: [Interval] = [250, 500, 1000, 2000, 4000].map { .milliseconds($0) }
    /// How long a mapping is asked for, in seconds (RFC 6886 §3.3 recommends two hours).
    private static let lifetime: UInt32 = 7200
    /// How long a gateway is left alone that did not answer or refused.
    private static let rest = Interval.seconds(600)
    /// How long a search by UPnP takes at most.
    private static let searchTime = Interval.seconds(60)

    private enum Phase {
        /// So many requests have left; the next one is due then.
        case asking(sent: Int, at: Instant)
        /// Nothing is known of a search by then that was to begin.
        case searching(isBegun: Bool, until: Instant)
        case mapped(renewAt: Instant)
        case resting(until: Instant)
    }

    private let client: UInt32
    private let port: UInt16
    private let nonce: PCP.Nonce
    private var phase: Phase
    /// Requests that wait to be sent.
    private var requests: [[UInt8]] = []
    /// The public address that a NAT-PMP gateway has told.
    private var address: UInt32?
    /// What stands now; nil: nothing, as far as is known.
    package private(set) var mapping: Mapping?

    /// A mapping for `port` of the host at `client`, an IPv4 address as a host-order number. `nonce`: 12 random bytes.
    package init(port: UInt16, client: UInt32, nonce: [UInt8], at now: Instant) {
        self.port = port
        self.client = client
        self.nonce = PCP.Nonce(nonce)
        phase = .asking(sent: 0, at: now)
    }

    /// When ``advance(to:)`` has something to do.
    package var nextDeadline: Instant {
        switch phase {
        case .asking(_, let at): at
        case .searching(_, let until): until
        case .mapped(let renewAt): renewAt
        case .resting(let until): until
        }
    }

    /// Does what has become due.
    package mutating func advance(to now: Instant) {
        guard nextDeadline <= now else { return }
        switch phase {
        case .mapped where mapping?.method == .upnp: search(at: now)
        case .mapped, .resting: ask(sent: 0, at: now)
        case .searching: rest(at: now)
        case .asking(let sent, _):
            guard sent <= Self.spacing.count else { return search(at: now) }
            ask(sent: sent, at: now)
        }
    }

    /// The next packet for the gateway.
    package mutating func pollRequest() -> [UInt8]? { requests.isEmpty ? nil : requests.removeFirst() }

    /// The search that is to begin.
    package mutating func pollSearch() -> Search? {
        guard case .searching(false, let until) = phase else { return nil }
        phase = .searching(isBegun: true, until: until)
        var wished = port
        if case .ipv4(_, let given)? = mapping?.endpoint { wished = given }
        return Search(port: wished, lifetime: Self.lifetime)
    }

    /// A search has come to its end; nil: no gateway leads the port here.
    package mutating func found(_ finding: Finding?, at now: Instant) {
        guard case .searching = phase else { return }
        guard let finding else { return rest(at: now) }
        stands(.upnp, at: finding.endpoint, for: finding.lifetime == 0 ? Self.lifetime : finding.lifetime, now: now)
    }

    /// The packet that gives the mapping back, when the host needs it no more; nil: there is none, or it is UPnP's.
    package mutating func release() -> [UInt8]? {
        defer { mapping = nil }
        switch mapping?.method {
        // RFC 6887 §15, RFC 6886 §3.4: a lifetime of zero.
        case .pcp?: return PCP.request(client: client, port: port, suggested: mapping?.endpoint, nonce, lifetime: 0)
        case .natPMP?: return NATPMP.mapRequest(port: port, suggested: 0, lifetime: 0)
        case .upnp?, nil: return nil
        }
    }

    /// A packet came from the gateway. What is none of its answers to us is ignored.
    package mutating func receive(_ packet: RawSpan, at now: Instant) {
        if let answer = PCP.Answer(packet, nonce: nonce, port: port) {
            guard answer.isSuccess else { return refused(at: now) }
            return stands(.pcp, at: answer.endpoint, for: answer.lifetime, now: now)
        }
        guard let answer = NATPMP.Answer(packet) else { return }
        switch answer {
        case .address(let address):
            self.address = address
            noteMapped(at: now)
        case .mapped(port, let outside, let lifetime):
            mapped = (outside, lifetime)
            noteMapped(at: now)
        case .mapped, .unsupported:
            break
        case .refused:
            refused(at: now)
        }
    }

    /// The port that a NAT-PMP gateway has given, and for how long, in seconds.
    private var mapped: (port: UInt16, lifetime: UInt32)?

    /// NAT-PMP tells address and port in packets of their own.
    private mutating func noteMapped(at now: Instant) {
        guard let address, let mapped, mapping?.method != .pcp else { return }
        self.mapped = nil
        stands(.natPMP, at: .ipv4(address: address, port: mapped.port), for: mapped.lifetime, now: now)
    }

    private mutating func stands(_ method: Method, at endpoint: Endpoint, for lifetime: UInt32, now: Instant) {
        guard lifetime > 0, endpoint.scope != .nowhere, endpoint.scope != .loopback else {
            return method == .upnp ? rest(at: now) : refused(at: now)
        }
        mapping = Mapping(endpoint: endpoint, method: method)
        // RFC 6886 §3.3, RFC 6887 §11.2.1: renewed at half of its time, and not all the time.
        phase = .mapped(renewAt: now + .seconds(Int64(max(min(lifetime, Self.lifetime) / 2, 60))))
    }

    private mutating func ask(sent: Int, at now: Instant) {
        requests.append(
            PCP.request(client: client, port: port, suggested: mapping?.endpoint, nonce, lifetime: Self.lifetime)
        )
        // A gateway of the one kind ignores the other or says so; one that knows both has answered before.
        if mapping?.method == .natPMP || (sent > 0 && mapping == nil) {
            requests.append(NATPMP.addressRequest)
            requests.append(NATPMP.mapRequest(port: port, suggested: port, lifetime: Self.lifetime))
        }
        phase = .asking(sent: sent + 1, at: now + Self.spacing[min(sent, Self.spacing.count - 1)])
    }

    private mutating func refused(at now: Instant) {
        switch phase {
        case .asking: search(at: now)
        case .searching, .mapped, .resting: break
        }
    }

    private mutating func search(at now: Instant) {
        phase = .searching(isBegun: false, until: now + Self.searchTime)
    }

    private mutating func rest(at now: Instant) {
        mapping = nil
        phase = .resting(until: now + Self.rest)
    }
}
