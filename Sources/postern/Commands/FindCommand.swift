import ArgumentParser
import PosternModel
import SidecarControl
import SidecarCore

/// `postern find`
struct FindCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "find",
        abstract: "Search the services that fellow members publish.",
        discussion: """
            Members publish a service by `publish: [network:NAME]` or `[group:NAME/GROUP]` in its entry of `expose:`, \
            with the skills of its agent card. The search is in our own copy; whoever is removed or whose membership \
            ended is not found. Being found opens nothing: `allow` does.
            """
    )

    @Argument(help: ArgumentHelp("All of them have to be in it; none: everything is shown.", valueName: "words"))
    var words: [String] = []

    @Option(name: .long, help: ArgumentHelp("Search one network alone.", valueName: "name"))
    var network: String?

    @OptionGroup var sidecar: SidecarOptions
    @OptionGroup var output: OutputOptions

    func run() async throws {
        let question = FindServices(words: words.joined(separator: " "), network: network)
        output.console.show(try await sidecar.ask(question)) { found in
            var table = TextTable(["SERVICE", "KIND", "SKILLS"])
            for entry in found {
                table.add([
                    "\(entry.name ?? entry.did.did):\(entry.service)", entry.kind.rawValue,
                    entry.skills.map(\.name).joined(separator: ", "),
                ])
            }
            return table.hasRows ? table.text : "no fellow member publishes such a service"
        }
    }
}
