import ArgumentParser
import PosternModel

/// `postern doctor`
struct DoctorCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "doctor",
        abstract: "Find what is wrong here, why it matters and what to do; with a peer, the whole way to it.",
        discussion: """
            Looks at key and files, clock, limits, proxies, ports, hubs and agents, whether a sidecar runs or not. \
            Agents are asked one harmless question each. Exit status 1 when something is broken.
            """
    )

    @Argument(help: ArgumentHelp("A did, address, name or agent:// URI.", valueName: "peer"))
    var peer: PeerName?

    @OptionGroup var sidecar: SidecarOptions
    @OptionGroup var output: OutputOptions

    /// What `doctor --json` prints.
    struct Document: Codable {
        let findings: [Finding]
        /// How many of them are broken.
        let broken: Int
    }

    func run() async throws {
        let findings = try await Doctor(sidecar: sidecar).findings(about: peer)
        let broken = findings.count { $0.state == .broken }
        output.console.show(Document(findings: findings, broken: broken)) { document in
            let verdict =
                switch broken {
                case 0: "nothing is broken"
                case 1: "1 thing is broken"
                case _: "\(broken) things are broken"
                }
            return document.findings.map(\.text).joined(separator: "\n") + "\n\(verdict)"
        }
        if broken > 0 { throw ExitCode(1) }
    }
}
