import NIOCore
import OverlayCore
import OverlayCrypto
import OverlayNIO
import OverlayWire
import PosternModel

/// A node that relays between two others, as a hub does once it has let them meet.
struct Relay {
    private let node: NIOLoopBound<OverlayNode>

    private static let firstChannel = RelayChannel(7)
    private static let secondChannel = RelayChannel(9)

    /// Starts the relay and opens sessions of both nodes with it; from then on they reach each other through it.
    init(
        between first: NIOLoopBound<OverlayNode>,
        _ firstKey: NodeKey,
        and second: NIOLoopBound<OverlayNode>,
        _ secondKey: NodeKey,
        on eventLoop: any EventLoop
    ) throws {
        let identity = try NodeIdentity(seed: Array(repeating: 3, count: 32))
        let key = identity.key
        let node = try LoopbackPair.makeNode(identity, on: eventLoop) { _ in AcceptingObserver { Refusal() } }
        self.node = node
        let endpoints = try LoopbackPair.start(node)
        try eventLoop.submit {
            for key in [firstKey, secondKey] {
                node.value.admit(PeerConfiguration(key: key, sharesCandidates: false))
            }
        }.wait()
        for one in [first, second] {
            _ = try one.eventLoop.flatSubmit {
                let candidates = Candidate.hosts(endpoints)
                one.value.admit(
                    PeerConfiguration(key: key, candidates: candidates, relays: true, sharesCandidates: false)
                )
                return one.value.ping(key)
            }.wait()
        }
        try eventLoop.submit {
            node.value.bridge(firstKey, Self.firstChannel, secondKey, Self.secondChannel)
        }.wait()
        try first.eventLoop.submit {
            first.value.setRelay(for: secondKey, hub: key, channel: Self.firstChannel)
        }.wait()
        try second.eventLoop.submit {
            second.value.setRelay(for: firstKey, hub: key, channel: Self.secondChannel)
        }.wait()
    }

    func packetsRelayed() throws -> UInt64 {
        let node = node
        return try node.eventLoop.submit { node.value.statistics.relayedPackets }.wait()
    }

    /// Seconds that its thread has spent on a processor.
    func processorSeconds() throws -> Double {
        try node.eventLoop.submit { threadSeconds() }.wait()
    }

    func stop() throws {
        let node = node
        try node.eventLoop.flatSubmit { node.value.stop() }.wait()
    }
}

/// A relay serves nothing itself.
private final class Refusal: OverlayStreamHandler {
    func streamReadable(_ stream: OverlayStream) { stream.reset(.none) }
    func streamWritable(_ stream: OverlayStream) {}
    func streamEnded(_ stream: OverlayStream, _ end: StreamEnd) {}
}
