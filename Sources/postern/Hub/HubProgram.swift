import Foundation
import HubServer
import Logging
import NIOCore
import NIOPosix
import OverlayCore
import OverlayCrypto
import OverlayNIO
import OverlayWire
import PosternConfiguration
import PosternModel
import ServiceLifecycle
import SidecarControl
import StateStore
import TrustCore

/// `postern hub` from start to end.
struct HubProgram {
    let file: ConfigurationFile<HubConfiguration>
    /// Whether the address to listen on came from the command line, where no line of a file can be blamed.
    let isListenGiven: Bool
    /// Whether the database did, where other users of the machine see it.
    let isDatabaseGiven: Bool

    /// Runs until a signal ends it.
    func run() async throws {
        _ = Descriptors.raiseLimit()
        let settings = file.settings
        let state = directory
        let (identity, lock) = try open(state)
        defer { withExtendedLifetime(lock) {} }
        let levels = LogSwitch(level: Logger.Level(configured: settings.log.level))
        let isJSON = settings.log.format == .json
        let writer = LineLogHandler.writer(isJSON: isJSON)
        defer { writer.drain(within: 1) }
        let logger = Logger(label: "postern") {
            LineLogHandler(label: $0, isJSON: isJSON, levels: levels, writer: writer)
        }
        let registry = try openStore(state, of: identity)
        let dataGroup = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let stateGroup = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let loop = dataGroup.next()
        let queue = StateQueue(stateGroup.next())
        let parts: NIOLoopBound<Parts>
        do {
            parts = try await loop.flatSubmit {
                Parts.launch(
                    on: loop,
                    identity: identity,
                    settings: settings,
                    registry: registry,
                    queue: queue,
                    logger: logger
                )
            }.get()
        } catch let error as WebSocketProblem {
            throw CommandFailure(ConfigurationFailure(problems: [error.problem(in: file)]))
        } catch let error as IOError {
            throw taken(error)
        } catch let problem as Problem {
            throw CommandFailure(problem)
        }
        let controlGroup = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let backend = try await backend(of: parts, on: loop, key: identity.key)
        let control = try await serve(ControlServer(group: controlGroup, backend: backend, logger: logger), state)
        let ready = try await loop.submit {
            parts.value.readyDocument(settings: settings, key: identity.key, control: control.address)
        }.get()

        let supervisor = Supervisor()
        let hub = ServingService {
            announce(ready, logger: logger)
            supervisor?.tell(.ready)
        } drain: {
            supervisor?.tell(.stopping)
            for channel in control.channels { try? await channel.close() }
            try await loop.flatSubmit { parts.value.stop() }.get()
        }
        let background: [any ServiceLifecycle.Service] =
            [BackgroundService { await ResidentMemory.keepSmall() }] + (supervisor?.watchdogs(of: loop) ?? [])
        try await Shutdown.run([hub] + background, logger: logger) { reload(levels: levels, logger: logger) }
        logger.info("stopped")
        for group in [controlGroup, dataGroup, stateGroup] { try await group.shutdownGracefully() }
    }

    /// What answers operators: those on this machine, and those whom the file names.
    private func backend(
        of parts: NIOLoopBound<Parts>,
        on loop: any EventLoop,
        key: NodeKey
    ) async throws -> HubBackend {
        let backend = HubBackend(parts: parts, eventLoop: loop, key: key)
        let admins = file.settings.admins
        try await loop.submit {
            parts.value.service.administer(by: admins) { backend.answer($1, of: $0) }
        }.get()
        return backend
    }

    private var directory: StateDirectory {
        StateDirectory(path: file.settings.state, keyFileMode: file.settings.sharesKeyWithGroup ? .group : .owner)
    }

    /// Prints the READY line, and what others need to come here.
    private func announce(_ ready: JSONValue, logger: Logger) {
        logger.info("serving", metadata: ["did": "\(ready["did"]?.string ?? "")", "state": "\(file.settings.state)"])
        Console.print("READY " + ready.compactText)
        guard let url = ready["hub"]?.string else { return }
        logger.info("others come with: postern init --hub \(url)")
    }

    private func open(_ state: StateDirectory) throws -> (NodeIdentity, DirectoryLock) {
        do throws(Problem) {
            try state.create()
            let lock = try state.lock()
            return (try state.identityOrNew(PassphraseInput.ofKey).identity, lock)
        } catch {
            throw CommandFailure(state: error)
        }
    }

    private func taken(_ error: IOError) -> CommandFailure {
        let isInUse = error.errnoCode == EADDRINUSE
        let reason = isInUse ? "an address in use" : "which cannot be bound (\(error))"
        let read = "\(file.settings.listen), \(reason)"
        let expected = "a free address of this host"
        if isListenGiven {
            let hint = "give another address with --listen, or see who has it with `ss -lnup`"
            return CommandFailure(.wrongUsage, code: "address", message: "--listen \(read)", hint: hint)
        }
        let problem = file.problem(at: "listen", read: read, expected: expected, hint: "see `ss -lnup`")
        return CommandFailure(ConfigurationFailure(problems: [problem]))
    }

    /// Only the log's level changes while a hub runs.
    private func reload(levels: LogSwitch, logger: Logger) {
        guard let path = file.path else { return }
        do throws(ConfigurationFailure) {
            let next = try ConfigurationFile<HubConfiguration>(path: path, surroundings: .process)
            levels.level = Logger.Level(configured: next.settings.log.level)
            logger.notice("the configuration was read again: log.level holds, the rest at the next start")
        } catch {
            for mistake in error.problems.map(\.line) {
                logger.error("the configuration has a mistake; nothing changed", metadata: ["mistake": "\(mistake)"])
            }
        }
    }
}

extension HubProgram {
    /// Node and hub, confined to one loop.
    final class Parts {
        let node: OverlayNode
        let service: HubService
        let decisions: HubDecisions
        /// Where its files are written, off the loop of the packets.
        let queue: StateQueue
        /// What the operator has asked for last: done, or refused, when this is.
        var changes: EventLoopFuture<Void>
        let rates = HubRates()
        private let audit: AuditFile
        private let counters: HandshakeCounterFile
        private let udp: [SocketAddress]
        /// Where WebSocket connections are taken; nil: nowhere.
        private let tcp: SocketAddress?
        private let log: Logger

        static func launch(
            on loop: any EventLoop,
            identity: NodeIdentity,
            settings: HubConfiguration,
            registry: HubRegistry,
            queue: StateQueue,
            logger: Logger
        ) -> EventLoopFuture<NIOLoopBound<Parts>> {
            loop.preconditionInEventLoop()
            do {
                let audit = try openAudit(of: identity, settings: settings, queue: queue, logger: logger)
                var overlay = OverlayNode.Settings.defaults
                overlay.node.acceptsUnknownPeers = true
                overlay.listen = try HostAddresses.listening(at: settings.listen)
                let decisions = try HubDecisions(in: settings.state)
                let counters = try HandshakeCounterFile(state: StateDirectory(path: settings.state))
                let node = OverlayNode(
                    eventLoop: loop,
                    identity: identity,
                    counters: try HandshakeCounters(counters, queue: queue, on: loop),
                    settings: overlay,
                    logger: logger
                )
                let service = HubService(
                    node: node,
                    identity: identity,
                    registry: registry,
                    audit: audit,
                    settings: HubService.Settings(limits: settings.limits),
                    logger: logger
                )
                return node.start().assumeIsolated().flatMap { udp in
                    takeWebSockets(node, besides: udp, settings: settings.websocket, logger: logger)
                        .map { (udp, $0) }
                }.map { udp, tcp in
                    let parts = Parts(
                        decisions: decisions,
                        queue: queue,
                        node: node,
                        service: service,
                        audit: audit,
                        counters: counters,
                        udp: udp,
                        tcp: tcp,
                        logger: logger
                    )
                    service.open(to: settings.allowed)
                    service.ban(decisions.bannedAtStart)
                    service.limit(by: decisions.quotasAtStart)
                    service.start(as: parts.url(settings: settings))
                    parts.rates.start(on: loop) { [weak service, weak node] in
                        HubRates.Counts(service: service, node: node)
                    }
                    return NIOLoopBound(parts, eventLoop: loop)
                }.nonisolated()
            } catch {
                return loop.makeFailedFuture(error)
            }
        }

        private static func openAudit(
            of identity: NodeIdentity,
            settings: HubConfiguration,
            queue: StateQueue,
            logger: Logger
        ) throws(Problem) -> AuditFile {
            let path = StateDirectory(path: settings.state).auditPath
            do throws(AuditError) {
                return try AuditFile(path: path, identity: identity, queue: queue) { error in
                    logger.critical("an audit entry could not be written", metadata: ["error": "\(error)"])
                }
            } catch {
                throw Problem(error)
            }
        }

        private init(
            decisions: HubDecisions,
            queue: StateQueue,
            node: OverlayNode,
            service: HubService,
            audit: AuditFile,
            counters: HandshakeCounterFile,
            udp: [SocketAddress],
            tcp: SocketAddress?,
            logger: Logger
        ) {
            self.tcp = tcp
            self.decisions = decisions
            self.queue = queue
            changes = node.eventLoop.makeSucceededVoidFuture()
            self.node = node
            self.service = service
            self.audit = audit
            self.counters = counters
            self.udp = udp
            log = logger
        }

        func stop() -> EventLoopFuture<Void> {
            rates.stop()
            return service.drain().assumeIsolated().flatMap {
                self.service.stop()
            }.flatMap {
                self.audit.close(on: self.node.eventLoop)
            }.flatMap {
                self.node.stop()
            }.map {
                self.counters.close(after: self.node.lastCounter, logger: self.log)
            }.nonisolated()
        }

        /// The document of the READY line.
        func readyDocument(settings: HubConfiguration, key: NodeKey, control: HostPort?) -> JSONValue {
            [
                "did": .string(key.did), "address": .string(key.personalAddress.description),
                "control": control.map { .string($0.description) } ?? .null, "proxy": nil,
                "udp": .array(udp.compactMap { Endpoint($0).map { .string($0.description) } }),
                "reach": [], "hub": url(settings: settings).map { .string($0.description) } ?? .null,
            ]
        }

        /// The URL under which nodes reach the hub: `public`'s first, else the bound address, or the first interface of
        /// a wildcard.
        private func url(settings: HubConfiguration) -> HubURL? {
            guard let bound = udp.first, let port = bound.port.flatMap({ UInt16(exactly: $0) }) else { return nil }
            if let host = settings.publicHosts.first {
                return url(at: host.place(listeningOn: port), settings.websocket)
            }
            guard let endpoint = Endpoint(bound), let place = HostAddresses.concrete(endpoint).first else { return nil }
            return HostPort(place.description).flatMap { url(at: $0, settings.websocket) }
        }

        /// The same for nodes that reach it over UDP at `place`. Without a word nodes look for a plain WebSocket there.
        private func url(at place: HostPort, _ websocket: HubWebSocketConfiguration?) -> HubURL? {
            if let url = websocket?.url { return service.url(at: place, websocket: url) }
            guard let port = tcp?.port.flatMap({ UInt16(exactly: $0) }) else { return service.url(at: place) }
            let isSecured = websocket?.certificate != nil
            return service.url(at: place, websocket: WebSocketURL(place.with(port: port), isSecured: isSecured))
        }
    }
}
