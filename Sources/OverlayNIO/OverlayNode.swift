package import Logging
package import NIOCore
import NIOSSL
import OverlayCore
package import OverlayCrypto
import OverlayWire
package import PosternModel

/// A node of the overlay: drives the sans-IO ``Node`` with an underlay, a clock and timers.
///
/// Everything happens on ``eventLoop``: every method is called there, and every callback comes from there. The node
/// lives from ``start()`` to ``stop()``, whoever else holds it. Calls never call back: what they cause is told, and
/// what they wrote is sent, at the end of the loop's turn, so that the writes of many streams leave in few packets.
package final class OverlayNode {
    package let eventLoop: any EventLoop
    /// The node's own key.
    package let key: NodeKey
    /// How the driver was set up.
    package let settings: Settings
    /// Who is told of peers and new streams. Set before ``start()``; held until ``stop()``.
    package var observer: (any OverlayObserver)?

    var core: Node
    private let counters: HandshakeCounters
    var phase = Phase.idle
    private var stopped: EventLoopPromise<Void>?
    let log: Logger

    // Underlay
    var underlays: [any Underlay] = []
    /// The one of them that has UDP sockets, while the node runs.
    var udp: UDPUnderlay?
    /// The one of them that holds WebSocket connections, while the node runs.
    var webSockets: WebSocketUnderlay?
    /// Hubs that take WebSocket connections.
    var hubConnections: [NodeKey: HubConnection] = [:]
    /// For those over TLS.
    var tlsContext: EventLoopFuture<NIOSSLContext?>?
    /// Packets are written here and go from here to the kernel.
    let sendBuffer: UnsafeMutableRawBufferPointer
    /// Packets in ``sendBuffer`` that the kernel had no room for.
    var blocked: Transmit?
    var failures = UnderlayFailures()
    /// Where hubs see this node.
    var reflexive = ReflexiveAddresses()
    /// What that says of translators.
    var translation = AddressTranslation()
    /// How long it keeps a mapping that is silent, and how often that was looked for.
    var trial: MappingTrial?
    var trialCount = 0
    /// The port that the gateway leads here; nil: none is asked for.
    var gatewayMapping: GatewayMapping?
    /// Whether the log says already that secrets are not locked into memory.
    var hasWarnedOfSwap = false

    // Turns of the loop
    var turn = Turn()
    var timer: LoopTimer?
    var turnTask: () -> Void = {}

    // Peers and streams, by slot
    var peers: [PeerEntry?] = []
    /// Streams of peers that are gone already, until their end was told.
    var leaving: [StreamHandle: OverlayStream] = [:]
    var pings: [PeerHandle: [EventLoopPromise<PingResult>]] = [:]
    /// What waits outside the core.
    package let waitingMemory: WaitingMemory
    var smallReads = BufferRing(count: 32, capacity: 2048)
    var largeReads = BufferRing(count: 8, capacity: 65_536)

    /// Life of the node.
    enum Phase {
        case idle
        case running
        case stopped
    }

    /// A node with `identity`, whose handshakes are numbered from `counters`; nil: the key is this process's alone. It
    /// is silent until ``start()``.
    package init(
        eventLoop: any EventLoop,
        identity: NodeIdentity,
        counters: HandshakeCounters? = nil,
        settings: Settings = .defaults,
        logger: Logger
    ) {
        self.eventLoop = eventLoop
        key = identity.key
        self.settings = settings
        waitingMemory = WaitingMemory(limit: settings.maxWaiting)
        log = logger
        self.counters = counters ?? .unstored(on: eventLoop)
        core = Node(
            identity: identity,
            settings: settings.node,
            seed: SystemEntropy.bytes(),
            counters: self.counters.reserved,
            entropy: SystemEntropy.bytes
        )
        sendBuffer = .allocate(byteCount: Self.largestWrite, alignment: 64)
        turnTask = { [weak self] in self?.endTurn() }
    }

    /// The last number that a handshake of this node has had.
    package var lastCounter: UInt64 { core.lastCounter }

    /// How long to wait before numbers are asked for again that could not be reserved.
    private static let counterRetry = TimeAmount.seconds(1)

    /// Numbers run low.
    func reserveCounters() {
        counters.more(core.wantedCounters).hop(to: eventLoop).assumeIsolated().whenComplete {
            guard case .running = self.phase else { return }
            switch $0 {
            case .success(let limit):
                self.core.reserveCounters(to: limit)
                self.needsTurn()
            case .failure(let error):
                self.log.error("numbers for handshakes cannot be reserved", metadata: ["error": "\(error)"])
                self.eventLoop.assumeIsolated().scheduleTask(in: Self.counterRetry) { self.reserveCounters() }
            }
        }
    }

    deinit {
        sendBuffer.deallocate()
    }

    /// The largest UDP payload that IPv4 carries: what one offloaded write can hold (RFC 768, RFC 791 §3.1).
    static let largestWrite = 65_535 - 20 - 8

    /// Binds the sockets and begins to talk. The result is the bound UDP addresses, in the order of
    /// ``Settings/listen``. Fails when an address cannot be bound; the node is stopped then.
    package func start() -> EventLoopFuture<[SocketAddress]> {
        eventLoop.preconditionInEventLoop()
        guard case .idle = phase else { return eventLoop.makeFailedFuture(OverlayError.notRunning) }
        phase = .running
        timer = LoopTimer(node: self)
        let udp: UDPUnderlay
        do {
            udp = try UDPUnderlay(
                binding: settings.listen,
                bufferSize: CInt(clamping: settings.socketBuffer),
                readsPerTurn: settings.readsPerTurn,
                on: eventLoop,
                logger: log
            )
        } catch {
            _ = abandon()
            return eventLoop.makeFailedFuture(error)
        }
        let webSockets = WebSocketUnderlay(
            maxConnections: settings.webSocket.maxConnections,
            on: eventLoop,
            logger: log
        )
        underlays = [udp, webSockets]
        self.udp = udp
        self.webSockets = webSockets
        tellAddresses()
        let bound = udp.localAddresses.compactMap(\.socketAddress)
        return udp.start(for: self).and(webSockets.start(for: self)).assumeIsolated().map { _ in
            self.watchHost()
            self.mapPort()
            self.needsTurn()
            return bound
        }.flatMapError { error in
            _ = self.abandon()
            return self.eventLoop.makeFailedFuture(error)
        }.nonisolated()
    }

    /// Says goodbye to all peers, ends all streams and closes the sockets. Afterwards the node does nothing more.
    package func stop() -> EventLoopFuture<Void> {
        eventLoop.preconditionInEventLoop()
        if let stopped { return stopped.futureResult }
        let promise = eventLoop.makePromise(of: Void.self)
        stopped = promise
        guard case .running = phase else {
            phase = .stopped
            promise.succeed()
            return promise.futureResult
        }
        core.close(code: .shutdown, at: now)
        eventLoop.assumeIsolated().execute {
            self.endTurn()
            self.abandon().cascade(to: promise)
        }
        return promise.futureResult
    }

    /// Ends everything without a word. The result comes when the underlay is closed.
    private func abandon() -> EventLoopFuture<Void> {
        phase = .stopped
        timer?.cancel()
        timer = nil
        failPings()
        observer = nil
        peers.removeAll()
        let closed = underlays.map { $0.stop() } + [gatewayMapping?.stop()].compactMap(\.self)
        gatewayMapping = nil
        underlays.removeAll()
        udp = nil
        webSockets = nil
        hubConnections.removeAll()
        return EventLoopFuture.andAllComplete(closed, on: eventLoop)
    }
}
