import ArgumentParser
import PosternConfiguration
import PosternModel

/// `postern expose`
struct ExposeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "expose",
        abstract: "Let peers reach a local agent: adds it to the configuration, in effect at once.",
        discussion: """
            For example:
              postern expose mcp http://127.0.0.1:9000 --name tools
              postern expose a2a http://127.0.0.1:9999 --name planner --allow research,network:acme
              postern expose tcp 127.0.0.1:5432 --name database --allow none
              postern expose --name clock --bridge stdio -- uvx mcp-server-time

            The file keeps its comments and order. Without a running sidecar `postern up` will do it.
            """
    )

    @Argument(help: "mcp, a2a, http, tcp, udp or stdio.")
    var kind: ServiceKind

    @Argument(
        help: ArgumentHelp(
            "Where the agent listens: http://HOST:PORT, HOST:PORT or PORT; for stdio the program and its arguments.",
            valueName: "upstream"
        )
    )
    var upstream: [String]

    @Option(name: .long, help: "The name that peers see. Default: the kind.")
    var name: String?

    @Option(name: .long, help: ArgumentHelp("The virtual port. Default: the first free one from 80.", valueName: "n"))
    var port: Int?

    @Option(
        name: .long,
        help: ArgumentHelp(
            "Who may use it: trusted, PEER, network:NAME, group:NAME/GROUP, or none; with commas or again and again. "
                + "Default: trusted, which is every peer whose trust covers the service.",
            valueName: "who"
        )
    )
    var allow: [String] = []

    @Option(name: .long, help: ArgumentHelp("For a2a: where the agent speaks gRPC.", valueName: "host:port"))
    var grpc: String?

    @Flag(name: .long, help: "For stdio: the program is an MCP server, and peers reach it over HTTP.")
    var bridge = false

    @Flag(name: .long, help: "The agent is on another machine, and nothing encrypts the way there.")
    var insecure = false

    @OptionGroup var sidecar: SidecarOptions
    @OptionGroup var output: OutputOptions

    /// What `expose --json` prints.
    struct Document: Codable {
        let service: ServiceName
        let port: VirtualPort
        let kind: ServiceKind
        let upstream: String
        let allow: [AllowRule]
        let config: String
        /// Whether a running sidecar has taken it up.
        let running: Bool
    }

    func validate() throws {
        guard kind == .stdio || upstream.count == 1 else {
            throw ValidationError("a service of kind \(kind.rawValue) has one upstream; programs are of kind stdio")
        }
    }

    func run() async throws {
        let (entry, effect) = try await ConfigurationEditor(sidecar: sidecar).edit { draft in
            try add(to: &draft)
        }
        let document = Document(
            service: entry.service.name,
            port: entry.service.port,
            kind: entry.service.kind,
            upstream: entry.targetText,
            allow: entry.allow,
            config: effect.file,
            running: effect.isRunning && effect.warning == nil
        )
        output.console.show(document) { document in
            let who = document.allow.isEmpty ? "nobody" : Shown.list(document.allow)
            return """
                \(document.service) (\(document.kind.rawValue), port \(document.port.rawValue)) leads to \
                \(document.upstream); allowed: \(who)
                \(effect.words)
                """
        }
    }

    /// Adds the service to `draft`, where it is not the one that stands there already.
    private func add(to draft: inout ConfigurationDraft) throws -> ExposeConfiguration {
        let services = draft.settings.expose
        let name = self.name ?? Self.freeName(like: kind.rawValue, besides: services)
        let former = services.first { $0.service.name.description == name }
        let port = self.port ?? former.map { Int($0.service.port.rawValue) } ?? Self.freePort(besides: services)
        var next = draft
        if former != nil, let position = services.firstIndex(where: { $0.service.name.description == name }) {
            try next.unexpose(position)
        }
        try next.expose(entry(name: name, port: port))
        guard let added = next.settings.expose.last else { preconditionFailure("it was added") }
        if let former {
            guard former == added else { throw Problem.alreadyExposed(former) }
            return former
        }
        draft = next
        return added
    }

    private func entry(name: String, port: Int) -> ListEntry {
        var entry = ListEntry()
        entry.set("service", name)
        entry.set("port", port)
        entry.set("kind", kind.rawValue)
        if kind == .stdio {
            let words = upstream.count == 1 ? upstream[0].split(separator: " ").map(String.init) : upstream
            entry.set("command", words)
            if bridge { entry.set("bridge", true) }
        } else {
            entry.set("upstream", Self.upstream(upstream[0], isHTTP: kind.isHTTP))
            if insecure { entry.set("insecure", true) }
        }
        entry.set("allow", rules)
        if let grpc { entry.set("grpc", grpc) }
        return entry
    }

    private var rules: [String] {
        let words = allow.joined(separator: ",").split(separator: ",").map { word in word.filter { $0 != " " } }
        if words == ["none"] { return [] }
        return words.isEmpty ? ["trusted"] : words
    }

    /// `text` with what is understood by itself put before it: a lone port is one of this host.
    static func upstream(_ text: String, isHTTP: Bool) -> String {
        let place = UInt16(text) == nil ? text : "127.0.0.1:\(text)"
        return isHTTP && !place.contains("://") ? "http://\(place)" : place
    }

    private static func freeName(like kind: String, besides services: [ExposeConfiguration]) -> String {
        let names = Set(services.map(\.service.name.description))
        let numbered = (2...services.count + 2).map { "\(kind)-\($0)" }
        return ([kind] + numbered).first { !names.contains($0) } ?? kind
    }

    private static func freePort(besides services: [ExposeConfiguration]) -> Int {
        let ports = Set(services.map { Int($0.service.port.rawValue) })
        return (80...80 + services.count).first { !ports.contains($0) } ?? 80
    }
}

extension ServiceKind: ExpressibleByArgument {}

/// `postern unexpose`
struct UnexposeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "unexpose",
        abstract: "Offer an agent no more: takes it out of the configuration, in effect at once."
    )

    @Argument(help: "The name that peers see.")
    var name: String

    @OptionGroup var sidecar: SidecarOptions
    @OptionGroup var output: OutputOptions

    /// What `unexpose --json` prints.
    struct Document: Codable {
        let service: ServiceName
        let config: String
        /// Whether a running sidecar has taken it up.
        let running: Bool
    }

    func run() async throws {
        let (service, effect) = try await ConfigurationEditor(sidecar: sidecar).edit { draft in
            let services = draft.settings.expose.map(\.service.name)
            guard let position = services.firstIndex(where: { $0.description == name }) else {
                throw Problem.notExposed(name, services.map(\.description))
            }
            try draft.unexpose(position)
            return services[position]
        }
        let isRunning = effect.isRunning && effect.warning == nil
        output.console.show(Document(service: service, config: effect.file, running: isRunning)) {
            "\($0.service) is offered to nobody any more\n\(effect.words)"
        }
    }
}

extension Problem {
    fileprivate static func alreadyExposed(_ entry: ExposeConfiguration) -> Problem {
        let name = entry.service.name
        return Problem(
            code: "already-exposed",
            message:
                "\(name) is exposed already: kind \(entry.service.kind.rawValue), port \(entry.service.port.rawValue), "
                + "\(entry.targetText), allowed: \(Shown.list(entry.allow))",
            hint: "choose another --name, or take it out first: postern unexpose \(name)"
        )
    }

    fileprivate static func notExposed(_ name: String, _ services: [String]) -> Problem {
        let near = Suggestion.nearest(to: name, among: services)
        let all = services.isEmpty ? "nothing is exposed" : "exposed: \(services.joined(separator: ", "))"
        return Problem(
            code: "not-exposed",
            message: "no service \(PlainText.clean(name, limit: 100)) is exposed",
            hint: near.map { "did you mean \($0)?" } ?? all
        )
    }
}
