import HubServer
import Logging
import NIOCore
import NIOPosix
import OverlayCore
import OverlayCrypto
import OverlayNIO
import OverlayWire
import PosternModel
import SidecarCore
import SidecarNIO
import StateStore
import TestSupport
import Testing
import TrustCore

// The classes below are confined to one event loop; the tests touch them there only.

/// An audit trail that is only counted.
final class CountedTrail: AuditTrail, @unchecked Sendable {
    private(set) var events: [AuditEvent] = []
    private var isHeld = false
    private var held: [@Sendable () -> Void] = []

    func record(_ event: AuditEvent, at time: Timestamp) { events.append(event) }

    func whenRecorded(_ then: @escaping @Sendable () -> Void) {
        if isHeld { held.append(then) } else { then() }
    }

    /// From now on nothing is told to be recorded, until ``release()``.
    func hold() { isHeld = true }

    func release() {
        isHeld = false
        for then in held { then() }
        held = []
    }
}

/// A hub on loopback. Confined to its loop.
final class RunningHub: @unchecked Sendable {
    let node: OverlayNode
    let service: HubService
    let trail = CountedTrail()
    private(set) var url: HubURL?

    init(loop: any EventLoop, directory: String, port: Int = 0) throws {
        let identity = identity(200)
        var settings = OverlayNode.Settings.defaults
        settings.listen = [try SocketAddress(ipAddress: "127.0.0.1", port: port)]
        settings.node.acceptsUnknownPeers = true
        let logger = Logger(label: "hub") { _ in SwiftLogNoOpLogHandler() }
        node = OverlayNode(eventLoop: loop, identity: identity, settings: settings, logger: logger)
        let registry = try HubRegistry(sqlite: directory + "/hub.sqlite", of: identity)
        service = HubService(node: node, identity: identity, registry: registry, audit: trail, logger: logger)
    }

    func start() -> EventLoopFuture<HubURL> {
        node.start().assumeIsolated().flatMapThrowing { addresses in
            self.service.start()
            let port = UInt16(try #require(addresses.first?.port))
            let url = try #require(self.service.url(at: .loopback(port)))
            self.url = url
            return url
        }.nonisolated()
    }

    func stop() -> EventLoopFuture<Void> {
        service.stop().assumeIsolated().flatMap { self.node.stop() }.nonisolated()
    }
}

/// A sidecar on loopback that exposes `echo` on port 80 to trusted peers. Confined to its loop.
final class RunningSidecar: StreamAcceptor, @unchecked Sendable {
    let node: OverlayNode
    let runtime: SidecarRuntime
    let key: NodeKey
    private(set) var port: UInt16 = 0
    private(set) var ended: [NodeKey] = []
    private var settings: SidecarRuntime.Settings

    init(
        loop: any EventLoop,
        number: UInt8,
        name: String,
        directory: String,
        hubs: [HubURL],
        queue: StateQueue,
        relayOnly: Bool = false
    ) throws {
        let identity = identity(number)
        key = identity.key
        var overlay = OverlayNode.Settings.defaults
        overlay.listen = [try SocketAddress(ipAddress: "127.0.0.1", port: 0)]
        overlay.node.usesDirectPaths = !relayOnly
        let logger = Logger(label: name) { _ in SwiftLogNoOpLogHandler() }
        node = OverlayNode(eventLoop: loop, identity: identity, settings: overlay, logger: logger)
        let rule = ExposedRule(service: Service(name: "echo", port: VirtualPort(80), kind: .tcp), allow: [.trusted])
        settings = SidecarRuntime.Settings(stateDirectory: directory, name: name, hubs: hubs, exposed: [rule])
        runtime = SidecarRuntime(node: node, identity: identity, settings: settings, queue: queue, logger: logger)
        runtime.incoming = self
        runtime.host = self
    }

    func start() -> EventLoopFuture<Void> {
        node.start().assumeIsolated().flatMapThrowing { addresses in
            self.port = UInt16(try #require(addresses.first?.port))
            self.settings.advertised = [Endpoint.ipv4(address: 0x7f00_0001, port: self.port)]
            self.runtime.reload(self.settings)
            try self.runtime.start()
        }.nonisolated()
    }

    func stop() -> EventLoopFuture<Void> {
        runtime.stop().assumeIsolated().flatMap { self.node.stop() }.nonisolated()
    }

    func accept(_ stream: OverlayStream, from peer: NodeKey, port: VirtualPort) -> (any OverlayStreamHandler)? {
        runtime.decide(peer, port).isAdmitted ? Echo() : nil
    }

    func receive(_ datagram: ByteBuffer, from peer: NodeKey, port: VirtualPort) {}

    func noteSession(with peer: NodeKey, _ change: SessionChange) {}

    func endStreams(of peer: NodeKey) { ended.append(peer) }
    func reviewStreams() {}
}

extension RunningSidecar: SidecarHost {
    var version: String { "test" }
    var boundAddresses: [Endpoint] { [Endpoint.ipv4(address: 0x7f00_0001, port: port)] }
    var localPorts: [LocalPort] { [] }
    var configurationStatus: StatusDocument.Configuration { .init(file: nil, since: Timestamp(seconds: 0)) }

    func readConfiguration() -> EventLoopFuture<StatusDocument.Configuration> {
        node.eventLoop.makeSucceededFuture(configurationStatus)
    }

    func upstream(of name: ServiceName) -> UpstreamStatus { UpstreamStatus("echo") }
    func activeStreams(of name: ServiceName) -> Int { 0 }
    func allows(_ method: String, of name: ServiceName) -> Bool? { nil }
    func peersChanged() {}
    var streams: [StreamDocument] { [] }
    var traffic: [TrafficDocument] { [] }
    var logTail: [String] { [] }

    func perform(_ task: LocalTask) -> EventLoopFuture<CommandAnswer> {
        node.eventLoop.makeFailedFuture(Problem(code: "no-gateway", message: "there is none here", hint: nil))
    }

    func openLocalPort(to peer: PeerName, _ target: ServiceTarget) -> EventLoopFuture<LocalPort> {
        node.eventLoop.makeSucceededFuture(LocalPort(peer: peer, target: target, listen: .loopback(1)))
    }
}

/// Sends back what it reads.
final class Echo: OverlayStreamHandler {
    func streamReadable(_ stream: OverlayStream) {
        while let bytes = stream.read() { stream.write(bytes) }
        if stream.isAtEnd { stream.finish() }
    }

    func streamWritable(_ stream: OverlayStream) {}

    func streamEnded(_ stream: OverlayStream, _ end: StreamEnd) {}
}

/// A client of a service: what it read, and how its stream ended.
final class Caller: OverlayStreamHandler, @unchecked Sendable {
    private(set) var text = ""
    private(set) var end: StreamEnd?
    var stream: OverlayStream?

    /// Opens a stream to `peer` and says `text`.
    init(_ text: String, to peer: NodeKey, port: UInt16 = 80, from sidecar: RunningSidecar) throws {
        _ = sidecar.runtime.perform(ConnectPeer(peer: PeerName(peer)))
        stream = try sidecar.node.openStream(to: peer, port: VirtualPort(port), handler: self)
        stream?.write(ByteBuffer(string: text))
    }

    func streamReadable(_ stream: OverlayStream) {
        while let bytes = stream.read() { text += String(buffer: bytes) }
        if stream.isAtEnd { stream.finish() }
    }

    func streamWritable(_ stream: OverlayStream) {}

    func streamEnded(_ stream: OverlayStream, _ end: StreamEnd) { self.end = end }
}

/// Code that runs on one event loop, and waits there for things to become true.
struct LoopWorld {
    let loop: any EventLoop
    /// Where the sidecars' files are written.
    let disk: any EventLoop
    private let group = MultiThreadedEventLoopGroup(numberOfThreads: 2)

    init() {
        loop = group.next()
        disk = group.next()
    }

    func end() async throws {
        try await group.shutdownGracefully()
    }

    /// Runs `body` on the loop and waits for its result.
    func on<Value: Sendable>(_ body: @escaping @Sendable () throws -> Value) async throws -> Value {
        try await loop.submit(body).get()
    }

    /// Runs `body` on the loop and waits for the future that it makes.
    func wait<Value: Sendable>(_ body: @escaping @Sendable () throws -> EventLoopFuture<Value>) async throws -> Value {
        try await loop.flatSubmit {
            do { return try body() } catch { return loop.makeFailedFuture(error) }
        }.get()
    }

    /// Returns when `isTrue` is, and throws when it has not become so within 20 seconds.
    func eventually(
        _ what: String,
        _ isTrue: @escaping @Sendable () -> Bool
    ) async throws {
        struct NotSo: Error { let what: String }
        let promise = loop.makePromise(of: Void.self)
        let limit = NIODeadline.now() + .seconds(20)
        let check = loop.scheduleRepeatedTask(initialDelay: .zero, delay: .milliseconds(5)) { task in
            if isTrue() {
                task.cancel()
                promise.succeed()
            } else if NIODeadline.now() > limit {
                task.cancel()
                promise.fail(NotSo(what: what))
            }
        }
        defer { check.cancel() }
        try await promise.futureResult.get()
    }
}
