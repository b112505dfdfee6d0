import Foundation
import HubCore
import HubProtocol
import HubServer
import Logging
import NIOCore
import NIOPosix
import OverlayCore
import OverlayCrypto
import OverlayNIO
import PosternModel
import StateStore
import TrustCore

/// A hub with SQLite in a temporary directory, or with the store that is given, on an event loop and thread of its own,
/// and nodes on others that ask it.
final class HubWorld {
    private let group = MultiThreadedEventLoopGroup(numberOfThreads: 3)
    private let folder = FileManager.default.temporaryDirectory
        .appendingPathComponent("postern-bench-hub-\(UUID().uuidString)")
    private let hub: NIOLoopBound<OverlayNode>
    private let service: NIOLoopBound<HubService>
    private let hubPeer: PeerConfiguration
    private let clientLoops: [any EventLoop]
    private var lastSeed = 10
    /// Grants that the hub does not verify again.
    static let rememberedGrants = 2_000

    init(database: String? = nil) throws {
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        let identity = try NodeIdentity(seed: Array(repeating: 9, count: 32))
        let hubLoop = group.next()
        clientLoops = [group.next(), group.next()]
        let hub = try LoopbackPair.makeNode(identity, on: hubLoop, acceptsUnknownPeers: true) { _ in
            AcceptingObserver { IgnoringHandler() }
        }
        self.hub = hub
        let registry = try Self.registry(folder.appendingPathComponent("hub.sqlite").path, database, of: identity)
        service = try hubLoop.submit {
            // What is measured is what the hub can do, not what it allows one node.
            var settings = HubService.Settings.defaults
            let unlimited = RateLimit(burst: 1_000_000, perMinute: 60_000_000)
            settings.hub.requests = unlimited
            settings.hub.networkRequests = unlimited
            settings.hub.changes = unlimited
            settings.hub.registrations = unlimited
            settings.hub.questions = unlimited
            settings.hub.grantCount = Self.rememberedGrants
            let service = HubService(
                node: hub.value,
                identity: identity,
                registry: registry,
                audit: UnwrittenTrail(),
                settings: settings,
                logger: Logger(label: "bench") { _ in SwiftLogNoOpLogHandler() }
            )
            return NIOLoopBound(service, eventLoop: hubLoop)
        }.wait()
        let endpoints = try LoopbackPair.start(hub)
        hubPeer = PeerConfiguration(
            key: identity.key,
            candidates: Candidate.hosts(endpoints),
            relays: true,
            sharesCandidates: false
        )
        let service = service
        try hubLoop.submit { service.value.start() }.wait()
    }

    private static func registry(
        _ path: String,
        _ database: String?,
        of identity: NodeIdentity
    ) throws -> HubRegistry {
        guard let database, database.hasPrefix("postgres") else {
            return try HubRegistry(sqlite: database ?? path, of: identity)
        }
        guard let place = PostgresPlace(database) else { throw BenchError("\(database) is no postgresql:// URL") }
        return try HubRegistry(place, secret: Array(repeating: 9, count: 32), of: identity)
    }

    /// A node that the hub has not met, with the hub as its peer. All are on one loop.
    func client() throws -> HubClient {
        let clientLoop = clientLoops[0]
        lastSeed += 1
        let identity = try Self.identity(lastSeed)
        let node = try LoopbackPair.makeNode(identity, on: clientLoop) { _ in AcceptingObserver { IgnoringHandler() } }
        _ = try LoopbackPair.start(node)
        let peer = hubPeer
        try clientLoop.submit { _ = node.value.admit(peer) }.wait()
        return HubClient(identity: identity, node: node, hub: peer.key)
    }

    /// How many nodes that the hub has not met come in a second, `inFlight` at a time on two loops: each starts, shakes
    /// hands, registers, and stops.
    func newcomers(inFlight: Int, for seconds: Double) throws -> Double {
        let (loops, hub, first) = (clientLoops, hubPeer, lastSeed)
        let end = NIODeadline.now() + .nanoseconds(Int64(seconds * 1e9))
        let counts = loops.enumerated().map { position, loop in
            loop.flatSubmit {
                let crowd = Newcomers(on: loop, at: hub, after: first + position, step: loops.count, until: end)
                return EventLoopFuture.andAllSucceed((0..<inFlight / loops.count).map { _ in crowd.next() }, on: loop)
                    .assumeIsolated().map { crowd.count }.nonisolated()
            }
        }
        let results = try EventLoopFuture.whenAllSucceed(counts, on: loops[0]).wait()
        lastSeed += loops.count * ((results.max() ?? 0) + inFlight)
        return Double(results.reduce(0, +)) / seconds
    }

    static func identity(_ number: Int) throws -> NodeIdentity {
        var seed = Array(repeating: UInt8(10), count: 32)
        for index in 0..<4 { seed[index] = UInt8(truncatingIfNeeded: number >> (8 * index)) }
        return try NodeIdentity(seed: seed)
    }

    func stop() throws {
        let (hub, service) = (hub, service)
        try hub.eventLoop.flatSubmit { service.value.stop() }.wait()
        try hub.eventLoop.flatSubmit { hub.value.stop() }.wait()
        try group.syncShutdownGracefully()
        try FileManager.default.removeItem(at: folder)
    }
}

/// A node that asks a hub.
struct HubClient: Sendable {
    let identity: NodeIdentity
    let node: NIOLoopBound<OverlayNode>
    let hub: NodeKey

    var key: NodeKey { identity.key }

    /// Asks once and waits for the answer, which has to be a good one.
    func ask(_ request: HubRequest) throws {
        try node.eventLoop.flatSubmit { ask(request.document.compactBytes) }.wait()
    }

    /// Opens the event stream, so that the node is present.
    func watch() throws {
        try node.eventLoop.submit {
            _ = try node.value.openStream(to: hub, port: HubPort.events, handler: IgnoringHandler())
        }.wait()
    }

    func stop() throws {
        try node.eventLoop.flatSubmit { node.value.stop() }.wait()
    }

    /// On the loop: one request on a stream of its own.
    func ask(_ request: [UInt8]) -> EventLoopFuture<Void> {
        let handler = HubAnswerHandler(node.eventLoop)
        do {
            let stream = try node.value.openStream(to: hub, port: HubPort.requests, handler: handler)
            stream.write(ByteBuffer(bytes: request))
            stream.finish()
        } catch {
            handler.answered.fail(error)
        }
        return handler.answered.futureResult
    }
}

/// Hears the answer to one request; one that says no is an error.
private final class HubAnswerHandler: OverlayStreamHandler {
    let answered: EventLoopPromise<Void>
    private var text: [UInt8] = []

    init(_ eventLoop: any EventLoop) {
        answered = eventLoop.makePromise()
    }

    func streamReadable(_ stream: OverlayStream) {
        while let bytes = stream.read() { text += bytes.readableBytesView }
        guard stream.isAtEnd else { return }
        let good: [UInt8] = Array(#"{"ok":true"#.utf8)
        if text.starts(with: good) {
            answered.succeed()
        } else {
            answered.fail(BenchError("the hub answered \(String(decoding: text, as: UTF8.self))"))
        }
    }

    func streamWritable(_ stream: OverlayStream) {}

    func streamEnded(_ stream: OverlayStream, _ end: StreamEnd) {
        // After an answer this changes nothing.
        answered.fail(BenchError("the request ended with \(end)"))
    }
}

/// Reads and keeps nothing.
final class IgnoringHandler: OverlayStreamHandler {
    func streamReadable(_ stream: OverlayStream) { while stream.read() != nil {} }
    func streamWritable(_ stream: OverlayStream) {}
    func streamEnded(_ stream: OverlayStream, _ end: StreamEnd) {}
}

/// The audit trail is not what is measured.
private final class UnwrittenTrail: AuditTrail {
    func record(_ event: AuditEvent, at time: Timestamp) {}
    func whenRecorded(_ then: @escaping @Sendable () -> Void) { then() }
}
