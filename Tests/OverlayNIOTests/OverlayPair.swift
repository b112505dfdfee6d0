import Logging
import NIOCore
import NIOPosix
import OverlayCrypto
import OverlayWire
import PosternModel

@testable import OverlayCore
@testable import OverlayNIO

extension OverlayNode {
    /// What the node is bound to.
    var boundEndpoints: [Endpoint] { underlays.flatMap(\.localAddresses) }

    /// The path to a peer that is in use.
    func path(to key: NodeKey) -> Path? {
        guard let handle = core.peer(with: key) else { return nil }
        return core.peer(handle)?.session?.path
    }

    /// The sockets of a node that was started.
    var udp: UDPUnderlay {
        guard let udp = underlays.first as? UDPUnderlay else { preconditionFailure("the node was started") }
        return udp
    }
}

/// Two nodes that trust each other, on loopback and on one event loop. The test's body runs on that loop.
final class OverlayPair {
    let client: OverlayNode
    let server: OverlayNode
    let clientObserver = RecordingObserver()
    let serverObserver = RecordingObserver()
    let clientKey: NodeKey
    let serverKey: NodeKey

    /// The settings of both nodes.
    let settings: OverlayNode.Settings

    private init(eventLoop: any EventLoop, host: String, settings: OverlayNode.Settings) throws {
        var local = settings
        local.listen = [try SocketAddress(ipAddress: host, port: 0)]
        self.settings = local
        let quiet = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        let first = try NodeIdentity(seed: Array(repeating: 1, count: 32))
        let second = try NodeIdentity(seed: Array(repeating: 2, count: 32))
        client = OverlayNode(eventLoop: eventLoop, identity: first, settings: local, logger: quiet)
        server = OverlayNode(eventLoop: eventLoop, identity: second, settings: local, logger: quiet)
        client.observer = clientObserver
        server.observer = serverObserver
        clientKey = first.key
        serverKey = second.key
    }

    /// Starts two nodes, runs `body` on their loop until its future completes, and stops them.
    static func run(
        on host: String = "127.0.0.1",
        settings: OverlayNode.Settings = .defaults,
        _ body: @escaping @Sendable (OverlayPair) throws -> EventLoopFuture<Void>
    ) async throws {
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let loop = group.next()
        let done = loop.flatSubmit { () -> EventLoopFuture<Void> in
            do {
                let pair = try OverlayPair(eventLoop: loop, host: host, settings: settings)
                return pair.start().assumeIsolated().flatMap { () -> EventLoopFuture<Void> in
                    do { return try body(pair) } catch { return loop.makeFailedFuture(error) }
                }.flatMapError { error in
                    pair.stop().flatMap { loop.makeFailedFuture(error) }
                }.flatMap {
                    pair.stop()
                }.nonisolated()
            } catch {
                return loop.makeFailedFuture(error)
            }
        }
        do {
            try await done.get()
        } catch {
            try await group.shutdownGracefully()
            throw error
        }
        try await group.shutdownGracefully()
    }

    private func start() -> EventLoopFuture<Void> {
        let loop = client.eventLoop
        return client.start().and(server.start()).assumeIsolated().map { clientBound, serverBound in
            self.client.admit(
                PeerConfiguration(
                    key: self.serverKey,
                    candidates: Candidate.hosts(serverBound.compactMap { Endpoint($0) })
                )
            )
            self.server.admit(
                PeerConfiguration(
                    key: self.clientKey,
                    candidates: Candidate.hosts(clientBound.compactMap { Endpoint($0) })
                )
            )
        }.nonisolated().hop(to: loop)
    }

    private func stop() -> EventLoopFuture<Void> {
        client.stop().and(server.stop()).map { _ in }
    }
}

/// Remembers what it was told, and answers streams with what `accept` says.
final class RecordingObserver: OverlayObserver {
    var accept: (OverlayStream, VirtualPort) -> (any OverlayStreamHandler)? = { _, _ in nil }
    var onSession: (NodeKey, SessionChange) -> Void = { _, _ in }
    var onDatagram: (ByteBuffer, VirtualPort) -> Void = { _, _ in }
    private(set) var changes: [SessionChange] = []
    private(set) var replayFloors: [UInt64] = []
    private(set) var duplicates: [DuplicateIdentity] = []

    func overlayAccepts(
        stream: OverlayStream,
        from peer: NodeKey,
        port: VirtualPort
    ) -> (any OverlayStreamHandler)? {
        accept(stream, port)
    }

    func overlaySession(with peer: NodeKey, is change: SessionChange) {
        changes.append(change)
        onSession(peer, change)
    }

    func overlayReceived(datagram: ByteBuffer, from peer: NodeKey, port: VirtualPort) {
        onDatagram(datagram, port)
    }

    func overlayStores(replayFloor: UInt64, of peer: NodeKey) -> Bool {
        replayFloors.append(replayFloor)
        return true
    }
    func overlaySees(_ duplicate: DuplicateIdentity) { duplicates.append(duplicate) }
    func overlayObserved(_ endpoint: Endpoint, by peer: NodeKey) {}
    func overlayLearned(candidates: [Endpoint], of peer: NodeKey) {}
}

/// Sends back what comes, and the end after it.
final class EchoHandler: OverlayStreamHandler {
    private(set) var end: StreamEnd?
    private(set) var stopCode: ErrorCode?
    private(set) var endCount = 0

    func streamReadable(_ stream: OverlayStream) { pump(stream) }
    func streamWritable(_ stream: OverlayStream) { pump(stream) }
    func streamStopped(_ stream: OverlayStream, _ code: ErrorCode) { stopCode = code }

    func streamEnded(_ stream: OverlayStream, _ end: StreamEnd) {
        self.end = end
        endCount += 1
    }

    private func pump(_ stream: OverlayStream) {
        while stream.isWritable, let bytes = stream.read() { stream.write(bytes) }
        if stream.isAtEnd { stream.finish() }
    }
}

/// Collects what comes until the stream ends.
final class CollectingHandler: OverlayStreamHandler {
    private(set) var received = ByteBuffer()
    private(set) var sawEnd = false
    let ended: EventLoopPromise<StreamEnd>
    var onReadable: (OverlayStream) -> Void = { _ in }
    var onWritable: (OverlayStream) -> Void = { _ in }
    var onEnded: (OverlayStream) -> Void = { _ in }
    private(set) var calls: [String] = []

    init(_ eventLoop: any EventLoop) {
        ended = eventLoop.makePromise()
    }

    deinit {
        ended.fail(CancellationError())
    }

    func streamReadable(_ stream: OverlayStream) {
        calls.append("readable")
        while let bytes = stream.read() { received.writeImmutableBuffer(bytes) }
        if stream.isAtEnd { sawEnd = true }
        onReadable(stream)
    }

    func streamWritable(_ stream: OverlayStream) {
        calls.append("writable")
        onWritable(stream)
    }

    func streamStopped(_ stream: OverlayStream, _ code: ErrorCode) { calls.append("stopped") }

    func streamEnded(_ stream: OverlayStream, _ end: StreamEnd) {
        calls.append("ended")
        ended.succeed(end)
        onEnded(stream)
    }
}
