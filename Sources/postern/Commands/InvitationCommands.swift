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

    @OptionGroup var sidecar: SidecarOptions
    @OptionGroup var output: OutputOptions

    func validate() throws {
        guard (1...1_000).contains(uses) else { throw ValidationError("--uses takes a number from 1 to 1000") }
    }

    func run() async throws {
        let invite = CreateInvitation(
            uses: uses,
            expiresMs: expires.interval.nanoseconds / 1_000_000,
            services: services?.services
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
        abstract: "Redeem an invitation: both sides trust each other afterwards."
    )

    @Argument(help: ArgumentHelp("The text that `postern invite` printed.", valueName: "invitation"))
    var invitation: String

    @OptionGroup var sidecar: SidecarOptions
    @OptionGroup var output: OutputOptions

    func run() async throws {
        let invitation: Invitation
        do throws(Problem) {
            invitation = try Invitation(text: self.invitation)
        } catch {
            // Without a sidecar a whole invitation would be of no use either, so that is told first.
            _ = try await sidecar.ask(ShowStatus())
            throw CommandFailure(error)
        }
        output.console.show(try await sidecar.ask(JoinInvitation(invitation: invitation))) { answer in
            "\(answer.name) (\(answer.did)) is trusted; see `postern services \(answer.name)`"
        }
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
