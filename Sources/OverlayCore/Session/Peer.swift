import OverlayCrypto
import OverlayWire
import PosternModel

/// Somebody the node may talk with: admitted by the shell or, on a hub, unknown until it spoke.
final class Peer {
    let handle: PeerHandle
    let key: NodeKey
    let exchangeKey: ExchangeKey
    var preSharedKey: PreSharedKey
    var isHub: Bool
    /// Whether the shell admitted it. An unknown peer of a hub is forgotten when its session ends.
    var isAdmitted: Bool
    /// Handshakes with this timestamp or an earlier one are replays.
    var replayFloor: UInt64
    /// The latest timestamp of a handshake that was passed over for one of ours: a replay once ours has come through.
    var passedOver: UInt64 = 0
    /// UDP addresses worth trying, the most promising first.
    private(set) var candidates: [Endpoint]
    /// The way through a hub, once it offered one.
    var relay: Endpoint?
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
    /// Whether it stands in the node's queue of peers with something to send.
    var isReady = false

    /// Where a relayed conversation goes on.
    struct Route {
        var peer: PeerHandle
        var channel: RelayChannel
    }

    /// Candidates that are kept for a peer.
    static let maximumCandidates = 16

    var slot: Int { Int(handle.slot) }

    /// Whether more may wait to be sent than what has just been.
    var hasMore: Bool { needsHandshake || session?.hasMore ?? false }

    init(handle: PeerHandle, configuration: PeerConfiguration, exchangeKey: ExchangeKey, isAdmitted: Bool) {
        self.handle = handle
        key = configuration.key
        self.exchangeKey = exchangeKey
        preSharedKey = configuration.preSharedKey
        isHub = configuration.isHub
        self.isAdmitted = isAdmitted
        replayFloor = configuration.replayFloor
        candidates = []
        add(candidates: configuration.candidates)
    }

    /// Whether packets from `endpoint` may be the peer's: it is one of its addresses or its relay.
    func mayBe(at endpoint: Endpoint) -> Bool { endpoint == relay || candidates.contains(endpoint) }

    /// Adds UDP addresses that are not known yet; the oldest beyond ``maximumCandidates`` go. Returns the new ones.
    @discardableResult
    func add(candidates new: [Endpoint]) -> [Endpoint] {
        let fresh = new.filter { !$0.isRelay && !candidates.contains($0) }
        candidates = Array((fresh + candidates).prefix(Self.maximumCandidates))
        return fresh
    }
}

/// A handshake of ours on its way: the same bytes, but for the second MAC, go out again until an answer comes, so that
/// a duplicate costs the responder nothing and early data stays valid.
final class PendingHandshake {
    let index: ReceiverIndex
    /// Message 1 without a second MAC.
    let packet: [UInt8]
    var noise: NoiseInitiator
    let startedAt: Instant
    var retryAt: Instant
    var retries = 0
    /// Packets that overtook the answer, bounded.
    var early: [(bytes: [UInt8], from: Endpoint, ecn: ECNCodepoint)] = []

    static let maximumEarly = 16

    init(index: ReceiverIndex, packet: [UInt8], noise: consuming NoiseInitiator, startedAt: Instant, retryAt: Instant) {
        self.index = index
        self.packet = packet
        self.noise = noise
        self.startedAt = startedAt
        self.retryAt = retryAt
    }
}
