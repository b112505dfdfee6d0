import Foundation
import Logging
import NIOCore
import NIOPosix
import OverlayCrypto
import PosternConfiguration
import PosternModel
import ServiceLifecycle
import SidecarControl
import SidecarCore
import SidecarNIO
import StateStore

/// `postern up` from start to end: the state directory, the parts, the READY line, signals, the drain.
struct SidecarService {
    let file: ConfigurationFile<SidecarConfiguration>
    let options: SidecarOptions

    /// How long READY waits for peers that were there before a restart to learn of it.
    private static let greetingPatience = TimeAmount.milliseconds(500)

    /// Runs until a signal ends it.
    func run() async throws {
        let descriptors = Descriptors.raiseLimit()
        let settings = file.settings
        let state = StateDirectory(
            path: settings.state,
            keyFileMode: settings.sharesKeyWithGroup ? .group : .owner
        )
        let (identity, lock) = try state.openAtRest()
        defer { withExtendedLifetime(lock) {} }
        let levels = LogSwitch(level: Logger.Level(configured: settings.log.level))
        let isJSON = settings.log.format == .json
        let writer = LineLogHandler.writer(isJSON: isJSON)
        defer { writer.drain(within: 1) }
        let logger = Logger(label: "postern") { label in
            LineLogHandler(label: label, isJSON: isJSON, levels: levels, writer: writer)
        }
        // One loop owns the overlay and the gateway; neither what operators ask for nor a disk may hold packets up.
        let dataGroup = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let controlGroup = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let stateGroup = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let loop = dataGroup.next()
        let queue = StateQueue(stateGroup.next())
        let program = try await launch(identity, descriptors: descriptors, on: loop, queue: queue, logger: logger)
        let reload = ConfigurationReload(program: program, loop: loop, options: options, levels: levels, logger: logger)
        let source = file.path.map { Surroundings.process.absolute($0, from: Surroundings.process.workingDirectory) }
        let permissions = try await loop.submit {
            program.value.configurationStatus = StatusDocument.Configuration(file: source, since: .now)
            program.value.reload = reload
            program.value.logWriter = writer
            return program.value.agentPermissions
        }.get()
        try await offerReaches(program, on: loop)
        try await serveProxy(program, on: loop)
        let help = PageHelp(state: settings.state, file: source)
        let backend = SidecarBackend(program: program, key: identity.currentKey, permissions: permissions, help: help)
        let server = ControlServer(group: controlGroup, backend: backend, logger: logger)
        let control = try await serve(server, state: state)
        try await loop.flatSubmit { program.value.runtime.greetings(within: Self.greetingPatience) }.get()
        let ready = try await loop.submit { program.value.readyDocument(control: control.address) }.get()

        let supervisor = Supervisor()
        let sidecar = ServingService {
            logger.info("serving", metadata: ["did": "\(identity.key.did)", "state": "\(settings.state)"])
            Console.print("READY " + JSONValue(encoding: ready).compactText)
            supervisor?.tell(.ready)
        } drain: {
            supervisor?.tell(.stopping)
            for channel in control.channels { try? await channel.close() }
            try await loop.flatSubmit { program.value.stop(within: .seconds(Shutdown.drainSeconds)) }.get()
            try await queue.drain()
        }
        var services: [any ServiceLifecycle.Service] = [
            sidecar, BackgroundService { await ResidentMemory.keepSmall() },
        ]
        services += supervisor?.watchdogs(of: loop) ?? []
        if let path = file.path { services.append(BackgroundService { await FileWatch(path: path).run() }) }
        try await Shutdown.run(services, logger: logger) { _ = await reload.run() }
        logger.info("stopped")
        for group in [controlGroup, dataGroup, stateGroup] { try await group.shutdownGracefully() }
    }

    private func launch(
        _ identity: NodeIdentity,
        descriptors: Int,
        on loop: any EventLoop,
        queue: StateQueue,
        logger: Logger
    ) async throws -> NIOLoopBound<SidecarProgram> {
        let settings = file.settings
        do {
            return try await loop.flatSubmit {
                SidecarProgram.launch(
                    on: loop,
                    identity: identity,
                    configuration: settings,
                    descriptors: descriptors,
                    queue: queue,
                    logger: logger
                )
            }.get()
        } catch let error as IOError {
            throw taken(at: "underlay.listen", address: settings.underlay.listen, error: error)
        } catch let problem as Problem {
            throw CommandFailure(problem)
        }
    }

    private func offerReaches(_ program: NIOLoopBound<SidecarProgram>, on loop: any EventLoop) async throws {
        do {
            try await loop.flatSubmit { program.value.reachAll() }.get()
            try await loop.flatSubmit { program.value.listenForCallbacks() }.get()
            try await loop.flatSubmit { program.value.reachAutomatically() }.get()
        } catch let error as ReachError {
            throw taken(at: "reach[\(error.position)].listen", address: error.listen, error: error.reason)
        }
    }

    private func serveProxy(_ program: NIOLoopBound<SidecarProgram>, on loop: any EventLoop) async throws {
        do {
            try await loop.flatSubmit { program.value.serveProxy() }.get()
        } catch {
            guard let listen = file.settings.proxy?.listen else { throw error }
            throw taken(at: "proxy", address: listen, error: error)
        }
    }

    /// Opens the control socket and, where it is wanted, the loopback port.
    private func serve(
        _ server: ControlServer,
        state: StateDirectory
    ) async throws -> (address: HostPort?, channels: [any Channel]) {
        let socket: any Channel
        do {
            socket = try await server.serve(socketAt: state.socketPath).get()
        } catch {
            throw CommandFailure(
                .failed,
                code: "state-unusable",
                message: "the control socket \(state.socketPath) cannot be opened: \(error)",
                hint: "a socket's path has at most 107 bytes; choose a shorter state directory"
            )
        }
        let wanted: HostPort
        switch file.settings.control {
        case .off: return (nil, [socket])
        case .at(let address), .preferably(let address): wanted = address
        }
        let host = wanted.host == "localhost" ? "127.0.0.1" : wanted.host
        let token = try controlToken(state)
        do {
            return try await listen(server, host: host, port: wanted.port, token: token, beside: socket)
        } catch {
            guard case .preferably = file.settings.control else {
                throw taken(at: "control", address: wanted, error: error)
            }
            return try await listen(server, host: host, port: 0, token: token, beside: socket)
        }
    }

    private func listen(
        _ server: ControlServer,
        host: String,
        port: UInt16,
        token: ControlToken,
        beside socket: any Channel
    ) async throws -> (address: HostPort?, channels: [any Channel]) {
        let channel = try await server.serve(
            host: host,
            port: Int(port),
            token: token,
            hasOpenMetrics: file.settings.hasOpenMetrics
        ).get()
        let bound = UInt16(channel.localAddress?.port ?? 0)
        return (HostPort(host: host, port: bound), [socket, channel])
    }

    private func controlToken(_ state: StateDirectory) throws -> ControlToken {
        do throws(Problem) {
            return try state.controlToken()
        } catch {
            throw CommandFailure(state: error)
        }
    }

    /// An address of the configuration that cannot be bound.
    private func taken(at key: String, address: HostPort, error: any Error) -> CommandFailure {
        let isInUse = (error as? IOError)?.errnoCode == EADDRINUSE
        let reason = isInUse ? "an address in use" : "which cannot be bound (\(error))"
        let problem = file.problem(
            at: key,
            read: "\(address), \(reason)",
            expected: "a free address of this host",
            hint: isInUse ? "see who has it with `ss -lntup`, or choose another port" : nil
        )
        return CommandFailure(ConfigurationFailure(problems: [problem]))
    }
}
