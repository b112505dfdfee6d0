import ArgumentParser
import PosternModel
import SidecarControl
import SidecarCore
import TrustCore

/// `postern invite`
struct InviteCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "invite",
        abstract: "Make an invitation: one text that makes both sides trust each other.",
        discussion:
            "Whoever holds the invitation can redeem it with `postern join`. Send it by a channel that you trust."
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
            name: name
        )
        output.console.show(try await sidecar.ask(invite)) { answer in
            """
            \(answer.invitation.token)
            good for \(answer.uses) until \(answer.expires); on the other side:
            postern join '\(answer.invitation.token)'
            """
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

    @Argument(help: ArgumentHelp("The text that `postern invite` printed.", valueName: "invitation"))
    var invitation: String

    @Option(name: .customLong("as"), help: ArgumentHelp("What the inviter is called here.", valueName: "name"))
    var name: String?

    @Flag(name: .long, help: "Give the inviter no name; only its did means it.")
    var unnamed = false

    @OptionGroup var sidecar: SidecarOptions
    @OptionGroup var output: OutputOptions

    func validate() throws {
        guard name == nil || !unnamed else { throw ValidationError("--as and --unnamed exclude each other") }
    }

    func run() async throws {
        let invitation: Invitation
        do throws(Problem) {
            invitation = try Invitation(text: self.invitation)
        } catch {
            // Without a sidecar a whole invitation would be of no use either, so that is told first.
            _ = try await sidecar.ask(ShowStatus())
            throw CommandFailure(error)
        }
        let isNamed = try await mayBindName(of: invitation)
        let join = JoinInvitation(invitation: invitation, name: name, unnamed: isNamed ? nil : true)
        output.console.show(try await sidecar.ask(join)) { answer in
            Shown.trusted(answer) + "\nsee `postern services \(answer.name ?? answer.did.did)`"
        }
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

/// A span of time as people write it: a number and one of s, m, h, d.
struct Lifetime: ExpressibleByArgument {
    let interval: Interval
    private let text: String

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
