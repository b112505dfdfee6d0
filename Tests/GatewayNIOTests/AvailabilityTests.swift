import GatewayCore
import NIOCore
import OverlayNIO
import OverlayWire
import PosternModel
import TestSupport
import Testing

@testable import GatewayNIO

/// What a client is told when there is no way to the agent.
@Suite(.serialized) struct AvailabilityTests {
    private static var impatient: GatewaySettings {
        var settings = GatewaySettings.defaults
        settings.peerPatience = .milliseconds(300)
        return settings
    }

    private func ask(_ port: Int, _ request: String = getRequest) -> String {
        let client = Socket.connect(port: port)
        client.write(request)
        let text = client.readToEnd()
        #expect(client.ending == .end)
        return text
    }

    @Test func `a peer that is away is told with 503 in time`() throws {
        try inWorld(.mcp, isAway: true, settings: Self.impatient) { world in
            let start = NIODeadline.now()
            let text = ask(try world.reach())
            #expect(NIODeadline.now() - start < .seconds(2))
            #expect(text.hasPrefix("HTTP/1.1 503 "))
            #expect(text.contains("Postern-Error: peer-away\r\n"))
            #expect(text.contains(#""peer":"bob""#))
        }
    }

    @Test func `the patience with a peer is less than five seconds`() {
        #expect(GatewaySettings.defaults.peerPatience < .seconds(5))
        #expect(GatewaySettings.defaults.peerPatience > .seconds(3))
    }

    @Test func `a peer that is not trusted is told with 503`() throws {
        try inWorld(.mcp, isTrusted: false) { world in
            let text = ask(try world.reach())
            #expect(text.contains("Postern-Error: not-trusted\r\n"))
        }
    }

    @Test func `what the authority says about a peer is told, and nothing is opened`() throws {
        try inWorld(.mcp) { world in
            try world.run {
                world.reaching.authority.answer = { _, _ in
                    .failure(
                        GatewayError(.peerUnknown, "nobody is called bob", peer: "bob", hint: "check the name"),
                        kind: nil
                    )
                }
            }
            let text = ask(try world.reach())
            #expect(text.hasPrefix("HTTP/1.1 503 "))
            #expect(text.contains("Postern-Error: peer-unknown\r\n"))
            #expect(text.contains("nobody is called bob"))
            #expect(world.agent.acceptsNothing())
        }
    }

    @Test func `an authority that does not answer is not waited for`() throws {
        try inWorld(.mcp, settings: Self.impatient) { world in
            try world.run { world.reaching.authority.answer = { _, _ in nil } }
            let text = ask(try world.reach())
            #expect(text.contains("Postern-Error: peer-away\r\n"))
        }
    }

    @Test func `a service that is not offered is told with 502, whether it exists or not`() throws {
        try inWorld(.mcp) { world in
            try world.run { world.exposing.authority.mayReach = false }
            let refused = ask(try world.reach())
            #expect(refused.hasPrefix("HTTP/1.1 502 "))
            #expect(refused.contains("Postern-Error: no-such-service\r\n"))
            try world.run {
                world.exposing.authority.mayReach = true
                world.exposing.gateway.setExposed([])
            }
            let missing = ask(try world.reach(.name("other")))
            #expect(missing == refused)
            let count = try world.run { world.exposing.gateway.statistics.streamsRefused }
            #expect(count == 2)
        }
    }

    @Test func `an agent that does not listen is told with 502`() throws {
        try inWorld(.mcp) { world in
            world.agent.close()
            let text = ask(try world.reach())
            #expect(text.hasPrefix("HTTP/1.1 502 "))
            #expect(text.contains("Postern-Error: upstream-refused\r\n"))
            let head = ask(try world.reach(.name("again")), "HEAD / HTTP/1.1\r\nHost: localhost\r\n\r\n")
            #expect(head.hasPrefix("HTTP/1.1 502 "))
            #expect(!head.contains("jsonrpc"))
        }
    }

    @Test func `trust that ends cuts running streams at both ends`() throws {
        try inWorld(.mcp) { world in
            let client = Socket.connect(port: try world.reach())
            client.write(getRequest)
            let upstream = try #require(world.agent.accept())
            _ = upstream.readHead()
            upstream.write("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: 1\n\n")
            #expect(client.read(through: "\n\n").hasPrefix("HTTP/1.1 200"))
            let key = world.reaching.key
            try world.run { world.exposing.gateway.endStreams(of: key) }
            #expect(client.readEnding() == .reset)
            #expect(upstream.readEnding() == .reset)
        }
    }

    @Test func `a peer that is expelled in the middle of a call is told`() throws {
        try inWorld(.mcp) { world in
            let client = Socket.connect(port: try world.reach())
            client.write(getRequest)
            let upstream = try #require(world.agent.accept())
            _ = upstream.readHead()
            let key = world.reaching.key
            try world.run { world.exposing.node.expel(key, code: .refused) }
            #expect(client.readToEnd().contains("Postern-Error: not-trusted\r\n"))
            #expect(upstream.readEnding() == .reset)
        }
    }

    @Test func `a request that a silent peer cannot have got fails in time, an older one is kept`() throws {
        var settings = GatewaySettings.defaults
        settings.silencePatience = .milliseconds(100)
        for (window, isKept) in [(TimeAmount.seconds(60), false), (.nanoseconds(0), true)] {
            settings.silenceWindow = window
            try inWorld(.mcp, settings: settings) { world in
                let client = Socket.connect(port: try world.reach())
                client.write(getRequest)
                let upstream = try #require(world.agent.accept())
                _ = upstream.readHead()
                try world.run { world.reaching.gateway.noteSession(with: world.exposing.key, .unresponsive) }
                if isKept {
                    #expect(client.hearsNothing())
                    upstream.write(okResponse)
                    #expect(client.readText(okResponse.utf8.count) == okResponse)
                } else {
                    #expect(client.readToEnd().contains("Postern-Error: peer-away\r\n"))
                    #expect(upstream.readEnding() == .reset)
                }
            }
        }
    }

    @Test func `a request on an open connection to a silent peer fails in time`() throws {
        try inWorld(.mcp, settings: Self.impatient) { world in
            let client = Socket.connect(port: try world.reach())
            client.write(getRequest)
            let upstream = try #require(world.agent.accept())
            _ = upstream.readHead()
            upstream.write(okResponse)
            #expect(client.readText(okResponse.utf8.count) == okResponse)
            try world.run { world.reaching.gateway.noteSession(with: world.exposing.key, .unresponsive) }
            client.write(getRequest)
            #expect(client.readToEnd().contains("Postern-Error: peer-away\r\n"))
        }
    }

    /// A client whose request is under way, and the agent's end of it.
    private func ask(_ world: World, _ port: Int) throws -> (client: Socket, upstream: Socket) {
        let client = Socket.connect(port: port)
        client.write(getRequest)
        let upstream = try #require(world.agent.accept())
        _ = upstream.readHead()
        return (client, upstream)
    }

    @Test func `clients beyond the limit are told so, and the others are served`() throws {
        try inWorld(.mcp) { world in
            let port = try world.reach()
            try world.run { world.reaching.gateway.setLimits(ConnectionLimits(descriptors: 100, total: 4)) }
            let served = try (0..<3).map { _ in try ask(world, port) }
            for _ in 0..<3 {
                let late = Socket.connect(port: port)
                late.write(getRequest)
                let text = late.readToEnd()
                #expect(text.hasPrefix("HTTP/1.1 503 ") && text.contains("Postern-Error: over-limit\r\n"))
            }
            for (client, upstream) in served {
                upstream.write(okResponse)
                #expect(client.readText(okResponse.utf8.count) == okResponse)
            }
        }
    }

    @Test func `a client without a request makes room for another at the limit`() throws {
        try inWorld(.mcp) { world in
            let port = try world.reach()
            try world.run { world.reaching.gateway.setLimits(ConnectionLimits(descriptors: 100, total: 4)) }
            let busy = try ask(world, port)
            let silent = Socket.connect(port: port)
            let slow = Socket.connect(port: port)
            slow.write("GET / HT")
            let limit = NIODeadline.now() + .seconds(5)
            while try world.run({ world.reaching.gateway.statistics.open }) < 3, NIODeadline.now() < limit {}
            let (client, upstream) = try ask(world, port)
            #expect(silent.readEnding() == .reset)
            upstream.write(okResponse)
            #expect(client.readText(okResponse.utf8.count) == okResponse)
            busy.upstream.write(okResponse)
            #expect(busy.client.readText(okResponse.utf8.count) == okResponse)
        }
    }

    @Test func `a peer beyond its limit is told so, and has room again when a stream ends`() throws {
        try inWorld(.mcp) { world in
            let port = try world.reach()
            try world.run {
                world.exposing.gateway.setLimits(ConnectionLimits(descriptors: 100, perPeer: 2))
            }
            let served = try (0..<2).map { _ in try ask(world, port) }
            let late = Socket.connect(port: port)
            late.write(getRequest)
            let text = late.readToEnd()
            #expect(text.hasPrefix("HTTP/1.1 503 ") && text.contains("Postern-Error: over-limit\r\n"))
            served[0].client.close()
            #expect(served[0].upstream.readEnding() == .end)
            served[0].upstream.close()
            let limit = NIODeadline.now() + .seconds(5)
            while try world.run({ world.exposing.gateway.statistics.open }) > 1, NIODeadline.now() < limit {}
            let (client, upstream) = try ask(world, port)
            upstream.write(okResponse)
            #expect(client.readText(okResponse.utf8.count) == okResponse)
        }
    }

    @Test(arguments: [ServiceLimits(concurrency: 1), ServiceLimits(requestsPerMinute: 1)])
    func `a service serves each peer within its limits`(limits: ServiceLimits) throws {
        try inWorld(.mcp) { world in
            let service = ExposedService(
                service: Service(name: "planner", port: VirtualPort(80), kind: .mcp),
                upstream: .loopback(UInt16(world.agent.port)),
                limits: limits
            )
            try world.run { world.exposing.gateway.setExposed([service]) }
            let port = try world.reach()
            let (client, upstream) = try ask(world, port)
            let late = Socket.connect(port: port)
            late.write(getRequest)
            let text = late.readToEnd()
            #expect(text.hasPrefix("HTTP/1.1 503 ") && text.contains("Postern-Error: over-limit\r\n"))
            upstream.write(okResponse)
            #expect(client.readText(okResponse.utf8.count) == okResponse)
        }
    }

    @Test func `a service that is another now takes no further request on a connection that stands`() throws {
        try inWorld(.mcp) { world in
            let port = try world.reach()
            let (client, upstream) = try ask(world, port)
            let service = ExposedService(
                service: Service(name: "planner", port: VirtualPort(80), kind: .mcp),
                upstream: .loopback(UInt16(world.agent.port)),
                methods: MethodRules(allow: [], deny: [])
            )
            try world.run { world.exposing.gateway.setExposed([service]) }
            upstream.write(okResponse)
            #expect(client.readText(okResponse.utf8.count) == okResponse, "the response under way is completed")
            client.write(getRequest)
            #expect(client.readToEnd().isEmpty, "and the next request is not taken")
            #expect(world.agent.acceptsNothing())
        }
    }

    @Test func `a client that does not complete its head is told so`() throws {
        var settings = GatewaySettings.defaults
        settings.headTimeout = .milliseconds(200)
        try inWorld(.mcp, settings: settings) { world in
            let client = Socket.connect(port: try world.reach())
            client.write("GET /x HTTP/1.1\r\nHost: 127")
            let text = client.readToEnd()
            #expect(text.hasPrefix("HTTP/1.1 408 ") && text.contains("Postern-Error: request-timeout\r\n"))
            #expect(world.agent.acceptsNothing())
        }
    }

    @Test func `nothing stays behind when connections are done`() throws {
        try inWorld(.mcp) { world in
            let port = try world.reach()
            for _ in 0..<20 {
                let client = Socket.connect(port: port)
                client.write(getRequest)
                let upstream = try #require(world.agent.accept())
                _ = upstream.readHead()
                upstream.write(okResponse)
                #expect(client.readText(okResponse.utf8.count) == okResponse)
                client.finish()
                #expect(upstream.readEnding() == .end)
                upstream.close()
                #expect(client.readEnding() == .end)
            }
            let sidecars = [world.reaching, world.exposing]
            var open = [1, 1]
            let limit = NIODeadline.now() + .seconds(5)
            while open != [0, 0], NIODeadline.now() < limit {
                open = try world.run { sidecars.map(\.gateway.statistics.open) }
            }
            #expect(open == [0, 0])
        }
    }

    @Test func `a port that is not loopback is refused`() throws {
        try inWorld(.mcp) { world in
            for host in ["0.0.0.0", "192.0.2.1", "agent.example", "::"] {
                let listen = HostPort(host: host, port: 0) ?? .loopback(0)
                let service = ReachedService(peer: "bob", target: .name("a"), listen: listen)
                #expect(throws: ListenError.notLoopback(listen)) { try world.reach(service) }
            }
        }
    }

    @Test func `a gateway that stops finishes what runs and takes nothing new`() throws {
        try inWorld(.mcp) { world in
            let port = try world.reach()
            let client = Socket.connect(port: port)
            client.write(getRequest)
            let upstream = try #require(world.agent.accept())
            _ = upstream.readHead()
            let idle = Socket.connect(port: port)
            idle.write(getRequest)
            let other = try #require(world.agent.accept())
            _ = other.readHead()
            other.write(okResponse)
            #expect(idle.readText(okResponse.utf8.count) == okResponse)
            let stopped = try world.run { world.reaching.gateway.stop(within: .seconds(10)) }
            #expect(idle.readEnding() == .end)
            upstream.write(okResponse)
            #expect(client.readToEnd() == okResponse)
            idle.close()
            client.close()
            try stopped.wait()
        }
    }
}
