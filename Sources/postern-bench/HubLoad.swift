import HubProtocol
import NIOCore
import OverlayCore
import OverlayNIO
import PosternModel

/// Nodes that follow one another until the time is over. Confined to the clients' loop.
final class Newcomers {
    private let loop: any EventLoop
    private let hub: PeerConfiguration
    private let end: NIODeadline
    private let step: Int
    private var last: Int
    private(set) var count = 0

    /// Their numbers are those after `last` in steps of `step`.
    init(on loop: any EventLoop, at hub: PeerConfiguration, after last: Int, step: Int, until end: NIODeadline) {
        (self.loop, self.hub, self.last, self.step, self.end) = (loop, hub, last, step, end)
    }

    /// Lets one node come and go, and then another, until the time is over.
    func next() -> EventLoopFuture<Void> {
        guard NIODeadline.now() < end else { return loop.makeSucceededVoidFuture() }
        last += step
        do {
            let identity = try HubWorld.identity(last)
            let place = try SocketAddress(ipAddress: "127.0.0.1", port: 0)
            let node = LoopbackPair.node(identity, at: place, on: loop)
            let client = HubClient(identity: identity, node: NIOLoopBound(node, eventLoop: loop), hub: hub.key)
            return node.start().assumeIsolated().flatMap { _ in
                node.admit(self.hub)
                return client.ask(HubRequest.register(contacts: []).document.compactBytes)
            }.flatMap {
                self.count += 1
                return node.stop()
            }.flatMap { self.next() }.nonisolated()
        } catch {
            return loop.makeFailedFuture(error)
        }
    }
}

extension [HubClient] {
    /// Asks with `inFlight` requests of each node under way at any time, for `seconds`; how long each took in
    /// microseconds, sorted. `request` makes the request of the node in this place, with a number for each.
    func ask(
        inFlight: Int,
        for seconds: Double,
        _ request: @escaping @Sendable (_ place: Int, _ number: Int) -> HubRequest
    ) throws -> [Double] {
        let end = NIODeadline.now() + .nanoseconds(Int64(seconds * 1e9))
        let clients = self
        let loop = clients[0].node.eventLoop
        return try loop.flatSubmit {
            let load = HubLoad(clients: clients, until: end, request: request)
            return EventLoopFuture.andAllSucceed(
                (0..<inFlight * clients.count).map { load.next(at: $0 % clients.count) },
                on: loop
            ).assumeIsolated().map { load.latencies.sorted() }.nonisolated()
        }.wait()
    }
}

/// Requests that follow one another until the time is over. Confined to the clients' loop.
private final class HubLoad {
    private let clients: [HubClient]
    private let end: NIODeadline
    private let request: (Int, Int) -> HubRequest
    private var count = 0
    private(set) var latencies: [Double] = []

    init(clients: [HubClient], until end: NIODeadline, request: @escaping (Int, Int) -> HubRequest) {
        self.clients = clients
        self.end = end
        self.request = request
    }

    /// The node in this place asks, and asks again, until the time is over.
    func next(at place: Int) -> EventLoopFuture<Void> {
        let client = clients[place]
        let begun = NIODeadline.now()
        guard begun < end else { return client.node.eventLoop.makeSucceededVoidFuture() }
        count += 1
        return client.ask(request(place, count).document.compactBytes).assumeIsolated().flatMap {
            self.latencies.append(Double((NIODeadline.now() - begun).nanoseconds) / 1000)
            return self.next(at: place)
        }.nonisolated()
    }
}
