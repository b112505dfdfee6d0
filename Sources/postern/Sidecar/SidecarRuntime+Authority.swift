import GatewayCore
package import GatewayNIO
package import PosternModel
import SidecarCore
package import SidecarNIO

/// The sidecar decides for the gateway.
extension SidecarRuntime: GatewayAuthority {
    package func resolve(
        _ peer: PeerName,
        _ target: ServiceTarget,
        insteadOf refused: VirtualPort?,
        then: @escaping (PeerResolution) -> Void
    ) {
        route(to: peer, target, insteadOf: refused) { route in
            switch route {
            case .ready(let key, let service):
                then(.ready(ServiceRoute(key: key, port: service.port, kind: service.kind)))
            case .unavailable(let problem):
                then(.failure(GatewayError(problem, peer: peer.description), kind: nil))
            case .asking:
                preconditionFailure("the runtime answers when it knows")
            }
        }
    }
}

extension GatewayError {
    /// The error that tells a client of `problem`.
    init(_ problem: Problem, peer: String) {
        self.init(
            Code(rawValue: problem.code) ?? .peerAway,
            problem.message,
            peer: peer,
            hint: problem.hint ?? "see `postern status`"
        )
    }
}
