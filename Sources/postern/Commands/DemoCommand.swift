import ArgumentParser

/// `postern demo`
struct DemoCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "demo",
        abstract: "Hub, two sidecars and sample agents on loopback, with a real MCP and a real A2A call.",
        discussion: """
            Everything runs on this machine in a temporary directory that goes away at the end. It keeps \
            running, so that you can make calls of your own, until Ctrl-C.
            """
    )

    @Flag(name: .long, help: "Stop after the two calls; exit 0 only if both were answered.")
    var once = false

    @OptionGroup var unused: UnusedSidecarOptions
    @OptionGroup var output: OutputOptions

    func run() async throws {
        restrictNewFiles()
        try await Demo(isOnce: once, console: output.console).run()
    }
}
