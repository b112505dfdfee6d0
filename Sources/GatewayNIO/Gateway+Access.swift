import GatewayCore
import PosternModel
import TrustCore

// Access that changes while streams are open.
extension Gateway {
    /// What gives peers access has changed: streams of those that may not use their service any longer are cut.
    package func reviewStreams() {
        for proxy in Array(proxies.values) {
            guard let peer = proxy.peer, let port = proxy.exposure?.service.service.port else { continue }
            if !stays(peer, at: port) { proxy.cutForTrust() }
        }
        datagrams.endServed { !stays($0.peer, at: $0.port) }
    }

    /// Whether what `peer` has with the service at `port` may go on. Notifications to receivers are no service.
    private func stays(_ peer: NodeKey, at port: VirtualPort) -> Bool {
        port == SidecarPort.callbacks || authority.decide(peer, port).isAdmitted
    }
}
