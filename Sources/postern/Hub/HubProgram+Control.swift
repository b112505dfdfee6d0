import HubServer
import NIOCore
import OverlayNIO
import PosternConfiguration
import PosternModel
import SidecarControl
import StateStore

extension HubProgram {
    /// Opens the control socket and, where it is wanted, the loopback port. Returns what is open and the address.
    func serve(
        _ server: ControlServer,
        _ state: StateDirectory
    ) async throws -> (address: HostPort?, channels: [any Channel]) {
        let socket: any Channel
        do {
            socket = try await server.serve(socketAt: state.socketPath).get()
        } catch {
            throw CommandFailure(
                .failed,
                code: "state-unusable",
                message: "the control socket \(state.socketPath) cannot be opened: \(error)",
                hint: "a socket's path has at most 107 bytes; choose a shorter state directory"
            )
        }
        guard case .at(let wanted) = file.settings.control else { return (nil, [socket]) }
        let host = wanted.host == "localhost" ? "127.0.0.1" : wanted.host
        let token: ControlToken
        do throws(Problem) { token = try state.controlToken() } catch { throw CommandFailure(state: error) }
        do {
            let channel = try await server.serve(
                host: host,
                port: Int(wanted.port),
                token: token,
                hasOpenMetrics: file.settings.hasOpenMetrics
            ).get()
            return (HostPort(host: host, port: UInt16(channel.localAddress?.port ?? 0)), [socket, channel])
        } catch {
            let read = "\(wanted), which cannot be bound (\(error))"
            let expected = "a free loopback address"
            let problem = file.problem(at: "control", read: read, expected: expected, hint: "see `ss -lntp`")
            throw CommandFailure(ConfigurationFailure(problems: [problem]))
        }
    }
}

/// The nodes that a hub's operator has banned: `DIR/hub.bans`, one key a line.
struct HubBans: Sendable {
    let path: String

    /// The keys in the file; none when there is no file.
    func load() throws(Problem) -> Set<NodeKey> {
        guard SystemFile.size(of: path) != nil else { return [] }
        do throws(StateFileError) {
            let text = String(decoding: try StateFile(reading: path).readAll(limit: 64 << 20), as: UTF8.self)
            return Set(text.split(separator: "\n").compactMap { NodeKey(did: String($0)) })
        } catch {
            throw Problem(error)
        }
    }

    /// Writes the file anew.
    func save(_ keys: Set<NodeKey>) throws(Problem) {
        do throws(StateFileError) {
            let text = keys.sorted().map { $0.did + "\n" }.joined()
            try StateFile.replace(path, with: Array(text.utf8), isDurable: true)
        } catch {
            throw Problem(error)
        }
    }
}

extension HubProgram.Parts {
    /// Bans the node that `parameters` name, or takes its ban back. On the disk before it is answered.
    func ban(_ parameters: JSONValue) -> EventLoopFuture<JSONValue> {
        let loop = node.eventLoop
        guard let key = parameters["did"]?.string.flatMap({ NodeKey(did: $0) }),
            let isBanned = parameters["banned"]?.bool
        else {
            return loop.makeFailedFuture(
                Problem(code: "bad-arguments", message: "no key of a node", hint: "name it as did:key:z6Mk…")
            )
        }
        return afterChanges {
            let banned = isBanned ? self.service.banned.union([key]) : self.service.banned.subtracting([key])
            let bans = self.decisions.bans
            return self.queue.run(on: loop) { try bans.save(banned) }.assumeIsolated().map {
                self.service.ban(banned)
                return ["did": .string(key.did), "banned": .bool(isBanned)]
            }.nonisolated()
        }
    }

    /// Makes one change of what the operator has decided after another: each begins with what those before it left.
    func afterChanges(_ change: @escaping () -> EventLoopFuture<JSONValue>) -> EventLoopFuture<JSONValue> {
        let answer = changes.assumeIsolated().flatMap(change).nonisolated()
        changes = answer.map { _ in }.recover { _ in }
        return answer
    }
}
