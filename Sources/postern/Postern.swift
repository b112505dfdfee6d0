import ArgumentParser
import CRuntime

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
            InitCommand.self, UpCommand.self, HubCommand.self, DemoCommand.self, StatusCommand.self, PeersCommand.self,
            ServicesCommand.self, PingCommand.self, TrustCommand.self, NameCommand.self, InviteCommand.self,
            JoinCommand.self, ContactCommand.self, NetworkCommand.self,
            BlockCommand.self, WhyCommand.self, CallCommand.self, ConnectCommand.self, OpenCommand.self,
            AuditCommand.self, ConfigCommand.self,
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
            leave(after: error, console: console)
        }
    }

    /// Tells about `error` and ends the process with the code that goes with it.
    private static func leave(after error: any Error, console: Console) -> Never {
        if let failure = error as? CommandFailure {
            console.fail(failure)
            exit(withError: ExitCode(failure.status.rawValue))
        }
        if let code = error as? ExitCode { exit(withError: code) }
        if exitCode(for: error) == .success { exit(withError: error) }
        let isUsage = exitCode(for: error) == .validationFailure
        let failure =
            isUsage
            ? CommandFailure(
                .wrongUsage,
                code: "usage",
                message: message(for: error).split(separator: "\n").joined(separator: " "),
                hint: usageHint(fullMessage(for: error))
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
