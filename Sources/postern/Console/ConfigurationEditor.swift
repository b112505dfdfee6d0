import PosternConfiguration
import PosternModel
import SidecarControl
import SidecarCore

/// Changes the configuration file of a sidecar, whether it runs or not.
struct ConfigurationEditor {
    /// What became of a change.
    struct Effect {
        /// The file that holds it.
        let file: String
        /// Whether a sidecar runs on the state directory and has taken it up.
        let isRunning: Bool
        /// Why it is not in effect although a sidecar runs; nil: it is.
        let warning: String?

        /// A sentence for people.
        var words: String {
            if let warning { return "\(file) was changed, but \(warning)" }
            return isRunning ? "in effect; \(file) says so" : "`postern up` will do it: \(file) says so"
        }
    }

    let sidecar: SidecarOptions

    /// Lets `change` edit the file and returns when a running sidecar has taken it up.
    func edit<Result>(
        _ change: (inout ConfigurationDraft) throws -> Result
    ) async throws -> (result: Result, effect: Effect) {
        let running = try await sidecar.askIfRunning(ShowStatus())
        let path = try path(usedBy: running)
        let file = SharedFile(at: path)
        let result = try file.whileLocked {
            var draft = try draft(of: path)
            let before = draft.text
            let result: Result
            do {
                result = try change(&draft)
            } catch let problem as Problem {
                throw CommandFailure(.wrongUsage, problem)
            }
            if draft.text != before { try file.replace(with: draft.text) }
            return result
        }
        guard running != nil else { return (result, Effect(file: path, isRunning: false, warning: nil)) }
        return (result, try await takenUp(path))
    }

    private func takenUp(_ path: String) async throws -> Effect {
        let status = try await sidecar.ask(ReadConfiguration())
        guard status.file == path else {
            let other = status.file ?? "no file"
            let warning = "the running sidecar reads \(other): start it with --config '\(path)'"
            return Effect(file: path, isRunning: true, warning: warning)
        }
        return Effect(file: path, isRunning: true, warning: nil)
    }

    /// The file to edit: the one that was named, else the one that the running sidecar reads, else the one that
    /// `postern up` would read.
    private func path(usedBy running: StatusDocument?) throws -> String {
        let surroundings = Surroundings.process
        let found = try sidecar.config ?? running?.configuration.file ?? sidecar.configuration().path
        guard let found else {
            throw CommandFailure(
                .wrongUsage,
                code: "no-configuration",
                message: "there is no configuration file",
                hint: "`postern init` makes one, or name it with --config"
            )
        }
        return surroundings.absolute(found, from: surroundings.workingDirectory)
    }

    private func draft(of path: String) throws -> ConfigurationDraft {
        do throws(ConfigurationFailure) {
            return try ConfigurationDraft(path: path, surroundings: .process)
        } catch {
            throw CommandFailure(error)
        }
    }
}
