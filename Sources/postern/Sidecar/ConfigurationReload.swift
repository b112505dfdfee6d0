import Logging
import NIOCore
import PosternConfiguration
import PosternModel
import SidecarCore

/// Takes up the configuration file of a running sidecar again, whoever asks for it: one time after another, so that no
/// two of them open the same port.
actor ConfigurationReload {
    private let program: NIOLoopBound<SidecarProgram>
    private let loop: any EventLoop
    private let options: SidecarOptions
    private let levels: LogSwitch
    private let logger: Logger
    private var last: Task<Void, Never>?

    init(
        program: NIOLoopBound<SidecarProgram>,
        loop: any EventLoop,
        options: SidecarOptions,
        levels: LogSwitch,
        logger: Logger
    ) {
        self.program = program
        self.loop = loop
        self.options = options
        self.levels = levels
        self.logger = logger
    }

    /// Reads the file and returns when it is in effect. A mistake in it changes nothing.
    func run() async -> Result<StatusDocument.Configuration, Problem> {
        let former = last
        let task = Task {
            await former?.value
            return await self.takeUp()
        }
        last = Task { _ = await task.value }
        return await task.value
    }

    private func takeUp() async -> Result<StatusDocument.Configuration, Problem> {
        let next: ConfigurationFile<SidecarConfiguration>
        do {
            next = try options.configuration()
        } catch let failure as CommandFailure {
            for mistake in failure.problems.map(\.line) {
                logger.error("the configuration has a mistake; nothing changed", metadata: ["mistake": "\(mistake)"])
            }
            let mistakes = failure.problems.isEmpty ? [failure.message] : failure.problems.map(\.line)
            await note { StatusDocument.Configuration(file: $0.file, since: $0.since, mistakes: mistakes) }
            return .failure(Problem(code: failure.code, message: failure.message, hint: failure.hint))
        } catch {
            logger.error("the configuration cannot be read; nothing changed", metadata: ["error": "\(error)"])
            return .failure(Problem(code: "configuration", message: "\(error)", hint: "see the file's owner and mode"))
        }
        levels.level = Logger.Level(configured: next.settings.log.level)
        do {
            let settings = next.settings
            let waiting = try await loop.flatSubmit { self.program.value.reload(settings) }.get()
            logger.notice("the configuration was read again")
            if !waiting.isEmpty {
                logger.warning("these keys change only at the next start", metadata: ["keys": "\(waiting)"])
            }
            let surroundings = Surroundings.process
            let file = next.path.map { surroundings.absolute($0, from: surroundings.workingDirectory) }
            let status = StatusDocument.Configuration(file: file, since: .now, waiting: waiting)
            await note { _ in status }
            return .success(status)
        } catch {
            logger.error("the configuration was not taken up", metadata: ["error": "\(error)"])
            return .failure(Problem(code: "internal", message: "it was not taken up: \(error)", hint: "see the log"))
        }
    }

    /// Lets `status` see what becomes of the configuration.
    private func note(
        _ change: @escaping @Sendable (StatusDocument.Configuration) -> StatusDocument.Configuration
    ) async {
        // The loop ends with the sidecar, and nobody asks then.
        try? await loop.submit {
            self.program.value.configurationStatus = change(self.program.value.configurationStatus)
        }.get()
    }
}
