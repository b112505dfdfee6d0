import PosternModel
import TestSupport
import Testing

@testable import GatewayCore

/// Comments in streams of events that are silent (`sseKeepalive`).
@Suite struct EventStreamTests {
    private static let chunk = "e\r\n: keep-alive\n\n\r\n"
    private static let events = "Content-Type: text/event-stream; charset=utf-8"

    /// A client's stream of events whose head has come.
    private static func world(_ fields: String..., keepsAlive: Bool = true) -> ConnectionWorld {
        let world = ConnectionWorld.reaching()
        let policy = ReachPolicy(names: OwnNames(), offersUpgrade: false, keepsEventsAlive: keepsAlive)
        _ = world.resolve(.ready(.reach(policy)))
        world.apply([.peerPresent, .request, .connected])
        _ = world.answer("HTTP/1.1 200 OK\r\n" + fields.map { $0 + "\r\n" }.joined() + "\r\n")
        world.apply(.unblockUp)
        return world
    }

    /// What the client gets when the stream has been silent.
    private static func silence(_ world: ConnectionWorld) -> String {
        let before = world.toDownstream.utf8.count
        world.advance(by: ConnectionWorld.events)
        return String(decoding: Array(world.toDownstream.utf8.dropFirst(before)), as: UTF8.self)
    }

    @Test func `a comment comes before the first event and between two, and nowhere else`() {
        let chunked = "Transfer-Encoding: chunked"
        for (sent, expected) in [
            ("", Self.chunk), ("8\r\ndata: x\n\r\n", ""), ("9\r\ndata: x\n\n\r\n", Self.chunk),
            ("9\r\ndata: x\n\n", ""),
            ("9\r\ndata: x\n\n\r\n1", ""), ("b\r\ndata: x\r\n\r\n\r\n", Self.chunk),
            ("9\r\ndata: x\r\r\r\n", Self.chunk),
            ("a\r\ndata: x\n\nd\r\n", ""),
        ] {
            let world = Self.world(Self.events, chunked)
            if !sent.isEmpty { _ = world.answer(sent) }
            #expect(Self.silence(world) == expected, "\(sent)")
        }
    }

    @Test func `a stream that ends with its connection gets the bare comment`() {
        let world = Self.world(Self.events)
        #expect(Self.silence(world) == ": keep-alive\n\n")
    }

    @Test(arguments: [
        "Content-Type: text/plain\r\nTransfer-Encoding: chunked", "\(events)\r\nContent-Length: 100",
        "\(events)\r\nContent-Encoding: gzip\r\nTransfer-Encoding: chunked",
    ])
    func `nothing is put into what is no stream of events`(fields: String) {
        #expect(Self.silence(Self.world(fields)).isEmpty)
    }

    @Test func `nothing is put in where nobody wants it`() {
        #expect(Self.silence(Self.world(Self.events, "Transfer-Encoding: chunked", keepsAlive: false)).isEmpty)
    }

    @Test func `nothing follows the end of a stream`() {
        let world = Self.world(Self.events, "Transfer-Encoding: chunked")
        _ = world.answer("0\r\n\r\n")
        world.apply(.unblockUp)
        #expect(Self.silence(world).isEmpty)
    }
}
