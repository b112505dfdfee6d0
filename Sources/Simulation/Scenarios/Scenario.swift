package import OverlayCore
package import PosternModel

/// A world to be made and what is to happen in it. Everything random in it was drawn from ``seed``.
package struct Scenario: Sendable {
    package var name: String
    package var seed: UInt64
    /// Hosts, the hub included.
    package var hostCount: Int
    /// The host that relays for all others.
    package var hub: HostID?
    /// What links are until something else is said.
    package var profile: LinkProfile
    package var links: [(pair: HostPair, profile: LinkProfile)] = []
    /// Wires that pairs share, each in the direction from the first host to the second.
    package var bottlenecks: [(settings: Bottleneck.Settings, routes: [(HostID, HostID)])] = []
    /// Pairs that cannot reach each other directly.
    package var firewalls: [HostPair] = []
    /// Hosts with a second address, and its segment.
    package var attachments: [(host: HostID, segment: UInt8)] = []
    /// Hosts behind one translator each group.
    package var nats: [(hosts: [HostID], settings: NAT.Settings)] = []
    /// Pairs that have to end on a direct path, since their translators let them.
    package var directPairs: [HostPair] = []
    /// Pairs that know nothing of each other at the start.
    package var unacquainted: [HostPair] = []
    /// Hosts that admit a peer that does not admit them.
    package var oneSided: [(host: HostID, peer: HostID)] = []
    package var streams: [StreamPlan] = []
    package var datagrams: [DatagramPlan] = []
    package var faults: [(at: Instant, fault: Fault)] = []
    package var attacks: [(at: Instant, act: AttackerAction)] = []
    /// The largest drift of a host's monotonic clock, in parts per million.
    package var clockDrift = 0
    package var settings: NodeSettings
    /// Hosts that have other settings than ``settings``.
    package var ownSettings: [HostID: NodeSettings] = [:]
    /// How long faults may happen, from the start.
    package var safetySpan: Interval
    /// How many things may happen in all: a run that does not come to its end is a violation, not a hang.
    package var eventLimit = 20_000_000
    /// How long a healed world may take to complete everything.
    package var livenessSpan = Interval.seconds(90)
    /// How long a completed world is watched for quiet; zero skips it.
    package var quietSpan = Interval.seconds(90)

    /// A scenario without any work or fault yet; `seed` determines everything that is random in it.
    package init(
        name: String,
        seed: UInt64,
        hostCount: Int,
        hub: HostID? = nil,
        profile: LinkProfile = .wideArea,
        safetySpan: Interval
    ) {
        self.name = name
        self.seed = seed
        self.hostCount = hostCount
        self.hub = hub
        self.profile = profile
        self.safetySpan = safetySpan
        var settings = NodeSettings.defaults
        settings.tracesSeals = true
        settings.maxMemory = 64 << 20
        self.settings = settings
    }

    /// Plans a stream and returns its tag.
    @discardableResult
    package mutating func stream(
        _ opener: Int,
        _ acceptor: Int,
        at opensAt: Interval,
        _ service: StreamPlan.Service,
        byteCount: Int,
        _ change: (inout StreamPlan) -> Void = { _ in }
    ) -> ContentTag {
        let tag = ContentTag(UInt64(streams.count + 1))
        var plan = StreamPlan(
            tag: tag,
            from: HostID(opener),
            to: HostID(acceptor),
            at: Instant(nanoseconds: opensAt.nanoseconds),
            service,
            byteCount: byteCount
        )
        change(&plan)
        streams.append(plan)
        return tag
    }

    /// Plans a datagram.
    package mutating func datagram(_ sender: Int, _ receiver: Int, at sendsAt: Interval, byteCount: Int) {
        datagrams.append(
            DatagramPlan(
                tag: ContentTag(UInt64(1_000_000 + datagrams.count)),
                from: HostID(sender),
                to: HostID(receiver),
                at: Instant(nanoseconds: sendsAt.nanoseconds),
                byteCount: byteCount
            )
        )
    }

    /// Plans a fault.
    package mutating func fault(_ fault: Fault, at: Interval) {
        faults.append((Instant(nanoseconds: at.nanoseconds), fault))
    }

    /// Plans what an attacker does.
    package mutating func attack(_ act: AttackerAction, at: Interval) {
        attacks.append((Instant(nanoseconds: at.nanoseconds), act))
    }
}

/// What someone whom nobody trusts, and who sees all packets, does to a host.
package enum AttackerAction: Hashable, Sendable {
    /// Sends noise that begins like a packet of `type`.
    case junk(to: HostID, type: UInt8, byteCount: Int, seed: UInt64)
    /// Sends a packet again that was delivered before, from an own address or from the first sender's.
    case replay(Forgery, onlyHandshakes: Bool, seed: UInt64)
    /// Sends such a packet to a host that it was not meant for.
    case misdirect(to: HostID, seed: UInt64)
    /// Sends such a packet cut short.
    case truncate(Forgery, seed: UInt64)
    /// Sends such a packet with some bits flipped.
    case flip(Forgery, seed: UInt64)
    /// Sends every handshake packet so far again, in random order.
    case replayAllHandshakes(Forgery, seed: UInt64)
    /// Keeps the next first message, with all its copies, from its receiver for `span`; then it arrives.
    case holdBack(span: Interval)
    /// Lets the next first message arrive from an address of its own first.
    case split
    /// Lets everything that goes to the host arrive from an address of its own first, for `span`. With `passesAnswers`
    /// what is sent to that address goes on to whom it is meant for.
    case forward(to: HostID, passesAnswers: Bool, span: Interval)

    /// Sends a first message under a key that nobody knows, with early data that does not belong there.
    case greet(HostID, seed: UInt64)

    /// Where an attacker's packet seems to come from.
    package enum Forgery: Hashable, Sendable {
        case ownAddress
        case originalSender
    }
}
