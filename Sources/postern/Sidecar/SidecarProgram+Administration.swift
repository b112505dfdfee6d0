import NIOCore
import OverlayCore
import OverlayCrypto
import OverlayNIO
import PosternModel
import SidecarControl
import TrustCore

// The operator of a hub who is elsewhere: this node's key stands under `admins` of the hub.
extension SidecarProgram {
    /// What an answer may cost: a list has up to 10 000 nodes.
    private static let limits = RPCClientStream.Limits(answerSize: 4 << 20, patience: .seconds(15))

    /// Passes `call` on to the hub that its parameters name.
    func administer(_ call: ControlCall) -> EventLoopFuture<JSONValue> {
        let loop = node.eventLoop
        guard let name = call.parameters["hub"]?.string, let key = (try? HubURL(name))?.key ?? NodeKey(did: name) else {
            return loop.makeFailedFuture(Problem.noHubNamed)
        }
        guard node.peerStatus(of: key)?.isConnected == true else {
            return loop.makeFailedFuture(Problem.awayHub(key))
        }
        var parameters = call.parameters.object ?? JSONObject()
        parameters["hub"] = nil
        let document: JSONValue = [
            "path": .string(call.path), "change": .bool(call.changesState), "with": .object(parameters),
        ]
        let promise = loop.makePromise(of: JSONValue.self)
        let own = identity.key
        do {
            try RPCClientStream.ask(document, of: key, port: HubPort.admin, on: node, limits: Self.limits) { answer in
                if let value = answer?["answer"] {
                    promise.succeed(value)
                } else {
                    promise.fail(answer.flatMap { Problem(document: $0) } ?? Problem.noAdministrator(own, of: key))
                }
            }
        } catch {
            promise.fail(Problem.awayHub(key))
        }
        return promise.futureResult
    }
}

extension Problem {
    fileprivate static let noHubNamed = Problem(
        code: "bad-arguments",
        message: "no hub is named",
        hint: "name it by --at URL, as `postern status` shows it"
    )

    fileprivate static func awayHub(_ key: NodeKey) -> Problem {
        Problem(
            code: "hub-unreachable",
            message: "this sidecar is not connected to the hub \(key.did)",
            hint: "it has to be one of `hubs:` in postern.yaml; see `postern status` and `postern doctor`"
        )
    }

    fileprivate static func noAdministrator(_ own: NodeKey, of hub: NodeKey) -> Problem {
        Problem(
            code: "not-permitted",
            message: "the hub \(hub.did) does not let this node administer it",
            hint: "there, put \(own.did) under `admins:` in hub.yaml and start it again"
        )
    }
}
