import ArgumentParser
import Foundation
import PosternModel
import SidecarControl
import SidecarCore
import TrustCore

/// `postern network add`
struct NetworkAddCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "add",
        abstract: "Make a trusted peer a member, or change when a membership ends.",
        discussion: """
            The peer is told by sealed mail, and takes part once its operator says `postern network join NETWORK`. \
            Whoever has no trust with us is sent a link instead: `postern network invite`. With --expires the \
            membership ends by itself: everybody cuts the member off then. Of a member, --expires changes that.
            """
    )

    @OptionGroup var network: NetworkArgument
    @OptionGroup var member: MemberArgument

    @Option(
        name: .customLong("as"),
        help: ArgumentHelp("Its label there. Default: what it is called here, if that is free.", valueName: "label")
    )
    var label: String?

    @Option(
        name: .long,
        help: ArgumentHelp("How long the membership lasts: 30m, 24h, 7d, or never: it stays.", valueName: "time")
    )
    var expires: MembershipEnd?

    @OptionGroup var sidecar: SidecarOptions
    @OptionGroup var output: OutputOptions

    func run() async throws {
        let add = AddMember(
            name: network.name,
            peer: member.peer,
            label: label,
            expiresMs: expires?.milliseconds,
            keep: expires.map { $0.milliseconds == nil }
        )
        output.console.show(try await sidecar.ask(add)) { answer in
            "\(member.peer) is a member of \(answer.name); on its side: postern network join \(answer.name)"
        }
    }
}

/// When a membership ends.
struct MembershipEnd: ExpressibleByArgument {
    /// From now on; nil: it does not.
    let milliseconds: Int64?

    init?(argument: String) {
        guard argument != "never" else {
            milliseconds = nil
            return
        }
        guard let lifetime = Lifetime(argument: argument) else { return nil }
        milliseconds = lifetime.interval.nanoseconds / 1_000_000
    }
}

/// `postern network heal`
struct NetworkHealCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "heal",
        abstract: "End a fork: two histories of a network, of which only what both say counts.",
        discussion: """
            A hub that forgot or lied, or one whose database was restored from a copy, makes two histories of a \
            network; `postern network show` says so at every member that knows both. An owner ends that: what both \
            histories say goes on, under a new key, and what only one said has to be done again. Ask who runs the hub.
            """
    )

    @OptionGroup var network: NetworkArgument
    @OptionGroup var sidecar: SidecarOptions
    @OptionGroup var output: OutputOptions

    func run() async throws {
        output.console.show(try await sidecar.ask(HealNetwork(name: network.name))) { answer in
            "\(answer.name) has one history again, with \(answer.members.count) members"
        }
    }
}
