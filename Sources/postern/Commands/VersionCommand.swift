import ArgumentParser
import PosternModel

/// `postern version`
struct VersionCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "version",
        abstract: "The version of this program; --json for programs."
    )

    @OptionGroup var unused: UnusedSidecarOptions
    @OptionGroup var output: OutputOptions

    func run() {
        #if os(Linux)
        let system = "linux"
        #else
        let system = "darwin"
        #endif
        #if arch(x86_64)
        let processor = "x86_64"
        #else
        let processor = "arm64"
        #endif
        let document: JSONValue = [
            "version": .string(Postern.version), "system": .string(system), "processor": .string(processor),
        ]
        output.console.show(document) { _ in "postern \(Postern.version) (\(system), \(processor))" }
    }
}
