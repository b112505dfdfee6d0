import ArgumentParser
import PosternModel
import SidecarControl
import SidecarCore

/// `postern block`
struct BlockCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "block",
        abstract: "Shut a peer out here, whatever trust or membership it has.",
        discussion: """
            Running connections are cut at once, and what the peer asks is not heard. Nobody is told, and no trust \
            ends: with --remove all is as before.
            """
    )

    @Argument(help: ArgumentHelp("A did, address or name.", valueName: "peer"))
    var peer: PeerName

    @Flag(name: .long, help: "Let the peer in again.")
    var remove = false

    @OptionGroup var sidecar: SidecarOptions
    @OptionGroup var output: OutputOptions

    func run() async throws {
        output.console.show(try await sidecar.ask(BlockPeer(peer: peer, remove: remove))) { answer in
            let name = answer.name.map { "\($0) (\(answer.did))" } ?? answer.did.did
            return answer.blocked ? "\(name) is shut out" : "\(name) is no longer shut out"
        }
    }
}

/// `postern why`
struct WhyCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "why",
        abstract: "Which rule lets a peer use a service of this sidecar, or keeps it out."
    )

    @Argument(help: ArgumentHelp("A did, address or name.", valueName: "peer"))
    var peer: PeerName

    @Argument(help: ArgumentHelp("A service that is exposed here, by name or virtual port.", valueName: "service"))
    var service: ServiceTarget

    @Argument(
        help: ArgumentHelp(
            "A JSON-RPC method, such as tools/list, or with a name tools/call:NAME.",
            valueName: "method"
        )
    )
    var method: String?

    @OptionGroup var sidecar: SidecarOptions
    @OptionGroup var output: OutputOptions

    func run() async throws {
        let question = ExplainAccess(peer: peer, service: service, method: method)
        output.console.show(try await sidecar.ask(question)) { answer in
            let verdict = answer.admitted ? "admitted" : "kept out (\(answer.reason))"
            return "\(verdict): \(answer.explanation)" + (answer.hint.map { "\n\($0)" } ?? "")
        }
    }
}

extension ServiceTarget: ExpressibleByArgument {
    /// What the argument names; nil when it names nothing.
    package init?(argument: String) { self.init(argument) }
}
