import HubCore
import Logging
package import NIOCore
import OverlayNIO
package import PosternModel
import StateStore
import TrustCore

// Operators who are elsewhere: their sidecars' keys stand in the hub's configuration.
extension HubService {
    /// Answers calls of the nodes that the operator has named.
    final class Administration {
        /// Of one node.
        private static let openCalls = 8

        private let admins: Set<NodeKey>
        private let calls: RPCServer

        init(admins: Set<NodeKey>, answer: @escaping (NodeKey, JSONValue) -> EventLoopFuture<JSONValue>) {
            self.admins = admins
            var limits = RPCServer.Limits.defaults
            limits.unfinishedPerPeer = Self.openCalls
            calls = RPCServer(limits: limits) { call, document in
                guard let document else { return call.answer(Problem.notACall.document) }
                answer(call.peer, document).assumeIsolated().whenComplete { result in
                    switch result {
                    case .success(let value): call.answer(["answer": value])
                    case .failure(let error): call.answer(((error as? Problem) ?? .unanswered(error)).document)
                    }
                }
            }
        }

        /// Takes a call; nil for everybody else, who sees no difference to a hub that has no administrators.
        func accept(_ stream: OverlayStream) -> RPCServerStream? {
            admins.contains(stream.peer) ? calls.accept(stream) : nil
        }
    }

    /// From now on the operators of `admins` may call what `answer` answers, on this hub's loop.
    package func administer(
        by admins: Set<NodeKey>,
        answer: @escaping (NodeKey, JSONValue) -> EventLoopFuture<JSONValue>
    ) {
        administration = admins.isEmpty ? nil : Administration(admins: admins, answer: answer)
    }

    /// Records that an operator has changed something (R11).
    package func noteAdministration(of subject: String, by actor: NodeKey, _ call: JSONValue) {
        audit.record(AuditEvent(.administered, actor: actor, subject: subject, new: call), at: Clocks.now().wall)
        log.notice("the operator has changed something", metadata: ["what": "\(subject)", "who": "\(actor)"])
    }

    /// Nodes and networks may take what the hub was set up with, but for `changed`.
    package func limit(by changed: [HubQuota: Int]) {
        changedQuotas = changed
        settings = configured
        for (quota, value) in changed { settings[quota] = value }
        take(.settings(settings.hub))
        limitRelays()
    }

    func limitRelays() { node.limitRelays(to: settings.relayRate, ofPeer: settings.relayRatePerNode) }

    /// What nodes and networks may take now.
    package var limits: Settings { settings }
}

extension Problem {
    fileprivate static let notACall = Problem(
        code: "bad-arguments",
        message: "that is no call",
        hint: "bring sidecar and hub to the same version"
    )

    fileprivate static func unanswered(_ error: any Error) -> Problem {
        Problem(code: "internal", message: "the hub could not do it: \(error)", hint: "see the hub's log")
    }
}
