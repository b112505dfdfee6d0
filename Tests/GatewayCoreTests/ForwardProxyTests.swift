import PosternModel
import TestSupport
import Testing

@testable import GatewayCore

/// What clients of the forward proxy may ask, and how one connection serves several targets.
@Suite struct ForwardProxyTests {
    private static func get(_ url: String, host: String = "bob.postern.alt", extra: String = "") -> String {
        "GET \(url) HTTP/1.1\r\nHost: \(host)\r\n\(extra)\r\n"
    }

    private static func policy(of host: String, origins: [String] = []) -> ForwardingPolicy {
        .reach(ReachPolicy(names: OwnNames(only: host), origins: OriginRules(origins), offersUpgrade: true))
    }

    private static let bob = policy(of: "bob.postern.alt")
    private static let ok = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

    @Test func `a request says by its absolute target what it is for, and goes on with a path`() {
        let world = ConnectionWorld.proxying()
        #expect(world.request(Self.get("http://bob.postern.alt/x?y")) == "resume down, route bob.postern.alt:80")
        #expect(!world.wants(.downstream))
        #expect(world.resolve(.ready(Self.bob)) == "repeat, send up, resume down, connect")
        #expect(world.toUpstream == Self.get("/x?y"))
        world.apply(.connected)
        #expect(world.answer(Self.ok) == ["send down"])
        #expect(world.request(Self.get("http://bob.postern.alt/z")) == "send up")
    }

    @Test func `a kept connection turns to another target once everything is answered`() {
        let world = ConnectionWorld.proxying()
        _ = world.request(Self.get("http://bob.postern.alt/1"))
        _ = world.resolve(.ready(Self.bob))
        world.apply(.connected)
        _ = world.answer(Self.ok)
        let eve = Self.get("http://eve.postern.alt:81/2", host: "eve.postern.alt:81")
        #expect(world.request(eve) == "reset up, route eve.postern.alt:81")
        _ = world.resolve(.ready(Self.policy(of: "eve.postern.alt")))
        #expect(world.toUpstream == Self.get("/1") + Self.get("/2", host: "eve.postern.alt:81"))
        world.apply(.connected)
        #expect(world.answer(Self.ok) == ["send down"])
    }

    @Test func `a request for another target behind one that is not answered is left to be repeated`() {
        let world = ConnectionWorld.proxying()
        _ = world.request(Self.get("http://bob.postern.alt/1"))
        _ = world.resolve(.ready(Self.bob))
        world.apply(.connected)
        #expect(world.request(Self.get("http://eve.postern.alt/2", host: "eve.postern.alt")) == "")
        #expect(world.answer(Self.ok) == ["send down"])
        #expect(world.apply(.endUp).contains("finish down"))
        #expect(world.toUpstream == Self.get("/1"))
    }

    @Test func `a tunnel is established once it is known where it leads`() {
        let world = ConnectionWorld.proxying()
        let connect = "CONNECT bob.postern.alt:80 HTTP/1.1\r\nHost: bob.postern.alt:80\r\n\r\n"
        #expect(world.request(connect + "SSH-2.0-x\r\n").hasSuffix("route tunnel to bob.postern.alt:80"))
        #expect(world.resolve(.ready(.passthrough)) == "establish, connect, resume down")
        #expect(world.ask("SSH-2.0-x\r\n") == ["send up"])
        #expect(world.toUpstream == "SSH-2.0-x\r\n")
    }

    @Test func `the requests in a tunnel to an HTTP service keep its rules`() {
        let world = ConnectionWorld.proxying()
        _ = world.request("CONNECT bob.postern.alt:80 HTTP/1.0\r\n\r\n")
        #expect(world.resolve(.ready(Self.bob)) == "establish, resume down")
        let page = Self.get("/", extra: "Origin: http://evil.example\r\n")
        #expect(world.request(page).contains("answer foreign-origin"))
        #expect(world.toUpstream.isEmpty)
    }

    @Test func `what cannot be had is told, to a tunnel as well`() {
        for start in [Self.get("http://bob.postern.alt/"), "CONNECT bob.postern.alt:80 HTTP/1.0\r\n\r\n"] {
            let world = ConnectionWorld.proxying()
            _ = world.request(start)
            #expect(world.resolve(.unavailable(.peerAway("bob"), Self.bob)).contains("answer peer-away"))
        }
    }

    @Test func `a client that sends no more still gets its answer`() {
        let world = ConnectionWorld.proxying()
        _ = world.request(Self.get("http://bob.postern.alt/"))
        #expect(world.apply(.endDown) == "")
        #expect(world.resolve(.ready(Self.bob)) == "repeat, send up, resume down, connect")
        #expect(world.apply(.connected).contains("finish up"))
        #expect(world.answer(Self.ok) == ["send down"])
    }

    @Test(arguments: [
        ("GET / HTTP/1.1\r\nHost: bob.postern.alt\r\n\r\n", "not-proxied"),
        ("GET / HTTP/1.1\r\nHost: 127.0.0.1:7680\r\n\r\n", "not-proxied"),
        ("GET https://bob.postern.alt/ HTTP/1.1\r\nHost: bob.postern.alt\r\n\r\n", "not-proxied"),
        ("GET ftp://bob.postern.alt/ HTTP/1.1\r\nHost: bob.postern.alt\r\n\r\n", "not-proxied"),
        ("GET http://a@bob.postern.alt/ HTTP/1.1\r\nHost: bob.postern.alt\r\n\r\n", "not-proxied"),
        ("GET http://bob.postern.alt:0/ HTTP/1.1\r\nHost: bob.postern.alt:0\r\n\r\n", "bad-request"),
        ("OPTIONS * HTTP/1.1\r\nHost: bob.postern.alt\r\n\r\n", "not-proxied"),
        ("CONNECT bob.postern.alt HTTP/1.1\r\nHost: bob.postern.alt\r\n\r\n", "bad-request"),
        ("CONNECT bob.postern.alt:0 HTTP/1.1\r\nHost: bob.postern.alt\r\n\r\n", "bad-request"),
        ("CONNECT bob.postern.alt:80 HTTP/1.1\r\nHost: eve.postern.alt:80\r\n\r\n", "bad-request"),
        ("CONNECT bob.postern.alt:80 HTTP/1.1\r\nHost: bob.postern.alt\r\nContent-Length: 5\r\n\r\n", "bad-request"),
        ("hello\r\n\r\n", "bad-request"),
    ])
    func `what names no target is refused`(request: String, code: String) {
        let world = ConnectionWorld.proxying()
        #expect(world.request(request).contains("answer \(code)"))
        #expect(world.toUpstream.isEmpty)
    }

    @Test(arguments: [
        ("http://bob.postern.alt/", "eve.postern.alt", "", "bad-request"),
        ("http://bob.postern.alt/", "bob.postern.alt", "Origin: http://evil.example\r\n", "foreign-origin"),
        ("http://bob.postern.alt/", "bob.postern.alt", "Origin: http://localhost\r\n", "foreign-origin"),
        ("http://bob.postern.alt/", "bob.postern.alt", "Sec-Fetch-Site: cross-site\r\n", "foreign-origin"),
    ])
    func `Host and Origin are held to the target`(url: String, host: String, extra: String, code: String) {
        let world = ConnectionWorld.proxying()
        _ = world.request(Self.get(url, host: host, extra: extra))
        #expect(world.resolve(.ready(Self.bob)).contains("answer \(code)"))
        #expect(world.toUpstream.isEmpty)
    }

    @Test func `an agent's own pages may call it, and its clients' passwords for the proxy stay here`() {
        let world = ConnectionWorld.proxying()
        let extra = "Origin: http://bob.postern.alt\r\nProxy-Authorization: Basic eDp5\r\n"
        _ = world.request(Self.get("http://bob.postern.alt/", extra: extra))
        _ = world.resolve(.ready(Self.bob))
        #expect(world.toUpstream == Self.get("/", extra: "Origin: http://bob.postern.alt\r\n"))
    }

    @Test func `hosts tell peers and services`() throws {
        func target(_ host: String) throws -> ProxyTarget {
            let reader = HeadScratch()
            var http = HTTP1ConnectionState(
                policy: Self.bob,
                addressing: .proxy(nil),
                scratch: reader
            )
            let text = Array(Self.get("http://\(host)/", host: host).utf8)
            _ = try http.receiveRequests(text.span)
            let turn = http.turn
            return try #require(turn).target
        }
        #expect(try target("Planner.Acme.postern.alt").peer == PeerName("planner.acme"))
        #expect(try target("tools.bob.postern.alt").serviceOfPeer?.peer == PeerName("bob"))
        #expect(try target("tools.bob.postern.alt").serviceOfPeer?.service == "tools")
        #expect(try target("bob.postern.alt").serviceOfPeer == nil)
        #expect(try target("[fd12:3456:789a::1]").peer == PeerName("fd12:3456:789a::1"))
        for host in ["example.com", "postern.alt", ".postern.alt", "notpostern.alt", "[fe80::1]", "127.0.0.1"] {
            #expect(try target(host).peer == nil, "\(host)")
        }
    }
}
