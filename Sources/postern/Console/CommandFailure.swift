import PosternConfiguration
import PosternModel
import SidecarControl

/// Why a command ends without having done its work.
struct CommandFailure: Error {
    /// What the process ends with (INTERFACE).
    enum Status: Int32 {
        case failed = 1
        case wrongUsage = 2
        case notRunning = 3
    }

    let status: Status
    /// For programs; never changes its meaning.
    let code: String
    /// One line: what happened.
    let message: String
    /// One line: what to do.
    let hint: String
    /// Each mistake of a configuration; empty for other failures.
    let problems: [Problem]

    init(
        _ status: Status,
        code: String,
        message: String,
        hint: String,
        problems: [Problem] = []
    ) {
        self.status = status
        self.code = code
        self.message = message
        self.hint = hint
        self.problems = problems
    }

    /// The document that `--json` prints.
    var document: JSONValue {
        guard !problems.isEmpty else {
            return Problem(code: code, message: message, hint: hint).document
        }
        let list = problems.map { problem -> JSONValue in
            [
                "file": .string(problem.location?.file ?? ""),
                "line": problem.location?.line.map { .integer(Int64($0)) } ?? .null,
                "key": .string(problem.location?.key ?? ""), "message": .string(problem.message),
                "hint": problem.hint.map { .string($0) } ?? .null,
            ]
        }
        return [
            "error": [
                "code": .string(code), "message": .string(message), "hint": .string(hint), "problems": .array(list),
            ]
        ]
    }
}

extension CommandFailure {
    /// Mistakes in a configuration file.
    init(_ failure: ConfigurationFailure) {
        let first = failure.problems.first
        self.init(
            .wrongUsage,
            code: "configuration",
            message: first.map(\.line) ?? "the configuration has a mistake",
            hint: first?.hint ?? "correct the file; `postern config schema` prints all that it may hold",
            problems: failure.problems
        )
    }

    /// What the sidecar said.
    init(_ problem: Problem) {
        self.init(.failed, problem)
    }

    /// A state directory that cannot be used.
    init(state problem: Problem) {
        self.init(problem.code == "state-in-use" ? .failed : .wrongUsage, problem)
    }

    /// A problem that ends the command so.
    init(_ status: Status, _ problem: Problem) {
        self.init(status, code: problem.code, message: problem.description, hint: problem.hint ?? "see its log")
    }

    /// The state directory of nobody: it would be in a home that is not known.
    static func requireHome(_ state: String) throws(CommandFailure) {
        guard !state.hasPrefix("/") else { return }
        throw CommandFailure(
            .wrongUsage,
            code: "no-home",
            message: "HOME is not set, and the system knows no home directory of this user",
            hint: "name the state directory with --state DIR, or set HOME"
        )
    }

    /// The state directory at `path` holds no key.
    static func noIdentity(_ path: String) -> CommandFailure {
        CommandFailure(
            .wrongUsage,
            code: "no-identity",
            message: "\(path) holds no key",
            hint: "make one: postern init --state '\(path)'"
        )
    }

    /// The sidecar could not be asked.
    init(_ error: ControlClientError) {
        switch error {
        case .notRunning(let path):
            self.init(
                .notRunning,
                code: "not-running",
                message: "no sidecar runs: nobody answers at \(path)",
                hint: "start it with `postern up`, or name its state directory with --state"
            )
        case .notPermitted(let path):
            self.init(
                .failed,
                code: "not-permitted",
                message: "you may not talk to the sidecar at \(path): it is another user's",
                hint: "run the command as the user that runs the sidecar, with `sudo -u USER`"
            )
        case .broken:
            self.init(.failed, code: "broken", message: "the sidecar ended before it answered", hint: "see its log")
        case .timedOut:
            self.init(.failed, code: "timeout", message: "the sidecar took too long to answer", hint: "see its log")
        case .garbled:
            self.init(
                .failed,
                code: "garbled",
                message: "what answers on the control socket is no sidecar of this version",
                hint: "restart it with the same postern"
            )
        }
    }
}
