import GatewayCore
import NIOCore
import PosternModel
import Testing

@testable import GatewayNIO

/// Handlers and their links refer to each other while a connection lives, and to nobody afterwards.
@Suite(.serialized) struct LifetimeTests {
    private final class Observed: @unchecked Sendable {  // its content is used on the world's loop
        weak var reaching: ProxyHandler?
        weak var exposing: ProxyHandler?
        var isGone: Bool { reaching == nil && exposing == nil }
    }

    /// Takes note of the connections that are open now.
    private func observe(_ world: World) throws -> Observed {
        let observed = Observed()
        try world.run {
            observed.reaching = world.reaching.gateway.proxies.values.first
            observed.exposing = world.exposing.gateway.proxies.values.first
        }
        return observed
    }

    /// Waits until nothing of them is left.
    private func expectGone(_ observed: Observed, in world: World) throws {
        let limit = NIODeadline.now() + .seconds(5)
        var isGone = false
        while !isGone, NIODeadline.now() < limit { isGone = try world.run { observed.isGone } }
        #expect(isGone)
    }

    @Test func `a connection that ended in order leaves nothing behind`() throws {
        try inWorld(.mcp) { world in
            let client = Socket.connect(port: try world.reach())
            client.write(getRequest)
            let upstream = try #require(world.agent.accept())
            _ = upstream.readHead()
            upstream.write(okResponse)
            #expect(client.readText(okResponse.utf8.count) == okResponse)
            let observed = try observe(world)
            #expect(try world.run { observed.reaching != nil && observed.exposing != nil })
            client.finish()
            #expect(upstream.readEnding() == .end)
            upstream.close()
            #expect(client.readEnding() == .end)
            client.close()
            try expectGone(observed, in: world)
        }
    }

    @Test func `a connection that was broken leaves nothing behind`() throws {
        try inWorld(.tcp) { world in
            let client = Socket.connect(port: try world.reach())
            let upstream = try #require(world.agent.accept())
            client.write("x")
            #expect(upstream.readText(1) == "x")
            let observed = try observe(world)
            #expect(try world.run { observed.reaching != nil && observed.exposing != nil })
            client.abort()
            #expect(upstream.readEnding() == .reset)
            try expectGone(observed, in: world)
        }
    }

    @Test func `a connection without an agent leaves nothing behind`() throws {
        try inWorld(.mcp) { world in
            world.agent.close()
            let client = Socket.connect(port: try world.reach())
            client.write("GET /x HTTP/1.1\r\nHost: localhost\r\n")
            var observed = try observe(world)
            let limit = NIODeadline.now() + .seconds(5)
            while try world.run({ [observed] in observed.reaching == nil }), NIODeadline.now() < limit {
                observed = try observe(world)
            }
            client.write("\r\n")
            #expect(client.readToEnd().contains("Postern-Error: upstream-refused\r\n"))
            client.close()
            try expectGone(observed, in: world)
        }
    }
}
