package import NIOCore
import OverlayCore
import OverlayNIO
package import OverlayWire
package import PosternModel
package import SidecarCore
import StateStore

/// What the runtime needs of the program around it: the gateway's part of operations and documents. All calls are made
/// on the node's event loop.
package protocol SidecarHost: AnyObject {
    /// Of the program.
    var version: String { get }
    /// Where the underlay listens.
    var boundAddresses: [Endpoint] { get }
    /// The services of peers that are offered to local clients.
    var localPorts: [LocalPort] { get }

    /// How the agent behind the exposed service `name` is reached.
    func upstream(of name: ServiceName) -> UpstreamStatus

    /// Streams of peers that the exposed service `name` serves now.
    func activeStreams(of name: ServiceName) -> Int

    /// Whether the rules of the exposed service `name` let peers call `method`; nil: it has no rules.
    func allows(_ method: String, of name: ServiceName) -> Bool?

    /// What is known of peers has changed: who is trusted or connected, or what one offers.
    func peersChanged()

    /// The connections through the gateway, the oldest first.
    var streams: [StreamDocument] { get }
    /// What services carried in the last hour.
    var traffic: [TrafficDocument] { get }
    /// The last lines of the log.
    var logTail: [String] { get }

    /// Does `task`. Fails with ``PosternModel/Problem``.
    func perform(_ task: LocalTask) -> EventLoopFuture<CommandAnswer>

    /// Offers a peer's service on any free local port until the program ends.
    func openLocalPort(to peer: PeerName, _ target: ServiceTarget) -> EventLoopFuture<LocalPort>

    /// Which configuration is in use.
    var configurationStatus: StatusDocument.Configuration { get }

    /// Reads the configuration again; succeeds when it is in effect. Fails with ``PosternModel/Problem``.
    func readConfiguration() -> EventLoopFuture<StatusDocument.Configuration>
}

// Operations of programs.
extension SidecarRuntime {
    /// Does `operation`. Fails with ``PosternModel/Problem``.
    package func perform<Asked: Operation>(
        _ operation: Asked,
        by requester: Requester = .owner
    ) -> EventLoopFuture<Asked.Answer> {
        node.eventLoop.preconditionInEventLoop()
        guard life != nil, life?.stopping == nil, let host else {
            return node.eventLoop.makeFailedFuture(Problem.stopped)
        }
        let unstored = life?.gate.unstoredCount ?? 0
        let needsRoom = life.map { operation.needsRoom(in: $0.sidecar, at: .now()) } ?? true
        guard !needsRoom || unstored == 0 && hasRoom else {
            return node.eventLoop.makeFailedFuture(Problem.noRoom(at: settings.stateDirectory))
        }
        let promise = node.eventLoop.makePromise(of: CommandAnswer.self)
        life?.lastCommand += 1
        let id = CommandID(life?.lastCommand ?? 0)
        life?.commands[id] = promise
        if let saying = Asked.outline.saying(cuts: !needsRoom) { life?.gate.note(id, says: saying) }
        let view = View(node: node, host: host, startedAt: startedAt, unstoredCount: unstored)
        feed { $0.perform(operation, by: requester, id: id, at: $1, seeing: view) }
        return promise.futureResult.map { answer in
            guard let typed = answer.as(Asked.Answer.self) else {
                preconditionFailure("an operation is answered with its own type")
            }
            return typed
        }
    }

    /// Whether the disk takes a decision and its entry in the audit trail, as far as can be told before.
    private var hasRoom: Bool {
        SystemFile.freeByteCount(at: settings.stateDirectory).map { $0 >= Self.leastRoom } ?? true
    }

    private static let leastRoom: UInt64 = 256 << 10

    /// Records that the agent asked for what the configuration does not let it do (R11).
    package func noteAgentRefused(_ tool: String, by requester: Requester) {
        feed { $0.noteAgentRefused(tool, by: requester, at: $1) }
    }

    /// The number of requests for trust that wait for a decision.
    package var pendingCount: Int { life?.sidecar.pendingCount ?? 0 }

    /// How many entries were recorded in the audit trail since the start.
    package var auditEntryCount: UInt64 { life?.auditEntryCount ?? 0 }

    /// Whether something that was decided could not be written, and is tried again.
    package var isStoreFailing: Bool { life?.retry != nil }

    /// How many peers are reached by a direct path, by a relay and not at all.
    package var pathKinds: [String: Int] {
        guard let life else { return [:] }
        var kinds: [String: Int] = [:]
        for peer in life.sidecar.admissiblePeers(at: .now()) {
            kinds[PathDocument(node.peerStatus(of: peer))?.kind.rawValue ?? "none", default: 0] += 1
        }
        return kinds
    }

    /// Whether one of the configured hubs is there; nil when none is configured.
    package var isAtOwnHub: Bool? { life?.sidecar.isAtOwnHub }

    func answer(_ command: CommandID, _ answer: CommandAnswer) {
        life?.commands.removeValue(forKey: command)?.succeed(answer)
    }

    /// `count` round trips to `key`, one after another; lost ones are counted.
    func ping(_ key: NodeKey, count: Int, for command: CommandID) {
        ping(key, left: count, sent: 0, times: [], for: command)
    }

    private func ping(_ key: NodeKey, left: Int, sent: Int, times: [Double], for command: CommandID) {
        guard left > 0 else {
            let path = PathDocument(node.peerStatus(of: key))
            return answer(command, CommandAnswer(PingPeer.Answer(sent: sent, milliseconds: times, path: path)))
        }
        node.ping(key).assumeIsolated().whenComplete { result in
            let measured = (try? result.get()).map { times + [$0.roundTrip.milliseconds] } ?? times
            self.ping(key, left: left - 1, sent: sent + 1, times: measured, for: command)
        }
    }

    func openLocalPort(to peer: PeerName, _ target: ServiceTarget, for command: CommandID) {
        guard let host else { return fail(command, .stopped) }
        host.openLocalPort(to: peer, target).assumeIsolated().whenComplete { result in
            switch result {
            case .success(let port): self.answer(command, CommandAnswer(OpenLocalPort.Answer(port)))
            case .failure(let error):
                let hint = "see the sidecar's log"
                self.fail(
                    command,
                    Problem(code: "no-local-port", message: "no local port can be opened: \(error)", hint: hint)
                )
            }
        }
    }

    func readConfiguration(for command: CommandID) {
        guard let host else { return fail(command, .stopped) }
        host.readConfiguration().assumeIsolated().whenComplete { result in
            switch result {
            case .success(let status): self.answer(command, CommandAnswer(status))
            case .failure(let error): self.fail(command, (error as? Problem) ?? .stopped)
            }
        }
    }

    func perform(_ task: LocalTask, for command: CommandID) {
        guard let host else { return fail(command, .stopped) }
        host.perform(task).assumeIsolated().whenComplete { result in
            switch result {
            case .success(let answer): self.answer(command, answer)
            case .failure(let error): self.fail(command, error as? Problem ?? .stopped)
            }
        }
    }

    /// The lines of the audit trail recorded at `since` or later; nil: all.
    func readAudit(since: Timestamp?, for command: CommandID) {
        guard let life else { return }
        life.audit.lines(since: since, on: node.eventLoop).assumeIsolated().whenComplete { result in
            switch result {
            case .success(let lines):
                self.answer(command, CommandAnswer(lines.compactMap { try? JSONValue(parsing: $0) }))
            case .failure(let error):
                self.fail(command, (error as? StateFileError).map { Problem($0) } ?? .stopped)
            }
        }
    }

    private func fail(_ command: CommandID, _ problem: Problem) {
        life?.commands.removeValue(forKey: command)?.fail(problem)
    }
}

/// What the runtime sees, for the documents of the core.
private struct View: SidecarView {
    let node: OverlayNode
    let host: any SidecarHost
    let startedAt: NIODeadline
    let unstoredCount: Int

    var version: String { host.version }
    var uptime: Interval { Interval(nanoseconds: (NIODeadline.now() - startedAt).nanoseconds) }
    var boundAddresses: [Endpoint] { host.boundAddresses }
    var localPorts: [LocalPort] { host.localPorts }
    var configuration: StatusDocument.Configuration { host.configurationStatus }
    var translation: StatusDocument.NAT {
        let known = node.addressTranslation
        return StatusDocument.NAT(
            mapping: known.mapping,
            filtering: nil,
            portMapping: known.portMapping,
            lifetimeMs: known.lifetime.survived.map { Int64($0.milliseconds) }
        )
    }

    func session(with peer: NodeKey) -> PeerStatus? { node.peerStatus(of: peer) }
    func upstream(of name: ServiceName) -> UpstreamStatus { host.upstream(of: name) }
    func activeStreams(of name: ServiceName) -> Int { host.activeStreams(of: name) }
    func allows(_ method: String, of name: ServiceName) -> Bool? { host.allows(method, of: name) }
    var streams: [StreamDocument] { host.streams }
    var traffic: [TrafficDocument] { host.traffic }
    var logTail: [String] { host.logTail }
}
