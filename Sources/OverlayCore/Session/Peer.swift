import OverlayCrypto
import OverlayWire
import PosternModel

/// Somebody the node may talk with: admitted by the shell or, on a hub, unknown until it spoke.
final class Peer {
    let handle: PeerHandle
    /// What it is called: its first key.
    let key: NodeKey
    /// The key that it shakes hands with.
    let handshakeKey: NodeKey
    /// The X25519 form of ``handshakeKey``.
    let exchangeKey: ExchangeKey
    var preSharedKey: PreSharedKey
    /// Whether it may relay for us.
    var relays: Bool
    /// Whether it is believed where peers are.
    var attests: Bool
    /// Whether it is told where this node can be reached.
    var sharesCandidates: Bool
    /// Whether the shell admitted it. An unknown peer of a hub is forgotten when its session ends.
    var isAdmitted: Bool
    /// Handshakes with this counter or a smaller one are replays.
    var replayFloor: UInt64
    /// Whether the floor is the last one for sure: ``PeerConfiguration/isFloorCertain``, or a session was confirmed.
    var isFloorCertain: Bool
    /// Where many hosts have the key: the floor of each process.
    var instanceFloors: InstanceFloors?
    /// What our counters must exceed for this peer to answer, as far as it told or we know.
    var counterFloor: UInt64 = 0
    /// When a handshake was last begun for that.
    var toldFloorAt: Instant?
    /// The processes that have spoken with the peer's key.
    var instances = KnownInstances()
    /// The last session that both sides had, once it is over.
    var former: FormerLife?
    /// The life that the peer says it has begun, while an older one is there.
    var successor: Successor?
    /// The largest counter of a handshake that was passed over for one of ours: a replay once ours has come through.
    var passedOver: UInt64 = 0
    /// Where it may be reached directly, the latest first: our own configuration names it, or the peer answered there.
    private var known: [Candidate] = []
    /// Where it says that it may be reached. Nobody else has confirmed that.
    private(set) var told: [Candidate] = []
    /// Addresses at which it has answered, the latest first.
    private(set) var answered: [Endpoint] = []
    /// When its ports may be guessed again, and ours opened to it.
    var guessing = GuessingRest()
    var spreading = GuessingRest()
    /// Where a hub of ours saw it last.
    var attestation: Attestation?
    /// The relay, once a hub offered one.
    var relay: RelayHandle?
    var session: Session?
    /// The generation of the last stream of the sessions before this one.
    var lastStreamGeneration: UInt32 = 0
    /// Our handshake that waits for its answer.
    var pending: PendingHandshake?
    /// What the peer gave us for our first messages while it was under load.
    var cookies = KeptCookies()
    /// Whether a handshake has to begin with the next transmission.
    var needsHandshake = false
    /// Conversations that this node, as a hub, forwards: our channel with this peer to another peer's.
    var routes: [RelayChannel: Route] = [:]
    /// How fast it sends in all of them.
    private var relayMeter = RelayMeter()
    /// Whether it stands in the node's queue of peers with something to send.
    var isReady = false

    /// A hub of ours saw the peer there.
    struct Attestation {
        let endpoint: Endpoint
        let at: Instant
    }

    /// What is remembered of a session that is over.
    struct FormerLife {
        var ours: SessionNumber
        var theirs: SessionNumber
        var heardAt: Instant
    }

    /// Where a relayed conversation goes on.
    struct Route {
        let peer: PeerHandle
        let channel: RelayChannel
        /// How fast the peer sends in it.
        var meter = RelayMeter()

        init(peer: PeerHandle, channel: RelayChannel) {
            self.peer = peer
            self.channel = channel
        }
    }

    /// Candidates of each kind that are kept for a peer.
    static let maximumCandidates = 16

    var slot: Int { Int(handle.slot) }

    /// Whether more may wait to be sent than what has just been.
    var hasMore: Bool { needsHandshake || session?.hasMore ?? false }

    init(handle: PeerHandle, configuration: PeerConfiguration, exchangeKey: ExchangeKey, isAdmitted: Bool) {
        self.handle = handle
        key = configuration.key
        handshakeKey = configuration.handshakeKey
        self.exchangeKey = exchangeKey
        preSharedKey = configuration.preSharedKey
        relays = configuration.relays
        attests = configuration.attests
        sharesCandidates = configuration.sharesCandidates
        self.isAdmitted = isAdmitted
        replayFloor = configuration.replayFloor
        isFloorCertain = configuration.isFloorCertain
        instanceFloors = configuration.sharedFloors.map(InstanceFloors.init(spent:))
        add(configuration.candidates)
    }

    /// Where the peer may be reached directly, as we know ourselves: the highest priority first (RFC 8445 §6.1.2.3), of
    /// equal ones the latest.
    var candidates: [Candidate] { Self.ordered(known) }

    /// The same with what the peer told: fit to be challenged, not for more.
    var candidatesToProbe: [Candidate] {
        Self.ordered(known + told.filter { candidate in !isKnown(candidate.endpoint) })
    }

    private static func ordered(_ candidates: [Candidate]) -> [Candidate] {
        candidates.enumerated()
            .sorted { ($0.element.priority, $1.offset) > ($1.element.priority, $0.offset) }
            .map(\.element)
    }

    /// The same, followed by the relay, whose priority is the lowest.
    func candidates(includingDirect: Bool) -> [Candidate] {
        let direct = includingDirect ? candidates : []
        return direct + [relay].compactMap { $0.map { Candidate(.relay($0), kind: .relayed) } }
    }

    /// Whether packets from `endpoint` may be the peer's: it is one of its addresses or its relay.
    func mayBe(at endpoint: Endpoint) -> Bool {
        switch endpoint {
        case .ipv4, .ipv6: isKnown(endpoint) || told.contains { $0.endpoint == endpoint }
        // The shell has opened it to a hub, or a hub's has taken it from whoever comes.
        case .connection: true
        case .relay(let relay): relay == self.relay
        }
    }

    /// Whether anything may be answered on `path`: a node that uses relays alone shows nobody else where it is, and one
    /// that uses none takes nothing from them.
    func mayMeet(on path: AddressPair, _ settings: NodeSettings) -> Bool {
        path.isRelayed ? settings.usesRelays : settings.usesDirectPaths || relays
    }

    /// Whether our own configuration names the address, or the peer has answered there.
    func isKnown(_ endpoint: Endpoint) -> Bool { known.contains { $0.endpoint == endpoint } }

    /// The peer says where it may be reached: that takes the place of what it said before.
    func tell(_ candidates: [Candidate]) {
        told = Array(candidates.prefix(Self.maximumCandidates))
    }

    /// Whether `byteCount` bytes that it sends in `channel` are within the rates of the conversation and its own.
    func mayRelay(_ byteCount: Int, in channel: RelayChannel, settings: NodeSettings, at now: Instant) -> Bool {
        guard routes[channel]?.meter.admits(byteCount, rate: settings.relayRate, at: now) == true else { return false }
        return relayMeter.admits(byteCount, rate: settings.relayRatePerPeer, at: now)
    }

    /// Adds addresses and connections that are not known yet; the oldest beyond ``maximumCandidates`` go. One that is
    /// known gets the higher of both priorities. Returns the new ones.
    @discardableResult
    func add(_ new: [Candidate]) -> [Candidate] {
        var fresh: [Candidate] = []
        for candidate in new where !candidate.endpoint.isRelay {
            if let position = known.firstIndex(where: { $0.endpoint == candidate.endpoint }) {
                if candidate.priority > known[position].priority { known[position] = candidate }
            } else if !fresh.contains(where: { $0.endpoint == candidate.endpoint }) {
                fresh.append(candidate)
            }
        }
        known = Array((fresh + known).prefix(Self.maximumCandidates))
        return fresh
    }

    /// The peer sees this node's packets from `base` come from `endpoint`: it is as good as a STUN server's answer when
    /// the peer is a hub, and what a connectivity check shows when it is not (RFC 8445 §5.1.1.2, §7.2.5.3.1).
    func observed(_ endpoint: Endpoint, base: Endpoint) -> Event {
        let kind: Candidate.Kind = relays ? .serverReflexive : .peerReflexive
        return .observedAddress(by: handle, key, Candidate(endpoint, kind: kind, base: base))
    }

    /// A connection with the peer is gone.
    func forget(_ connection: ConnectionID) {
        known.removeAll { $0.endpoint == .connection(connection) }
    }

    /// Somebody else sends from `endpoint`.
    func forget(_ endpoint: Endpoint) {
        known.removeAll { $0.endpoint == endpoint && $0.kind == .peerReflexive }
        answered.removeAll { $0 == endpoint }
    }

    /// The peer has shown that it receives at `endpoint` (RFC 8445 §7.3.1.3). Returns what is to be told of that.
    func noteAnswer(from endpoint: Endpoint) -> Event? {
        guard !endpoint.isDetour, answered.first != endpoint else { return nil }
        add([told.first { $0.endpoint == endpoint } ?? Candidate(endpoint, kind: .peerReflexive)])
        answered.removeAll { $0 == endpoint }
        answered.insert(endpoint, at: 0)
        if answered.count > Self.maximumCandidates { answered.removeLast() }
        return .candidates(of: handle, key, Candidate.hosts(answered))
    }
}

/// A handshake of ours on its way: the same bytes, but for the second MAC, go out again until an answer comes, so that
/// a duplicate costs the responder nothing and early data stays valid.
final class PendingHandshake {
    let index: ReceiverIndex
    /// The counter of message 1.
    let counter: UInt64
    /// Message 1 without a second MAC.
    let packet: [UInt8]
    var noise: NoiseInitiator
    let startedAt: Instant
    var retryAt: Instant
    var retries = 0
    /// Where it went: an answer from anywhere else proves nothing about its address.
    private(set) var sentTo: [Endpoint] = []
    /// Packets that overtook the answer, bounded.
    var early: [(bytes: [UInt8], path: AddressPair, ecn: ECNCodepoint)] = []

    static let maximumEarly = 16
    /// First waits after which it has been repeated twice, and yields to the peer's own: a session that is looked for
    /// repeats it less often.
    static let patience: Int64 = 3

    init(
        index: ReceiverIndex,
        counter: UInt64,
        packet: [UInt8],
        noise: consuming NoiseInitiator,
        startedAt: Instant,
        retryAt: Instant
    ) {
        self.index = index
        self.counter = counter
        self.packet = packet
        self.noise = noise
        self.startedAt = startedAt
        self.retryAt = retryAt
    }

    /// The message leaves for `endpoint`.
    func note(sentTo endpoint: Endpoint) {
        if !sentTo.contains(endpoint) { sentTo.append(endpoint) }
    }

    /// Whether an answer from `endpoint` shows that the peer receives there. If the message went elsewhere as well,
    /// somebody may have brought the answer from there: then only addresses count that we did not learn from packets.
    func proves(_ endpoint: Endpoint, of peer: Peer) -> Bool {
        sentTo.contains(endpoint) && (sentTo.count == 1 || peer.isKnown(endpoint))
    }
}
