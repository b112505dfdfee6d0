import Testing

@testable import GatewayCore

@Suite struct RequestRulesTests {
    @Test func `a request that needs no change is forwarded as the bytes that came`() {
        let passage = Passage.reach()
        let text = message(
            "POST /a%2Fb/c:d*?x=%2f&y HTTP/1.1",
            "Host: localhost:7701",
            "accept: application/json, text/event-stream",
            "X-Two: 1",
            "x-two: 2",
            "Content-Length: 5",
            body: "hello"
        )
        #expect(passage.ask(text) == text)
        #expect(passage.pieces == [.input(0..<text.utf8.count)])
    }

    @Test(arguments: [
        "127.0.0.1", "127.0.0.1:7701", "127.0.0.2", "127.255.0.1:1", "localhost", "LOCALHOST:1", "[::1]", "[::1]:65535",
        "planner.acme.postern.alt",
        "Planner.Acme.Postern.Alt:80",
    ])
    func `a host of ours is accepted`(host: String) {
        let passage = Passage.reach()
        let text = message("GET / HTTP/1.1", "Host: \(host)")
        #expect(passage.ask(text) == text)
    }

    @Test(arguments: [
        ("postern-control=1", nil), ("a=b; postern-control=1", "a=b"), ("postern-control=1;a=b", "a=b"),
        ("a=b;  postern-control = 1 ; c=d", "a=b; c=d"), ("a=b; postern-controls=1", "a=b; postern-controls=1"),
        ("a=postern-control", "a=postern-control"), ("postern-control; x", "x"), (";;", ";;"),
    ])
    func `the cookie of the status page stays here, and others pass`(cookie: String, left: String?) {
        let passage = Passage.reach()
        let lines = ["GET / HTTP/1.1", "Host: localhost"]
        let kept =
            left.map { message(lines[0], lines[1], "Cookie: \($0)", "X: y") } ?? message(lines[0], lines[1], "X: y")
        #expect(passage.ask(message(lines[0], lines[1], "Cookie: \(cookie)", "X: y")) == kept)
    }

    @Test(arguments: [
        "http://127.0.0.1:7701", "http://localhost:7701", "http://[::1]:7701", "http://planner.acme.postern.alt:7701",
    ])
    func `the origin of the port itself is accepted, under any of its names`(origin: String) {
        let passage = Passage.reach()
        let text = message("GET / HTTP/1.1", "Host: 127.0.0.1:7701", "Origin: \(origin)", "Sec-Fetch-Site: same-origin")
        #expect(passage.ask(text) == text)
    }

    @Test(arguments: [
        "http://127.0.0.1:3000", "https://127.0.0.1:7702", "http://localhost", "null", "chrome-extension://abcdef",
        "vscode-webview://1", "tauri://localhost",
    ])
    func `another origin is refused, also one of this machine, unless a rule allows it`(origin: String) {
        let text = message("GET / HTTP/1.1", "Host: 127.0.0.1:7701", "Origin: \(origin)", "Sec-Fetch-Site: cross-site")
        for (rules, isAllowed) in [([], false), ([origin], true), (["http://other"], false)] as [([String], Bool)] {
            let passage = Passage(
                .reach(ReachPolicy(names: OwnNames(), origins: OriginRules(rules), offersUpgrade: false))
            )
            if isAllowed {
                #expect(passage.ask(text) == text)
            } else {
                passage.ask(text)
                #expect(passage.error?.code == .foreignOrigin)
            }
        }
    }

    @Test func `a rule that ends with an asterisk allows what begins like it, and no shorter`() {
        let rules = OriginRules(["vscode-webview://*"])
        func allows(_ origin: String) -> Bool {
            let bytes = Array(origin.utf8)
            return rules.allow(bytes.span, bytes.indices)
        }
        #expect(allows("vscode-webview://1a2b") && allows("VSCODE-webview://x"))
        #expect(!allows("vscode-webview://") && !allows("vscode-webview") && !allows("http://vscode-webview://"))
    }

    @Test(arguments: ["cross-site", "same-site"])
    func `what a page of another site or port caused is refused, though it names no origin`(site: String) {
        let passage = Passage.reach()
        passage.ask(message("GET / HTTP/1.1", "Host: 127.0.0.1", "Sec-Fetch-Site: \(site)"))
        #expect(passage.error?.code == .foreignOrigin)
    }

    @Test func `what a client says about itself in our name is removed, in any spelling`() {
        for passage in [Passage.reach(), Passage.expose()] {
            passage.ask(
                message(
                    "GET / HTTP/1.1",
                    "Host: 127.0.0.1",
                    "Postern-Peer: did:key:zMallory",
                    "X: 1",
                    "POSTERN-PEER-NAME: m",
                    "postern-network: evil",
                    "Postern_Peer: did:key:zMallory",
                    "Postern.Peer: did:key:zMallory",
                    "postern!PEER: did:key:zMallory",
                    "Postern~peer_name: evil",
                    "Postern-Error: evil",
                    "Y: 2"
                )
            )
            #expect(!passage.forwardedText.contains("Mallory"))
            #expect(!passage.forwardedText.contains("evil"))
            #expect(passage.forwardedText.contains("X: 1\r\nY: 2\r\n\r\n"))
        }
    }

    @Test func `a name that only begins like ours stays`() {
        let text = message("GET / HTTP/1.1", "Host: 127.0.0.1", "Posterns-Peer: 1", "Postern: 2", "Postern1: 3")
        #expect(Passage.reach().ask(text) == text)
    }

    @Test func `the agent learns who the peer is and gets its own authority as Host`() {
        let passage = Passage.expose()
        #expect(
            passage.ask(message("GET /x HTTP/1.1", "A: 1", "Host: 127.0.0.1:7701", "B: 2"))
                == message(
                    "GET /x HTTP/1.1",
                    "A: 1",
                    "Host: 127.0.0.1:9999",
                    "Postern-Peer: did:key:zAlice",
                    "Postern-Peer-Name: alice",
                    "Postern-Network: acme",
                    "B: 2"
                )
        )
    }

    @Test func `Host is kept or replaced by a value where the configuration says so`() {
        #expect(
            Passage.expose(host: .preserve).ask(message("GET / HTTP/1.1", "Host: a.example")).contains(
                "Host: a.example\r\nPostern-Peer: "
            )
        )
        #expect(
            Passage.expose(host: .literal("b.example")).ask(message("GET / HTTP/1.1", "Host: a.example"))
                .contains("Host: b.example\r\nPostern-Peer: ")
        )
    }

    @Test func `a peer's name cannot end its line`() {
        let passage = Passage.expose(name: "eve\r\nPostern-Peer: x ä%")
        passage.ask(message("GET / HTTP/1.1", "Host: 127.0.0.1"))
        #expect(passage.forwardedText.contains("Postern-Peer-Name: eve%0D%0APostern-Peer:%20x%20%C3%A4%25\r\n"))
    }

    @Test func `Connection cannot remove the identity that we add`() {
        let passage = Passage.expose()
        passage.ask(message("GET / HTTP/1.1", "Host: 127.0.0.1", "Connection: Postern-Peer, close"))
        #expect(passage.forwardedText.contains("Postern-Peer: did:key:zAlice\r\n"))
        #expect(passage.forwardedText.contains("Connection: close\r\n"))
    }

    // RFC 9110 §7.6.1
    @Test func `fields for one hop are removed, and those that Connection names`() {
        let passage = Passage.reach()
        passage.ask(
            message(
                "GET / HTTP/1.1",
                "Host: 127.0.0.1",
                "Connection: keep-alive, X-Hop",
                "Keep-Alive: timeout=5",
                "Proxy-Connection: keep-alive",
                "TE: trailers",
                "Upgrade: h2c",
                "x-hop: 1",
                "X-End: 2",
                "Connection: other"
            )
        )
        #expect(
            passage.forwardedText
                == message(
                    "GET / HTTP/1.1",
                    "Host: 127.0.0.1",
                    "Connection: keep-alive",
                    "X-End: 2"
                )
        )
    }

    @Test func `close and keep-alive stay, since the connection is the same at each hop`() {
        for option in ["close", "keep-alive", "Keep-Alive", "close, keep-alive"] {
            let text = message("GET / HTTP/1.0", "Host: 127.0.0.1", "Connection: \(option)")
            #expect(Passage.reach().ask(text) == text)
        }
    }

    @Test func `an absolute target that agrees with Host becomes its path`() {
        for (target, path) in [
            ("http://127.0.0.1:7701/a?b", "/a?b"), ("HTTP://127.0.0.1:7701", "/"), ("http://127.0.0.1:7701?q", "/?q"),
        ] {
            #expect(
                Passage.reach().ask(message("GET \(target) HTTP/1.1", "Host: 127.0.0.1:7701"))
                    == message("GET \(path) HTTP/1.1", "Host: 127.0.0.1:7701")
            )
        }
        #expect(
            Passage.reach().ask(message("OPTIONS http://127.0.0.1 HTTP/1.1", "Host: 127.0.0.1:80"))
                == message("OPTIONS * HTTP/1.1", "Host: 127.0.0.1:80")
        )
    }

    @Test(arguments: ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE", "PROPFIND", "REPORT"])
    func `every method of HTTP passes`(method: String) {
        let text = message("\(method) /x HTTP/1.1", "Host: 127.0.0.1")
        #expect(Passage.reach().ask(text) == text)
    }

    @Test func `Expect, Authorization and unknown headers pass`() {
        let text = message(
            "POST / HTTP/1.1",
            "Host: 127.0.0.1",
            "Expect: 100-continue",
            "Authorization: Bearer x",
            "Mcp-Param-Ä: =?base64?w6Q=?=".replacing("Ä", with: "A"),
            "X: \u{e4}",
            "Content-Length: 1",
            body: "x"
        )
        #expect(Passage.reach().ask(text) == text)
    }

    @Test func `an empty line before a request is dropped, however it is cut`() {
        let request = message("GET / HTTP/1.1", "Host: 127.0.0.1")
        let bytes = Array(("\r\n" + request).utf8)
        for cut in 0..<bytes.count {
            let passage = Passage.reach()
            passage.ask(Array(bytes[..<cut]))
            passage.ask(Array(bytes[cut...]))
            #expect(passage.forwardedText == request, "cut at \(cut)")
        }
    }

    @Test func `what follows a request with close is not a request`() {
        let passage = Passage.reach()
        let text = message("GET / HTTP/1.1", "Host: 127.0.0.1", "Connection: close")
        passage.ask(text + message("GET /hidden HTTP/1.1", "Host: 127.0.0.1"))
        #expect(passage.forwardedText == text)
        #expect(passage.outstandingCount == 1)
    }

    @Test func `pipelined requests beyond the limit wait for answers`() {
        let passage = Passage.reach()
        let request = message("GET / HTTP/1.1", "Host: 127.0.0.1")
        passage.ask(String(repeating: request, count: HTTP1ConnectionState.pipelineLimit + 3))
        #expect(passage.outstandingCount == HTTP1ConnectionState.pipelineLimit)
        #expect(passage.holdsRequests)
        passage.answer(message("HTTP/1.1 204 No Content"))
        #expect(!passage.holdsRequests)
        passage.ask([])
        #expect(passage.ask([]).isEmpty)
        #expect(passage.forwardedText == String(repeating: request, count: HTTP1ConnectionState.pipelineLimit + 1))
    }

    @Test func `a connection that ends inside a head is a bad request, inside a body it is the agent's to judge`() {
        let head = Passage.reach()
        head.ask("GET / HTTP/1.1\r\nHo")
        #expect(head.endRequests()?.code == .badRequest)
        let body = Passage.reach()
        body.ask(message("POST / HTTP/1.1", "Host: 127.0.0.1", "Content-Length: 5", body: "he"))
        #expect(body.endRequests() == nil)
        #expect(Passage.reach().endRequests() == nil)
    }
}
