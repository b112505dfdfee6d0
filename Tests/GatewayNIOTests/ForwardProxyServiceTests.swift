import GatewayCore
import NIOCore
import PosternModel
import TestSupport
import Testing

@testable import GatewayNIO

extension World {
    /// Opens the forward proxy of the reaching side and returns its port.
    func proxy(_ others: ForwardProxy.Others = .refuse) throws -> Int {
        let place = try loop.flatSubmit {
            ForwardProxy.serve(self.reaching.gateway, at: .loopback(0), others: others, origins: [])
        }.wait()
        return Int(place.port)
    }
}

@Suite(.serialized) struct ForwardProxyServiceTests {
    @Test func `an overlay name leads to the peer's service`() throws {
        try inWorld(.http) { world in
            let client = Socket.connect(port: try world.proxy())
            for path in ["/1", "/2"] {
                client.write("GET http://bob.postern.alt\(path) HTTP/1.1\r\nHost: bob.postern.alt\r\n\r\n")
            }
            let upstream = try #require(world.agent.accept())
            #expect(upstream.readHead().hasPrefix("GET /1 HTTP/1.1\r\nHost: 127.0.0.1:\(world.agent.port)\r\n"))
            upstream.write(okResponse)
            #expect(upstream.readHead().hasPrefix("GET /2 HTTP/1.1\r\n"))
            upstream.write(okResponse)
            #expect(client.readText(2 * okResponse.utf8.count) == okResponse + okResponse)
        }
    }

    @Test func `one connection serves one target after the other`() throws {
        try inWorld(.http) { world in
            let client = Socket.connect(port: try world.proxy())
            for host in ["bob.postern.alt", "research.bob.postern.alt:99", "bob.postern.alt"] {
                client.write("GET http://\(host)/ HTTP/1.1\r\nHost: \(host)\r\n\r\n")
                let upstream = try #require(world.agent.accept())
                _ = upstream.readHead()
                upstream.write(okResponse)
                #expect(client.readText(okResponse.utf8.count) == okResponse)
            }
        }
    }

    @Test func `a tunnel to a tcp service passes everything`() throws {
        try inWorld(.tcp) { world in
            let client = Socket.connect(port: try world.proxy())
            client.write("CONNECT bob.postern.alt:80 HTTP/1.1\r\nHost: bob.postern.alt:80\r\n\r\nhello")
            #expect(client.readHead() == "HTTP/1.1 200 Connection Established\r\n\r\n")
            let upstream = try #require(world.agent.accept())
            #expect(upstream.readText(5) == "hello")
            upstream.write("world")
            #expect(client.readText(5) == "world")
        }
    }

    @Test func `HTTP is not spoken to a tcp service`() throws {
        try inWorld(.tcp) { world in
            let client = Socket.connect(port: try world.proxy())
            client.write("GET http://bob.postern.alt/ HTTP/1.1\r\nHost: bob.postern.alt\r\n\r\n")
            #expect(client.readHead().contains("Postern-Error: not-proxied"))
        }
    }

    @Test func `other hosts are refused, or reached where that is wanted`() throws {
        try inWorld(.http) { world in
            let url = "http://127.0.0.1:\(world.agent.port)/x"
            let request = "GET \(url) HTTP/1.1\r\nHost: 127.0.0.1:\(world.agent.port)\r\n\r\n"
            let refused = Socket.connect(port: try world.proxy())
            refused.write(request)
            let head = refused.readHead()
            #expect(head.hasPrefix("HTTP/1.1 403 Forbidden\r\n"))
            #expect(head.contains("Postern-Error: not-proxied"))
            let direct = Socket.connect(port: try world.proxy(.direct))
            direct.write(request)
            let host = try #require(world.agent.accept())
            #expect(host.readHead() == "GET /x HTTP/1.1\r\nHost: 127.0.0.1:\(world.agent.port)\r\n\r\n")
            host.write(okResponse)
            #expect(direct.readText(okResponse.utf8.count) == okResponse)
        }
    }

    @Test func `the proxy is not asked to call itself, and Postern's own ports are not reached`() throws {
        try inWorld(.http) { world in
            let port = try world.proxy(.direct)
            for (url, code) in [
                ("127.0.0.1:\(port)", "not-proxied"), ("localhost:\(port)", "not-proxied"),
                ("bob.postern.alt:65282", "no-such-service"),
            ] {
                let client = Socket.connect(port: port)
                client.write("GET http://\(url)/ HTTP/1.1\r\nHost: \(url)\r\n\r\n")
                #expect(client.readHead().contains("Postern-Error: \(code)"))
            }
        }
    }
}
