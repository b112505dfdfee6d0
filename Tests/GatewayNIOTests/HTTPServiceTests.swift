import GatewayCore
import NIOCore
import PosternModel
import TestSupport
import Testing

@testable import GatewayNIO

@Suite(.serialized) struct HTTPServiceTests {
    @Test func `a request reaches the agent with the peer's identity, and its response comes back`() throws {
        try inWorld(.mcp) { world in
            let client = Socket.connect(port: try world.reach())
            client.write(
                "POST /mcp HTTP/1.1\r\nHost: 127.0.0.1:7701\r\nPostern-Peer: forged\r\nContent-Length: 5\r\n\r\nhello"
            )
            let upstream = try #require(world.agent.accept())
            let head = upstream.readHead()
            #expect(
                head.hasPrefix(
                    "POST /mcp HTTP/1.1\r\nHost: 127.0.0.1:\(world.agent.port)\r\n"
                        + "Postern-Peer: \(world.reaching.key.did)\r\n"
                )
            )
            #expect(head.contains("Postern-Peer-Name: alice\r\nPostern-Network: acme\r\n"))
            #expect(!head.contains("forged"))
            #expect(upstream.readText(5) == "hello")
            upstream.write(okResponse)
            #expect(client.readText(okResponse.utf8.count) == okResponse)
        }
    }

    @Test func `many requests use one connection at each end`() throws {
        try inWorld(.mcp) { world in
            let client = Socket.connect(port: try world.reach())
            client.write(getRequest)
            let upstream = try #require(world.agent.accept())
            for round in 0..<100 {
                if round > 0 { client.write(getRequest) }
                #expect(upstream.readHead().hasPrefix("GET /x HTTP/1.1\r\n"))
                upstream.write(okResponse)
                #expect(client.readText(okResponse.utf8.count) == okResponse)
            }
            #expect(world.agent.acceptsNothing())
            let active = try world.run { world.exposing.gateway.activeStreams(of: "planner") }
            #expect(active == 1)
        }
    }

    @Test func `events arrive one by one while the response goes on`() throws {
        try inWorld(.mcp) { world in
            let client = Socket.connect(port: try world.reach())
            client.write(getRequest)
            let upstream = try #require(world.agent.accept())
            _ = upstream.readHead()
            upstream.write("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n")
            #expect(client.readHead().hasPrefix("HTTP/1.1 200 OK\r\n"))
            for number in 0..<20 {
                upstream.write("data: \(number)\n\n")
                #expect(client.read(through: "\n\n") == "data: \(number)\n\n")
            }
            upstream.close()
            #expect(client.readEnding() == .end)
        }
    }

    @Test func `interim responses pass before the body was sent`() throws {
        try inWorld(.http) { world in
            let client = Socket.connect(port: try world.reach())
            client.write("POST / HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n")
            let upstream = try #require(world.agent.accept())
            #expect(upstream.readHead().contains("Expect: 100-continue"))
            upstream.write("HTTP/1.1 100 Continue\r\n\r\n")
            #expect(client.readHead() == "HTTP/1.1 100 Continue\r\n\r\n")
            client.write("abc")
            #expect(upstream.readText(3) == "abc")
            upstream.write(okResponse)
            #expect(client.readText(okResponse.utf8.count) == okResponse)
        }
    }

    @Test func `large bodies pass whole in both directions`() throws {
        try inWorld(.a2a) { world in
            let client = Socket.connect(port: try world.reach())
            let body = (0..<3_000_000).map { UInt8(truncatingIfNeeded: $0 &* 31 >> 3) }
            let answer = (0..<8_000_000).map { UInt8(truncatingIfNeeded: $0 &* 17 >> 5) }
            let sender = BackgroundWriter(
                client,
                Array("POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: \(body.count)\r\n\r\n".utf8) + body
            )
            let upstream = try #require(world.agent.accept())
            _ = upstream.readHead()
            #expect(upstream.read(body.count) == body)
            sender.wait()
            let responder = BackgroundWriter(
                upstream,
                Array("HTTP/1.1 200 OK\r\nContent-Length: \(answer.count)\r\n\r\n".utf8) + answer
            )
            _ = client.readHead()
            #expect(client.read(answer.count) == answer)
            responder.wait()
        }
    }

    @Test(arguments: [10, 3000, 5000, 40_000])
    func `a rewritten head of any size leaves in front of its body`(cookieSize: Int) throws {
        try inWorld(.mcp) { world in
            let client = Socket.connect(port: try world.reach())
            let cookie = String(repeating: "c", count: cookieSize)
            let request = "POST / HTTP/1.1\r\nHost: localhost\r\nCookie: \(cookie)\r\nContent-Length: 5\r\n\r\n"
            client.write(request + "first" + request + "other")
            let upstream = try #require(world.agent.accept())
            for body in ["first", "other"] {
                let head = upstream.readHead()
                #expect(head.contains("Postern-Peer: \(world.reaching.key.did)\r\n"))
                #expect(head.contains("Cookie: \(cookie)\r\n"))
                #expect(upstream.readText(5) == body)
                upstream.write(okResponse)
                #expect(client.readText(okResponse.utf8.count) == okResponse)
            }
        }
    }

    @Test func `a client may use the overlay name of the peer, as it is called now, and no other`() throws {
        try inWorld(.mcp) { world in
            let port = try world.reach()
            func status(_ host: String) -> String {
                let client = Socket.connect(port: port)
                client.write("GET /x HTTP/1.1\r\nHost: \(host)\r\nConnection: close\r\n\r\n")
                if host.hasSuffix("alt") || host.hasSuffix(":80") {
                    guard let upstream = world.agent.accept() else { return "nobody came" }
                    _ = upstream.readHead()
                    upstream.write(okResponse)
                    upstream.close()
                }
                return String(client.readToEnd().prefix(12))
            }
            // The configuration calls it bob, this node alice.
            for host in ["bob.postern.alt", "ALICE.postern.alt:80"] { #expect(status(host) == "HTTP/1.1 200") }
            for host in ["carol.postern.alt.", "alice.postern.alt.example.com", "bob", "postern.al"] {
                #expect(status(host) == "HTTP/1.1 421")
            }
            try world.run { world.reaching.authority.name = "carol" }
            #expect(status("carol.postern.alt") == "HTTP/1.1 200")
        }
    }

    @Test func `bad requests get an error of ours, the agent hears nothing and the connection closes in order`() throws
    {
        try inWorld(.mcp) { world in
            let port = try world.reach()
            for (request, status, code) in [
                ("GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n", 421, "foreign-host"),
                ("GET / HTTP/1.1\r\nHost: localhost\r\nOrigin: https://evil.example\r\n\r\n", 403, "foreign-origin"),
                (
                    "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\n"
                        + "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
                    400, "bad-request"
                ),
                ("GET / HTTP/1.1\nHost: localhost\n\n", 400, "bad-request"),
                (
                    "GET / HTTP/1.1\r\nHost: localhost\r\nX: \(String(repeating: "a", count: 70_000))\r\n\r\n", 431,
                    "headers-too-large"
                ),
            ] {
                let client = Socket.connect(port: port)
                client.write(request)
                let text = client.readToEnd()
                #expect(text.hasPrefix("HTTP/1.1 \(status) "), "\(code): \(text)")
                #expect(text.contains("Postern-Error: \(code)\r\n"))
                #expect(text.contains(#"{"jsonrpc":"2.0","id":null,"error":{"code":-32010,"#))
                #expect(client.ending == .end)
            }
            #expect(world.agent.acceptsNothing())
        }
    }

    @Test func `a bad chunk in the middle of a body breaks the agent's connection and is told to the client`() throws {
        try inWorld(.mcp) { world in
            let client = Socket.connect(port: try world.reach())
            client.write("POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n")
            let upstream = try #require(world.agent.accept())
            #expect(upstream.read(through: "hello\r\n").hasSuffix("5\r\nhello\r\n"))
            client.write("x\r\n")
            #expect(upstream.readEnding() == .reset)
            #expect(client.readToEnd().hasPrefix("HTTP/1.1 400 "))
            #expect(client.ending == .end)
        }
    }

    @Test func `errors of the agent and empty answers pass untouched`() throws {
        try inWorld(.mcp) { world in
            let client = Socket.connect(port: try world.reach())
            client.write(getRequest + getRequest + getRequest)
            let upstream = try #require(world.agent.accept())
            let answers =
                "HTTP/1.1 404 Not Found\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"
                + "HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n" + "HTTP/1.1 204 No Content\r\n\r\n"
            for _ in 0..<3 { _ = upstream.readHead() }
            upstream.write(answers)
            #expect(client.readText(answers.utf8.count) == answers)
        }
    }

    @Test func `a long pipeline is answered whole`() throws {
        try inWorld(.mcp) { world in
            let client = Socket.connect(port: try world.reach())
            client.write(String(repeating: getRequest, count: 100))
            let upstream = try #require(world.agent.accept())
            for _ in 0..<100 {
                #expect(upstream.readHead().hasPrefix("GET /x "))
                upstream.write(okResponse)
            }
            #expect(client.readText(okResponse.utf8.count * 100) == String(repeating: okResponse, count: 100))
            #expect(upstream.hearsNothing())
        }
    }

    @Test func `a redirect to the agent leads back through the port that the client used`() throws {
        try inWorld(.mcp) { world in
            let port = try world.reach()
            let client = Socket.connect(port: port)
            client.write("GET /mcp/ HTTP/1.1\r\nHost: 127.0.0.1:\(port)\r\n\r\n")
            let upstream = try #require(world.agent.accept())
            _ = upstream.readHead()
            upstream.write(
                "HTTP/1.1 307 Temporary Redirect\r\nContent-Length: 0\r\n"
                    + "Location: http://127.0.0.1:\(world.agent.port)/mcp\r\n\r\n"
            )
            #expect(client.readHead().contains("Location: http://127.0.0.1:\(port)/mcp\r\n"))
        }
    }

    @Test func `a client that sends its end still gets its response`() throws {
        try inWorld(.http) { world in
            let client = Socket.connect(port: try world.reach())
            client.write(getRequest)
            client.finish()
            let upstream = try #require(world.agent.accept())
            #expect(upstream.readToEnd().hasPrefix("GET /x "))
            #expect(upstream.ending == .end)
            upstream.write(okResponse)
            upstream.close()
            #expect(client.readToEnd() == okResponse)
            #expect(client.ending == .end)
        }
    }

    @Test(arguments: [
        "GET /x HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
        "GET /x HTTP/1.0\r\nHost: localhost\r\n\r\n",
    ])
    func `a client that asks for the end gets it after its response, though the agent stays`(request: String) throws {
        try inWorld(.http) { world in
            let client = Socket.connect(port: try world.reach())
            client.write(request)
            let upstream = try #require(world.agent.accept())
            _ = upstream.readHead()
            upstream.write("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello")
            #expect(client.read(through: "hello").hasSuffix("hello"))
            #expect(client.hearsNothing())
            upstream.write("world")
            #expect(client.readToEnd() == "world")
            #expect(client.ending == .end)
            client.close()
            #expect(upstream.readEnding() != .silence)
        }
    }

    @Test func `an early answer to a last request lets the rest of its body through before the end`() throws {
        try inWorld(.http) { world in
            let client = Socket.connect(port: try world.reach())
            client.write("POST /x HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: 8\r\n\r\nbody")
            let upstream = try #require(world.agent.accept())
            _ = upstream.read(through: "body")
            upstream.write(okResponse)
            #expect(client.readText(okResponse.utf8.count) == okResponse)
            #expect(client.hearsNothing())
            client.write("rest")
            #expect(client.readEnding() == .end)
            #expect(upstream.readToEnd() == "rest")
            #expect(upstream.ending == .end)
        }
    }

    @Test func `a client that leaves ends the agent's connection at once`() throws {
        try inWorld(.mcp) { world in
            let client = Socket.connect(port: try world.reach())
            client.write(getRequest)
            let upstream = try #require(world.agent.accept())
            _ = upstream.readHead()
            client.abort()
            #expect(upstream.readEnding() == .reset)
        }
    }

    @Test func `an agent that breaks off in the middle of a body breaks the client's connection`() throws {
        try inWorld(.mcp) { world in
            for isChunked in [false, true] {
                let client = Socket.connect(port: try world.reach(isChunked ? .name("a") : .name("b")))
                client.write(getRequest)
                let upstream = try #require(world.agent.accept())
                _ = upstream.readHead()
                upstream.write(
                    isChunked
                        ? "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n"
                        : "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhello"
                )
                #expect(client.read(through: "hello").hasSuffix("hello"))
                upstream.abort()
                #expect(client.readEnding() == .reset)
            }
        }
    }

    @Test(arguments: [100, 30_000, 1_000_000], [false, true])
    func `an agent that closes right after its last write ends early, and all that it sent arrives`(
        count: Int,
        isChunked: Bool
    ) throws {
        try inWorld(.mcp) { world in
            let port = try world.reach()
            let framing = isChunked ? "Transfer-Encoding: chunked\r\n\r\nffffff\r\n" : "Content-Length: 9999999\r\n\r\n"
            let head = "HTTP/1.1 200 OK\r\n" + framing
            for _ in 0..<5 {
                let client = Socket.connect(port: port)
                client.write(getRequest)
                let upstream = try #require(world.agent.accept())
                _ = upstream.readHead()
                let writer = BackgroundWriter(
                    upstream,
                    Array(head.utf8) + [UInt8](repeating: 0x61, count: count),
                    closes: true
                )
                #expect(client.readToEnd().utf8.count == head.utf8.count + count)
                #expect(client.ending == .end)
                writer.wait()
            }
        }
    }

    @Test func `an agent that resets a later request on a kept connection resets the client's`() throws {
        try inWorld(.mcp) { world in
            let client = Socket.connect(port: try world.reach())
            client.write(getRequest)
            let upstream = try #require(world.agent.accept())
            _ = upstream.readHead()
            upstream.write(okResponse)
            #expect(client.readText(okResponse.utf8.count) == okResponse)
            client.write(getRequest)
            _ = upstream.readHead()
            upstream.abort()
            #expect(client.readEnding() == .reset)
        }
    }

    @Test func `an agent that resets the first request is told with 502`() throws {
        try inWorld(.mcp) { world in
            let client = Socket.connect(port: try world.reach())
            client.write(getRequest)
            let upstream = try #require(world.agent.accept())
            _ = upstream.readHead()
            upstream.abort()
            #expect(client.readToEnd().contains("Postern-Error: upstream-broken\r\n"))
        }
    }

    @Test func `an agent that answers nonsense is told apart`() throws {
        try inWorld(.mcp) { world in
            let client = Socket.connect(port: try world.reach())
            client.write(getRequest)
            let upstream = try #require(world.agent.accept())
            _ = upstream.readHead()
            upstream.write("SSH-2.0-OpenSSH_9.2\r\n\r\n")
            let text = client.readToEnd()
            #expect(text.hasPrefix("HTTP/1.1 502 "))
            #expect(text.contains("Postern-Error: bad-response\r\n"))
            #expect(client.ending == .end)
        }
    }

    @Test func `an agent that closes without a word is told, an idle close is passed on`() throws {
        try inWorld(.mcp) { world in
            let port = try world.reach()
            let first = Socket.connect(port: port)
            first.write(getRequest)
            try #require(world.agent.accept()).close()
            #expect(first.readToEnd().contains("Postern-Error: upstream-broken\r\n"))
            let second = Socket.connect(port: port)
            second.write(getRequest)
            let upstream = try #require(world.agent.accept())
            _ = upstream.readHead()
            upstream.write(okResponse)
            #expect(second.readText(okResponse.utf8.count) == okResponse)
            upstream.close()
            #expect(second.readEnding() == .end)
        }
    }

    @Test func `a connection that the agent closed does not outlive it, though its client keeps its half`() throws {
        var settings = GatewaySettings.defaults
        settings.lingerTimeout = .milliseconds(100)
        try inWorld(.mcp, settings: settings) { world in
            let client = Socket.connect(port: try world.reach())
            client.write(getRequest)
            let upstream = try #require(world.agent.accept())
            _ = upstream.readHead()
            upstream.write(okResponse)
            upstream.close()
            #expect(client.readToEnd() == okResponse)
            #expect(client.ending == .end)
            let limit = NIODeadline.now() + .seconds(5)
            var open = 2
            while open > 0, NIODeadline.now() < limit {
                open = try world.run {
                    world.reaching.gateway.statistics.open + world.exposing.gateway.statistics.open
                }
            }
            #expect(open == 0)
        }
    }

    @Test func `a slow reader holds the agent back and memory stays bounded`() throws {
        try inWorld(.mcp) { world in
            let port = try world.reach()
            let client = Socket.connect(port: port)
            client.write(getRequest)
            let upstream = try #require(world.agent.accept())
            _ = upstream.readHead()
            upstream.write("HTTP/1.1 200 OK\r\nContent-Length: 268435456\r\n\r\n")
            upstream.setPatience(seconds: 1)
            var taken = 0
            let part = [UInt8](repeating: 7, count: 1 << 20)
            while taken < 256 << 20 {
                let count = upstream.write(part)
                taken += count
                if count < part.count { break }
            }
            #expect(taken < 64 << 20)
            // Others are served meanwhile.
            let other = Socket.connect(port: port)
            other.write(getRequest)
            let second = try #require(world.agent.accept())
            _ = second.readHead()
            second.write(okResponse)
            #expect(other.readText(okResponse.utf8.count) == okResponse)
            // What was taken arrives when the reader goes on.
            _ = client.readHead()
            #expect(client.read(taken).count == taken)
        }
    }

    @Test func `a slow agent holds its client back`() throws {
        try inWorld(.mcp) { world in
            let client = Socket.connect(port: try world.reach())
            client.write("POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 268435456\r\n\r\n")
            let upstream = try #require(world.agent.accept())
            _ = upstream.readHead()
            client.setPatience(seconds: 1)
            var taken = 0
            let part = [UInt8](repeating: 7, count: 1 << 20)
            while taken < 256 << 20 {
                let count = client.write(part)
                taken += count
                if count < part.count { break }
            }
            #expect(taken < 64 << 20)
            #expect(upstream.read(taken).count == taken)
        }
    }

    @Test func `a bad request behind a good one is told after the good one's response`() throws {
        try inWorld(.mcp) { world in
            let client = Socket.connect(port: try world.reach())
            client.write(getRequest + "GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n")
            let upstream = try #require(world.agent.accept())
            _ = upstream.readHead()
            #expect(upstream.hearsNothing())
            upstream.write(okResponse)
            let text = client.readToEnd()
            #expect(text.hasPrefix(okResponse + "HTTP/1.1 421 "))
            #expect(client.ending == .end)
        }
    }

    @Test func `a request that comes byte by byte is answered`() throws {
        try inWorld(.mcp) { world in
            let client = Socket.connect(port: try world.reach())
            for byte in "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\nok".utf8 {
                client.write([byte])
            }
            let upstream = try #require(world.agent.accept())
            #expect(upstream.readHead().hasPrefix("POST / HTTP/1.1\r\n"))
            #expect(upstream.readText(2) == "ok")
            for byte in okResponse.utf8 { upstream.write([byte]) }
            #expect(client.readText(okResponse.utf8.count) == okResponse)
        }
    }

    @Test func `thirty-two calls at a time are answered each`() throws {
        try inWorld(.a2a) { world in
            let port = try world.reach()
            let clients = (0..<32).map { _ in Socket.connect(port: port) }
            for (number, client) in clients.enumerated() {
                client.write("GET /\(number) HTTP/1.1\r\nHost: localhost\r\n\r\n")
            }
            for _ in clients {
                let upstream = try #require(world.agent.accept())
                let path = upstream.readHead().split(separator: " ")[1]
                upstream.write(
                    "HTTP/1.1 200 OK\r\nContent-Length: \(path.utf8.count)\r\nConnection: close\r\n\r\n\(path)"
                )
                upstream.close()
            }
            for (number, client) in clients.enumerated() {
                #expect(client.readToEnd().hasSuffix("\r\n\r\n/\(number)"))
            }
        }
    }

    @Test func `a WebSocket passes through an http service`() throws {
        try inWorld(.http) { world in
            let client = Socket.connect(port: try world.reach())
            client.write("GET /ws HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
            let upstream = try #require(world.agent.accept())
            #expect(upstream.readHead().contains("Upgrade: websocket\r\n"))
            upstream.write("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nhello")
            #expect(client.readHead().hasPrefix("HTTP/1.1 101 "))
            #expect(client.readText(5) == "hello")
            client.write("\u{1}there")
            #expect(upstream.readText(6) == "\u{1}there")
            upstream.close()
            #expect(client.readEnding() == .end)
        }
    }
}
