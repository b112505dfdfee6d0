import GatewayCore
import NIOCore
import OverlayCore
import OverlayNIO
import PosternModel

/// One client connection joined with one upstream connection: at each end of the overlay, a TCP connection joined
/// with a stream. What happens on one side reaches the other as it would directly: bytes as they come, half-closes,
/// aborts, and the pressure of a slow reader.
///
/// The *near* side is where requests come from, the *far* side where they go: at the reaching end the client's
/// connection is near and the stream far, at the exposing end the stream is near and the agent's connection far.
final class Coupling {
    /// Which end of the overlay this is.
    enum Side {
        case reach(ReachPort)
        case expose(Exposure)
    }

    /// How far the life of the coupling is.
    enum Phase {
        /// Bytes flow, or may still.
        case open
        /// The near side got its last bytes; what it still sends is dropped until it closes.
        case closing
        case closed
    }

    /// The two ways through the coupling.
    enum Direction {
        case requests
        case responses
    }

    /// One way: from its source to its sink.
    struct Flow {
        /// What the source gave and the exchange did not take yet.
        var inbox: ByteBuffer?
        /// What waits for the sink to open.
        var outbox: [ByteBuffer] = []
        var sourceHasEnded = false
        /// The sink's end was written, or will be behind the outbox.
        var sinkIsFinished = false
    }

    let side: Side
    let gateway: Gateway
    var exchange: Exchange
    var phase = Phase.open
    var requests = Flow()
    var responses = Flow()

    /// The TCP connection, from the time that it is established.
    var context: ChannelHandlerContext?
    var stream: OverlayStream?
    /// Whose stream it is, once that is known.
    var peer: NodeKey?

    var needsFlush = false
    /// Whether the TCP connection takes more before what it has is sent.
    var isChannelWritable = true
    var isDraining = false
    /// What is told once the responses under way are complete.
    var heldRefusal: Refusal?
    var reach = ReachState()
    /// Opening the agent's connection has begun.
    var isConnecting = false
    /// The far side reads no more.
    var isStopped = false
    /// The sending half of the TCP connection is closed, and everything before was sent.
    var isOutputClosed = false
    /// The TCP connection broke.
    var hasFailed = false
    /// The exchange takes no requests until it has a response.
    var awaitsResponse = false
    private var lingering: Scheduled<Void>?

    /// A client's connection to a reached service.
    init(reaching port: ReachPort, gateway: Gateway) {
        side = .reach(port)
        self.gateway = gateway
        exchange = Exchange(rules: .passthrough, workspace: gateway.workspace)
    }

    /// A peer's stream to an exposed service.
    init(exposing exposure: Exposure, to peer: NodeKey, stream: OverlayStream, gateway: Gateway) {
        side = .expose(exposure)
        self.gateway = gateway
        self.stream = stream
        self.peer = peer
        let service = exposure.service
        let rules: Rules =
            service.kind.isHTTP
            ? .expose(
                ExposeRules(
                    service,
                    did: peer.did,
                    peerName: gateway.authority.peerName(peer),
                    network: gateway.authority.networkName(peer)
                )
            ) : .passthrough
        exchange = Exchange(rules: rules, workspace: gateway.workspace)
        // A server may speak first.
        if !service.kind.isHTTP { openFar() }
    }

    var exposure: Exposure? {
        switch side {
        case .reach: nil
        case .expose(let exposure): exposure
        }
    }

    /// Whether the TCP connection is where requests come from.
    var isChannelNear: Bool {
        switch side {
        case .reach: true
        case .expose: false
        }
    }

    /// Whether bytes of this direction come from the TCP connection, and go to the stream.
    func isFromChannel(_ direction: Direction) -> Bool {
        switch direction {
        case .requests: isChannelNear
        case .responses: !isChannelNear
        }
    }

    /// The direction of what the TCP connection gives.
    var channelDirection: Direction { isChannelNear ? .requests : .responses }
    /// The direction of what the stream gives.
    var streamDirection: Direction { isChannelNear ? .responses : .requests }

    // Coroutines, because a flow that is got is copied with everything that it holds.
    subscript(direction: Direction) -> Flow {
        _read {
            switch direction {
            case .requests: yield requests
            case .responses: yield responses
            }
        }
        _modify {
            switch direction {
            case .requests: yield &requests
            case .responses: yield &responses
            }
        }
    }

    /// Nothing is open any more.
    func retireIfDone() {
        guard context == nil, stream == nil else { return }
        if isConnecting && phase != .closed { return }
        phase = .closed
        lingering?.cancel()
        lingering = nil
        reach.cancel()
        gateway.remove(self)
    }

    /// Reads and drops what the client still sends, and closes soon after our last byte was sent. Closing at once would
    /// reset a connection with unread bytes, and the client would lose what it was told.
    func lingerOnChannel() {
        guard isChannelNear, let context else { return }
        context.read()
        guard isOutputClosed, lingering == nil else { return }
        lingering = gateway.eventLoop.assumeIsolated().scheduleTask(in: gateway.settings.lingerTimeout) { [weak self] in
            self?.context?.close(promise: nil)
        }
    }
}
