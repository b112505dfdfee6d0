import ArgumentParser
import PosternConfiguration
import PosternModel
import SidecarCore
import StateStore

/// `postern up`
struct UpCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "up",
        abstract: "Run the sidecar, in the foreground unless --detach is given.",
        discussion: """
            Prints one line `READY {…}` on standard output when it serves; logs go to standard error. SIGTERM and \
            SIGINT let running calls finish for a few seconds, a second one ends at once. SIGHUP or a changed \
            file makes it read the configuration again: name, hubs, expose, reach, limits and log.level change at once.
            """
    )

    @Flag(name: .long, help: "Run in the background, log to DIR/postern.log, and return when it serves.")
    var detach = false

    @OptionGroup var sidecar: SidecarOptions
    @Flag(name: .long, help: .hidden)
    var untilInputEnds = false

    @OptionGroup var output: OutputOptions

    func run() async throws {
        restrictNewFiles()
        if detach { return try await runInBackground() }
        if untilInputEnds { Shutdown.whenInputEnds() }
        let file = try sidecar.configuration()
        try await SidecarService(file: file, options: sidecar).run()
    }

    private func runInBackground() async throws {
        let state = try sidecar.stateDirectory()
        if let running = try await sidecar.askIfRunning(ShowStatus()) {
            return output.console.show(running) { "a sidecar runs already: \($0.name)  \($0.did)" }
        }
        // What is wrong with the file or the key is said here, and not in a log.
        let file = try sidecar.configuration()
        let owner = try sidecar.keyDirectory().owner()
        if owner.isProtected, PassphraseInput.keyFile == nil {
            // There is no terminal in the background.
            try CommandFailure.ofState { () throws(Problem) in
                _ = try PassphraseInput.ofKeyUnasked.passphrase(for: state.identityPath)
            }
        }
        guard let program = DetachedSidecar.ownProgram else {
            throw CommandFailure(
                .failed,
                code: "not-started",
                message: "the system does not say where this program is",
                hint: "run `postern up` in the foreground"
            )
        }
        let config = sidecar.config ?? file.path
        let detached = DetachedSidecar(
            program: program,
            arguments: ["up", "--state", state.path] + (config.map { ["--config", $0] } ?? []),
            log: state.path + "/postern.log"
        )
        let ready = try detached.start()
        output.console.show(ready) { ready in
            """
            the sidecar runs in the background: \(Shown.text(ready["did"]))
            log \(detached.log); `postern status` shows it, `postern down` ends it
            """
        }
    }
}

/// `postern down`
struct DownCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "down",
        abstract: "End the sidecar that runs on the state directory; running calls may finish for a few seconds."
    )

    @OptionGroup var sidecar: SidecarOptions
    @OptionGroup var output: OutputOptions

    func run() async throws {
        let state = try sidecar.stateDirectory()
        // Says why, where none runs or it is another user's.
        _ = try await sidecar.ask(ShowStatus())
        guard let running = RunningSidecar(listeningAt: state.socketPath) else {
            throw CommandFailure(
                .failed,
                code: "not-found",
                message: "the system does not say which process serves \(state.socketPath)",
                hint: "end it where it was started"
            )
        }
        guard running.stop(leaving: state, seconds: Int(Shutdown.drainSeconds) + 10) else {
            throw CommandFailure(
                .failed,
                code: "not-ended",
                message: "process \(running.process) has not ended",
                hint: "see its log, or end it with `kill -9 \(running.process)`"
            )
        }
        output.console.show(["stopped": true, "pid": .integer(Int64(running.process))] as JSONValue) { _ in
            "the sidecar has ended"
        }
    }
}
