import CSpawn
import Foundation
import GatewayCore
import NIOCore

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// A program that runs for a peer: the leader of a process group of its own, with a clean environment and no
/// descriptors but its three. Whatever it started ends with it. Confined to the event loop.
///
/// This is `posix_spawn` and not swift-subprocess, because a program's pipes are channels of the gateway's event loop
/// like every other connection: the same link gives them half-closes and the pressure of a slow reader, and no byte
/// crosses threads.
final class ChildProcess {
    /// Our ends of the pipes, whose owner closes them.
    struct Pipes {
        /// Its standard input.
        let input: CInt
        /// Its standard output.
        let output: CInt
        /// Its standard error.
        let errors: CInt
    }

    private enum State {
        case running
        /// It was asked to end; the time until it is killed runs.
        case ending(Scheduled<Void>)
        case ended(ProgramExit)
    }

    let identifier: pid_t
    private let eventLoop: any EventLoop
    private let killDelay: TimeAmount
    private var state = State.running
    private var observers: [(ProgramExit) -> Void] = []

    private init(identifier: pid_t, eventLoop: any EventLoop, killDelay: TimeAmount) {
        self.identifier = identifier
        self.eventLoop = eventLoop
        self.killDelay = killDelay
    }

    /// Starts `command` with exactly `environment`.
    ///
    /// - Parameter killDelay: how long it may take to end once it is asked to.
    static func start(
        _ command: [String],
        environment: [String: String],
        killDelay: TimeAmount,
        on eventLoop: any EventLoop
    ) throws(SpawnError) -> (process: ChildProcess, pipes: Pipes) {
        // What is written to a program that has ended fails, and is no reason to end ourselves.
        signal(SIGPIPE, SIG_IGN)
        let input = try Pipe()
        let output = try Pipe()
        let errors = try Pipe()
        var identifier = pid_t()
        let failure = withTexts(command) { arguments in
            withTexts(environment.map { "\($0.key)=\($0.value)" }.sorted()) { variables in
                spawn_program(arguments, variables, input.reader, output.writer, errors.writer, &identifier)
            }
        }
        guard failure == 0 else { throw SpawnError(number: failure) }
        let process = ChildProcess(identifier: identifier, eventLoop: eventLoop, killDelay: killDelay)
        process.watch()
        return (process, Pipes(input: input.takeWriter(), output: output.takeReader(), errors: errors.takeReader()))
    }

    /// Gives `texts` to `body` as C has them, with a null pointer at the end.
    private static func withTexts<Result>(
        _ texts: [String],
        _ body: ([UnsafeMutablePointer<CChar>?]) -> Result
    ) -> Result {
        let copies = texts.map { strdup($0) }
        defer { for copy in copies { free(copy) } }
        return body(copies + [nil])
    }

    /// Calls `then` once it has ended.
    func whenEnded(_ then: @escaping (ProgramExit) -> Void) {
        switch state {
        case .running, .ending: observers.append(then)
        case .ended(let exit): then(exit)
        }
    }

    /// Whether it was asked to end.
    private(set) var isEnding = false

    /// Asks the program and all that it started to end, and kills what does not.
    func terminate() {
        guard case .running = state else { return }
        isEnding = true
        let identifier = identifier
        kill(-identifier, SIGTERM)
        state = .ending(eventLoop.assumeIsolated().scheduleTask(in: killDelay) { kill(-identifier, SIGKILL) })
    }

    /// Waits on a thread of its own, since the system tells the end of a program by nothing that a loop could wait for
    /// everywhere. The program is left there as a zombie, so that its number and its group stay its own until the loop
    /// has ended the group.
    private func watch() {
        let identifier = identifier
        let eventLoop = eventLoop
        let process = NIOLoopBound(self, eventLoop: eventLoop)
        Thread.detachNewThread {
            var information = siginfo_t()
            while waitid(P_PID, id_t(identifier), &information, WEXITED | WNOWAIT) != 0, errno == EINTR {}
            eventLoop.execute { process.value.reap() }
        }
    }

    private func reap() {
        kill(-identifier, SIGKILL)
        var status: CInt = 0
        while waitpid(identifier, &status, 0) < 0, errno == EINTR {}
        let exit: ProgramExit = status & 0x7f == 0 ? .status(status >> 8 & 0xff) : .signal(status & 0x7f)
        if case .ending(let deadline) = state { deadline.cancel() }
        state = .ended(exit)
        let observers = observers
        self.observers = []
        for observer in observers { observer(exit) }
    }
}

/// Why a program was not started.
struct SpawnError: Error, CustomStringConvertible {
    let number: CInt

    var description: String { String(cString: strerror(number)) }
}

/// A pipe whose ends are closed unless they are taken, and which no program inherits by itself.
private final class Pipe {
    private(set) var reader: CInt
    private(set) var writer: CInt

    init() throws(SpawnError) {
        var ends: [CInt] = [-1, -1]
        let failure = spawn_pipe(&ends)
        guard failure == 0 else { throw SpawnError(number: failure) }
        reader = ends[0]
        writer = ends[1]
    }

    deinit {
        for end in [reader, writer] where end >= 0 { close(end) }
    }

    func takeReader() -> CInt {
        defer { reader = -1 }
        return reader
    }

    func takeWriter() -> CInt {
        defer { writer = -1 }
        return writer
    }
}
