import ArgumentParser
import PosternModel
import SidecarControl

/// `postern trust`
struct TrustCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "trust",
        abstract: "Ask for trust, decide about requests, end trust.",
        subcommands: [
            TrustRequestCommand.self, TrustListCommand.self, TrustApproveCommand.self, TrustRejectCommand.self,
            TrustRevokeCommand.self,
        ]
    )
}

/// `postern trust request`
struct TrustRequestCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "request",
        abstract: "Ask a peer for its trust, through a hub.",
        discussion: "Trust is mutual: by asking, this side also lets the peer use what `allow` gives to `trusted`."
    )

    @Argument(help: ArgumentHelp("A did, address, name or invitation.", valueName: "peer"))
    var peer: String

    @Option(
        name: .customLong("for"),
        help: ArgumentHelp("Services that are asked for. Default: all.", valueName: "service,…")
    )
    var services: String?

    @Option(name: .long, help: ArgumentHelp("A text for the peer's owner.", valueName: "text"))
    var note = ""

    @OptionGroup var sidecar: SidecarOptions
    @OptionGroup var output: OutputOptions

    func run() async throws {
        let call = ControlCall.request(peer: peer, services: serviceList(services), note: note)
        output.console.show(try await sidecar.ask(call)) { answer in
            switch answer["state"]?.string {
            case "trusted": "\(peer) is trusted already"
            case "queued": "the request \(Shown.text(answer["id"])) goes out as soon as a hub is there"
            case _: "the request \(Shown.text(answer["id"])) is on its way; its owner decides"
            }
        }
    }
}

/// `postern trust list`
struct TrustListCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list",
        abstract: "Who is trusted, what waits for a decision here, and what we asked for."
    )

    @OptionGroup var sidecar: SidecarOptions
    @OptionGroup var output: OutputOptions

    func run() async throws {
        output.console.show(try await sidecar.ask(.trust), text: Self.text)
    }

    private static func text(_ trust: JSONValue) -> String {
        var parts: [String] = []
        var trusted = TextTable(["TRUSTED", "SERVICES", "SINCE", "DID"])
        for entry in trust["trusted"]?.array ?? [] {
            trusted.add([
                Shown.text(entry["name"]), Shown.text(entry["services"]), Shown.text(entry["since"]),
                Shown.text(entry["did"]),
            ])
        }
        parts.append(trusted.hasRows ? trusted.text : "nobody is trusted yet")
        var pending = TextTable(["WAITS FOR YOU", "FROM", "SERVICES", "NOTE", "DID"])
        for entry in trust["pending"]?.array ?? [] {
            pending.add([
                Shown.text(entry["id"]), Shown.text(entry["name"]), Shown.text(entry["services"]),
                Shown.text(entry["note"]), Shown.text(entry["did"]),
            ])
        }
        if pending.hasRows {
            parts.append(pending.text + "\n(`postern trust approve ID` or `postern trust reject ID`)")
        }
        var outgoing = TextTable(["ASKED", "WHOM", "NOTE"])
        for entry in trust["outgoing"]?.array ?? [] {
            outgoing.add([Shown.text(entry["id"]), Shown.text(entry["did"]), Shown.text(entry["note"])])
        }
        if outgoing.hasRows { parts.append(outgoing.text) }
        return parts.joined(separator: "\n\n")
    }
}

/// `postern trust approve`
struct TrustApproveCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "approve", abstract: "Say yes to a request.")

    @Argument(help: ArgumentHelp("The request, as `postern trust list` shows it.", valueName: "id"))
    var id: String

    @Option(
        name: .customLong("for"),
        help: ArgumentHelp("Only for these services. Default: what was asked for.", valueName: "service,…")
    )
    var services: String?

    @OptionGroup var sidecar: SidecarOptions
    @OptionGroup var output: OutputOptions

    func run() async throws {
        let answer = try await sidecar.ask(.approve(id: id, services: services.map { serviceList($0) }))
        output.console.show(answer) { "\(Shown.text($0["name"])) (\(Shown.text($0["did"]))) is trusted" }
    }
}

/// `postern trust reject`
struct TrustRejectCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "reject",
        abstract: "Say no to a request; the asker is not told."
    )

    @Argument(help: ArgumentHelp("The request, as `postern trust list` shows it.", valueName: "id"))
    var id: String

    @OptionGroup var sidecar: SidecarOptions
    @OptionGroup var output: OutputOptions

    func run() async throws {
        output.console.show(try await sidecar.ask(.reject(id: id))) { "the request \(Shown.text($0["id"])) is gone" }
    }
}

/// `postern trust revoke`
struct TrustRevokeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "revoke",
        abstract: "End the trust with a peer; running connections are cut at once."
    )

    @Argument(help: ArgumentHelp("A did, address or name.", valueName: "peer"))
    var peer: String

    @OptionGroup var sidecar: SidecarOptions
    @OptionGroup var output: OutputOptions

    func run() async throws {
        output.console.show(try await sidecar.ask(.revoke(peer: peer))) {
            "the trust with \(Shown.text($0["name"])) (\(Shown.text($0["did"]))) has ended"
        }
    }
}
