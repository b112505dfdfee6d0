import ArgumentParser
import PosternConfiguration
import PosternModel

/// `postern config`
struct ConfigCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "config",
        abstract: "Check a configuration, or print its JSON Schema.",
        subcommands: [ConfigCheckCommand.self, ConfigSchemaCommand.self]
    )
}

/// `postern config check`
struct ConfigCheckCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check",
        abstract: "Find mistakes in a configuration without starting anything."
    )

    @Argument(help: ArgumentHelp("The file. Default: the one that `postern up` would read.", valueName: "file"))
    var file: String?

    @Flag(name: .long, help: "The file is a hub's.")
    var hub = false

    @Option(name: .long, help: ArgumentHelp("The state directory.", valueName: "dir"))
    var state: String?

    @OptionGroup var output: OutputOptions

    func run() throws {
        let path: String?
        do throws(ConfigurationFailure) {
            if hub {
                path = try ConfigurationFile<HubConfiguration>
                    .find(named: file, state: state, surroundings: .process).path
            } else {
                path = try ConfigurationFile<SidecarConfiguration>
                    .find(named: file, state: state, surroundings: .process).path
            }
        } catch {
            throw CommandFailure(error)
        }
        let document: JSONValue = ["file": path.map { .string($0) } ?? .null, "valid": true]
        output.console.show(document) { _ in path.map { "\($0): no mistakes" } ?? "no file: the defaults hold" }
    }
}

/// `postern config schema`
struct ConfigSchemaCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "schema",
        abstract: "Print the JSON Schema of a configuration file."
    )

    @Flag(name: .long, help: "The schema of a hub's file.")
    var hub = false

    @OptionGroup var output: OutputOptions

    func run() throws {
        Console.print((hub ? ConfigurationSchema.hub : ConfigurationSchema.sidecar).compactText)
    }
}
