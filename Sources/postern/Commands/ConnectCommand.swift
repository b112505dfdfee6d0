import ArgumentParser
import PosternModel
import SidecarControl
import SidecarCore

/// `postern connect`
struct ConnectCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "connect",
        abstract: "Join standard input and output with a peer's service: the command for stdio-only MCP clients.",
        discussion: """
            For services of kind stdio and tcp; bytes pass as they are. In the configuration of an MCP client:
              {"mcpServers": {"clock": {"command": "postern", "args": ["connect", "research:clock"]}}}

            Exit status: 0 when both sides ended in order, 1 when the service cannot be reached or the connection broke.
            """
    )

    @Argument(
        help: ArgumentHelp(
            "Whose service: PEER:SERVICE, SERVICE being a name or a virtual port.",
            valueName: "peer:service"
        )
    )
    var target: RemoteService

    @Flag(
        name: .long,
        help: "Tell a failure by a JSON document too; on standard error once bytes of the service may have come."
    )
    var json = false

    @OptionGroup var sidecar: SidecarOptions

    func run() async throws {
        let service = try await service()
        guard service.kind != .udp else {
            throw CommandFailure(
                .failed,
                code: "wrong-kind",
                message: "\(target.service) of \(target.peer) is a service of kind udp: datagrams are no stream",
                hint: "point the client at its local port: `postern reach \(target.peer):\(target.service)`"
            )
        }
        guard !service.kind.isHTTP else {
            throw CommandFailure(
                .failed,
                code: "wrong-kind",
                message:
                    "\(target.service) of \(target.peer) is a service of kind \(service.kind.rawValue): it speaks HTTP",
                hint: "point the client at its local port, or call it with `postern call`"
            )
        }
        let port = try await sidecar.ask(OpenLocalPort(peer: target.peer, service: target.service)).listen.port
        switch StandardStreams.join(port: port) {
        case .ended: return
        case .broken:
            var broken = try await reasonOfBreak()
            broken.isOutputTaken = true
            throw broken
        }
    }

    /// The same as ``failure()``, whether the peer can be asked or not.
    private func reasonOfBreak() async throws -> CommandFailure {
        do { return try await failure() } catch let failure as CommandFailure { return failure }
    }

    private func service() async throws -> Service {
        let services = try await sidecar.ask(ListServices(peer: target.peer))
        if let service = services.first(where: { target.service.matches($0) }) { return service }
        throw CommandFailure(
            .failed,
            code: "no-such-service",
            message: "\(target.peer) offers us no service \(target.service)",
            hint: "see `postern services \(target.peer)`"
        )
    }

    /// Why the connection broke, as far as the peer can still be asked.
    private func failure() async throws -> CommandFailure {
        _ = try await service()
        return CommandFailure(
            .failed,
            code: "broken",
            message: "the connection to \(target.service) of \(target.peer) broke: its program cannot be started, or "
                + "it takes no more connections",
            hint: "see the log of the sidecar there"
        )
    }
}
