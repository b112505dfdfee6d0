import ArgumentParser
import Foundation
import PosternModel
import SidecarControl
import SidecarCore
import TrustCore

/// `postern network`
struct NetworkCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "network",
        abstract: "Networks: groups of agents that reach each other, and nobody else.",
        discussion: """
            `postern network create acme` founds one, `postern network invite acme` makes a link, and whoever joins by \
            it is a member. Members are called LABEL.acme, and `allow: [network:acme]` or `[group:acme/ops]` lets them \
            use a service. A network is kept by the hubs of its founder, which learn who is in it and in which role, \
            and nothing of names, groups and policy.
            """,
        subcommands: [
            NetworkCreateCommand.self, NetworkListCommand.self, NetworkShowCommand.self, NetworkInviteCommand.self,
            NetworkJoinCommand.self, NetworkLeaveCommand.self, NetworkAddCommand.self, NetworkRemoveCommand.self,
            NetworkRoleCommand.self,
            NetworkTransferCommand.self, NetworkGroupCommand.self, NetworkNameCommand.self,
            NetworkPolicyCommand.self, NetworkHealCommand.self, NetworkAuthorityCommand.self,
            NetworkCertifyCommand.self,
        ]
    )
}

/// The network that a command is about.
struct NetworkArgument: ParsableArguments {
    @Argument(help: ArgumentHelp("What the network is called here.", valueName: "network"))
    var name: String
}

/// A member of the network that a command is about.
struct MemberArgument: ParsableArguments {
    @Argument(help: ArgumentHelp("A member: its label, a did, an address or a name.", valueName: "peer"))
    var peer: PeerName
}

/// `postern network create`
struct NetworkCreateCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "create",
        abstract: "Found a network; its founder owns it, and our hubs keep it."
    )

    @OptionGroup var network: NetworkArgument
    @OptionGroup var sidecar: SidecarOptions
    @OptionGroup var output: OutputOptions

    func run() async throws {
        output.console.show(try await sidecar.ask(CreateNetwork(name: network.name))) { answer in
            "\(answer.name) is founded (\(answer.id))\ninvite others: postern network invite \(answer.name)"
        }
    }
}

/// `postern network list`
struct NetworkListCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "list", abstract: "The networks of this sidecar.")

    @OptionGroup var sidecar: SidecarOptions
    @OptionGroup var output: OutputOptions

    func run() async throws {
        output.console.show(try await sidecar.ask(ListNetworks())) { networks in
            var table = TextTable(["NETWORK", "ROLE", "MEMBERS", "STATE", "ID"])
            for entry in networks {
                table.add([
                    entry.name, entry.role ?? (entry.offeredBy == nil ? "no member" : "not joined"),
                    entry.offeredBy == nil ? "\(entry.members)" : "", entry.state, entry.id,
                ])
            }
            return table.hasRows ? table.text : "no network was founded or joined"
        }
    }
}

/// `postern network show`
struct NetworkShowCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "show",
        abstract: "A network: its members with roles, groups and addresses, and its policy."
    )

    @OptionGroup var network: NetworkArgument
    @OptionGroup var sidecar: SidecarOptions
    @OptionGroup var output: OutputOptions

    func run() async throws {
        output.console.show(try await sidecar.ask(ShowNetwork(name: network.name)), text: Shown.network)
    }
}

/// `postern network invite`
struct NetworkInviteCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "invite",
        abstract: "Make a link with which its holder joins a network.",
        discussion: "Whoever holds the link can join; nobody has to be there for that. Owners and admins may do this."
    )

    @OptionGroup var network: NetworkArgument

    @Option(name: .long, help: ArgumentHelp("How many may join by it.", valueName: "n"))
    var uses = 1

    @Option(name: .long, help: ArgumentHelp("How long it is good: 30m, 24h, 7d.", valueName: "time"))
    var expires = Lifetime.hours(24)

    @Option(
        name: .long,
        help: ArgumentHelp("How long the membership of whoever joins lasts. Default: for good.", valueName: "time")
    )
    var membership: Lifetime?

    @OptionGroup var sidecar: SidecarOptions
    @OptionGroup var output: OutputOptions

    func validate() throws {
        guard (1...1_000).contains(uses) else { throw ValidationError("--uses takes a number from 1 to 1000") }
    }

    func run() async throws {
        let invite = InviteToNetwork(
            name: network.name,
            uses: uses,
            expiresMs: expires.interval.nanoseconds / 1_000_000,
            membershipMs: membership.map { $0.interval.nanoseconds / 1_000_000 }
        )
        let answer = try await sidecar.ask(invite)
        // The link alone goes to standard output, for `postern network join $(postern network invite acme)`.
        output.console.show(answer) { $0.invitation.token }
        guard !output.json else { return }
        Console.complain(
            """
            good for \(answer.uses) until \(answer.expires); on the other side, so that no list of processes shows it:
            postern network join -      (paste the text, then Ctrl-D)
            """
        )
    }
}

/// `postern network join`
struct NetworkJoinCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "join",
        abstract: "Join a network by a link, or one to which a trusted peer has added us.",
        discussion: """
            `postern network list` shows the networks to which we were added: join one by its name or id. \
            Members see our did and the `name` of our configuration, which becomes our label in the network if no \
            other member has it. What members may use of ours, `allow` says: joining alone opens nothing. Whoever \
            joins by --credential takes part until that ends, without a name there.
            """
    )

    @Argument(
        help: ArgumentHelp(
            "The text that `postern network invite` printed, or - to read it from standard input; or the name or id.",
            valueName: "link"
        )
    )
    var link: String?

    @Option(
        name: .long,
        help: ArgumentHelp(
            "Join by what `postern network certify` printed, in a file or - for standard input; again before it ends.",
            valueName: "file"
        )
    )
    var credential: String?

    @Option(
        name: .customLong("as"),
        help: ArgumentHelp("What the network is called here. Default: as its inviter calls it.", valueName: "name")
    )
    var name: String?

    @OptionGroup var sidecar: SidecarOptions
    @OptionGroup var output: OutputOptions

    func validate() throws {
        guard (link == nil) != (credential == nil) else {
            throw ValidationError("name a link, a network to which we were added, or a --credential")
        }
    }

    func run() async throws {
        if let credential {
            let text = try FileText.read(credential, code: "bad-certificate", what: "the credential")
            let certificate: CredentialLink
            do throws(Problem) { certificate = try CredentialLink(text: text) } catch { throw CommandFailure(error) }
            show(try await sidecar.ask(EnterNetwork(certificate: certificate, name: name)))
            return
        }
        guard let link else { return }
        guard !isNameOrID(link) else {
            show(try await sidecar.ask(AcceptNetwork(offer: link, name: name)))
            return
        }
        let data = link == "-" ? try? FileHandle.standardInput.read(upToCount: LinkText.limit) : Data(link.utf8)
        let text = String(decoding: data ?? Data(), as: UTF8.self)
        let invitation: NetworkInvitation
        do throws(Problem) {
            invitation = try NetworkInvitation(text: text)
        } catch {
            _ = try await sidecar.ask(ShowStatus())  // without a sidecar no link is of use, so that is told first
            throw CommandFailure(error)
        }
        show(try await sidecar.ask(JoinNetwork(invitation: invitation, name: name)))
    }

    private func isNameOrID(_ text: String) -> Bool { HostName.isLowercaseLabel(text) || NetworkID(text) != nil }

    private func show(_ network: NetworkDocument) {
        output.console.show(network) { answer in
            "joined \(answer.name), with \(answer.members.count) members: see `postern network show \(answer.name)`"
        }
    }
}

/// `postern network leave`
struct NetworkLeaveCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "leave", abstract: "Leave a network, and forget it.")

    @OptionGroup var network: NetworkArgument
    @OptionGroup var sidecar: SidecarOptions
    @OptionGroup var output: OutputOptions

    func run() async throws {
        output.console.show(try await sidecar.ask(LeaveNetwork(name: network.name))) { "left \($0.name)" }
    }
}

/// `postern network remove`
struct NetworkRemoveCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "remove",
        abstract: "Remove a member, or end the certificates of a did.",
        discussion: """
            Members that are online cut it off at once, others when they next meet a hub or an informed member. What \
            follows in the network is sealed under another key. A trust between two sidecars ends by `postern trust \
            revoke` alone.
            """
    )

    @OptionGroup var network: NetworkArgument
    @OptionGroup var member: MemberArgument
    @OptionGroup var sidecar: SidecarOptions
    @OptionGroup var output: OutputOptions

    func run() async throws {
        let remove = RemoveMember(name: network.name, peer: member.peer)
        output.console.show(try await sidecar.ask(remove)) { "\(member.peer) is no member of \($0.name) any more" }
    }
}

/// `postern network role`
struct NetworkRoleCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "role",
        abstract: "Give a member another role. Only owners may."
    )

    @OptionGroup var network: NetworkArgument
    @OptionGroup var member: MemberArgument

    @Argument(help: ArgumentHelp("owner, admin or member.", valueName: "role"))
    var role: String

    @OptionGroup var sidecar: SidecarOptions
    @OptionGroup var output: OutputOptions

    func run() async throws {
        let change = SetRole(name: network.name, peer: member.peer, role: role)
        output.console.show(try await sidecar.ask(change)) { "\(member.peer) is \(role) of \($0.name)" }
    }
}

/// `postern network transfer`
struct NetworkTransferCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "transfer",
        abstract: "Make a member the owner, and ourselves an administrator."
    )

    @OptionGroup var network: NetworkArgument
    @OptionGroup var member: MemberArgument
    @OptionGroup var sidecar: SidecarOptions
    @OptionGroup var output: OutputOptions

    func run() async throws {
        let transfer = TransferNetwork(name: network.name, peer: member.peer)
        output.console.show(try await sidecar.ask(transfer)) { "\(member.peer) owns \($0.name)" }
    }
}

/// `postern network group`
struct NetworkGroupCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "group",
        abstract: "Put a member into a group, or take it out.",
        discussion: "A group comes to be with its first member. Each gives its members one more address."
    )

    @OptionGroup var network: NetworkArgument

    @Argument(help: ArgumentHelp("The group: lower-case letters, digits and hyphens.", valueName: "group"))
    var group: String

    @OptionGroup var member: MemberArgument

    @Flag(name: .long, help: "Take the member out.")
    var remove = false

    @OptionGroup var sidecar: SidecarOptions
    @OptionGroup var output: OutputOptions

    func run() async throws {
        let change = SetGroup(name: network.name, group: group, peer: member.peer, remove: remove ? true : nil)
        output.console.show(try await sidecar.ask(change)) { answer in
            "\(member.peer) is \(remove ? "no longer " : "")in \(answer.name)/\(group)"
        }
    }
}

/// `postern network name`
struct NetworkNameCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "name",
        abstract: "Give a member another name in the network."
    )

    @OptionGroup var network: NetworkArgument
    @OptionGroup var member: MemberArgument

    @Argument(help: ArgumentHelp("Lower-case letters, digits and hyphens.", valueName: "label"))
    var label: String

    @OptionGroup var sidecar: SidecarOptions
    @OptionGroup var output: OutputOptions

    func run() async throws {
        let change = NameMember(name: network.name, peer: member.peer, label: label)
        output.console.show(try await sidecar.ask(change)) { "\(member.peer) is called \(label).\($0.name)" }
    }
}

/// `postern network policy`
struct NetworkPolicyCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "policy",
        abstract: "The policy of a network: which groups may use which services.",
        discussion: """
            A JSON file such as {"services": {"*": ["clock"], "ops": ["*"]}, "tests": [{"from": "planner", "to": \
            "clock", "expect": true}]}: "*" as a group is every member, as a service every service. The tests are \
            checked before the policy is signed. A policy narrows what `allow` gives, and widens nothing. \
            "freshness": {"warn": "24h", "refuse": "never"}, for owners alone, says how long nothing may be heard of \
            owners and admins before the network counts as stale, and before a membership admits nothing new. --set \
            replaces all of it: without "freshness" an owner sets that back to the default, and an admin leaves it.
            """
    )

    @OptionGroup var network: NetworkArgument

    @Option(name: .customLong("set"), help: ArgumentHelp("Replace the policy by that in a file.", valueName: "file"))
    var file: String?

    @OptionGroup var sidecar: SidecarOptions
    @OptionGroup var output: OutputOptions

    func run() async throws {
        let answer: NetworkDocument
        if let file {
            answer = try await sidecar.ask(SetPolicy(name: network.name, policy: try policy(in: file)))
        } else {
            answer = try await sidecar.ask(ShowNetwork(name: network.name))
        }
        output.console.show(answer.policyInForce) { _ in answer.policyText }
    }

    private func policy(in file: String) throws -> JSONValue {
        guard let data = FileManager.default.contents(atPath: file) else {
            let hint = "name a JSON file with the policy"
            throw CommandFailure(Problem(code: "bad-policy", message: "\(file) cannot be read", hint: hint))
        }
        guard let policy = try? JSONValue(parsing: [UInt8](data)) else {
            let hint = "check the file: {\"services\": {\"*\": [\"clock\"]}}"
            throw CommandFailure(Problem(code: "bad-policy", message: "\(file) is no JSON document", hint: hint))
        }
        return policy
    }
}
