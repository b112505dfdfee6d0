import ArgumentParser
import CRuntime
import PosternModel
import StateStore

/// The command line.
@main
struct Postern: AsyncParsableCommand {
    static let version = "0.1.0"

    static let configuration = CommandConfiguration(
        commandName: "postern",
        abstract: "A private side gate for AI agents: encrypted peer-to-peer paths for MCP and A2A.",
        discussion: """
            Start with `postern demo`. For two machines: `postern hub` somewhere that both reach, \
            `postern init --hub URL` and `postern up` on each, `postern invite` on one and `postern join` on the other.

            Exit status: 0 done, 1 failed, 2 wrong usage or configuration, 3 no running sidecar.
            """,
        version: version,
        subcommands: [
            InitCommand.self, UpCommand.self, DownCommand.self, ServiceCommand.self, HubCommand.self, DemoCommand.self,
            StatusCommand.self, PeersCommand.self,
            ServicesCommand.self, FindCommand.self, PingCommand.self, TrustCommand.self, NameCommand.self,
            InviteCommand.self, JoinCommand.self, ExposeCommand.self, UnexposeCommand.self, ReachCommand.self,
            UnreachCommand.self,
            ContactCommand.self, NetworkCommand.self, IdentityCommand.self,
            BlockCommand.self, WhyCommand.self, CallCommand.self, ConnectCommand.self, OpenCommand.self,
            McpCommand.self,
            AuditCommand.self, ConfigCommand.self, DoctorCommand.self, VersionCommand.self,
        ]
    )

    static func main() async {
        #if !DEBUG
        skip_exclusivity_checks()
        #endif
        let arguments = Array(CommandLine.arguments.dropFirst())
        let console = Console(isJSON: arguments.contains("--json"))
        do {
            var command = try parseAsRoot(arguments)
            if var command = command as? any AsyncParsableCommand {
                try await command.run()
            } else {
                try command.run()
            }
        } catch {
            leave(after: error, of: arguments, console: console)
        }
    }

    /// The command that a word of `arguments` probably meant, where it is none; nil: they all are, or none is near.
    static func suggestion(for arguments: [String]) -> String? {
        var command: any ParsableCommand.Type = Postern.self
        for word in arguments where !word.hasPrefix("-") {
            let subcommands = command.configuration.subcommands
            guard !subcommands.isEmpty else { return nil }
            if let next = subcommands.first(where: { $0.configuration.commandName == word }) {
                command = next
                continue
            }
            return Suggestion.nearest(to: word, among: subcommands.compactMap { $0.configuration.commandName })
        }
        return nil
    }

    /// Tells about `error` and ends the process with the code that goes with it.
    private static func leave(after error: any Error, of arguments: [String], console: Console) -> Never {
        if let failure = error as? CommandFailure {
            console.fail(failure)
            exit(withError: ExitCode(failure.status.rawValue))
        }
        if let error = error as? StateFileError {
            leave(after: CommandFailure(state: Problem(error)), of: arguments, console: console)
        }
        if let code = error as? ExitCode { exit(withError: code) }
        if exitCode(for: error) == .success { exit(withError: error) }
        let isUsage = exitCode(for: error) == .validationFailure
        let near = isUsage ? suggestion(for: arguments).map { "did you mean `\($0)`? " } ?? "" : ""
        let said = message(for: error).split(separator: "\n").joined(separator: " ")
        let failure =
            isUsage
            ? CommandFailure(
                .wrongUsage,
                code: "usage",
                message: ArgumentFault(message: said)?.message ?? said,
                hint: near + usageHint(fullMessage(for: error))
            )
            : CommandFailure(.failed, code: "internal", message: "\(error)", hint: "see `postern --help`")
        console.fail(failure)
        exit(withError: ExitCode(failure.status.rawValue))
    }

    /// The line of a usage message that says how the command is called.
    private static func usageHint(_ text: String) -> String {
        let usage = text.split(separator: "\n").first { $0.hasPrefix("Usage:") }
        return usage.map { "use:" + $0.dropFirst("Usage:".count) } ?? "see `postern --help`"
    }
}
