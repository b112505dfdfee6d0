import GatewayCore
import NIOCore
import PosternModel
import Testing

@testable import GatewayNIO

@Suite(.serialized) struct TCPServiceTests {
    @Test func `bytes pass as they are, and the server may speak first`() throws {
        try inWorld(.tcp) { world in
            let client = Socket.connect(port: try world.reach())
            let upstream = try #require(world.agent.accept())
            upstream.write("220 ready\r\n")
            #expect(client.readText(11) == "220 ready\r\n")
            client.write("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\u{0}")
            #expect(upstream.readText(25) == "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\u{0}")
        }
    }

    @Test func `each half closes by itself`() throws {
        try inWorld(.tcp) { world in
            let client = Socket.connect(port: try world.reach())
            let upstream = try #require(world.agent.accept())
            client.write("question")
            client.finish()
            #expect(upstream.readToEnd() == "question")
            #expect(upstream.ending == .end)
            upstream.write("answer")
            upstream.finish()
            #expect(client.readToEnd() == "answer")
            #expect(client.ending == .end)
            client.close()
            upstream.close()
        }
    }

    @Test func `an abort of either side is an abort for the other`() throws {
        try inWorld(.tcp) { world in
            let port = try world.reach()
            let first = Socket.connect(port: port)
            let upstream = try #require(world.agent.accept())
            first.write("x")
            #expect(upstream.readText(1) == "x")
            first.abort()
            #expect(upstream.readEnding() == .reset)
            let second = Socket.connect(port: port)
            let other = try #require(world.agent.accept())
            other.write("y")
            #expect(second.readText(1) == "y")
            other.abort()
            #expect(second.readEnding() == .reset)
        }
    }

    @Test func `everything written before an end arrives`() throws {
        try inWorld(.tcp) { world in
            let client = Socket.connect(port: try world.reach())
            let upstream = try #require(world.agent.accept())
            let bytes = (0..<5_000_000).map { UInt8(truncatingIfNeeded: $0 &* 7 >> 2) }
            let writer = BackgroundWriter(upstream, bytes)
            writer.wait()
            upstream.close()
            #expect(client.read(bytes.count) == bytes)
            #expect(client.readEnding() == .end)
        }
    }

    @Test func `a tcp port whose peer or agent is away is reset`() throws {
        var settings = GatewaySettings.defaults
        settings.peerPatience = .milliseconds(300)
        try inWorld(.tcp, isAway: true, settings: settings) { world in
            let client = Socket.connect(port: try world.reach())
            #expect(client.readEnding() == .reset)
        }
        try inWorld(.tcp, isTrusted: false) { world in
            let client = Socket.connect(port: try world.reach())
            #expect(client.readEnding() == .reset)
        }
        try inWorld(.tcp) { world in
            world.agent.close()
            let client = Socket.connect(port: try world.reach())
            #expect(client.readEnding() == .reset)
        }
    }
}
