import Foundation
import Logging
import NIOCore
import NIOPosix
import PosternModel
import SidecarCore
import StateStore
import Synchronization
import TestSupport
import Testing

@testable import SidecarControl

/// Answers every operation with a value of its type, and keeps the operations.
private final class EchoBackend: ControlBackend {
    let calls = Mutex<[String]>([])
    let loop: any EventLoop

    init(loop: any EventLoop) {
        self.loop = loop
    }

    var version: String { "0" }
    var key: NodeKey { NodeKey(words: Words32(a: 1, b: 0, c: 0, d: 0)) }

    let refused = Mutex<[String]>([])
    let requesters = Mutex<[Requester]>([])
    var agentMay: Set<AgentPermission> { AgentPermission.usual }

    func noteAgentRefused(_ tool: String, by requester: Requester) { refused.withLock { $0.append(tool) } }

    func perform<Asked: SidecarCore.Operation>(
        _ operation: Asked,
        by requester: Requester
    ) -> EventLoopFuture<Asked.Answer> {
        calls.withLock { $0.append(Asked.outline.path) }
        requesters.withLock { $0.append(requester) }
        if operation is RevokeTrust {
            let failure = Problem(code: "unknown-peer", message: "no peer <b>", hint: "see `postern peers`")
            return loop.makeFailedFuture(failure)
        }
        let document: JSONValue =
            switch operation {
            case is ListPeers: [Self.peer]
            case is ShowStatus: Self.status
            case is ConnectPeer: ["did": .string(NodeKey.textExample), "connected": true]
            case _: []
            }
        return loop.makeCompletedFuture { try Asked.Answer(decoding: document) }
    }

    private static let peer: JSONValue = [
        "did": .string(NodeKey.textExample), "name": nil, "claims": "<script>", "address": "fd00::1", "networks": [],
        "trusted": true, "since": "2026-01-31T12:00:00Z", "connected": false, "path": nil, "rttMs": nil, "bytesSent": 1,
        "bytesReceived": 2, "relayedBytes": 0, "lastSeen": nil,
    ]

    private static let status: JSONValue = [
        "did": .string(NodeKey.textExample), "address": "fd00::1", "name": "a & b", "version": "0", "uptimeMs": 1,
        "hubs": [], "nat": ["mapping": nil, "filtering": nil, "portMapping": nil], "udp": [], "reach": [], "expose": [],
        "unbound": [], "networks": [], "sharedKeys": [], "contradictions": [], "pending": 0, "unstored": 0,
        "configuration": ["file": nil, "since": "2026-01-31T12:00:00Z", "mistakes": [], "waiting": []],
    ]

    func readiness() -> EventLoopFuture<Readiness> {
        loop.makeSucceededFuture(Readiness(underlay: true, hub: false))
    }

    func metrics() -> EventLoopFuture<[Metric]> {
        loop.makeSucceededFuture([
            Metric("x_total", .counter, 3, labels: [("reason", "a")], explanation: "Counts."),
            Metric("x_total", .counter, 4, labels: [("reason", "b")], explanation: "Counts."),
        ])
    }
}

/// A control API on a socket and a port, and what a client makes of it.
private struct World {
    let backend: EchoBackend
    let client: ControlClient
    let port: Int
    let channels: [any Channel]
    let folder: String

    static func with(
        settings: ControlSettings = .defaults,
        _ body: (World) async throws -> Void
    ) async throws {
        let group = MultiThreadedEventLoopGroup.singleton
        let backend = EchoBackend(loop: group.next())
        let folder = NSTemporaryDirectory() + "postern-test-\(UUID().uuidString.prefix(8))"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        let path = folder + "/control.sock"
        let server = ControlServer(group: group, backend: backend, settings: settings, logger: Logger(label: "test"))
        let socket = try await server.serve(socketAt: path).get()
        let tcp = try await server.serve(host: "127.0.0.1", port: 0, token: ControlToken("secret")).get()
        let world = World(
            backend: backend,
            client: ControlClient(group: group, socketPath: path),
            port: tcp.localAddress?.port ?? 0,
            channels: [socket, tcp],
            folder: folder
        )
        let result: Result<Void, any Error>
        do {
            result = .success(try await body(world))
        } catch {
            result = .failure(error)
        }
        for channel in world.channels { try? await channel.close() }
        try? FileManager.default.removeItem(atPath: folder)
        try result.get()
    }

    /// Sends `text` to the port and returns everything that comes until the server closes.
    /// What comes back for `text` until the server closes. All of it happens on an event loop: tasks of other tests may
    /// hold a test up for longer than the server waits for a request.
    func raw(_ text: String) async throws -> String {
        let group = MultiThreadedEventLoopGroup.singleton
        let received = group.any().makePromise(of: String.self)
        _ = ClientBootstrap(group: group)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(Conversation(text: text, received: received))
                }
            }
            .connect(host: "127.0.0.1", port: port)
            .map { _ in }
            .flatMapErrorThrowing { received.fail($0) }
        return try await received.futureResult.get()
    }

    func get(_ path: String, _ fields: String = "") async throws -> String {
        try await raw("GET \(path) HTTP/1.1\r\nHost: 127.0.0.1:\(port)\r\nConnection: close\r\n\(fields)\r\n")
    }

    func post(_ path: String, body: String, _ fields: String = "") async throws -> String {
        let head = "POST \(path) HTTP/1.1\r\nHost: 127.0.0.1:\(port)\r\nConnection: close\r\n"
        return try await raw("\(head)content-length: \(body.utf8.count)\r\n\(fields)\r\n\(body)")
    }
}

/// Says one thing, and keeps what comes until the other side closes.
private final class Conversation: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let text: String
    private let received: EventLoopPromise<String>
    private var answer = ""

    init(text: String, received: EventLoopPromise<String>) {
        self.text = text
        self.received = received
    }

    func channelActive(context: ChannelHandlerContext) {
        context.writeAndFlush(wrapOutboundOut(ByteBuffer(string: text)), promise: nil)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        answer += String(buffer: unwrapInboundIn(data))
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        context.close(promise: nil)
    }

    func channelInactive(context: ChannelHandlerContext) {
        received.succeed(answer)
    }
}

@Suite struct ControlServerTests {
    @Test func `a call over the socket needs no token and brings the answer back`() async throws {
        try await World.with { world in
            let answer = try await world.client.answer(to: ConnectPeer(peer: "bob"))
            #expect(answer.did.did == NodeKey.textExample && answer.connected)
            #expect(world.backend.calls.withLock { $0 } == ["connect"])
        }
    }

    @Test func `what the sidecar refuses reaches the client word by word`() async throws {
        try await World.with { world in
            await #expect(
                throws: Problem(code: "unknown-peer", message: "no peer <b>", hint: "see `postern peers`")
            ) {
                _ = try await world.client.answer(to: RevokeTrust(peer: "x"))
            }
        }
    }

    @Test func `without a sidecar the client says that none runs`() async throws {
        let client = ControlClient(
            group: MultiThreadedEventLoopGroup.singleton,
            socketPath: "/nonexistent/control.sock"
        )
        await #expect(throws: ControlClientError.notRunning(socketPath: "/nonexistent/control.sock")) {
            _ = try await client.answer(to: ShowStatus())
        }
    }

    @Test func `over loopback everything but the probes and public keys needs the token`() async throws {
        try await World.with { world in
            for path in ["/", "/metrics", "/api/v1/status", "/api/v1/openapi.json"] {
                let refused = try await world.get(path)
                #expect(refused.hasPrefix("HTTP/1.1 401 Unauthorized\r\n"), "\(path)")
                let answer = try await world.get(path, "Authorization: Bearer secret\r\n")
                #expect(answer.hasPrefix("HTTP/1.1 200 OK\r\n"), "\(path)")
            }
            #expect(try await world.get("/healthz").hasPrefix("HTTP/1.1 200 OK\r\n"))
            #expect(try await world.get("/readyz").hasPrefix("HTTP/1.1 503 "))
            let keys = try await world.get("/.well-known/jwks.json")
            #expect(keys.hasPrefix("HTTP/1.1 200 OK\r\n"))
            #expect(keys.contains("\"x\":\"AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\""))
            world.backend.calls.withLock { $0.removeAll() }
            let refused = try await world.post("/api/v1/connect", body: "{\"peer\":\"bob\"}")
            #expect(refused.hasPrefix("HTTP/1.1 401 Unauthorized\r\n"))
            #expect(refused.contains("WWW-Authenticate: Bearer\r\n"))
            #expect(world.backend.calls.withLock { $0 }.isEmpty)
            let done = try await world.post(
                "/api/v1/connect",
                body: "{\"peer\":\"bob\"}",
                "Authorization: Bearer secret\r\n"
            )
            #expect(done.hasPrefix("HTTP/1.1 200 OK\r\n"))
        }
    }

    @Test func `a link takes one browser to the page, once, and only the page itself changes anything`() async throws {
        try await World.with { world in
            let link = try await world.client.pageLink()
            let start = "http://127.0.0.1:\(world.port)"
            try #require(link.hasPrefix(start + "/open?once="))
            let entered = try await world.get(String(link.dropFirst(start.count)))
            #expect(entered.hasPrefix("HTTP/1.1 303 ") && entered.contains("Location: /\r\n"))
            let field = try #require(entered.components(separatedBy: "\r\n").first { $0.hasPrefix("Set-Cookie: ") })
            #expect(field.contains("HttpOnly") && field.contains("SameSite=Strict"))
            let cookie = "Cookie: theme=dark; " + field.dropFirst("Set-Cookie: ".count).prefix { $0 != ";" } + "\r\n"
            #expect(try await world.get("/", cookie).hasPrefix("HTTP/1.1 200 OK\r\n"))
            #expect(try await world.get("/api/v1/status", cookie).hasPrefix("HTTP/1.1 200 OK\r\n"))
            #expect(try await world.get("/", "Cookie: postern-control=0\r\n").hasPrefix("HTTP/1.1 401 "))
            let change = try await world.post("/api/v1/connect", body: "{\"peer\":\"bob\"}", cookie)
            #expect(change.hasPrefix("HTTP/1.1 401 "), "another port of this host may cause this one")
            let foreign = "Origin: http://127.0.0.1:1\r\n" + cookie
            let stolen = try await world.post("/api/v1/connect", body: "{\"peer\":\"bob\"}", foreign)
            #expect(stolen.hasPrefix("HTTP/1.1 403 "))
            let own = "Origin: \(start)\r\n" + cookie
            let done = try await world.post("/api/v1/connect", body: "{\"peer\":\"bob\"}", own)
            #expect(done.hasPrefix("HTTP/1.1 200 OK\r\n"))
            #expect(try await world.post("/mcp", body: "{}", own).hasPrefix("HTTP/1.1 401 "))
            #expect(try await world.get(String(link.dropFirst(start.count))).hasPrefix("HTTP/1.1 403 "))
            #expect(try await world.post("/api/v1/open", body: "", cookie).hasPrefix("HTTP/1.1 401 "))
        }
    }

    @Test func `a request that trickles in does not hold a connection`() async throws {
        var settings = ControlSettings.defaults
        settings.requestTimeout = .milliseconds(200)
        try await World.with(settings: settings) { world in
            let answer = try await world.raw("GET /healthz HTTP/1.1\r\nHost: ")
            #expect(answer == "")
        }
    }

    @Test func `a foreign host or origin learns nothing, not even which paths exist`() async throws {
        try await World.with { world in
            let host = try await world.raw("GET /nowhere HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n")
            #expect(host.hasPrefix("HTTP/1.1 421 "))
            #expect(try await world.get("/nowhere", "Origin: http://evil.example\r\n").hasPrefix("HTTP/1.1 403 "))
            #expect(try await world.get("/nowhere").hasPrefix("HTTP/1.1 401 "))
            #expect(try await world.get("/api/v1/services").hasPrefix("HTTP/1.1 401 "))
            #expect(try await world.get("/nowhere", "Authorization: Bearer secret\r\n").hasPrefix("HTTP/1.1 404 "))
            #expect(world.backend.calls.withLock { $0 }.isEmpty)
        }
    }

    @Test func `a body beyond the limit is refused and the connection closed`() async throws {
        var settings = ControlSettings.defaults
        settings.bodyLimit = 100
        try await World.with(settings: settings) { world in
            let fields = "Authorization: Bearer secret\r\n"
            let body = "{\"invitation\":\"\(String(repeating: "x", count: 100))\"}"
            let answer = try await world.post("/api/v1/join", body: body, fields)
            #expect(answer.hasPrefix("HTTP/1.1 413 "))
            #expect(world.backend.calls.withLock { $0 }.isEmpty)
        }
    }

    @Test func `a connection without a request makes room at the limit`() async throws {
        var settings = ControlSettings.defaults
        settings.maximumConnections = 1
        try await World.with(settings: settings) { world in
            let first = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
                .connect(host: "127.0.0.1", port: world.port).get()
            #expect(try await world.get("/healthz").hasPrefix("HTTP/1.1 200 OK\r\n"))
            try await first.closeFuture.get()
        }
    }

    @Test func `requests on one connection are answered in order`() async throws {
        try await World.with { world in
            let host = "Host: localhost\r\n"
            let token = "Authorization: Bearer secret\r\n"
            let second = "GET /metrics HTTP/1.1\r\n\(host)\(token)Connection: close\r\n\r\n"
            let two = "GET /healthz HTTP/1.1\r\n\(host)\r\n\(second)"
            let answers = try await world.raw(two)
            let first = try #require(answers.range(of: "{\"alive\":true}"))
            let last = try #require(
                answers.range(of: "postern_x_total{reason=\"a\"} 3\npostern_x_total{reason=\"b\"} 4\n")
            )
            #expect(first.upperBound <= last.lowerBound)
            #expect(answers.components(separatedBy: "# TYPE postern_x_total counter\n").count == 2)
        }
    }

    @Test func `what is not ready says so with 503`() async throws {
        try await World.with { world in
            let answer = try await world.get("/readyz")
            #expect(answer.hasPrefix("HTTP/1.1 503 "))
            #expect(answer.hasSuffix("{\"underlay\":true,\"hub\":false}\n"))
        }
    }

    @Test func `the status page has one script, by its hash, and loads nothing from elsewhere`() async throws {
        try await World.with { world in
            let page = try await world.get("/", "Authorization: Bearer secret\r\n")
            #expect(page.contains("content-type: text/html; charset=utf-8\r\n"))
            #expect(page.contains("content-security-policy: default-src 'none'"))
            #expect(page.components(separatedBy: "<script").count == 2 && page.contains("script-src 'sha256-"))
            #expect(!page.contains(" src=") && !page.contains("http://") || page.contains("w3.org"))
            #expect(!page.contains("unsafe") && !page.contains("innerHTML") && !page.contains("style=\""))
        }
    }

    @Test(arguments: [
        "GET / HTTP/1.1\r\n\r\n", "nonsense\r\n\r\n", "GET /healthz HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
    ])
    func `what is no request of ours is refused`(text: String) async throws {
        try await World.with { world in
            let answer = try await world.raw(text.replacing("\r\n\r\n", with: "\r\nConnection: close\r\n\r\n"))
            #expect(answer.hasPrefix("HTTP/1.1 4"))
        }
    }
}
