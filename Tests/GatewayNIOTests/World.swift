import GatewayCore
import Logging
import NIOCore
import NIOPosix
import OverlayCore
import OverlayCrypto
import OverlayNIO
import OverlayWire
import PosternModel
import TestSupport
import TrustCore

@testable import GatewayNIO

/// A node with its gateway.
final class Sidecar: OverlayObserver, @unchecked Sendable {  // confined to the world's loop
    let key: NodeKey
    let node: OverlayNode
    let authority = StubAuthority()
    private(set) var gateway: Gateway
    var address: SocketAddress?

    init(seed: UInt8, loop: any EventLoop, expose: [ExposedService], settings: GatewaySettings) throws {
        let identity = try NodeIdentity(seed: [UInt8](repeating: seed, count: 32))
        key = identity.key
        let logger = Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() })
        var overlay = OverlayNode.Settings.defaults
        overlay.listen = [try SocketAddress(ipAddress: "127.0.0.1", port: 0)]
        node = OverlayNode(eventLoop: loop, identity: identity, settings: overlay, logger: logger)
        gateway = Gateway(node: node, authority: authority, expose: expose, settings: settings, logger: logger)
        node.observer = self
    }

    func overlayAccepts(stream: OverlayStream, from peer: NodeKey, port: VirtualPort) -> (any OverlayStreamHandler)? {
        gateway.accept(stream, from: peer, port: port)
    }

    func overlaySession(with peer: NodeKey, is change: SessionChange) { gateway.noteSession(with: peer, change) }
    func overlayReceived(datagram: ByteBuffer, from peer: NodeKey, port: VirtualPort) {}
    func overlayStores(replayFloor: UInt64, of peer: NodeKey) -> Bool { true }
    func overlaySees(_ duplicate: DuplicateIdentity) {}
    func overlayObserved(_ endpoint: Endpoint, by peer: NodeKey) {}
    func overlayLearned(candidates: [Endpoint], of peer: NodeKey) {}
}

/// Says what a test told it to say.
final class StubAuthority: GatewayAuthority {
    var mayReach = true
    var name: String? = "alice"
    var network: String? = "acme"
    /// Receivers of push notifications that were registered.
    private(set) var receivers: [String] = []
    /// Ports where a service was not.
    private(set) var refusals: [VirtualPort] = []
    var answer: ((PeerName, ServiceTarget) -> PeerResolution?)?

    func decide(_ peer: NodeKey, _ port: VirtualPort) -> Access {
        guard mayReach else { return .refused(.notGranted) }
        let basis = network.map { Access.Basis.network($0) } ?? .grant
        return .admitted(Service(name: "planner", port: port, kind: .http), basis)
    }
    func trusts(_ peer: NodeKey) -> Bool { mayReach }
    func noteReceiver(_ place: String, of peer: NodeKey) { receivers.append(place) }
    func noteRefused(_ method: String?, of peer: NodeKey, _ port: VirtualPort) {}
    func noteReceiversEnded(of peer: NodeKey) { receivers = [] }
    func peerName(_ key: NodeKey) -> String? { name }
    func isKnown(_ peer: PeerName) -> Bool { peer != PeerName("research.bob") }

    func resolve(
        _ peer: PeerName,
        _ target: ServiceTarget,
        insteadOf refused: VirtualPort?,
        then: @escaping (PeerResolution) -> Void
    ) {
        if let refused { refusals.append(refused) }
        if let resolution = answer?(peer, target) { then(resolution) }
    }
}

/// An agent, the sidecar that exposes it, and a sidecar that reaches it, in one process over real sockets.
final class World: @unchecked Sendable {  // what it holds is used on its loop, and between calls that wait for it
    private let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
    let loop: any EventLoop
    let agent = Socket.listen()
    let reaching: Sidecar
    let exposing: Sidecar
    let kind: ServiceKind

    init(
        _ kind: ServiceKind,
        isTrusted: Bool = true,
        isAway: Bool = false,
        settings: GatewaySettings = .defaults
    ) throws {
        self.kind = kind
        loop = group.next()
        let service = ExposedService(
            service: Service(name: "planner", port: VirtualPort(80), kind: kind),
            upstream: .loopback(UInt16(agent.port))
        )
        let loop = loop
        let pair = try loop.submit {
            (
                try Sidecar(seed: 1, loop: loop, expose: [], settings: settings),
                try Sidecar(seed: 2, loop: loop, expose: [service], settings: settings)
            )
        }.wait()
        (reaching, exposing) = pair
        for sidecar in [reaching, exposing] {
            sidecar.address = try loop.flatSubmit { sidecar.node.start() }.wait().first
        }
        try run {
            let there = self.exposing.address.flatMap { Endpoint($0) }
            let here = self.reaching.address.flatMap { Endpoint($0) }
            if isTrusted {
                self.reaching.node.admit(
                    PeerConfiguration(key: self.exposing.key, candidates: Candidate.hosts([there].compactMap { $0 }))
                )
                if !isAway {
                    self.exposing.node.admit(
                        PeerConfiguration(key: self.reaching.key, candidates: Candidate.hosts([here].compactMap { $0 }))
                    )
                }
            }
            let route = ServiceRoute(key: self.exposing.key, port: VirtualPort(80), kind: kind)
            self.reaching.authority.answer = { _, _ in .ready(route) }
        }
    }

    /// Runs `body` on the loop and waits for it.
    @discardableResult
    func run<Result: Sendable>(_ body: @escaping @Sendable () throws -> Result) throws -> Result {
        try loop.submit(body).wait()
    }

    /// Opens a port for the agent's service and returns it.
    func reach(_ target: ServiceTarget = .name("planner")) throws -> Int {
        try reach(ReachedService(peer: "bob", target: target))
    }

    func reach(_ service: ReachedService) throws -> Int {
        try loop.flatSubmit { self.reaching.gateway.reach(service) }.wait().port ?? 0
    }

    func stop() throws {
        for sidecar in [reaching, exposing] {
            try loop.flatSubmit { sidecar.gateway.stop(within: .milliseconds(100)) }.wait()
            try loop.flatSubmit { sidecar.node.stop() }.wait()
        }
        try group.syncShutdownGracefully()
    }
}

/// Runs `body` in a world of its own.
func inWorld(
    _ kind: ServiceKind,
    isTrusted: Bool = true,
    isAway: Bool = false,
    settings: GatewaySettings = .defaults,
    _ body: (World) throws -> Void
) throws {
    let world = try World(kind, isTrusted: isTrusted, isAway: isAway, settings: settings)
    do {
        try body(world)
    } catch {
        try world.stop()
        throw error
    }
    try world.stop()
}

let getRequest = "GET /x HTTP/1.1\r\nHost: 127.0.0.1:7701\r\n\r\n"
let okResponse = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
