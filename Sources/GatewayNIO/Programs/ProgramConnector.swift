import Foundation
import GatewayCore
import Logging
import NIOCore
import NIOPosix
import OverlayNIO
import PosternModel
import TrustCore

/// The program behind an exposed service: one for each stream.
struct ProgramConnector: UpstreamConnector {
    let program: Program
    let exposure: Exposure
    let peer: NodeKey
    let gateway: Gateway

    func open(_ destination: ProxyConnection.Destination, for proxy: ProxyHandler) {
        do {
            let (process, pipes) = try gateway.start(program, of: exposure, for: peer)
            let link = ChannelLink(.upstream, of: proxy) { proxy.opened(upstream: .channel($0)) }
            let input = ProgramInput()
            let gate = ProgramGate(process, input, of: link)
            proxy.opening(upstream: .channel(link))
            gateway.join(pipes, input: input) { try $0.pipeline.syncOperations.addHandlers([gate, link]) }
                .assumeIsolated()
                .whenFailure { _ in
                    process.terminate()
                    guard link.isAttached else { return }
                    proxy.failedToOpen(.programEnded(exposure.service.name, nil))
                }
        } catch {
            proxy.failedToOpen(gateway.note(error, of: exposure))
        }
    }

    func describe(_ end: LinkEnd) -> (GatewayError, HTTP1ConnectionState.Loss) {
        (.programEnded(exposure.service.name, nil), .broken)
    }
}

extension Gateway {
    /// Starts the program of a service for `peer`; what it writes to standard error goes into the log.
    func start(
        _ program: Program,
        of exposure: Exposure,
        for peer: NodeKey
    ) throws(SpawnError) -> (process: ChildProcess, pipes: ChildProcess.Pipes) {
        var environment = Self.plainEnvironment
        environment.merge(program.environment) { _, own in own }
        environment["POSTERN_PEER"] = peer.did
        if case .admitted(_, let basis) = authority.decide(peer, exposure.service.port) {
            environment["POSTERN_NETWORK"] = basis.networkName
        }
        let (process, pipes) = try ChildProcess.start(
            program.command,
            environment: environment,
            killDelay: settings.killDelay,
            on: eventLoop
        )
        exposure.note(failure: nil)
        let metadata: Logger.Metadata = ["service": "\(exposure.service.name)", "pid": "\(process.identifier)"]
        log.debug("a program was started", metadata: metadata)
        insert(process)
        process.whenEnded { [log] exit in
            let level: Logger.Level = exit.isSuccess || process.isEnding ? .debug : .warning
            log.log(level: level, "a program ended", metadata: metadata.merging(["with": "\(exit)"]) { $1 })
            self.remove(process)
        }
        listen(toErrors: pipes.errors, metadata: metadata)
        return (process, pipes)
    }

    /// Notes that the program of a service cannot be started, and returns what is said about it.
    func note(_ failure: SpawnError, of exposure: Exposure) -> GatewayError {
        let error = GatewayError.programNotStarted(exposure.service.name, failure.description)
        exposure.note(failure: error.message)
        log.warning(
            "the program of an exposed service cannot be started",
            metadata: ["service": "\(exposure.service.name)", "reason": "\(failure)"]
        )
        return error
    }

    /// Makes channels of a program's standard input and output; `prepare` adds the handlers of the latter. They are
    /// two, since the end of one says nothing about the other.
    func join(
        _ pipes: ChildProcess.Pipes,
        input: ProgramInput,
        prepare: @escaping (any Channel) throws -> Void
    ) -> EventLoopFuture<Void> {
        let prepare = NIOLoopBound(prepare, eventLoop: eventLoop)
        let handler = NIOLoopBound(input, eventLoop: eventLoop)
        NIOPipeBootstrap(group: eventLoop)
            .channelOption(.autoRead, value: false)
            .channelOption(.allowRemoteHalfClosure, value: true)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture { try channel.pipeline.syncOperations.addHandler(handler.value) }
            }
            .takingOwnershipOfDescriptor(output: pipes.input)
            .whenFailure { _ in handler.value.abandon() }
        return NIOPipeBootstrap(group: eventLoop)
            .channelOption(.autoRead, value: false)
            .channelOption(.recvAllocator, value: ReceiveAllocator(memory: node.waitingMemory))
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture { try prepare.value(channel) }
            }
            .takingOwnershipOfDescriptor(input: pipes.output)
            .map { _ in }
    }

    private func listen(toErrors descriptor: CInt, metadata: Logger.Metadata) {
        let log = log
        _ = NIOPipeBootstrap(group: eventLoop)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(ErrorLines(log: log, metadata: metadata))
                }
            }
            .takingOwnershipOfDescriptor(input: descriptor)
    }

    /// Variables without which programs do not find their way, and which hold no secrets.
    private static var plainEnvironment: [String: String] {
        let names = ["HOME", "LANG", "LC_ALL", "LOGNAME", "PATH", "SHELL", "TMPDIR", "USER"]
        let own = ProcessInfo.processInfo.environment
        return own.filter { names.contains($0.key) }
    }
}

/// Stands between the output of a program and the stream that it serves: what is written goes to the program's input,
/// and a program whose stream is gone ends. However the program ends, all that it said arrives, and then the end: a
/// stream carries no status, and one that broke would lose what is on its way.
private final class ProgramGate: ChannelDuplexHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundIn = ByteBuffer

    private let process: ChildProcess
    private let input: ProgramInput
    private let link: ChannelLink
    private var isRunning = true
    /// A channel that has no way out is told to close it when it is made, which means nothing to the program's input.
    private var isNew = true
    /// After the end of its input a program has this long to say something, again and again.
    private var farewell: Scheduled<Void>?

    /// How long a program that has closed its output may go on before that counts as its end.
    private static let exitDelay = TimeAmount.seconds(1)
    private static let farewellTime = TimeAmount.seconds(60)

    init(_ process: ChildProcess, _ input: ProgramInput, of link: ChannelLink) {
        self.process = process
        self.input = input
        self.link = link
    }

    func handlerAdded(context: ChannelHandlerContext) {
        input.changedWritability = { [link] in link.setBlocked(!$0) }
        process.whenEnded { _ in self.isRunning = false }
    }

    // MARK: To the program

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        input.write(Self.unwrapOutboundIn(data), promise: promise)
    }

    func flush(context: ChannelHandlerContext) {
        input.flush()
    }

    func close(context: ChannelHandlerContext, mode: CloseMode, promise: EventLoopPromise<Void>?) {
        switch mode {
        case .output where isNew: isNew = false
        case .output:
            input.close()
            awaitFarewell(context)
        case .input, .all:
            input.close()
            return context.close(mode: .all, promise: promise)
        }
        promise?.succeed()
    }

    private func awaitFarewell(_ context: ChannelHandlerContext) {
        farewell?.cancel()
        let process = process
        farewell = context.eventLoop.assumeIsolated().scheduleTask(in: Self.farewellTime) { process.terminate() }
    }

    // MARK: From the program

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        if farewell != nil { awaitFarewell(context) }
        context.fireChannelRead(data)
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        guard case ChannelEvent.inputClosed? = event as? ChannelEvent else {
            return context.fireUserInboundEventTriggered(event)
        }
        context.close(promise: nil)
    }

    func channelInactive(context: ChannelHandlerContext) {
        farewell?.cancel()
        let wasAttached = link.isAttached
        link.ended()
        guard isRunning else { return }
        // One that closed its output by itself is about to end; one whose stream is gone has to.
        guard wasAttached else { return process.terminate() }
        let process = process
        context.eventLoop.assumeIsolated().scheduleTask(in: Self.exitDelay) { process.terminate() }
    }
}
