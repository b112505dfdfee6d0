import ArgumentParser
import PosternConfiguration
import PosternModel

/// `postern hub`
struct HubCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "hub",
        abstract: "Run a hub in the foreground: it lets nodes meet, carries requests and relays sealed packets.",
        discussion: """
            Prints one line `READY {…}` with the URL for `hubs:` when it serves. Its key and its SQLite database are \
            in the state directory; `DIR/hub.yaml` is its configuration, if there is one. With --database the registry \
            is in PostgreSQL, where several hubs can share it.
            """,
        subcommands: [HubAdminCommand.self, HubBackupCommand.self]
    )

    @Option(name: .long, help: ArgumentHelp("The configuration file.", valueName: "file"))
    var config: String?

    @Option(
        name: .long,
        help: ArgumentHelp("The state directory. Default: ~/.local/state/postern-hub.", valueName: "dir")
    )
    var state: String?

    @Option(
        name: .long,
        help: ArgumentHelp("The UDP address that nodes reach. Default: 0.0.0.0:4600.", valueName: "host:port")
    )
    var listen: String?

    @Option(
        name: .customLong("public"),
        help: ArgumentHelp(
            "The name or address under which nodes reach it, for the URL it prints. Default: of `public` in the file, "
                + "else of an interface.",
            valueName: "host[:port]"
        )
    )
    var publicHost: String?

    @Option(
        name: .long,
        help: ArgumentHelp(
            "The PostgreSQL database instead of SQLite: postgresql://USER@HOST/NAME. Passwords: ~/.pgpass.",
            valueName: "url"
        )
    )
    var database: String?

    @Option(
        name: .long,
        help: ArgumentHelp(
            "For `admin`: a hub elsewhere, reached by a sidecar here; then --state and --config are that sidecar's.",
            valueName: "url"
        )
    )
    var at: String?

    @Flag(name: .long, help: .hidden)
    var untilInputEnds = false

    @OptionGroup var output: OutputOptions

    func validate() throws {
        guard at == nil || (listen == nil && publicHost == nil && database == nil) else {
            throw ValidationError("--listen, --public and --database do not go with --at")
        }
    }

    func run() async throws {
        if at != nil { throw ValidationError("--at is for `postern hub admin`") }
        restrictNewFiles()
        if untilInputEnds { Shutdown.whenInputEnds() }
        var file = try configuration()
        if let listen {
            guard let address = HostPort(listen), address.isAddress else {
                throw CommandFailure(
                    .wrongUsage,
                    code: "invalid-address",
                    message: "--listen \(listen) is not an IP address and a port",
                    hint: "write it as 0.0.0.0:4600 or [::]:4600"
                )
            }
            file.settings.listen = address
        }
        if let publicHost {
            guard let host = PublicHost(publicHost) else {
                throw CommandFailure(
                    .wrongUsage,
                    code: "invalid-address",
                    message: "--public \(publicHost) is not a host, with or without a port",
                    hint: "write it as hub.example.net, hub.example.net:4600 or 192.0.2.7"
                )
            }
            file.settings.publicHosts = [host]
        }
        if let database {
            var settings = file.settings.database ?? HubDatabaseConfiguration(url: database)
            settings.url = database
            file.settings.database = settings
        }
        try await HubProgram(file: file, isListenGiven: listen != nil, isDatabaseGiven: database != nil).run()
    }

    /// The configuration that holds.
    func configuration() throws -> ConfigurationFile<HubConfiguration> {
        if config == nil { try CommandFailure.requireUsable(option: state) }
        let file: ConfigurationFile<HubConfiguration>
        do throws(ConfigurationFailure) {
            file = try .find(named: config, state: state, surroundings: .process)
        } catch {
            throw CommandFailure(error)
        }
        try CommandFailure.requireUsable(file.settings.state)
        return file
    }
}
