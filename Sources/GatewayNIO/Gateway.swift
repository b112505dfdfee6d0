package import GatewayCore
package import Logging
package import NIOCore
import NIOPosix
package import OverlayNIO
import OverlayWire
package import PosternModel
import TrustCore

/// Joins local connections with streams of the overlay: offers the services of peers on loopback ports, and our
/// services to peers. Everything happens on the overlay's event loop.
package final class Gateway: StreamAcceptor {
    package let settings: GatewaySettings
    package internal(set) var statistics = GatewayStatistics()

    let node: OverlayNode
    let authority: any GatewayAuthority
    let log: Logger
    /// What all connections of the loop share, one at a time.
    let scratch: HeadScratch
    /// Where rewritten bytes are put together. A connection holds its buffer until the kernel took it, which is at once
    /// unless its client is slow: few are in use at a time.
    var rewrites = BufferRing(count: 4, capacity: Gateway.coalescingLimit)

    /// The receivers of push notifications that clients here registered.
    let callbacks: CallbackTable
    let callbackExposure: Exposure
    /// Where agents on this host find the receivers of peers, once that is bound.
    package var callbackPort: UInt16?
    var callbackListener: (any Channel)?
    var proxyListener: (any Channel)?
    /// Services of kind `udp`.
    private(set) lazy var datagrams = DatagramRelay(gateway: self)
    var datagramListeners: [ReachedService: any Channel] = [:]
    private let signer: (any GatewaySignatures)?
    var admissions: Admissions
    /// What is carried for whom, and who is told of each request.
    var book = TrafficBook()
    var accessLog: ((AccessEntry) -> Void)?
    private var lastNumber: UInt64 = 0
    private(set) var exposures: [VirtualPort: Exposure] = [:]
    private(set) var listeners: [ReachedService: Listening] = [:]
    private(set) var proxies: [ObjectIdentifier: ProxyHandler] = [:]
    private var connected: Set<NodeKey> = []
    private var silent: Set<NodeKey> = []
    /// Programs that run, by their process ids.
    private var programs: [Int32: ChildProcess] = [:]
    private(set) var stopping: EventLoopPromise<Void>?

    /// A gateway for the services in `expose`.
    ///
    /// - Parameters:
    ///   - authority: decides who may reach what; held as long as the gateway.
    ///   - signer: signs who calls and agent cards, and verifies cards, for services that want that.
    ///   - callbacks: where receivers of push notifications are kept; nil forgets them with the process.
    package init(
        node: OverlayNode,
        authority: any GatewayAuthority,
        expose: [ExposedService],
        settings: GatewaySettings = .defaults,
        callbacks: (any CallbackStore)? = nil,
        signer: (any GatewaySignatures)? = nil,
        logger: Logger
    ) {
        self.signer = signer
        self.callbacks = CallbackTable(store: callbacks)
        self.node = node
        self.authority = authority
        self.settings = settings
        log = logger
        scratch = HeadScratch(limits: settings.heads)
        admissions = Admissions(limits: settings.connections)
        callbackExposure = Gateway.makeCallbackExposure(on: node.eventLoop)
        setExposed(expose)
    }

    var eventLoop: any EventLoop { node.eventLoop }

    // MARK: Exposing

    /// How many connections may be open from now on. Those that are stay.
    package func setLimits(_ limits: ConnectionLimits) {
        admissions.limits = limits
    }

    /// Replaces the services that peers may reach. Where one is another now, or gone, connections of clients to it take
    /// no further request: the next one is under what is configured now.
    package func setExposed(_ services: [ExposedService]) {
        var next: [VirtualPort: Exposure] = [:]
        for service in services {
            if let former = exposures[service.port], former.service == service {
                next[service.port] = former
            } else {
                next[service.port] = expose(service)
            }
        }
        let ports = { (exposures: [VirtualPort: Exposure]) in
            Set(exposures.values.filter { $0.service.kind == .udp }.map(\.service.port))
        }
        let (before, after) = (ports(exposures), ports(next))
        for (port, former) in exposures where next[port] !== former {
            former.bridge?.endAll()
            former.bridge = nil
            for proxy in Array(proxies.values) where proxy.exposure === former { proxy.drain() }
        }
        exposures = next
        for port in after.subtracting(before) { datagrams.open(port) }
        for port in before.subtracting(after) { datagrams.close(port) }
    }

    /// Takes a stream that `peer` opened to `port`. Nil refuses it, in the same way whether there is no service or it
    /// is not for this peer; a peer that may use the service is told when it is at a limit.
    package func accept(
        _ stream: OverlayStream,
        from peer: NodeKey,
        port: VirtualPort
    ) -> (any OverlayStreamHandler)? {
        eventLoop.assertInEventLoop()
        if port == SidecarPort.callbacks { return acceptCallback(stream, from: peer) }
        guard stopping == nil, let exposure = exposures[port], exposure.service.kind != .udp,
            case .admitted(_, let basis) = authority.decide(peer, port)
        else {
            noteRefusedStream()
            return nil
        }
        return serve(stream, of: peer, at: exposure, by: connector(to: exposure, for: peer)) {
            policy(exposing: exposure, to: peer, on: basis)
        }
    }

    /// Joins `stream` with an upstream that `connector` opens; a peer at a limit is told so.
    func serve(
        _ stream: OverlayStream,
        of peer: NodeKey,
        at exposure: Exposure,
        by connector: any UpstreamConnector,
        _ policy: () -> ForwardingPolicy
    ) -> (any OverlayStreamHandler)? {
        let now = Instant(.now())
        guard admissions.admitStream(of: peer) else { return refuse(stream) }
        guard let use = exposure.admit(peer, settings.programs, at: now) else {
            admissions.releaseStream(of: peer)
            return refuse(stream)
        }
        statistics.streamsAccepted += 1
        let proxy = ProxyHandler(
            exposing: exposure,
            to: peer,
            policy: policy(),
            budget: use.budget,
            connector: connector,
            gateway: self
        )
        proxy.beginMeter(exposing: exposure, to: peer)
        insert(proxy)
        let link = StreamLink(.downstream, of: proxy)
        link.attach(stream)
        proxy.begin(downstream: .stream(link))
        return link
    }

    func noteRefusedStream() {
        statistics.streamsRefused += 1
    }

    /// Tells the peer that it is at a limit.
    private func refuse(_ stream: OverlayStream) -> (any OverlayStreamHandler)? {
        statistics.overLimit += 1
        stream.reset(.overLimit)
        return nil
    }

    private func policy(exposing exposure: Exposure, to peer: NodeKey, on basis: Access.Basis) -> ForwardingPolicy {
        let service = exposure.service
        guard service.kind.isHTTP else { return .passthrough }
        return .expose(
            ExposePolicy(
                service,
                did: peer.did,
                peerName: authority.peerName(peer),
                network: basis.networkName,
                callbackPort: callbackPort,
                signer: signer
            )
        )
    }

    // MARK: Reaching

    /// Offers a peer's service on a loopback port, from now on and whatever is known of the peer. The result is the
    /// bound address. Fails with ``ListenError``, or with the error of binding.
    package func reach(_ service: ReachedService) -> EventLoopFuture<SocketAddress> {
        eventLoop.assertInEventLoop()
        guard stopping == nil else { return eventLoop.makeFailedFuture(ListenError.stopped) }
        guard listeners[service] == nil else { return eventLoop.makeFailedFuture(ListenError.alreadyReached) }
        guard service.listen.isLoopback || service.network != nil else {
            return eventLoop.makeFailedFuture(ListenError.notLoopback(service.listen))
        }
        let port = ReachPort(service: service, gateway: self)
        return bind(service.listen, accept: port.accept).assumeIsolated().flatMapThrowing { channel in
            guard let bound = channel.localAddress else { throw ListenError.stopped }
            self.listeners[service] = Listening(channel: channel, port: port)
            if let network = service.network {
                self.log.warning(
                    "a reached service is open to other machines, without encryption",
                    metadata: ["listen": "\(service.listen)", "clients": "\(network.clients)"]
                )
            }
            return bound
        }.flatMap {
            self.reachByDatagrams(service, at: $0)
        }.nonisolated()
    }

    /// Listens at `place`, whose host is an address, and gives every connection to `accept`.
    func bind(_ place: HostPort, accept: @escaping (any Channel) throws -> Void) -> EventLoopFuture<any Channel> {
        guard let host = place.address, let address = try? SocketAddress(ipAddress: host, port: Int(place.port)) else {
            return eventLoop.makeFailedFuture(ListenError.notLoopback(place))
        }
        let accept = NIOLoopBound(accept, eventLoop: eventLoop)
        return ServerBootstrap(group: eventLoop)
            .serverChannelOption(.backlog, value: 512)
            .serverChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(AcceptBackoffHandler())
                }
            }
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelOption(.autoRead, value: false)
            .childChannelOption(.allowRemoteHalfClosure, value: true)
            .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
            .childChannelOption(.recvAllocator, value: ReceiveAllocator(memory: node.waitingMemory))
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture { try accept.value(channel) }
            }
            .bind(to: address)
    }

    /// Takes a reached service away; connections that run go on.
    package func unreach(_ service: ReachedService) -> EventLoopFuture<Void> {
        eventLoop.assertInEventLoop()
        guard let listening = listeners.removeValue(forKey: service) else { return eventLoop.makeSucceededVoidFuture() }
        datagramListeners.removeValue(forKey: service)?.close(promise: nil)
        return listening.channel.close()
    }

    /// Counts one more client connection, unless it is refused.
    func admitClient() -> Admissions.ClientAdmission {
        statistics.connectionsAccepted += 1
        guard stopping == nil else { return .refused }
        if !admissions.hasRoomForClient { reclaim() }
        let admission = admissions.admitClient()
        if admission != .admitted { statistics.overLimit += 1 }
        return admission
    }

    /// Ends the client's connection that has been without a request for longest.
    private func reclaim() {
        let idle = proxies.values.lazy.compactMap { proxy in proxy.idleSince.map { (proxy: proxy, since: $0) } }
        idle.min { ($0.since, $0.proxy.number) < ($1.since, $1.proxy.number) }?.proxy.cut()
    }

    // MARK: Peers

    /// Takes note of what the overlay says about the session with a peer. To be called for every change.
    package func noteSession(with peer: NodeKey, _ change: SessionChange) {
        switch change {
        case .established:
            connected.insert(peer)
            silent.remove(peer)
            datagrams.noteSession(with: peer)
        case .responsive: silent.remove(peer)
        case .lost, .unreachable:
            connected.remove(peer)
            silent.remove(peer)
        case .unresponsive: noteSilence(of: peer)
        case .pathChanged, .pathBelowBase: break
        }
    }

    /// Whether `peer` is there, as far as the overlay knows.
    func isPresent(_ peer: NodeKey) -> Bool {
        connected.contains(peer) && !silent.contains(peer)
    }

    /// Whether any peer is silent: spares the question for one.
    var hasSilentPeers: Bool { !silent.isEmpty }

    /// A peer that has just stopped answering cannot have got the latest requests; their clients do not wait longer
    /// than for one that is away. Older requests may be under way over there and are kept.
    private func noteSilence(of peer: NodeKey) {
        silent.insert(peer)
        let since = NIODeadline.now() - settings.silenceWindow
        eventLoop.assumeIsolated().scheduleTask(in: settings.silencePatience) { [weak self] in
            guard let self, self.silent.contains(peer) else { return }
            for proxy in Array(self.proxies.values) where proxy.peer == peer {
                proxy.giveUp(requestsSince: since)
            }
        }
    }

    /// Cuts every connection and stream with `peer`, at once.
    package func endStreams(of peer: NodeKey) {
        for proxy in Array(proxies.values) where proxy.peer == peer { proxy.cutForTrust() }
        datagrams.end(peer)
        for exposure in exposures.values { exposure.bridge?.end(peer) }
        if callbacks.end(peer) > 0 { authority.noteReceiversEnded(of: peer) }
    }

    // MARK: Stopping

    /// Takes no more connections and streams, lets what runs finish until `deadline`, then cuts it.
    package func stop(within deadline: TimeAmount = .seconds(10)) -> EventLoopFuture<Void> {
        eventLoop.assertInEventLoop()
        if let stopping { return stopping.futureResult }
        let promise = eventLoop.makePromise(of: Void.self)
        stopping = promise
        datagrams.end(nil)
        let others = [callbackListener, proxyListener].compactMap(\.self)
        let closed = (listeners.values.map(\.channel) + Array(datagramListeners.values) + others).map { $0.close() }
        listeners.removeAll()
        for proxy in Array(proxies.values) { proxy.drain() }
        let limit = eventLoop.assumeIsolated().scheduleTask(in: deadline) {
            for proxy in Array(self.proxies.values) { proxy.cut() }
            for program in self.programs.values { program.terminate() }
        }
        promise.futureResult.whenComplete { _ in limit.cancel() }
        EventLoopFuture.andAllComplete(closed, on: eventLoop).assumeIsolated().whenComplete { _ in
            self.completeStopIfIdle()
        }
        return promise.futureResult
    }

    private func completeStopIfIdle() {
        guard let stopping, proxies.isEmpty, listeners.isEmpty else { return }
        for exposure in exposures.values { exposure.bridge?.endAll() }
        if programs.isEmpty { stopping.succeed() }
    }

    // MARK: For proxied connections

    /// A number for a new connection, larger than all before.
    func nextNumber() -> UInt64 {
        lastNumber += 1
        return lastNumber
    }

    func insert(_ proxy: ProxyHandler) {
        proxies[ObjectIdentifier(proxy)] = proxy
        statistics.open = proxies.count
    }

    func remove(_ proxy: ProxyHandler) {
        guard proxies.removeValue(forKey: ObjectIdentifier(proxy)) != nil else { return }
        proxy.measureEnd()
        statistics.open = proxies.count
        if let exposure = proxy.exposure, let peer = proxy.peer {
            exposure.release(peer)
            admissions.releaseStream(of: peer)
        } else {
            admissions.releaseClient()
        }
        completeStopIfIdle()
    }

    func insert(_ program: ChildProcess) {
        programs[program.identifier] = program
        statistics.programsStarted += 1
    }

    func remove(_ program: ChildProcess) {
        programs[program.identifier] = nil
        completeStopIfIdle()
    }

    func noteBridge(since former: Bridge.Statistics, now: Bridge.Statistics) {
        statistics.bridgeMessagesDropped += now.dropped - former.dropped
        statistics.bridgeLinesMalformed += now.malformed - former.malformed
    }

    /// A client, or a peer that asked for `exposure`, gets `error`.
    func noteError(_ error: GatewayError, of peer: NodeKey?, at exposure: Exposure?) {
        statistics.errorsSent += 1
        guard let call = error.call, let peer, let exposure else { return }
        authority.noteRefused(call.method, of: peer, exposure.service.port)
    }
}

/// Why a service cannot be offered to local clients.
package enum ListenError: Error, Hashable, Sendable {
    /// The address is none of this machine's loopback.
    case notLoopback(HostPort)
    case alreadyReached
    /// The gateway stops.
    case stopped
    /// The client may not come from where it does.
    case foreignClient
    /// More connections are open than there is room for.
    case noRoom
}
