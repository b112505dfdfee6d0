import ArgumentParser
import OverlayCrypto
import OverlayNIO
import PosternModel
import SidecarControl
import SidecarCore
import TrustCore

/// `postern network authority`
struct NetworkAuthorityCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "authority",
        abstract: "Keys that make members by certificate: for containers and functions that come and go.",
        discussion: """
            `postern network authority add acme --out FILE` makes one; `postern network certify` signs certificates \
            with FILE, away from any sidecar. Whoever has FILE can make members, so keep it where secrets are kept.
            """,
        subcommands: [
            AuthorityAddCommand.self, AuthorityListCommand.self, AuthorityRemoveCommand.self,
        ]
    )
}

/// `postern network authority add`
struct AuthorityAddCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "add",
        abstract: "Make an authority. Only owners may.",
        discussion: "The text that it prints, or writes to --out, is the authority: nobody can print it again."
    )

    @OptionGroup var network: NetworkArgument

    @Option(
        name: .customLong("group"),
        help: ArgumentHelp("A group into which it may put members; again for more.", valueName: "group")
    )
    var groups: [String] = []

    @Option(name: .long, help: ArgumentHelp("How long its certificates last at most, up to 24h.", valueName: "time"))
    var lifetime = Lifetime.hours(24)

    @Option(name: .long, help: ArgumentHelp("A new file for the authority, with mode 0600.", valueName: "file"))
    var out: String?

    @OptionGroup var sidecar: SidecarOptions
    @OptionGroup var output: OutputOptions

    func validate() throws {
        guard lifetime.interval <= .seconds(86_400) else { throw ValidationError("--lifetime is at most 24h") }
    }

    func run() async throws {
        // Before anything changes: an authority that cannot be written is lost.
        let file = try out.map { try OwnersFile(creating: $0) }
        let answer: AddAuthority.Answer
        do {
            answer = try await sidecar.ask(
                AddAuthority(
                    name: network.name,
                    groups: groups,
                    lifetimeMs: lifetime.interval.nanoseconds / 1_000_000
                )
            )
        } catch {
            file?.discard()
            throw error
        }
        try file?.write(answer.authority + "\n")
        // Without --out the authority alone goes to standard output, so that a redirection makes the file.
        output.console.show(answer) { answer in
            out.map { "\(answer.did) is an authority; it is in \($0)" } ?? answer.authority
        }
        guard !output.json else { return }
        Console.complain("make a member: postern network certify DID --authority \(out ?? "FILE")")
    }
}

/// `postern network authority list`
struct AuthorityListCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "list", abstract: "The authorities of a network.")

    @OptionGroup var network: NetworkArgument
    @OptionGroup var sidecar: SidecarOptions
    @OptionGroup var output: OutputOptions

    func run() async throws {
        let answer = try await sidecar.ask(ShowNetwork(name: network.name))
        output.console.show(answer.authorities) { authorities in
            var table = TextTable(["AUTHORITY", "GROUPS", "LIFETIME", "MEMBERS"])
            for authority in authorities {
                table.add([
                    authority.did.did, authority.groups.joined(separator: ","), "\(authority.lifetimeMs / 1_000)s",
                    "\(answer.members.count { $0.authority == authority.did })",
                ])
            }
            return table.hasRows ? table.text : "\(answer.name) has no authorities"
        }
    }
}

/// `postern network authority remove`
struct AuthorityRemoveCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "remove",
        abstract: "End an authority: whoever is a member by a certificate of it is cut off. Only owners may."
    )

    @OptionGroup var network: NetworkArgument

    @Argument(help: ArgumentHelp("Its did, as `postern network authority list` shows it.", valueName: "did"))
    var authority: NodeKey

    @OptionGroup var sidecar: SidecarOptions
    @OptionGroup var output: OutputOptions

    func run() async throws {
        let remove = RemoveAuthority(name: network.name, authority: authority)
        output.console.show(try await sidecar.ask(remove)) { "\(authority.did) is no authority of \($0.name) any more" }
    }
}

/// `postern network certify`
struct NetworkCertifyCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "certify",
        abstract: "Sign a certificate that makes a key a member for a while; needs no sidecar.",
        discussion: """
            On the other side: `postern init` prints the did, and `postern network join --credential FILE` takes part \
            with what this prints. It holds no secret that anybody else could use. `postern network remove NETWORK \
            DID` ends it before its time.
            """
    )

    @Argument(help: ArgumentHelp("The did of whoever becomes a member.", valueName: "did"))
    var subject: NodeKey

    @Option(
        name: .long,
        help: ArgumentHelp("What `postern network authority add` has made, or - for standard input.", valueName: "file")
    )
    var authority: String

    @Option(
        name: .customLong("group"),
        help: ArgumentHelp(
            "A group to be in; again for more. Default: all that the authority may give.",
            valueName: "group"
        )
    )
    var groups: [String] = []

    @Option(
        name: .long,
        help: ArgumentHelp("How long it lasts. Default: an hour, or what is allowed.", valueName: "time")
    )
    var lifetime: Lifetime?

    @OptionGroup var unused: UnusedSidecarOptions
    @OptionGroup var output: OutputOptions

    /// What is handed over.
    private struct Certificate: Codable {
        let credential: CredentialLink
        let did: NodeKey
        let authority: NodeKey
        let until: Timestamp
    }

    func run() async throws {
        let text = try FileText.read(authority, code: "bad-authority", what: "the authority")
        guard let found = NetworkAuthority(within: text) else {
            let hint = "make one: postern network authority add"
            throw Self.failure("\(authority) holds no authority, or it is damaged", hint)
        }
        let most = found.lifetime
        let lasting = lifetime?.interval ?? min(.seconds(3_600), most)
        guard lasting <= most else {
            let seconds = most.nanoseconds / 1_000_000_000
            throw Self.failure("the authority signs for \(seconds) s at most", "shorten --lifetime")
        }
        if let group = groups.first(where: { !found.groups.contains($0) }) {
            let hint = "it may give: \(found.groups.isEmpty ? "none" : found.groups.joined(separator: ", "))"
            throw Self.failure("the authority may not put members into \"\(PlainText.clean(group, limit: 63))\"", hint)
        }
        let link = found.certify(
            subject,
            groups: groups.isEmpty ? found.groups : groups,
            lifetime: lasting,
            at: Clocks.now().wall,
            using: RandomSource(seed: SystemEntropy.bytes())
        )
        guard let link else {
            throw Self.failure("\(subject.did) cannot be the key of a sidecar", "see `postern init`")
        }
        let certificate = Certificate(
            credential: link,
            did: subject,
            authority: link.credential.authority,
            until: link.credential.until
        )
        output.console.show(certificate) { certificate in certificate.credential.token }
    }

    private static func failure(_ message: String, _ hint: String) -> CommandFailure {
        CommandFailure(Problem(code: "bad-authority", message: message, hint: hint))
    }
}
