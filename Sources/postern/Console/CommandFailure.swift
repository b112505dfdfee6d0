import PosternConfiguration
import PosternModel
import SidecarControl
import StateStore

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
    /// Whether standard output has another's bytes, so that no document belongs there.
    var isOutputTaken = false

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

    /// What people read: a line of cause and one of what to do, for a configuration with each of its mistakes.
    var lines: [String] {
        guard !problems.isEmpty else { return ["error: \(message)", "hint: \(hint)"] }
        let lines = problems.flatMap { [$0.description] + ($0.hint.map { ["hint: \($0)"] } ?? []) }
        return lines + (problems.allSatisfy { $0.hint != nil } ? [] : ["hint: \(Self.configurationHint)"])
    }

    /// What to do about a mistake of which no more is known than where it is.
    private static let configurationHint = "correct the file; `postern config schema` prints all that it may hold"

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
            hint: first?.hint ?? Self.configurationHint,
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

    /// What `body` returns; a problem with the state directory that it throws fails the command.
    static func ofState<Result>(_ body: () throws(Problem) -> Result) throws(CommandFailure) -> Result {
        do throws(Problem) { return try body() } catch { throw CommandFailure(error) }
    }

    /// A problem that ends the command so.
    init(_ status: Status, _ problem: Problem) {
        self.init(status, code: problem.code, message: problem.description, hint: problem.hint ?? "see its log")
    }

    /// A state directory that may be used: it has a place, and is no other user's.
    static func requireUsable(_ state: String) throws(CommandFailure) {
        try requireHome(state)
        guard SystemFile.isForbidden(state) else { return }
        throw CommandFailure(
            .failed,
            code: "not-permitted",
            message: "\(state) is another user's: you may not look into it",
            hint: "run the command as its owner, with `sudo -u USER`, or name your own directory with --state"
        )
    }

    /// The same for what stands behind --state, if anything does.
    static func requireUsable(option state: String?) throws(CommandFailure) {
        let surroundings = Surroundings.process
        guard let state else { return }
        try requireUsable(surroundings.absolute(state, from: surroundings.workingDirectory))
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

    /// What a control socket belongs to.
    enum Program: String {
        case sidecar
        case hub
    }

    /// The program could not be asked.
    init(_ error: ControlClientError, asking program: Program = .sidecar) {
        let name = program.rawValue
        switch error {
        case .notRunning(let path):
            self.init(
                .notRunning,
                code: "not-running",
                message: "no \(name) runs: nobody answers at \(path)",
                hint: program.startHint(socket: path)
            )
        case .notPermitted(let path):
            self.init(
                .failed,
                code: "not-permitted",
                message: "you may not talk to the \(name) at \(path): it is another user's",
                hint: "run the command as the user that runs the \(name), with `sudo -u USER`"
            )
        case .broken:
            self.init(.failed, code: "broken", message: "the \(name) ended before it answered", hint: "see its log")
        case .timedOut:
            self.init(.failed, code: "timeout", message: "the \(name) took too long to answer", hint: "see its log")
        case .garbled:
            self.init(
                .failed,
                code: "garbled",
                message: "what answers on the control socket is no \(name) of this version",
                hint: "restart it with the same postern"
            )
        }
    }
}

extension CommandFailure.Program {
    /// How one comes to run whose socket would be at `socket`.
    fileprivate func startHint(socket: String) -> String {
        let state = socket.split(separator: "/").dropLast().map { "/\($0)" }.joined()
        let isMade = SystemFile.size(of: StateDirectory(path: state).identityPath) != nil
        return switch self {
        case .hub: "start it with `postern hub`, or name its state directory with --state"
        case .sidecar where isMade:
            "start it with `postern up --detach`, or name its state directory with --state"
        case .sidecar:
            "\(state) holds no key: `postern init` makes one, `postern up --detach` starts the sidecar; or name its "
                + "state directory with --state"
        }
    }
}
