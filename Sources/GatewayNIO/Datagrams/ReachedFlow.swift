import GatewayCore
import NIOCore
import OverlayNIO
import PosternModel

/// The conversation of one client here with a peer's service.
final class ReachedFlow {
    private enum Target {
        /// It is asked for.
        case wanted
        case known(ServiceRoute)
        /// There is none; the next datagram asks again.
        case missing
    }

    private(set) var number: UInt32 = 0
    private let client: SocketAddress
    private let port: DatagramPort
    private var target = Target.missing
    private var joiner = DatagramJoiner()
    private var lastID: UInt16 = 0
    /// What waits for the service to be found and its peer to be there, and since when.
    private var waiting: [(bytes: ByteBuffer, since: NIODeadline)] = []
    private var hasEnded = false
    private(set) var lastUse = NIODeadline.now()

    /// Datagrams that wait, at most.
    private static let waitingLimit = 16

    private var relay: DatagramRelay { port.relay }

    init(of client: SocketAddress, at port: DatagramPort) {
        self.client = client
        self.port = port
    }

    func begin() {
        number = relay.insert(self)
    }

    /// Whether it is with `peer`'s service at `virtualPort`.
    func isOf(_ peer: NodeKey, _ virtualPort: VirtualPort) -> Bool {
        guard case .known(let route) = target else { return false }
        return route.key == peer && route.port == virtualPort
    }

    func isOf(_ peer: NodeKey?) -> Bool {
        guard case .known(let route) = target else { return false }
        return route.key == peer
    }

    /// The client sent a datagram.
    func send(_ bytes: ByteBuffer) {
        lastUse = .now()
        switch target {
        case .known(let route) where relay.gateway.isPresent(route.key): carry(bytes, to: route)
        case .known, .wanted, .missing:
            if waiting.count < Self.waitingLimit {
                waiting.append((bytes, .now()))
            } else {
                relay.gateway.noteDropped()
            }
            if case .wanted = target { return }
            find()
        }
    }

    /// Asks where the service is, which also starts a session with its peer.
    private func find() {
        let known = target
        if case .missing = known { target = .wanted }
        let service = port.service
        relay.gateway.authority.resolve(service.peer, service.target, insteadOf: nil) { [weak self] resolution in
            guard let self, !self.hasEnded else { return }
            switch resolution {
            case .ready(let route) where route.kind == .udp: self.found(route)
            case .ready, .failure: self.missed()
            }
        }
    }

    private func found(_ route: ServiceRoute) {
        relay.open(route.port)
        if case .known(let former) = target { relay.close(former.port) }
        target = .known(route)
        if relay.gateway.isPresent(route.key) { flush(to: route) }
    }

    private func missed() {
        if case .known(let former) = target { relay.close(former.port) }
        target = .missing
        relay.gateway.noteDropped(waiting.count)
        waiting = []
    }

    /// There is a session with `peer` again.
    func peerCame(_ peer: NodeKey) {
        guard case .known(let route) = target, route.key == peer else { return }
        flush(to: route)
    }

    /// Sends what has not waited for too long.
    private func flush(to route: ServiceRoute) {
        let oldest = NIODeadline.now() - relay.gateway.settings.peerPatience
        for (bytes, since) in waiting {
            if since < oldest { relay.gateway.noteDropped() } else { carry(bytes, to: route) }
        }
        waiting = []
    }

    private func carry(_ bytes: ByteBuffer, to route: ServiceRoute) {
        lastID &+= 1
        let part = DatagramPart(isAnswer: false, flow: number, id: lastID)
        relay.send(bytes, part, to: route.key, port: route.port)
    }

    /// The service sent a datagram, or a part of it.
    func receive(_ part: DatagramPart, _ bytes: [UInt8]) {
        let (whole, lostCount) = joiner.join(part, bytes)
        relay.gateway.noteDropped(lostCount)
        guard let whole else { return }
        lastUse = .now()
        relay.gateway.noteCarried()
        port.write(ByteBuffer(bytes: whole), to: client)
    }

    /// Nothing more is carried.
    func end() {
        guard !hasEnded else { return }
        hasEnded = true
        if case .known(let route) = target { relay.close(route.port) }
        relay.gateway.noteDropped(waiting.count)
        waiting = []
        relay.remove(self)
        port.remove(client)
    }
}
