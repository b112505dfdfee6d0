import GatewayCore
import Logging
import NIOCore
import OverlayNIO
import PosternModel

/// Drives one ``ProxyConnection``: feeds it with what its two links bring, and performs its actions. Bytes pass through
/// here; the connection only says which.
final class ProxyHandler {
    let gateway: Gateway
    /// In the order in which connections came.
    let number: UInt64
    /// Our service, at the exposing end.
    let exposure: Exposure?
    /// Where the client came, at the reaching end.
    var port: ReachPort?
    /// Who finds what the requests of the client name.
    private let forwardProxy: ForwardProxy?
    /// Who is at the other end of the overlay, once that is known.
    private(set) var peer: NodeKey?
    var connection: ProxyConnection
    private var connector: (any UpstreamConnector)?
    private var downstream: Link?
    private var upstream: Link?
    private var requests: PendingInput
    private var responses: PendingInput
    /// What waits for the upstream to open; nil once it was open.
    var unsent: [ByteBuffer]? = []
    /// Nil once the service has answered, or where it is no peer's.
    var replay: Replay?
    /// The channel to which something was written since the last event. A stream sends at the end of the loop's turn.
    private var unflushed: ChannelLink?
    var timers = Timers()
    /// Counts what passes; nil while it is not known where that goes, and for callbacks.
    var meter: ExchangeMeter?
    /// When the upstream sent bytes last, while a stream of events is waited for.
    var lastEvents: NIODeadline?
    private var isPerforming = false

    /// A client's connection to a reached service.
    convenience init(reaching port: ReachPort, gateway: Gateway) {
        let connection = ProxyConnection(reaching: port.service.peer.description, scratch: gateway.scratch)
        self.init(connection, gateway: gateway, port: port)
    }

    /// A peer's stream to an exposed service.
    convenience init(
        exposing exposure: Exposure,
        to peer: NodeKey,
        policy: ForwardingPolicy,
        budget: RequestBudget?,
        connector: any UpstreamConnector,
        gateway: Gateway
    ) {
        let connection = ProxyConnection(
            exposing: exposure.service.name,
            policy: policy,
            budget: budget,
            scratch: gateway.scratch
        )
        self.init(connection, gateway: gateway, exposure: exposure, peer: peer, connector: connector)
    }

    init(
        _ connection: consuming ProxyConnection,
        gateway: Gateway,
        port: ReachPort? = nil,
        forwardProxy: ForwardProxy? = nil,
        exposure: Exposure? = nil,
        peer: NodeKey? = nil,
        connector: (any UpstreamConnector)? = nil
    ) {
        self.gateway = gateway
        self.port = port
        self.forwardProxy = forwardProxy
        self.exposure = exposure
        self.peer = peer
        self.connector = connector
        self.connection = connection
        number = gateway.nextNumber()
        requests = PendingInput(memory: gateway.node.waitingMemory)
        responses = PendingInput(memory: gateway.node.waitingMemory)
    }

    // MARK: Beginning

    /// The side where requests come from is there.
    func begin(downstream link: Link) {
        downstream = link
        settle()
    }

    /// It is known where the service is that a client reaches, or why it is not to be had.
    func resolved(_ resolution: PeerResolution, _ port: ReachPort) {
        switch resolution {
        case .ready(let route):
            if let error = port.refusal(route.kind) { return refused(error) }
            peer = route.key
            beginMeter(service: port.service, of: route.key, isHTTP: route.kind.isHTTP)
            connector = OverlayConnector(route: route, peerName: port.service.peer.description, gateway: gateway)
            replay = Replay(route)
            connection.resolved(.ready(port.policy(route.kind, of: route.key)))
            if gateway.isPresent(route.key) { connection.notePeer(isPresent: true) }
        case .failure(let error, let kind):
            beginMeter(service: port.service, of: nil, isHTTP: kind?.isHTTP ?? true)
            gateway.log.info(
                "a reached service is not available",
                metadata: ["peer": "\(port.service.peer)", "reason": "\(error.message)"]
            )
            connection.resolved(.unavailable(error, port.policy(kind, of: nil)))
        }
        settle()
    }

    /// What the connection reaches from now on.
    func leave(peer: NodeKey?, _ connector: (any UpstreamConnector)?) {
        self.peer = peer
        self.connector = connector
    }

    /// What the service is was clear before anybody connected.
    func resolved(_ policy: ForwardingPolicy) {
        connection.resolved(.ready(policy))
        settle()
    }

    /// The request named the peer that it is for.
    func reach(_ peer: NodeKey) { self.peer = peer }

    /// An upstream that the connector opens: it may be open later.
    func opening(upstream link: Link) {
        upstream = link
    }

    /// The upstream is open.
    func opened(upstream link: Link) {
        upstream = link
        for bytes in unsent.take() ?? [] { write(bytes, to: .upstream) }
        connection.connected()
        if exposure == nil, peer != nil { notePeer() }
        settle()
    }

    /// There is no upstream.
    func failedToOpen(_ error: GatewayError) {
        upstream = nil
        connection.connectFailed(error)
        settle()
    }

    /// Tells the connection whether the reached peer is there.
    func notePeer() {
        connection.notePeer(isPresent: peer.map(gateway.isPresent) ?? false)
    }

    // MARK: What links tell

    /// Bytes that came without being asked for.
    func take(_ bytes: ByteBuffer, from side: ProxyConnection.Side) {
        if !self[side].isHolding, connection.wantsInput(from: side) {
            forward(bytes, from: side)
        } else {
            self[side].hold(bytes)
        }
    }

    /// Whether bytes of `side` can be passed on now.
    func wantsInput(from side: ProxyConnection.Side) -> Bool {
        !self[side].isHolding && connection.wantsInput(from: side)
    }

    /// Passes on what the side brought as far as it is wanted, then asks for more.
    func pump(_ side: ProxyConnection.Side) {
        while self[side].isHolding {
            guard connection.wantsInput(from: side), let held = self[side].take() else { return }
            forward(held, from: side)
        }
        if self[side].isEnding {
            tellEnd(of: side)
        } else if connection.wantsInput(from: side) {
            link(side)?.read()
        }
    }

    private func tellEnd(of side: ProxyConnection.Side) {
        if self[side].hasEnded {
            self[side].hasEnded = false
            connection.ended(side)
            gateway.emit(ByteBuffer()) { write($0, to: side.opposite) }
        }
        if let loss = self[side].loss.take() { tell(loss, of: side) }
    }

    /// The side sends no more.
    func ended(_ side: ProxyConnection.Side) {
        if side == .upstream { endReplay() }
        self[side].hasEnded = true
        pump(side)
    }

    /// Both halves of the side are done in order.
    func closed(_ side: ProxyConnection.Side) {
        if side == .upstream { endReplay() }
        setLink(nil, side)
        self[side].loss = .closed
        pump(side)
        settle()
    }

    /// The side is gone before its time. What an upstream gave before its end is still passed on.
    func lost(_ side: ProxyConnection.Side, _ end: LinkEnd) {
        setLink(nil, side)
        if side == .upstream, followService(after: end) { return }
        if side == .upstream, self[side].hasEnded {
            self[side].loss = .lost(end)
            pump(side)
        } else {
            self[side].clear()
            tell(.lost(end), of: side)
        }
        settle()
    }

    private func tell(_ loss: PendingInput.Loss, of side: ProxyConnection.Side) {
        switch (loss, side) {
        case (.closed, _): connection.closed(side)
        case (.lost, .downstream): connection.lostDownstream()
        case (.lost(let end), .upstream):
            guard let (error, loss) = connector?.describe(end) else { return }
            connection.lostUpstream(error, loss)
        }
    }

    /// The side reads no more.
    func stopped(_ side: ProxyConnection.Side) {
        if side == .upstream, replay != nil { replay?.hasStopped = true } else { connection.stopped(side) }
        settle()
    }

    /// The end that was written to the side has left, and everything before it.
    func sent(_ side: ProxyConnection.Side) {
        connection.sent(side)
        settle()
    }

    /// The side takes no more for now, or takes more again.
    func setBlocked(_ side: ProxyConnection.Side, _ isBlocked: Bool) {
        connection.setBlocked(side, isBlocked)
        if !isBlocked { settle() }
    }

    // MARK: Bytes

    /// Lets the connection decide about `bytes` and sends on what it says. What else it wants is done when the event
    /// that brought them is settled.
    func forward(_ bytes: ByteBuffer, from side: ProxyConnection.Side) {
        switch side {
        case .downstream:
            let now = NIODeadline.now()
            let count = connection.receiveRequests(bytes.readableBytesUInt8Span, at: Instant(now))
            measureRequests(count, at: now)
            gateway.emit(bytes) { write($0, to: .upstream) }
            if count < bytes.readableBytes {
                let rest = bytes.getSlice(at: bytes.readerIndex + count, length: bytes.readableBytes - count)
                if let rest { requests.hold(rest) }
            }
            if gateway.hasSilentPeers, exposure == nil, let peer, !gateway.isPresent(peer) { notePeer() }
        case .upstream:
            endReplay()
            connection.receiveResponses(bytes.readableBytesUInt8Span)
            measureResponses(bytes.readableBytes)
            if connection.counts.responses > 0 { port?.note(connection.counts.failure) }
            if lastEvents != nil { lastEvents = .now() }
            gateway.emit(bytes) { write($0, to: .downstream) }
        }
    }

    func write(_ bytes: ByteBuffer, to side: ProxyConnection.Side) {
        switch (link(side), side) {
        case (.channel(let link), _) where link.isOpen:
            link.write(bytes)
            unflushed = link
        case (.stream(let link), _):
            if side == .upstream { keepForReplay(bytes) }
            if !link.write(bytes) { connection.setBlocked(side, true) }
        case (.channel, .upstream), (nil, .upstream): unsent?.append(bytes)
        case (.channel, .downstream), (nil, .downstream): break
        }
    }

    // MARK: Actions

    /// Performs what the connection wants, and sends what was written. To be called at the end of every event.
    func settle() {
        perform()
        guard let link = unflushed else { return }
        unflushed = nil
        link.flush()
    }

    private func perform() {
        // An action may lead to an event at once: what follows from it is done in its turn.
        guard !isPerforming else { return }
        isPerforming = true
        while let action = connection.nextAction() { perform(action) }
        isPerforming = false
    }

    private func perform(_ action: ProxyConnection.Action) {
        switch action {
        case .route(let target):
            unsent = []
            forwardProxy?.route(target, for: self)
        case .establish: write(ByteBuffer(string: "HTTP/1.1 200 Connection Established\r\n\r\n"), to: .downstream)
        case .repeatRequest(let head): forward(ByteBuffer(bytes: head), from: .downstream)
        case .connect(let destination): connector?.open(destination, for: self)
        case .resume(let side): pump(side)
        case .answer(let error, let toHead):
            gateway.noteError(error, of: peer, at: exposure)
            measureError(error)
            port?.note(error.code)
            gateway.log.debug("answered with an error", metadata: ["code": "\(error.code.rawValue)"])
            var told = error
            // The client's peer is this node.
            if exposure != nil { told.peer = told.peer ?? gateway.node.key.did }
            write(ByteBuffer(bytes: told.response(toHead: toHead)), to: .downstream)
        case .finish(let side):
            if side == .upstream { replay?.hasEnded = true }
            finish(side)
        case .close(let side): link(side)?.close()
        case .reset(let side):
            self[side].clear()
            if side == .upstream { (unsent, replay) = (nil, nil) }
            link(side)?.reset()
            setLink(nil, side)
        case .discard(let side):
            _ = self[side].take()
            link(side)?.discard()
            pump(side)
        case .arm(let timer): arm(timer)
        case .cancel(let timer): cancel(timer)
        case .retire: gateway.remove(self)
        }
    }

    // MARK: Sides

    /// Sends the end behind everything that was sent to the side.
    func finish(_ side: ProxyConnection.Side) { link(side)?.finish() }

    private func link(_ side: ProxyConnection.Side) -> Link? {
        switch side {
        case .downstream: downstream
        case .upstream: upstream
        }
    }

    private func setLink(_ link: Link?, _ side: ProxyConnection.Side) {
        switch side {
        case .downstream: downstream = link
        case .upstream: upstream = link
        }
    }

    // Coroutines, because an input that is got is copied with what it holds.
    private subscript(side: ProxyConnection.Side) -> PendingInput {
        _read {
            switch side {
            case .downstream: yield requests
            case .upstream: yield responses
            }
        }
        _modify {
            switch side {
            case .downstream: yield &requests
            case .upstream: yield &responses
            }
        }
    }
}
