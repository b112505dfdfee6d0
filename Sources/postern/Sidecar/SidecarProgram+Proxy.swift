import GatewayNIO
import NIOCore
import OverlayNIO
import PosternConfiguration
import PosternModel

extension SidecarProgram {
    /// Opens the forward proxy, where one is wanted. Fails with the error of binding.
    func serveProxy() -> EventLoopFuture<Void> {
        guard let wanted = configuration.proxy else { return node.eventLoop.makeSucceededVoidFuture() }
        let others: ForwardProxy.Others =
            switch wanted.others {
            case .refuse: .refuse
            case .direct: .direct
            }
        return ForwardProxy.serve(gateway, at: wanted.listen, others: others, origins: wanted.origins).assumeIsolated()
            .map { self.proxyPlace = $0 }.nonisolated()
    }
}
