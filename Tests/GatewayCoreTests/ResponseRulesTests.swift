import PosternModel
import TestSupport
import Testing

@testable import GatewayCore

private let request = message("GET / HTTP/1.1", "Host: 127.0.0.1:7701")

/// An end that has forwarded one request.
private func asked(_ passage: Passage = .expose(), _ text: String = request) -> Passage {
    passage.ask(text)
    return passage
}

private let wholeResponses: [String] = [
    message("HTTP/1.1 200 OK", "Content-Length: 5", "X: 1", "x: 2", body: "hello"),
    message("HTTP/1.1 200 OK", "Content-Length: 0"),
    message("HTTP/1.1 202 Accepted", "content-length: 0"),
    message("HTTP/1.1 204 No Content"),
    message("HTTP/1.1 304 Not Modified", "Content-Length: 99", "ETag: \"a\""),
    message("HTTP/1.1 404 Not Found", "Content-Type: application/json", "Content-Length: 2", body: "{}"),
    message("HTTP/1.1 599 Odd", "Content-Length: 2", body: "{}"),
    message("HTTP/1.1 200 ", "Content-Length: 1", body: "x"),
    message("HTTP/1.1 200", "Content-Length: 1", body: "x"),
    message("HTTP/1.1 200 OK", "Transfer-Encoding: chunked", body: "5\r\nhello\r\n3\r\nabc\r\n0\r\n\r\n"),
    message("HTTP/1.1 200 OK", "Transfer-Encoding: Chunked", body: "A\r\n0123456789\r\n0\r\nX-Sum: 1\r\nY: 2\r\n\r\n"),
    message("HTTP/1.1 200 OK", "Transfer-Encoding: gzip, chunked", body: "5\r\nhello\r\n0\r\n\r\n"),
    message("HTTP/1.1 100 Continue") + message("HTTP/1.1 103 Early Hints", "Link: </a>")
        + message("HTTP/1.1 200 OK", "Content-Length: 1", body: "x"),
    message("HTTP/1.0 200 OK", "Content-Length: 1", "Connection: close", body: "x"),
]

private let malformedResponses: [(String, String)] = [
    ("CL and TE", message("HTTP/1.1 200 OK", "Content-Length: 5", "Transfer-Encoding: chunked", body: "0\r\n\r\n")),
    ("two CL", message("HTTP/1.1 200 OK", "Content-Length: 5", "Content-Length: 5", body: "hello")),
    ("bad CL", message("HTTP/1.1 200 OK", "Content-Length: 5x", body: "hello")),
    (
        "TE twice",
        message("HTTP/1.1 200 OK", "Transfer-Encoding: chunked", "Transfer-Encoding: chunked", body: "0\r\n\r\n")
    ),
    ("TE not chunked", message("HTTP/1.1 200 OK", "Transfer-Encoding: gzip", body: "x")),
    ("TE chunked first", message("HTTP/1.1 200 OK", "Transfer-Encoding: chunked, gzip", body: "0\r\n\r\n")),
    ("bare LF", "HTTP/1.1 200 OK\nContent-Length: 0\r\n\r\n"),
    ("folded", message("HTTP/1.1 200 OK", "X: a", " b", "Content-Length: 0")),
    ("NUL", message("HTTP/1.1 200 OK", "X: a\u{0}", "Content-Length: 0")),
    ("not HTTP", "SSH-2.0-OpenSSH_9.2\r\n\r\n"),
    ("HTTP/2", message("HTTP/2.0 200 OK", "Content-Length: 0")),
    ("status of two digits", message("HTTP/1.1 20 OK", "Content-Length: 0")),
    ("status of four digits", message("HTTP/1.1 2000 OK", "Content-Length: 0")),
    ("unasked upgrade", message("HTTP/1.1 101 Switching Protocols", "Connection: upgrade", "Upgrade: websocket")),
    ("a request", request),
]

@Suite struct ResponseRulesTests {
    @Test(arguments: wholeResponses)
    func `a response passes as it is, however it is cut, and completes its request`(text: String) {
        let bytes = Array(text.utf8)
        for passage in [{ Passage.expose(host: .upstream) }, { Passage.reach(offersUpgrade: false) }] {
            for cut in 0..<bytes.count {
                let end = asked(passage())
                end.answer(Array(bytes[..<cut]))
                end.answer(Array(bytes[cut...]))
                #expect(end.error == nil, "cut at \(cut)")
                #expect(end.returnedText == text, "cut at \(cut)")
                #expect(end.outstandingCount == 0, "cut at \(cut)")
            }
            let end = asked(passage())
            for byte in bytes { end.answer([byte]) }
            #expect(end.returnedText == text)
            #expect(end.outstandingCount == 0)
        }
    }

    @Test(arguments: malformedResponses)
    func `a malformed response is refused before any of it is forwarded`(name: String, text: String) {
        let bytes = Array(text.utf8)
        for cut in 0..<bytes.count {
            let end = asked()
            end.answer(Array(bytes[..<cut]))
            end.answer(Array(bytes[cut...]))
            #expect(end.error?.code == .badResponse, "\(name), cut at \(cut)")
            #expect(end.returnedText == "", "\(name), cut at \(cut)")
            #expect(end.answerToLoss(.unavailable) == .respond(toHead: false))
        }
    }

    @Test func `an event stream without a length passes until the agent closes`() {
        let end = asked()
        let head = message("HTTP/1.1 200 OK", "Content-Type: text/event-stream")
        #expect(end.answer(head) == head)
        #expect(end.answer("data: 1\n\n") == "data: 1\n\n")
        #expect(end.answer(": ping\n\n") == ": ping\n\n")
        #expect(end.outstandingCount == 1)
        #expect(end.endResponses() == nil)
        #expect(end.outstandingCount == 0)
    }

    @Test func `an agent that closes in the middle of a body ends early, one that resets breaks the connection`() {
        for text in [
            message("HTTP/1.1 200 OK", "Content-Length: 5", body: "he"),
            message("HTTP/1.1 200 OK", "Transfer-Encoding: chunked", body: "5\r\nhello\r\n"),
        ] {
            let end = asked()
            end.answer(text)
            #expect(end.endResponses()?.code == .upstreamBroken)
            #expect(end.answerToLoss(.closed) == .close)
            #expect(end.answerToLoss(.broken) == .abort)
            #expect(end.answerToLoss(.unavailable) == .abort)
        }
    }

    @Test func `an agent that leaves without a word is told by a response, but not on a connection that served before`()
    {
        let first = asked()
        #expect(first.endResponses()?.code == .upstreamBroken)
        #expect(first.answerToLoss(.closed) == .respond(toHead: false))
        let later = asked()
        later.answer(message("HTTP/1.1 204 No Content"))
        #expect(later.endResponses() == nil)
        later.ask(request)
        #expect(later.endResponses()?.code == .upstreamBroken)
        #expect(later.answerToLoss(.closed) == .close)
        #expect(later.answerToLoss(.broken) == .abort)
        #expect(later.answerToLoss(.unavailable) == .respond(toHead: false))
    }

    @Test func `a response to HEAD has no body, whatever it announces`() {
        let end = asked(.expose(), message("HEAD / HTTP/1.1", "Host: 127.0.0.1") + request)
        let head = message("HTTP/1.1 200 OK", "Content-Length: 5")
        let chunked = message("HTTP/1.1 200 OK", "Content-Length: 1", body: "x")
        #expect(end.answer(head + chunked) == head + chunked)
        #expect(end.outstandingCount == 0)
    }

    @Test func `pipelined responses answer their requests in order`() {
        let end = asked(.expose(), request + message("HEAD / HTTP/1.1", "Host: 127.0.0.1") + request)
        #expect(end.outstandingCount == 3)
        end.answer(
            message("HTTP/1.1 200 OK", "Content-Length: 2", body: "ab")
                + message("HTTP/1.1 200 OK", "Content-Length: 2")
        )
        #expect(end.outstandingCount == 1)
        end.answer(message("HTTP/1.1 200 OK", "Content-Length: 2", body: "cd"))
        #expect(end.outstandingCount == 0)
        #expect(end.error == nil)
    }

    @Test func `a response that nobody asked for is not forwarded`() {
        let early = Passage.expose()
        early.answer(message("HTTP/1.1 200 OK", "Content-Length: 0"))
        #expect(early.error?.code == .badResponse)
        let second = asked()
        second.answer(
            message("HTTP/1.1 200 OK", "Content-Length: 0")
                + message("HTTP/1.1 200 OK", "X: forged", "Content-Length: 0")
        )
        #expect(second.error?.code == .badResponse)
        #expect(!second.returnedText.contains("forged"))
    }

    @Test(arguments: [
        ("http://127.0.0.1:9999/mcp", "http://127.0.0.1:7701/mcp"),
        ("HTTP://127.0.0.1:9999", "http://127.0.0.1:7701"),
        ("http://127.0.0.1:9999?x", "http://127.0.0.1:7701?x"),
        ("//127.0.0.1:9999/mcp", "http://127.0.0.1:7701/mcp"),
        ("http://localhost:9999/mcp", "http://127.0.0.1:7701/mcp"),
        ("http://0.0.0.0:9999/mcp", "http://127.0.0.1:7701/mcp"),
        ("http://[::1]:9999/mcp", "http://127.0.0.1:7701/mcp"),
        ("/mcp", "/mcp"), ("//login.example/mcp", "//login.example/mcp"),
        ("http://localhost:9998/mcp", "http://localhost:9998/mcp"),
        ("http://127.0.0.1:9998/mcp", "http://127.0.0.1:9998/mcp"),
        ("https://login.example/authorize", "https://login.example/authorize"),
        ("http://127.0.0.1:9999.evil.example/", "http://127.0.0.1:9999.evil.example/"),
    ])
    func `a redirect to the agent's own authority leads back through us`(from: String, to: String) {
        let text = message("HTTP/1.1 307 Temporary Redirect", "X: 1", "Location: \(from)", "Content-Length: 0")
        #expect(asked().answer(text) == text.replacing(from, with: to))
        #expect(asked(.reach()).answer(text) == text)
    }

    @Test(arguments: [
        ("agent.example:8443", "https://agent.example:8443/mcp", true),
        ("agent.example:443", "https://agent.example/mcp", true), ("agent.example:443", "http://agent.example/", false),
    ])
    func `the port of an agent behind TLS is 443 where none is written`(place: String, target: String, isOwn: Bool) {
        let service = ExposedService(
            service: Service(name: "planner", port: VirtualPort(80), kind: .http),
            upstream: HostPort(place)!,
            tls: UpstreamTLS()
        )
        let policy = ExposePolicy(service, did: "did:key:zAlice", peerName: nil, network: nil)
        let passage = Passage(.expose(policy))
        let asked = passage.ask(message("GET / HTTP/1.1", "Host: 127.0.0.1:7701"))
        let host = place.hasSuffix(":443") ? "agent.example" : place
        #expect(asked.contains("Host: \(host)\r\n"))
        let text = message("HTTP/1.1 307 Temporary Redirect", "Location: \(target)", "Content-Length: 0")
        #expect(passage.answer(text).contains("Location: http://127.0.0.1:7701/") == isOwn)
    }

    @Test func `no agent sets the cookie of the status page`() {
        let own = ["postern-control=evil; Path=/", " postern-control = x", "postern-control"]
        let other = ["session=1", "postern-controls=1", "a=postern-control=1"]
        for passage in [asked(), asked(.reach())] {
            let lines = (own + other).map { "Set-Cookie: \($0)" } + ["Content-Length: 0"]
            let left = other.map { "Set-Cookie: \($0)" } + ["Content-Length: 0"]
            let text = { (lines: [String]) in "HTTP/1.1 200 OK\r\n" + lines.map { $0 + "\r\n" }.joined() + "\r\n" }
            #expect(passage.answer(text(lines)) == text(left))
        }
    }

    @Test func `fields for one hop and forged fields of ours are removed from responses`() {
        let text = message(
            "HTTP/1.1 200 OK",
            "Connection: keep-alive, X-Hop",
            "Keep-Alive: timeout=5",
            "X-Hop: 1",
            "Upgrade: h2c",
            "Postern-Error: upstream-broken",
            "postern.error: x",
            "Content-Length: 0"
        )
        let kept = message("HTTP/1.1 200 OK", "Connection: keep-alive", "Keep-Alive: timeout=5", "Content-Length: 0")
        #expect(asked().answer(text) == kept)
    }

    @Test(arguments: GatewayError.Code.allCases)
    func `a peer's sidecar may tell of its agent, but not what only we can know`(code: GatewayError.Code) {
        let text = message(
            "HTTP/1.1 502 Bad Gateway",
            "Postern-Error: \(code.rawValue)",
            "Postern_Peer: x",
            "Content-Length: 0"
        )
        let answer = asked(.reach()).answer(text)
        #expect(!answer.contains("Postern_Peer"))
        let isKept = [
            .badRequest, .headersTooLarge, .upstreamRefused, .upstreamTimeout, .upstreamBroken, .upstreamUntrusted,
            .badResponse, .overLimit, .shuttingDown, .methodRefused,
        ].contains(code)
        #expect(answer.contains("Postern-Error: \(code.rawValue)\r\n") == isKept)
    }

    @Test(arguments: [
        "8;a=b;c=d", "8; a=b", "8 ;a", "8\t ; a = \"x;y\"", "08;a", "8;", "8;a=b;c=\"d e\";f",
    ])
    func `chunk extensions are dropped and the body arrives whole, however it is cut (RFC 9112 §7.1.1)`(size: String) {
        let head = message("HTTP/1.1 200 OK", "Transfer-Encoding: chunked")
        let bytes = Array((head + "\(size)\r\nabcdefgh\r\n0;last\r\nX: y\r\n\r\n").utf8)
        let digits = size.prefix { $0.isHexDigit }
        for cut in 0..<bytes.count {
            let end = asked()
            end.answer(Array(bytes[..<cut]))
            end.answer(Array(bytes[cut...]))
            #expect(end.error == nil, "cut at \(cut)")
            #expect(end.returnedText == head + "\(digits)\r\nabcdefgh\r\n0\r\nX: y\r\n\r\n", "cut at \(cut)")
            #expect(end.outstandingCount == 0, "cut at \(cut)")
        }
    }

    @Test func `our own errors pass the reaching end`() {
        let error = GatewayError(.upstreamRefused, "the agent does not listen", peer: "bob", hint: "start it")
        let text = String(decoding: error.response(toHead: false), as: UTF8.self)
        #expect(asked(.reach()).answer(text) == text)
    }
}

@Suite struct UpgradeTests {
    private let upgrade = message(
        "GET /ws HTTP/1.1",
        "Host: 127.0.0.1",
        "Connection: Upgrade",
        "Upgrade: websocket",
        "Sec-WebSocket-Key: x"
    )
    private let switching = message("HTTP/1.1 101 Switching Protocols", "Connection: Upgrade", "Upgrade: websocket")

    @Test func `a WebSocket passes where the service offers it`() {
        let end = Passage.reach(offersUpgrade: true)
        #expect(end.ask(upgrade) == upgrade)
        #expect(end.holdsRequests)
        #expect(end.ask("\u{1}frame") == "")
        #expect(end.answer(switching + "\u{2}frame") == switching + "\u{2}frame")
        #expect(end.ask("\u{3}") == "\u{1}frame\u{3}")
        #expect(end.answer("\u{4}") == "\u{4}")
        #expect(end.endResponses() == nil)
    }

    @Test func `a handshake that announces an empty body is a handshake`() {
        let end = Passage.reach(offersUpgrade: true)
        let text = upgrade.replacing("\r\n\r\n", with: "\r\nContent-Length: 0\r\n\r\n")
        #expect(end.ask(text) == text)
        #expect(end.holdsRequests)
        #expect(end.answer(switching + "\u{2}") == switching + "\u{2}")
        #expect(end.ask("\u{1}") == "\u{1}")
    }

    @Test func `an upgrade that the agent declines leaves an ordinary connection`() {
        let end = Passage.reach(offersUpgrade: true)
        end.ask(upgrade + message("GET /next HTTP/1.1", "Host: evil.example"))
        #expect(!end.forwardedText.contains("next"))
        end.answer(message("HTTP/1.1 426 Upgrade Required", "Content-Length: 0"))
        end.ask("")
        #expect(end.error?.code == .foreignHost)
    }

    @Test func `MCP and A2A services offer no upgrade, and nobody offers HTTP/2 by one`() {
        let plain = message("GET /ws HTTP/1.1", "Host: 127.0.0.1", "Sec-WebSocket-Key: x")
        #expect(Passage.reach().ask(upgrade) == plain)
        let h2c = Passage.reach(offersUpgrade: true)
        #expect(
            h2c.ask(
                message(
                    "GET / HTTP/1.1",
                    "Host: 127.0.0.1",
                    "Connection: Upgrade, HTTP2-Settings",
                    "Upgrade: h2c",
                    "HTTP2-Settings: x"
                )
            )
                == message("GET / HTTP/1.1", "Host: 127.0.0.1")
        )
    }

    @Test func `a request with an upgrade and a body is an ordinary request`() {
        let end = Passage.reach(offersUpgrade: true)
        let text = message(
            "POST / HTTP/1.1",
            "Host: 127.0.0.1",
            "Connection: Upgrade",
            "Upgrade: websocket",
            "Content-Length: 2",
            body: "ab"
        )
        #expect(end.ask(text) == message("POST / HTTP/1.1", "Host: 127.0.0.1", "Content-Length: 2", body: "ab"))
        #expect(!end.holdsRequests)
    }
}
