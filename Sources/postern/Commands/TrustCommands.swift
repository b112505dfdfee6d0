import ArgumentParser
import PosternModel
import SidecarControl
import SidecarCore
import TrustCore

/// `postern trust`
struct TrustCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "trust",
        abstract: "Ask for trust, decide about requests, end trust.",
        subcommands: [
            TrustRequestCommand.self, TrustWithdrawCommand.self, TrustListCommand.self, TrustApproveCommand.self,
            TrustRejectCommand.self, TrustSetCommand.self, TrustRevokeCommand.self, TrustRecoverCommand.self,
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
    var peer: TrustAddressee

    @Option(
        name: .customLong("for"),
        help: ArgumentHelp("Services that are asked for. Default: all.", valueName: "service,…")
    )
    var services: ServiceList?

    @Option(name: .long, help: ArgumentHelp("A text for the peer's owner.", valueName: "text"))
    var note = ""

    @Option(name: .customLong("as"), help: ArgumentHelp("What the peer is called here from now on.", valueName: "name"))
    var name: String?

    @OptionGroup var sidecar: SidecarOptions
    @OptionGroup var output: OutputOptions

    func run() async throws {
        let request = RequestTrust(peer: peer, services: services?.services, note: note, name: name)
        output.console.show(try await sidecar.ask(request)) { answer in
            let id = answer.id?.description ?? "-"
            return switch answer.state {
            case .trusted: answer.trust.map { Shown.trusted($0) } ?? "\(answer.did) is trusted"
            case .queued: "the request \(id) goes out as soon as a hub is there"
            case .sent:
                "the request \(id) is on its way; its owner decides, and `postern trust withdraw \(id)` takes it back"
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
        output.console.show(try await sidecar.ask(ListTrust()), text: Self.text)
    }

    private static func text(_ trust: TrustListDocument) -> String {
        var parts: [String] = []
        var trusted = TextTable(["TRUSTED", "MAY USE OF OURS", "WE MAY USE", "SINCE", "DID"])
        for entry in trust.trusted {
            let name = Shown.peer(entry.name, claims: entry.claims)
            trusted.add([
                name, Shown.services(entry.services), Shown.services(entry.offers), entry.since.description,
                entry.did.did,
            ])
        }
        parts.append(trusted.hasRows ? trusted.text : "nobody is trusted yet")
        var pending = TextTable(["WAITS FOR YOU", "FROM", "ASKS FOR", "HAS", "NOTE", "DID"])
        for entry in trust.pending {
            let had = trust.trusted.first { $0.did == entry.did }?.services ?? .names([])
            pending.add([
                entry.id.description, Shown.peer(entry.name, claims: entry.claims), Shown.services(entry.services),
                Shown.services(had), entry.note, entry.did.did,
            ])
        }
        if pending.hasRows {
            parts.append(pending.text + "\n(`postern trust approve ID [--for SERVICE,…]` or `postern trust reject ID`)")
        }
        var outgoing = TextTable(["ASKED", "WHOM", "FOR", "WE HAVE", "STATE", "NOTE", "DID"])
        for entry in trust.outgoing {
            let had = trust.trusted.first { $0.did == entry.did }?.offers ?? .names([])
            outgoing.add([
                entry.id.description, Shown.peer(entry.name, claims: entry.claims), Shown.services(entry.services),
                Shown.services(had), entry.taken ? "sent" : "not taken yet", entry.note, entry.did.did,
            ])
        }
        if outgoing.hasRows { parts.append(outgoing.text + "\n(`postern trust withdraw ID` takes one back)") }
        if !trust.blocked.isEmpty {
            parts.append("shut out: \(Shown.list(trust.blocked)) (`postern block --remove DID`)")
        }
        return parts.joined(separator: "\n\n")
    }
}

/// `postern trust approve`
struct TrustApproveCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "approve",
        abstract: "Say yes to a request.",
        discussion: "What the asker may use already it keeps, unless --only is given."
    )

    @Argument(help: ArgumentHelp("The request, as `postern trust list` shows it.", valueName: "id"))
    var id: String

    @Option(
        name: .customLong("for"),
        help: ArgumentHelp("For these services. Default: what was asked for.", valueName: "service,…")
    )
    var services: ServiceList?

    @Flag(name: .long, help: "For nothing else: what the asker may use besides is taken away.")
    var only = false

    @Option(
        name: .customLong("as"),
        help: ArgumentHelp("What the asker is called here from now on.", valueName: "name")
    )
    var name: String?

    @OptionGroup var sidecar: SidecarOptions
    @OptionGroup var output: OutputOptions

    func run() async throws {
        let approval = ApproveRequest(id: id, services: services?.services, name: name, only: only)
        output.console.show(try await sidecar.ask(approval), text: Shown.trusted)
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
        output.console.show(try await sidecar.ask(RejectRequest(id: id))) { "the request \($0.id) is gone" }
    }
}

/// `postern trust set`
struct TrustSetCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "set",
        abstract: "Set which of our services a trusted peer may use; what it may no longer use is cut at once."
    )

    @Argument(help: ArgumentHelp("A did, address or name.", valueName: "peer"))
    var peer: PeerName

    @Option(
        name: .customLong("for"),
        help: ArgumentHelp(
            "All that it may use from now on; `all` for what `allow` gives, `none`.",
            valueName: "service,…"
        )
    )
    var services: ServiceList

    @OptionGroup var sidecar: SidecarOptions
    @OptionGroup var output: OutputOptions

    func run() async throws {
        let answer = try await sidecar.ask(SetTrust(peer: peer, services: services.services))
        output.console.show(answer, text: Shown.trusted)
    }
}

/// `postern trust withdraw`
struct TrustWithdrawCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "withdraw",
        abstract: "Take back a request of ours that was not answered yet."
    )

    @Argument(help: ArgumentHelp("The request, as `postern trust list` shows it, or whom we asked.", valueName: "id"))
    var id: String

    @OptionGroup var sidecar: SidecarOptions
    @OptionGroup var output: OutputOptions

    func run() async throws {
        output.console.show(try await sidecar.ask(WithdrawRequest(id: id))) { answer in
            "we ask \(answer.did) for nothing any more"
                + (answer.told ? "" : "; the trust that stands stays, and the request goes on waiting there")
        }
    }
}

/// `postern trust revoke`
struct TrustRevokeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "revoke",
        abstract: "End the trust with a peer; running connections are cut at once."
    )

    @Argument(help: ArgumentHelp("A did, address or name.", valueName: "peer"))
    var peer: PeerName

    @Flag(name: .customLong("invitation"), help: "Withdraw the invitation by which the peer came as well.")
    var withInvitation = false

    @OptionGroup var sidecar: SidecarOptions
    @OptionGroup var output: OutputOptions

    func run() async throws {
        let answer = try await sidecar.ask(RevokeTrust(peer: peer, invitations: withInvitation))
        output.console.show(answer) { answer in
            let peer = answer.name.map { "\($0) (\(answer.did))" } ?? answer.did.did
            let withdrawn = answer.invitations.filter { $0.state == .revoked }.map { "; the invitation \($0.id) too" }
            let networks = answer.networks ?? []
            let fellow =
                networks.isEmpty
                ? ""
                : "\nit is still reachable, and reaches us, as a member of \(networks.joined(separator: ", ")): "
                    + "`postern block \(answer.did)` shuts it out"
            return "the trust with \(peer) has ended" + withdrawn.joined() + fellow
        }
        guard let hint = answer.hint, !output.json else { return }
        Console.print(hint)
        guard Console.isInteractive, Console.confirms("Withdraw that link now? [y/N]") else { return }
        for link in answer.invitations where link.state == .open {
            _ = try await sidecar.ask(RevokeInvitation(id: link.id.description))
            Console.print("the invitation \(link.id) opens nothing any more")
        }
    }
}

/// `postern name`
struct NameCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "name",
        abstract: "Bind a name to a peer: wherever a peer is named, it means this one from now on."
    )

    @Argument(help: ArgumentHelp("A did, address or name.", valueName: "peer"))
    var peer: PeerName

    @Argument(help: ArgumentHelp("Lower-case letters, digits and hyphens.", valueName: "name"))
    var name: String

    @OptionGroup var sidecar: SidecarOptions
    @OptionGroup var output: OutputOptions

    func run() async throws {
        output.console.show(try await sidecar.ask(NamePeer(peer: peer, name: name))) {
            "\($0.did) is called \($0.name) from now on" + Shown.activated($0.activates, by: $0.name)
        }
    }
}
