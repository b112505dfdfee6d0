package import HubCore
import HubProtocol
package import Logging
package import NIOCore
import OverlayCore
package import OverlayCrypto
package import OverlayNIO
package import OverlayWire
package import PosternModel
package import StateStore
import TrustCore

/// A hub: serves registration, mail, look-ups and relay channels on a node of the overlay that accepts unknown keys.
/// Confined to the node's event loop; its core and its store work elsewhere, in batches (``HubWorker``).
package final class HubService {
    /// How the hub is set up.
    package struct Settings: Sendable, Hashable {
        /// Bounds and rates.
        package var hub: HubSettings
        /// Bytes a second that are relayed between two nodes, each way, and from one node to all others. Defaults as in
        /// `NodeSettings`.
        package var relayRate: UInt64
        package var relayRatePerNode: UInt64
        /// Requests that may wait for the store; beyond it requests are answered `unavailable`. Default 10,000.
        package var waitingRequests: Int
        /// Events that may wait for one slow reader; beyond it the stream is ended. Default 2,048.
        package var waitingEvents: Int
        /// How often outdated mail is removed. Default 10 minutes.
        package var tidyInterval: TimeAmount
        /// How long nodes have to move to another hub before this one ends. Default 2 seconds.
        package var drainTime: TimeAmount

        package static let defaults = Settings(
            hub: .defaults,
            relayRate: NodeSettings.defaults.relayRate,
            relayRatePerNode: NodeSettings.defaults.relayRatePerPeer,
            waitingRequests: 10_000,
            waitingEvents: 2_048,
            tidyInterval: .minutes(10),
            drainTime: .seconds(2)
        )
    }

    let node: OverlayNode
    let key: NodeKey
    let configured: Settings
    /// What the operator has changed of it since.
    package var changedQuotas: [HubQuota: Int] = [:]
    /// What holds: both together.
    var settings: Settings
    let worker: HubWorker
    let feed: HubFeed?
    private(set) var cluster = HubCluster()
    /// Whom it serves; changed by ``open(to:)`` and ``ban(_:)``.
    var admission = HubAdmission()
    /// Where nodes reach it.
    private(set) var url: HubURL?
    let startedAt = NIODeadline.now()
    package private(set) var counts = Counts()
    let audit: any AuditTrail
    let log: Logger

    private var phase = Phase.idle
    private var batch: [HubArrival] = []
    private var isWorking = false
    private var lastRequest: UInt64 = 0
    private var requests: [HubRequestID: RPCServerStream] = [:]
    private var watches: [NodeKey: EventStream.Writer] = [:]
    /// The calls on port 1; made by ``start()``.
    private var calls: RPCServer?
    /// Who may administer the hub from afar, and what answers them.
    var administration: Administration?
    private var tidying: Scheduled<Void>?
    /// When it was last said that another hub has the same key.
    private var warned: NIODeadline?
    private var drained: EventLoopPromise<Void>?

    /// What has happened since the start.
    package struct Counts {
        package internal(set) var requests: UInt64 = 0
        package internal(set) var refused: UInt64 = 0
        var storeFailures: UInt64 = 0
        var lastStoreFailure: (time: Timestamp, text: String)?
    }

    private enum Phase {
        case idle
        case serving
        case stopped
    }

    /// A hub on `node`, of which it becomes the observer. It serves nothing until ``start()``.
    package init(
        node: OverlayNode,
        identity: NodeIdentity,
        registry: HubRegistry,
        audit: any AuditTrail,
        settings: Settings = .defaults,
        logger: Logger
    ) {
        self.node = node
        configured = settings
        self.settings = settings
        self.audit = audit
        key = identity.key
        log = logger
        feed = registry.feed
        worker = HubWorker(identity: identity, tags: registry.tags, settings: settings.hub, store: registry.store)
        node.observer = self
    }

    /// Begins to serve; the node is started by its owner. Other hubs of the same registry tell their nodes that this
    /// one is at `url`.
    package func start(as url: HubURL? = nil) {
        node.eventLoop.preconditionInEventLoop()
        phase = .serving
        self.url = url
        limitRelays()
        var limits = RPCServer.Limits.defaults
        limits.request = JSONLimits(depth: 16, byteCount: settings.hub.requestSize)
        limits.unfinishedPerPeer = settings.hub.openRequests
        calls = RPCServer(limits: limits) { [weak self] call, document in self?.received(document, call) }
        audit.record(AuditEvent(.started, actor: key, subject: key.did), at: Clocks.now().wall)
        tidy()
        let loop = node.eventLoop
        let service = NIOLoopBound(self, eventLoop: loop)
        if let url { feed?.start(as: url) { news in loop.execute { service.value.heard(news) } } }
    }

    /// Tells the nodes that are here to move to another hub, if there is one, and gives them a few seconds.
    package func drain() -> EventLoopFuture<Void> {
        node.eventLoop.preconditionInEventLoop()
        guard case .serving = phase, !cluster.others.isEmpty else { return node.eventLoop.makeSucceededVoidFuture() }
        feed?.drain()
        cluster.isDraining = true
        take(.cluster(cluster))
        return node.eventLoop.scheduleTask(in: settings.drainTime) {}.futureResult
    }

    /// Ends the event streams and waits for the store; the node is stopped by its owner afterwards.
    package func stop() -> EventLoopFuture<Void> {
        node.eventLoop.preconditionInEventLoop()
        if let drained { return drained.futureResult }
        let promise = node.eventLoop.makePromise(of: Void.self)
        drained = promise
        guard case .serving = phase else {
            phase = .stopped
            promise.succeed()
            return promise.futureResult
        }
        phase = .stopped
        tidying?.cancel()
        feed?.stop()
        for watch in watches.values { watch.close(.shutdown) }
        audit.record(AuditEvent(.stopped, actor: key, subject: key.did), at: Clocks.now().wall)
        if !isWorking { promise.succeed() }
        return promise.futureResult
    }

    /// The URL of this hub for nodes that reach it at `place`, and over WebSocket at `websocket` or, with nil, where
    /// they look by themselves. Nil when that makes no URL.
    package func url(at place: HostPort, websocket: WebSocketURL? = nil) -> HubURL? {
        HubURL(place, key: key, websocket: websocket)
    }

    func join(_ cluster: HubCluster) {
        guard cluster != self.cluster, case .serving = phase else { return }
        let isRestored = self.cluster.store.map { $0 != cluster.store } ?? false
        if isRestored { log.warning("the database is an older copy of itself: nodes bring what it lacks") }
        self.cluster = cluster
        take(.cluster(cluster))
    }

    /// Every node opens its event stream again, and gets all that is there.
    func endWatches() {
        for watch in watches.values { watch.close(.aborted) }
    }

    func warnOfOwnKey() {
        let now = NIODeadline.now()
        if let warned, now - warned < .minutes(1) { return }
        warned = now
        log.critical("another hub uses this hub's key: stop one of the two")
    }

    private func tidy() {
        take(.input(.tidy(at: Clocks.now().wall)))
        tidying = node.eventLoop.assumeIsolated().scheduleTask(in: settings.tidyInterval) { self.tidy() }
    }

    func take(_ arrival: HubArrival) {
        batch.append(arrival)
        work()
    }

    /// Hands over what has gathered, unless the worker is busy: then the next batch grows meanwhile.
    private func work() {
        guard !isWorking, !batch.isEmpty else { return }
        isWorking = true
        let arrivals = batch
        batch = []
        let loop = node.eventLoop
        let service = NIOLoopBound(self, eventLoop: loop)
        worker.take(arrivals) { outcome in
            loop.execute { service.value.worked(outcome) }
        }
    }

    private func worked(_ outcome: HubWorker.Outcome) {
        if let failure = outcome.failure {
            counts.storeFailures += 1
            counts.lastStoreFailure = (Clocks.now().wall.inMilliseconds, failure)
            log.error("the hub's store failed", metadata: ["error": "\(failure)"])
        }
        if !outcome.untaken.isEmpty {
            node.eventLoop.assumeIsolated().scheduleTask(in: .milliseconds(500)) { self.take(outcome.untaken) }
        }
        record(outcome.actions) { service in
            for action in outcome.actions { service.perform(action) }
            service.isWorking = false
            service.work()
            if !service.isWorking, case .stopped = service.phase { service.drained?.succeed() }
        }
    }

    /// Writes what `actions` tell the audit trail, and then does the rest: nobody is answered before it is recorded.
    private func record(_ actions: [HubAction], then: @escaping @Sendable (HubService) -> Void) {
        let now = Clocks.now().wall
        var isRecorded = false
        for case .audit(let event) in actions {
            audit.record(event, at: now)
            isRecorded = true
        }
        guard isRecorded else { return then(self) }
        let loop = node.eventLoop
        let service = NIOLoopBound(self, eventLoop: loop)
        audit.whenRecorded { loop.execute { then(service.value) } }
    }

    private func perform(_ action: HubAction) {
        switch action {
        case .answer(let id, let answer):
            if case .refused = answer { counts.refused += 1 }
            requests.removeValue(forKey: id)?.answer(answer.document)
        case .push(let node, let event): watches[node]?.tell(event.document)
        case .endWatch(let node): watches[node]?.close(.aborted)
        case .bridge(let a, let channelA, let b, let channelB): node.bridge(a, channelA, b, channelB)
        case .unbridge(let a, let channel): node.unbridge(a, channel)
        case .audit: break
        }
    }

    /// The network that the packets of `peer` come from: that of the path in use, which has been proved.
    private func network(of peer: NodeKey) -> SourceNetwork {
        SourceNetwork((node.peerStatus(of: peer)?.path).flatMap { node.address(of: $0) })
    }

    private func received(_ document: JSONValue?, _ call: RPCServerStream) {
        guard requests.count < settings.waitingRequests else {
            return call.answer(HubAnswer.refused(.unavailable).document)
        }
        lastRequest += 1
        counts.requests += 1
        let id = HubRequestID(lastRequest)
        requests[id] = call
        take(.request(id, document, from: call.peer, in: network(of: call.peer), at: Clocks.now()))
    }
}

extension HubService: OverlayObserver {
    package func overlayAccepts(
        stream: OverlayStream,
        from peer: NodeKey,
        port: VirtualPort
    ) -> (any OverlayStreamHandler)? {
        guard case .serving = phase else { return nil }
        switch port {
        case HubPort.requests:
            return calls?.accept(stream)
        case HubPort.admin:
            return administration?.accept(stream)
        case HubPort.events:
            let watch = EventStream.Writer(stream, bound: settings.waitingEvents) { watch in
                guard self.watches[watch.peer] === watch else { return }
                self.watches[watch.peer] = nil
                self.take(.input(.watchClosed(by: watch.peer, at: Clocks.now().wall)))
            }
            let earlier = watches.updateValue(watch, forKey: peer)
            earlier?.close(.restarted)
            take(.input(.watchOpened(by: peer, at: Clocks.now().wall)))
            return watch
        default:
            return nil
        }
    }

    package func overlaySession(with peer: NodeKey, is change: SessionChange) {
        log.debug("session", metadata: ["peer": "\(peer)", "change": "\(change)"])
    }

    /// A hub offers no datagram service.
    package func overlayReceived(datagram: ByteBuffer, from peer: NodeKey, port: VirtualPort) {}

    /// A hub needs no replay guard: nothing that comes with a stranger's first message has an effect.
    package func overlayStores(replayFloor: UInt64, of peer: NodeKey) -> Bool { true }

    /// Both programs are told by the overlay; the hub's log says it to its operator.
    package func overlaySees(_ duplicate: DuplicateIdentity) {
        switch duplicate {
        case .usedTwice(let node): log.warning("two programs use one key", metadata: ["node": "\(node)"])
        case .ownUsedTwice(let node, _):
            log.critical("another hub uses this hub's key: stop one of the two", metadata: ["seen by": "\(node)"])
        }
    }

    /// A hub's own address is configured.
    package func overlayObserved(_ endpoint: Endpoint, by peer: NodeKey) {}

    /// A hub never keeps locators (R8).
    package func overlayLearned(candidates: [Endpoint], of peer: NodeKey) {}
}
