import Foundation
import HubProtocol
import NIOCore
import NIOPosix
import OverlayCore
import OverlayCrypto
import OverlayNIO
import OverlayWire
import PosternModel

extension Bench {
    /// Nodes that are at home at a hub and do nothing.
    static let hubIdle = Bench(
        name: "hub-idle",
        summary: "5 000 nodes at the hub that --hub names, for --seconds, to look at that process; without it 200"
    ) { budget in
        let count = budget.hub == nil ? 200 : 5_000
        let before = try residentBytes()
        let world = budget.hub == nil ? try HubWorld() : nil
        let crowd = try budget.hub.map { try HubCrowd(at: $0) }
        let start = monotonicSeconds()
        var clients: [HubClient] = []
        for _ in 0..<count {
            guard let client = try world?.client() ?? crowd?.client() else { throw BenchError("there is no hub") }
            try client.ask(.register(contacts: []))
            try client.watch()
            clients.append(client)
        }
        let seconds = monotonicSeconds() - start
        let weight = Double(try residentBytes() - before) / Double(count)
        Thread.sleep(forTimeInterval: budget.seconds)
        for client in clients { try client.stop() }
        try world?.stop()
        try crowd?.stop()
        let sides = world == nil ? "here" : "here and at the hub"
        return [
            Measurement(what: "nodes that came, one after the other", unit: "/s", samples: [Double(count) / seconds]),
            Measurement(what: "resident memory for each of \(count), \(sides)", unit: "B", samples: [weight]),
        ]
    }
}

/// Nodes at a hub that is a program of its own.
private final class HubCrowd {
    private let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
    private let hub: PeerConfiguration
    /// That of this host under which the hub is reached: over 127.0.0.1 nodes ask each other every second.
    private let address: String

    /// `text` is the hub's URL, whose host is an address of this host.
    init(at text: String) throws {
        guard let url = try? HubURL(text), let address = url.place.address,
            let place = try? SocketAddress(ipAddress: address, port: Int(url.place.port)),
            let endpoint = Endpoint(place)
        else {
            throw BenchError("\(text) is no hub's URL with an address: postern://127.0.0.1:4600/did:key:z…")
        }
        self.address = address
        hub = PeerConfiguration(
            key: url.key,
            candidates: Candidate.hosts([endpoint]),
            relays: true,
            sharesCandidates: false
        )
    }

    /// A new node with the hub as its peer.
    func client() throws -> HubClient {
        let identity = try NodeIdentity(seed: SystemEntropy.bytes())
        let node = try LoopbackPair.makeNode(identity, at: address, on: group.next()) { _ in
            AcceptingObserver { IgnoringHandler() }
        }
        _ = try LoopbackPair.start(node)
        let peer = hub
        try node.eventLoop.submit { _ = node.value.admit(peer) }.wait()
        return HubClient(identity: identity, node: node, hub: peer.key)
    }

    func stop() throws { try group.syncShutdownGracefully() }
}
