import GatewayCore
import Logging
import NIOCore
import OverlayCore
import OverlayNIO
import OverlayWire
import PosternModel

/// What a client sent towards a service before its first answer, for the case that the service has moved meanwhile: a
/// peer that refuses a stream has passed nothing of it on, so the same bytes may go to where it is now.
struct Replay {
    /// What is kept for one connection. A longer request is not repeated.
    static let limit = 16_384

    /// Where the service was.
    let route: ServiceRoute
    private(set) var bytes: [ByteBuffer] = []
    private var byteCount = 0
    /// The client sends no more.
    var hasEnded = false
    /// The service reads no more, or was never there: what is to come tells which.
    var hasStopped = false
    /// The peer is asked where the service is now.
    var isAsking = false

    init(_ route: ServiceRoute) {
        self.route = route
    }

    /// Keeps what was sent; false: it has become too much.
    mutating func keep(_ sent: ByteBuffer) -> Bool {
        byteCount += sent.readableBytes
        guard byteCount <= Self.limit else { return false }
        bytes.append(sent)
        return true
    }
}

extension ProxyHandler {
    /// Takes note of what goes to a service that has not answered yet.
    func keepForReplay(_ sent: ByteBuffer) {
        guard replay?.isAsking == false else { return }
        if replay?.keep(sent) == false { endReplay() }
    }

    /// What was sent has reached the service: it is not sent again.
    func endReplay() {
        guard let former = replay.take() else { return }
        if former.hasStopped { connection.stopped(.upstream) }
    }

    /// The peer refused the stream, since the service is not at that port: asks where it is and sends everything there.
    /// Returns whether that is possible.
    func followService(after end: LinkEnd) -> Bool {
        guard case .streamEnded(.reset(.noSuchPort)) = end, let replay, !replay.isAsking, let port else { return false }
        self.replay?.isAsking = true
        unsent = replay.bytes
        connection.setBlocked(.upstream, true)
        let (peer, target) = (port.service.peer, port.service.target)
        gateway.authority.resolve(peer, target, insteadOf: replay.route.port) { [weak self] resolution in
            self?.found(resolution, insteadOf: replay.route, after: end)
        }
        return true
    }

    private func found(_ resolution: PeerResolution, insteadOf former: ServiceRoute, after end: LinkEnd) {
        guard let replay, replay.isAsking else { return }
        self.replay = nil
        guard case .ready(let route) = resolution, route.port != former.port, route.kind == former.kind,
            route.key == former.key
        else {
            unsent = nil
            lost(.upstream, end)
            return
        }
        gateway.log.info(
            "a service of a peer has moved and was followed",
            metadata: ["peer": "\(route.key.did)", "from": "\(former.port)", "to": "\(route.port)"]
        )
        let peerName = port?.service.peer.description ?? route.key.did
        let connector = OverlayConnector(route: route, peerName: peerName, gateway: gateway)
        leave(peer: route.key, connector)
        connector.open(.service, for: self)
        if replay.hasEnded { finish(.upstream) }
        setBlocked(.upstream, false)
    }
}
