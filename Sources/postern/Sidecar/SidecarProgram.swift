import Foundation
import GatewayCore
import GatewayNIO
import Logging
import NIOCore
import OverlayCore
import OverlayCrypto
import OverlayNIO
import OverlayWire
import PosternConfiguration
import PosternModel
import SidecarControl
import SidecarCore
import SidecarNIO
import StateStore
import TrustCore

/// The running sidecar: overlay, trust and gateway put together. Confined to the overlay's event loop.
final class SidecarProgram {
    /// A reached service and where it listens.
    struct Reach {
        let configured: ReachConfiguration
        let service: ReachedService
        let listen: HostPort
    }

    let node: OverlayNode
    let runtime: SidecarRuntime
    let gateway: Gateway
    let identity: NodeIdentity
    let startedAt = NIODeadline.now()
    let udp: [SocketAddress]
    var configuration: SidecarConfiguration
    var configurationStatus = StatusDocument.Configuration(file: nil, since: .now)
    /// Takes up the configuration file again; nil until the sidecar serves.
    var reload: ConfigurationReload?
    var reaches: [Reach] = []
    /// Services of `reach:` whose addresses cannot be bound at present.
    var waiting: [WaitingReach] = []
    /// The next attempt to bind them.
    var retry: Scheduled<Void>?
    var reachPorts: ReachPorts
    /// Services of peers that have local ports by themselves.
    var automatic = AutomaticReaches()
    /// When what fellow members may find is told again.
    var publishing: RepeatedTask?
    /// Where the forward proxy listens.
    var proxyPlace: HostPort?
    /// Local ports that were opened for programs; they stay until the sidecar ends.
    var opened: [LocalPort] = []
    /// How many files and connections this process may have open.
    private let descriptors: Int
    let log: Logger
    /// What the agent may ask for.
    let agentPermissions: AgentPermissions
    /// Where the log is written, and its last lines are read.
    var logWriter: LogWriter?
    private let counters: HandshakeCounterFile

    /// Binds the underlay's sockets and puts the parts together, with the state's files written on `queue`. Fails with
    /// the error of binding or of opening the state.
    static func launch(
        on eventLoop: any EventLoop,
        identity: NodeIdentity,
        configuration: SidecarConfiguration,
        descriptors: Int,
        queue: StateQueue,
        logger: Logger
    ) -> EventLoopFuture<NIOLoopBound<SidecarProgram>> {
        eventLoop.preconditionInEventLoop()
        var settings = OverlayNode.Settings.defaults
        settings.node.usesDirectPaths = configuration.underlay.relay != .only
        settings.node.usesRelays = configuration.underlay.relay != .never
        settings.mapsPort = configuration.underlay.mapsPort && settings.node.usesDirectPaths
        settings.node.guessesPorts = configuration.underlay.guessesPorts
        settings.node.padsPackets = configuration.underlay.padsPackets
        settings.webSocket.isUsed = configuration.underlay.usesWebSocket
        settings.webSocket.authorities = configuration.underlay.authorities
        settings.webSocket.proxies = WebProxies(environment: ProcessInfo.processInfo.environment)
        // The rest is for what waits in sockets, and for everything that is not a byte of a stream.
        settings.node.maxMemory = configuration.limits.memory / 4 * 3
        settings.maxWaiting = configuration.limits.memory / 8
        do {
            settings.listen = try HostAddresses.listening(at: configuration.underlay.listen)
        } catch {
            return eventLoop.makeFailedFuture(error)
        }
        let counters: HandshakeCounterFile
        let node: OverlayNode
        do throws(StateFileError) {
            counters = try HandshakeCounterFile(state: StateDirectory(path: configuration.state))
            node = OverlayNode(
                eventLoop: eventLoop,
                identity: identity,
                counters: try HandshakeCounters(counters, queue: queue, on: eventLoop),
                settings: settings,
                logger: logger
            )
        } catch {
            return eventLoop.makeFailedFuture(error)
        }
        return node.start().assumeIsolated().flatMapThrowing { udp in
            let program = SidecarProgram(
                node: node,
                udp: udp,
                identity: identity,
                configuration: configuration,
                descriptors: descriptors,
                counters: counters,
                queue: queue,
                logger: logger
            )
            try program.runtime.start()
            program.publishRegularly()
            return NIOLoopBound(program, eventLoop: eventLoop)
        }.nonisolated()
    }

    private init(
        node: OverlayNode,
        udp: [SocketAddress],
        identity: NodeIdentity,
        configuration: SidecarConfiguration,
        descriptors: Int,
        counters: HandshakeCounterFile,
        queue: StateQueue,
        logger: Logger
    ) {
        self.node = node
        self.udp = udp
        self.identity = identity
        self.configuration = configuration
        self.descriptors = descriptors
        self.counters = counters
        log = logger
        agentPermissions = AgentPermissions(configuration.agentMay)
        runtime = SidecarRuntime(
            node: node,
            identity: identity,
            settings: Self.runtimeSettings(configuration, udp: udp, areFloorsCertain: counters.wasClosed),
            queue: queue,
            logger: logger
        )
        let state = StateDirectory(path: configuration.state)
        gateway = Gateway(
            node: node,
            authority: runtime,
            expose: configuration.expose.map(ExposedService.init),
            settings: Self.gatewaySettings(configuration, descriptors: descriptors),
            callbacks: CacheFile(path: state.receiversPath, queue: queue) { error in
                logger.warning("the receivers of callbacks cannot be written", metadata: ["error": "\(error)"])
            },
            signer: NodeAssertions(identity: identity),
            logger: logger
        )
        let ports = CacheFile(path: state.reachPortsPath, queue: queue) { error in
            logger.warning("the ports of reached services cannot be written", metadata: ["error": "\(error)"])
        }
        reachPorts = ReachPorts(file: ports)
        runtime.incoming = gateway
        runtime.host = self
        setAccessLog(configuration.log.hasAccess)
    }

    /// Takes no more work, lets what runs finish within `deadline`, and says goodbye to peers.
    func stop(within deadline: TimeAmount) -> EventLoopFuture<Void> {
        automatic.timer?.cancel()
        publishing?.cancel()
        return gateway.stop(within: deadline).assumeIsolated().flatMap {
            self.runtime.stop()
        }.flatMap {
            self.node.stop()
        }.map {
            guard self.runtime.areFloorsKept else { return }
            self.counters.close(after: self.node.lastCounter, logger: self.log)
        }.nonisolated()
    }

    /// Takes up the parts of `next` that can change while the sidecar runs, and names the others that differ.
    func reload(_ next: SidecarConfiguration) -> EventLoopFuture<[String]> {
        var fixed: [String] = []
        if next.state != configuration.state { fixed.append("state") }
        if next.control != configuration.control || next.hasOpenMetrics != configuration.hasOpenMetrics {
            fixed.append("control")
        }
        if next.proxy != configuration.proxy { fixed.append("proxy") }
        if next.underlay != configuration.underlay { fixed.append("underlay") }
        if next.limits.memory != configuration.limits.memory { fixed.append("limits.memoryMiB") }
        if next.log.format != configuration.log.format { fixed.append("log.format") }
        var settings = next
        settings.state = configuration.state
        settings.control = configuration.control
        settings.hasOpenMetrics = configuration.hasOpenMetrics
        settings.proxy = configuration.proxy
        settings.underlay = configuration.underlay
        settings.limits.memory = configuration.limits.memory
        settings.log.format = configuration.log.format
        configuration = settings
        setAccessLog(settings.log.hasAccess)
        agentPermissions.current = settings.agentMay
        runtime.reload(Self.runtimeSettings(settings, udp: udp, areFloorsCertain: counters.wasClosed))
        gateway.setLimits(ConnectionLimits(settings.limits, descriptors: descriptors))
        gateway.setExposed(settings.expose.map(ExposedService.init))
        publish()
        let gone = reaches.filter { !settings.reach.contains($0.configured) }
        reaches.removeAll { !settings.reach.contains($0.configured) }
        let closed = gone.map { gateway.unreach($0.service) }
        return EventLoopFuture.andAllComplete(closed, on: node.eventLoop).assumeIsolated().flatMap {
            self.reachWhatCanBe()
        }.flatMap {
            self.listenForCallbacks()
        }.flatMap {
            self.reachAutomatically()
        }.map { fixed }.nonisolated()
    }

    private static func gatewaySettings(_ configuration: SidecarConfiguration, descriptors: Int) -> GatewaySettings {
        var settings = GatewaySettings.defaults
        settings.connections = ConnectionLimits(configuration.limits, descriptors: descriptors)
        return settings
    }

    private static func runtimeSettings(
        _ configuration: SidecarConfiguration,
        udp: [SocketAddress],
        areFloorsCertain: Bool
    ) -> SidecarRuntime.Settings {
        SidecarRuntime.Settings(
            stateDirectory: configuration.state,
            name: configuration.name,
            hubs: configuration.hubs,
            exposed: configuration.expose.map { ExposedRule(service: $0.service, allow: $0.allow) },
            accept: configuration.accept,
            advertised: udp.compactMap { Endpoint($0) }.flatMap(HostAddresses.concrete),
            networks: configuration.networks,
            version: Postern.version,
            areFloorsCertain: areFloorsCertain
        )
    }
}

extension SidecarProgram: SidecarHost {
    var version: String { Postern.version }
    var boundAddresses: [Endpoint] { udp.compactMap { Endpoint($0) } }

    var localPorts: [LocalPort] {
        let configured = reaches.map {
            LocalPort(
                peer: $0.service.peer,
                target: $0.service.target,
                listen: $0.listen,
                isOpenToNetwork: $0.configured.exposesToNetwork,
                trouble: gateway.trouble(of: $0.service).flatMap(LocalPort.Trouble.init)
            )
        }
        let waiting = waiting.map {
            LocalPort(
                peer: $0.configured.peer,
                target: $0.configured.target,
                listen: $0.listen,
                problem: $0.reason
            )
        }
        return configured + waiting + automaticPorts + opened
    }

    func peersChanged() {
        guard configuration.autoReach else { return }
        _ = reachAutomatically()
    }

    func upstream(of name: ServiceName) -> UpstreamStatus {
        guard let entry = configuration.expose.first(where: { $0.service.name == name }) else {
            return UpstreamStatus("")
        }
        let isOpen = entry.hasOpenLeg
        let leg: Leg = isOpen ? .insecure : entry.tls == nil || entry.upstream?.place.isLoopback == true ? .local : .tls
        return UpstreamStatus(entry.targetText, leg: leg, problem: gateway.problem(of: name))
    }

    func readConfiguration() -> EventLoopFuture<StatusDocument.Configuration> {
        guard let reload else { return node.eventLoop.makeFailedFuture(Problem.starting) }
        let promise = node.eventLoop.makePromise(of: StatusDocument.Configuration.self)
        promise.completeWithTask { try await reload.run().get() }
        return promise.futureResult
    }

    func activeStreams(of name: ServiceName) -> Int { gateway.activeStreams(of: name) }

    func allows(_ method: String, of name: ServiceName) -> Bool? {
        let entry = configuration.expose.first { $0.service.name == name }
        guard let rules = entry.flatMap({ ExposedService($0).methods }) else { return nil }
        let parts = method.split(separator: ":", maxSplits: 1).map(String.init)
        return rules.allow(parts.first ?? method, name: parts.dropFirst().first)
    }

    func openLocalPort(to peer: PeerName, _ target: ServiceTarget) -> EventLoopFuture<LocalPort> {
        gateway.reach(ReachedService(peer: peer, target: target)).assumeIsolated().map { address in
            let port = LocalPort(peer: peer, target: target, listen: .loopback(UInt16(address.port ?? 0)))
            self.opened.append(port)
            return port
        }.nonisolated()
    }
}

extension ExposedService {
    /// The service as the gateway serves it.
    init(_ entry: ExposeConfiguration) {
        let policy: HostPolicy =
            switch entry.host {
            case .upstream: .upstream
            case .preserve: .preserve
            }
        var identity = IdentityFields()
        identity.peer = entry.peerHeader
        identity.peerName = entry.peerNameHeader
        identity.network = entry.networkHeader
        identity.areAsserted = entry.assertsIdentity
        let hasMethodRules = entry.allowedMethods != nil || !entry.deniedMethods.isEmpty
        let signedCards: SignedCards =
            switch entry.signedCards {
            case .strip: .strip
            case .passthrough: .passthrough
            case .resign: .resign
            case .reject: .reject
            }
        self.init(
            service: entry.service,
            upstream: entry.upstream?.place ?? .loopback(0),
            program: entry.program.map {
                Program(command: $0.command, environment: $0.environment, isBridged: $0.isBridged)
            },
            tls: entry.tls.map { UpstreamTLS(authorities: $0.authorities, serverName: $0.serverName) },
            hostPolicy: policy,
            limits: ServiceLimits(concurrency: entry.concurrency, requestsPerMinute: entry.requestsPerMinute),
            grpc: entry.carriedGRPC,
            signedCards: signedCards,
            cardKeys: entry.cardKeys,
            resourceMetadata: entry.rewritesResourceMetadata ? .rewrite : .keep,
            push: entry.push,
            methods: hasMethodRules ? MethodRules(allow: entry.allowedMethods, deny: entry.deniedMethods) : nil,
            identity: identity
        )
    }
}

extension CacheFile: CallbackStore {}

extension Problem {
    /// The sidecar does not serve yet.
    fileprivate static let starting = Problem(
        code: "starting",
        message: "the sidecar is starting",
        hint: "try again when it has said READY"
    )
}

extension ConnectionLimits {
    /// What the configuration says, as far as the `descriptors` of this process have room for it.
    init(_ limits: LimitsConfiguration, descriptors: Int) {
        self.init(
            descriptors: descriptors,
            total: limits.connections ?? Self.usualTotal,
            perPeer: limits.connectionsPerPeer
        )
    }
}
