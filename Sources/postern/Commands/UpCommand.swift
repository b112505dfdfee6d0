import ArgumentParser

/// `postern up`
struct UpCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "up",
        abstract: "Run the sidecar in the foreground.",
        discussion: """
            Prints one line `READY {…}` on standard output when it serves; logs go to standard error. SIGTERM and \
            SIGINT let running calls finish for a few seconds, a second one ends at once. SIGHUP or a changed \
            file makes it read the configuration again: name, hubs, expose, reach, limits and log.level change at once.
            """
    )

    @OptionGroup var sidecar: SidecarOptions
    @Flag(name: .long, help: .hidden)
    var untilInputEnds = false

    @OptionGroup var output: OutputOptions

    func run() async throws {
        restrictNewFiles()
        if untilInputEnds { Shutdown.whenInputEnds() }
        let file = try sidecar.configuration()
        try await SidecarService(file: file, options: sidecar).run()
    }
}
