import GatewayCore
import Logging
import NIOCore
import NIOHTTP1
import NIOPosix
import OverlayNIO
import PosternModel

/// Drives the ``Bridge`` of one service: runs its programs, carries their lines, and answers its clients over HTTP.
final class BridgeHost {
    private let program: Program
    private let exposure: Exposure
    private unowned let gateway: Gateway
    private var bridge: Bridge
    private var children: [Bridge.ChildID: BridgedProgram] = [:]
    private var exchanges: [Bridge.ExchangeID: BridgeExchange] = [:]
    private var lastExchange: UInt64 = 0
    private var idling: Scheduled<Void>?
    private var isPerforming = false
    /// What the gateway has counted.
    private var told = Bridge.Statistics()

    init(_ program: Program, of exposure: Exposure, gateway: Gateway) {
        self.program = program
        self.exposure = exposure
        self.gateway = gateway
        bridge = Bridge(service: exposure.service.name, limits: gateway.settings.programs)
    }

    private var now: Instant { Instant(.now()) }
    var messageLimit: Int { gateway.settings.programs.messageBytes }

    // MARK: What clients do

    /// A request of a client of `peer` is complete. The result is its number.
    func receive(_ request: Bridge.Request, from exchange: BridgeExchange, of peer: NodeKey) -> Bridge.ExchangeID {
        lastExchange += 1
        let id = Bridge.ExchangeID(lastExchange)
        exchanges[id] = exchange
        bridge.receive(request, from: id, of: peer, freshID: Self.freshID(), at: now)
        settle()
        return id
    }

    /// The client is gone.
    func closed(_ exchange: Bridge.ExchangeID) {
        guard exchanges.removeValue(forKey: exchange) != nil else { return }
        bridge.exchangeClosed(exchange, at: now)
        settle()
        resume()
    }

    /// A client takes more again.
    func resume() {
        for (identifier, child) in children where canRead(identifier) { child.resume() }
    }

    /// Whether the program is read: not while a client of it has not taken what it was told before.
    func canRead(_ child: Bridge.ChildID) -> Bool {
        !exchanges.contains { $0.value.isBlocked && bridge.child(of: $0.key) == child }
    }

    private static func freshID() -> String {
        var generator = SystemRandomNumberGenerator()
        let halves = [generator.next(), generator.next()] as [UInt64]
        return halves.map { String($0 | 1 << 63, radix: 16) }.joined()
    }

    // MARK: What programs do

    func said(_ line: [UInt8], by child: Bridge.ChildID) {
        bridge.childSaid(child, line, at: now)
        settle()
    }

    func ended(_ child: Bridge.ChildID, _ end: Bridge.End) {
        children[child] = nil
        bridge.childEnded(child, end)
        settle()
    }

    // MARK: From above

    /// Trust in `peer` ended.
    func end(_ peer: NodeKey) {
        bridge.end(peer)
        settle()
    }

    /// The service is not offered any more, or not so.
    func endAll() {
        bridge.endAll()
        settle()
    }

    // MARK: Actions

    private func settle() {
        guard !isPerforming else { return }
        isPerforming = true
        while let action = bridge.nextAction() { perform(action) }
        isPerforming = false
        gateway.noteBridge(since: told, now: bridge.statistics)
        told = bridge.statistics
        arm()
    }

    private func perform(_ action: Bridge.Action) {
        switch action {
        case .start(let child, let peer): start(child, for: peer)
        case .send(let child, let line): children[child]?.send(line)
        case .stop(let child): children.removeValue(forKey: child)?.stop()
        case .answer(let exchange, let answer): exchanges.removeValue(forKey: exchange)?.answer(answer)
        case .openEvents(let exchange): exchanges[exchange]?.openEvents()
        case .event(let exchange, let message): exchanges[exchange]?.send(message)
        case .endEvents(let exchange): exchanges.removeValue(forKey: exchange)?.endEvents()
        }
    }

    private func start(_ child: Bridge.ChildID, for peer: NodeKey) {
        do {
            let (process, pipes) = try gateway.start(program, of: exposure, for: peer)
            let bridged = BridgedProgram(child, process, host: self)
            children[child] = bridged
            gateway.join(pipes, input: bridged.input) { try $0.pipeline.syncOperations.addHandler(bridged) }
                .assumeIsolated().whenFailure {
                    self.ended(child, .notStarted("\($0)"))
                }
        } catch {
            _ = gateway.note(error, of: exposure)
            bridge.childEnded(child, .notStarted(error.description))
        }
    }

    private func arm() {
        idling?.cancel()
        idling = nil
        guard let deadline = bridge.nextDeadline else { return }
        let delay = max((deadline - now).nanoseconds, 1_000_000)
        idling = gateway.eventLoop.assumeIsolated().scheduleTask(in: .nanoseconds(delay)) { [weak self] in
            guard let self else { return }
            self.bridge.advance(to: self.now)
            self.settle()
        }
    }
}

/// The connection to the bridge of an exposed service, which looks to its client like one to an agent.
struct BridgeConnector: UpstreamConnector {
    let host: BridgeHost
    let exposure: Exposure
    let peer: NodeKey
    let gateway: Gateway

    func open(_ destination: ProxyConnection.Destination, for proxy: ProxyHandler) {
        let link = ChannelLink(.upstream, of: proxy) { proxy.opened(upstream: .channel($0)) }
        proxy.opening(upstream: .channel(link))
        let handlers = NIOLoopBound((host: host, link: link), eventLoop: gateway.eventLoop)
        let peer = peer
        let fail = { (error: any Error) in
            guard link.isAttached else { return }
            proxy.failedToOpen(.agentRefused(exposure.service.name))
        }
        do {
            let ends = try SocketPair.make()
            // Who sends no more has left, as servers of HTTP see it.
            let serving = connect(ends.0, allowsHalfClosure: false) { channel in
                try channel.pipeline.syncOperations.configureHTTPServerPipeline(withErrorHandling: false)
                try channel.pipeline.syncOperations.addHandler(BridgeExchange(handlers.value.host, peer: peer))
            }
            serving.assumeIsolated().whenFailure(fail)
            let calling = connect(ends.1, allowsHalfClosure: true) {
                try $0.pipeline.syncOperations.addHandler(handlers.value.link)
            }
            calling.assumeIsolated().whenFailure(fail)
        } catch {
            fail(error)
        }
    }

    private func connect(
        _ descriptor: CInt,
        allowsHalfClosure: Bool,
        prepare: @escaping @Sendable (any Channel) throws -> Void
    ) -> EventLoopFuture<Void> {
        ClientBootstrap(group: gateway.eventLoop)
            .channelOption(.autoRead, value: false)
            .channelOption(.allowRemoteHalfClosure, value: allowsHalfClosure)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture { try prepare(channel) }
            }
            .withConnectedSocket(descriptor)
            .map { _ in }
    }

    func describe(_ end: LinkEnd) -> (GatewayError, HTTP1ConnectionState.Loss) {
        (.programEnded(exposure.service.name, nil), .broken)
    }
}
