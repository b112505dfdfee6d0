import ArgumentParser
import Foundation
import NIOCore
import PosternModel
import SidecarControl
import SidecarCore
import TrustCore

/// `postern invite`
struct InviteCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "invite",
        abstract: "Make an invitation: one text that makes both sides trust each other.",
        discussion: """
            Whoever holds the invitation can redeem it with `postern join`. Send it by a channel that you trust. \
            `postern invite list` shows what became of them, `postern invite revoke ID` withdraws one.
            """,
        subcommands: [InviteCreateCommand.self, InviteListCommand.self, InviteRevokeCommand.self],
        defaultSubcommand: InviteCreateCommand.self
    )
}

/// `postern invite create`, and without a word more
struct InviteCreateCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "create",
        abstract: "Make an invitation; what `postern invite` does by itself."
    )

    @Option(name: .long, help: ArgumentHelp("How many peers may redeem it.", valueName: "n"))
    var uses = 1

    @Option(name: .long, help: ArgumentHelp("How long it is good: 30m, 24h, 7d.", valueName: "time"))
    var expires = Lifetime.hours(24)

    @Option(
        name: .customLong("for"),
        help: ArgumentHelp("Only for these services. Default: all that `allow` gives.", valueName: "service,…")
    )
    var services: ServiceList?

    @Option(
        name: .customLong("as"),
        help: ArgumentHelp("What whoever redeems it is called here. Only with --uses 1.", valueName: "name")
    )
    var name: String?

    @Option(
        name: .long,
        help: ArgumentHelp(
            "Which addresses of this host the text shows. Default: where a hub sees it; without a hub all.",
            valueName: "none|public|all"
        )
    )
    var addresses: InvitationAddresses?

    @Flag(
        inversion: .prefixedNo,
        help: "Show it as a QR code too, on standard error; needs `qrencode`. Default: on a terminal that has it."
    )
    var qr: Bool?

    @OptionGroup var sidecar: SidecarOptions
    @OptionGroup var output: OutputOptions

    func validate() throws {
        guard (1...1_000).contains(uses) else { throw ValidationError("--uses takes a number from 1 to 1000") }
        guard name == nil || uses == 1 else { throw ValidationError("--as is for one peer: omit it or --uses") }
    }

    func run() async throws {
        let invite = CreateInvitation(
            uses: uses,
            expiresMs: expires.interval.nanoseconds / 1_000_000,
            services: services?.services,
            name: name,
            addresses: addresses
        )
        let answer = try await sidecar.ask(invite)
        // The text alone goes to standard output, so that `postern join $(postern invite)` is right.
        output.console.show(answer) { $0.invitation.token }
        guard !output.json else { return }
        if qr ?? Console.isTerminal { showCode(answer.invitation.token) }
        Console.complain(
            """
            good for \(answer.uses) until \(answer.expires); on the other side, so that no list of processes shows it:
            postern join -      (paste the text, then Ctrl-D)
            """
        )
    }
}

extension InviteCreateCommand {
    /// Shows `text` for a camera, where the program is there that draws it.
    private func showCode(_ text: String) {
        if let code = QRCode.drawn(text) { return Console.complain(code) }
        if qr == true { Console.complain("there is no QR code: install `qrencode` (libqrencode)") }
    }
}

/// `postern invite list`
struct InviteListCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list",
        abstract: "The invitations of this sidecar and who redeemed them."
    )

    @OptionGroup var sidecar: SidecarOptions
    @OptionGroup var output: OutputOptions

    func run() async throws {
        output.console.show(try await sidecar.ask(ListInvitations())) { invitations in
            var table = TextTable(["ID", "STATE", "USED", "SERVICES", "EXPIRES", "REDEEMED BY"])
            for entry in invitations {
                table.add([
                    entry.id.description, entry.state.rawValue, "\(entry.redeemers.count) of \(entry.uses)",
                    Shown.services(entry.services), entry.expires.description, Shown.list(entry.redeemers),
                ])
            }
            return table.hasRows ? table.text : "no invitation was made"
        }
    }
}

/// `postern invite revoke`
struct InviteRevokeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "revoke",
        abstract: "Withdraw an invitation; whoever redeemed it keeps the trust."
    )

    @Argument(help: ArgumentHelp("The invitation, as `postern invite list` shows it.", valueName: "id"))
    var id: String

    @OptionGroup var sidecar: SidecarOptions
    @OptionGroup var output: OutputOptions

    func run() async throws {
        output.console.show(try await sidecar.ask(RevokeInvitation(id: id))) {
            "the invitation \($0.id) opens nothing any more"
        }
    }
}

/// `postern join`
struct JoinCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "join",
        abstract: "Redeem an invitation: both sides trust each other afterwards.",
        discussion: """
            The inviter is called here what it calls itself, unless somebody has that name already. Where the \
            configuration uses the name, that is shown, and on a terminal asked first: the inviter chose the name.
            """
    )

    @Argument(
        help: ArgumentHelp(
            "The text that `postern invite` printed, or - to read it from standard input: what stands on the command "
                + "line, other users of this machine can see.",
            valueName: "invitation"
        )
    )
    var invitation: String?

    @Option(name: .long, help: ArgumentHelp("Read the text from a file.", valueName: "file"))
    var file: String?

    @Option(name: .customLong("as"), help: ArgumentHelp("What the inviter is called here.", valueName: "name"))
    var name: String?

    @Flag(name: .long, help: "Give the inviter no name; only its did means it.")
    var unnamed = false

    @Option(
        name: .customLong("for"),
        help: ArgumentHelp(
            "What the inviter may use of ours; `none` for nothing. Default: all that `allow` gives to `trusted`.",
            valueName: "service,…|none"
        )
    )
    var services: ServiceList?

    @OptionGroup var sidecar: SidecarOptions
    @OptionGroup var output: OutputOptions

    func validate() throws {
        guard (invitation == nil) != (file == nil) else {
            throw ValidationError("name the invitation, or - for standard input, or --file FILE")
        }
        guard name == nil || !unnamed else { throw ValidationError("--as and --unnamed exclude each other") }
    }

    func run() async throws {
        let invitation: Invitation
        do throws(Problem) {
            invitation = try Invitation(text: text())
        } catch {
            // Without a sidecar a whole invitation would be of no use either, so that is told first.
            _ = try await sidecar.ask(ShowStatus())
            throw CommandFailure(error)
        }
        let isNamed = try await mayBindName(of: invitation)
        let join = JoinInvitation(
            invitation: invitation,
            name: name,
            unnamed: isNamed ? nil : true,
            services: services?.services
        )
        let answer = try await sidecar.ask(join)
        guard !output.json else { return output.console.show(answer, text: Shown.trusted) }
        Console.print(Shown.trusted(answer))
        await showWays(to: answer)
    }

    /// What the inviter offers and how it is reached, as far as it says so at once.
    private func showWays(to trust: TrustDocument) async {
        let peer = trust.name ?? trust.did.did
        let offered = try? await sidecar.withClient {
            try await $0.answer(to: ListServices(peer: PeerName(trust.did)), within: .seconds(3))
        }
        guard let offered, !offered.isEmpty else {
            return Console.print("what it offers: postern services \(peer)")
        }
        for service in offered {
            Console.print("it offers \(service.name) (\(service.kind.rawValue)): postern reach \(peer):\(service.name)")
        }
    }

    /// The text with the invitation.
    private func text() throws(Problem) -> String {
        if let invitation, invitation != "-" { return invitation }
        let handle: FileHandle
        if let file {
            guard let opened = FileHandle(forReadingAtPath: file) else { throw .unreadable(file) }
            handle = opened
        } else {
            handle = .standardInput
        }
        guard let data = try? handle.read(upToCount: LinkText.limit) else { throw .unreadable(file ?? "-") }
        return String(decoding: data, as: UTF8.self)
    }

    /// Whether the name that the inviter chose may be bound to it: asked where the configuration waits for that name
    /// and somebody is there to answer.
    private func mayBindName(of invitation: Invitation) async throws -> Bool {
        guard !unnamed else { return false }
        guard name == nil, !output.json, Console.isInteractive else { return true }
        let label = HostName.label(from: invitation.name)
        guard let waiting = try await sidecar.ask(ShowStatus()).unbound.first(where: { $0.name == label }) else {
            return true
        }
        return Console.confirms(
            """
            The inviter \(invitation.inviter.did) calls itself "\(waiting.name)".
            Your configuration uses that name: \(waiting.uses.joined(separator: ", ")).
            Does the name mean this inviter? [y/N]
            """
        )
    }
}

extension Problem {
    fileprivate static func unreadable(_ file: String) -> Problem {
        Problem(
            code: "bad-invitation",
            message: "\(file) cannot be read",
            hint: "name a file with the text of the invitation, or - and give it on standard input"
        )
    }
}

/// A span of time as people write it: a number and one of s, m, h, d.
struct Lifetime: ExpressibleByArgument {
    let interval: Interval
    private let text: String

    static func seconds(_ count: Int64) -> Lifetime { Lifetime(interval: .seconds(count), text: "\(count)s") }

    static func hours(_ count: Int64) -> Lifetime { Lifetime(interval: .seconds(count * 3_600), text: "\(count)h") }

    private init(interval: Interval, text: String) {
        self.interval = interval
        self.text = text
    }

    init?(argument: String) {
        let units: [Character: Int64] = ["s": 1, "m": 60, "h": 3_600, "d": 86_400]
        guard let unit = argument.last.flatMap({ units[$0] }), let count = Int64(argument.dropLast()), count > 0 else {
            return nil
        }
        let (seconds, overflow) = count.multipliedReportingOverflow(by: unit)
        guard !overflow, seconds <= 365 * 86_400 else { return nil }
        self.init(interval: .seconds(seconds), text: argument)
    }

    var defaultValueDescription: String { text }
}

extension InvitationAddresses: ExpressibleByArgument {}
