import Testing

@testable import GatewayCore

struct BadMessage: CustomTestStringConvertible, Sendable {
    let name: String
    let text: String
    let code: GatewayError.Code
    /// Whether a good head comes before the fault, so that something was forwarded.
    let isBody: Bool

    init(_ name: String, _ text: String, _ code: GatewayError.Code = .badRequest, isBody: Bool = false) {
        self.name = name
        self.text = text
        self.code = code
        self.isBody = isBody
    }

    var testDescription: String { name }
}

private let host = "Host: 127.0.0.1:7701"
private let hidden = "GET /hidden HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"

private func chunked(_ body: String) -> String {
    message("POST / HTTP/1.1", host, "Transfer-Encoding: chunked", body: body)
}

let malformedHeads: [BadMessage] = [
    // RFC 9112 §6.1: both lengths
    BadMessage(
        "CL and TE",
        message("POST / HTTP/1.1", host, "Content-Length: 5", "Transfer-Encoding: chunked", body: "0\r\n\r\n" + hidden)
    ),
    BadMessage(
        "TE and CL",
        message("POST / HTTP/1.1", host, "Transfer-Encoding: chunked", "Content-Length: 5", body: "0\r\n\r\n")
    ),
    // RFC 9112 §6.3: several lengths
    BadMessage("two CL", message("POST / HTTP/1.1", host, "Content-Length: 5", "Content-Length: 6", body: "hello")),
    BadMessage(
        "two equal CL",
        message("POST / HTTP/1.1", host, "Content-Length: 5", "Content-Length: 5", body: "hello")
    ),
    BadMessage("CL list", message("POST / HTTP/1.1", host, "Content-Length: 5, 5", body: "hello")),
    BadMessage("CL sign", message("POST / HTTP/1.1", host, "Content-Length: +5", body: "hello")),
    BadMessage("CL negative", message("POST / HTTP/1.1", host, "Content-Length: -5")),
    BadMessage("CL hexadecimal", message("POST / HTTP/1.1", host, "Content-Length: 0x5", body: "hello")),
    BadMessage("CL inner space", message("POST / HTTP/1.1", host, "Content-Length: 5 5", body: "hello")),
    BadMessage("CL empty", message("POST / HTTP/1.1", host, "Content-Length:")),
    BadMessage("CL overflow", message("POST / HTTP/1.1", host, "Content-Length: 18446744073709551621", body: "hello")),
    BadMessage(
        "CL of 19 digits",
        message("POST / HTTP/1.1", host, "Content-Length: 0000000000000000005", body: "hello")
    ),
    // RFC 9112 §6.1: transfer codings
    BadMessage(
        "TE twice",
        message("POST / HTTP/1.1", host, "Transfer-Encoding: chunked", "Transfer-Encoding: chunked", body: "0\r\n\r\n")
    ),
    BadMessage("TE identity", message("POST / HTTP/1.1", host, "Transfer-Encoding: identity", body: "hello")),
    BadMessage("TE xchunked", message("POST / HTTP/1.1", host, "Transfer-Encoding: xchunked", body: "0\r\n\r\n")),
    BadMessage(
        "TE chunked, identity",
        message("POST / HTTP/1.1", host, "Transfer-Encoding: chunked, identity", body: "0\r\n\r\n")
    ),
    BadMessage(
        "TE gzip, chunked",
        message("POST / HTTP/1.1", host, "Transfer-Encoding: gzip, chunked", body: "0\r\n\r\n")
    ),
    BadMessage(
        "TE with control",
        message("POST / HTTP/1.1", host, "Transfer-Encoding: \u{b}chunked", body: "0\r\n\r\n")
    ),
    BadMessage("TE quoted", message("POST / HTTP/1.1", host, "Transfer-Encoding: \"chunked\"", body: "0\r\n\r\n")),
    BadMessage("TE empty", message("POST / HTTP/1.1", host, "Transfer-Encoding:", body: "0\r\n\r\n")),
    BadMessage("TE in HTTP/1.0", message("POST / HTTP/1.0", host, "Transfer-Encoding: chunked", body: "0\r\n\r\n")),
    BadMessage(
        "TE with a space before the colon",
        message("POST / HTTP/1.1", host, "Transfer-Encoding : chunked", body: "0\r\n\r\n")
    ),
    // RFC 9112 §2.2, §5.2: line ends and folds
    BadMessage("bare LF after the request line", "GET / HTTP/1.1\nHost: 127.0.0.1\r\n\r\n"),
    BadMessage("bare LF after a header", "GET / HTTP/1.1\r\nHost: 127.0.0.1\nX: y\r\n\r\n"),
    BadMessage("bare LF as the empty line", "GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\n"),
    BadMessage("only bare LF", "GET / HTTP/1.1\nHost: 127.0.0.1\n\n"),
    BadMessage("bare CR in a value", "GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX: a\rb\r\n\r\n"),
    BadMessage("bare CR as line end", "GET / HTTP/1.1\r\nHost: 127.0.0.1\rX: y\r\n\r\n"),
    BadMessage("CR CR LF", "GET / HTTP/1.1\r\nHost: 127.0.0.1\r\r\n\r\n"),
    BadMessage("folded header", message("GET / HTTP/1.1", host, "X: a", " b")),
    BadMessage("folded with a tab", message("GET / HTTP/1.1", host, "X: a", "\tb")),
    BadMessage("first header begins with a space", message("GET / HTTP/1.1", " " + host)),
    BadMessage("space before Content-Length", message("POST / HTTP/1.1", host, " Content-Length: 5", body: "hello")),
    BadMessage("three empty lines first", "\r\n\r\n\r\nGET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"),
    // RFC 9110 §5.5: NUL and other controls
    BadMessage("NUL in a value", message("GET / HTTP/1.1", host, "X: a\u{0}b")),
    BadMessage("NUL in a name", message("GET / HTTP/1.1", host, "X\u{0}: a")),
    BadMessage("NUL in the target", message("GET /a\u{0}b HTTP/1.1", host)),
    BadMessage("DEL in a value", message("GET / HTTP/1.1", host, "X: a\u{7f}b")),
    BadMessage("control in a value", message("GET / HTTP/1.1", host, "X: a\u{1}b")),
    BadMessage("tab in the request line", message("GET\t/ HTTP/1.1", host)),
    // RFC 9110 §5.1: names
    BadMessage("space in a name", message("GET / HTTP/1.1", host, "X Y: a")),
    BadMessage("space before a colon", message("GET / HTTP/1.1", "Host : 127.0.0.1")),
    BadMessage("no colon", message("GET / HTTP/1.1", host, "X")),
    BadMessage("empty name", message("GET / HTTP/1.1", host, ": a")),
    BadMessage("slash in a name", message("GET / HTTP/1.1", host, "X/Y: a")),
    BadMessage("non-ASCII name", message("GET / HTTP/1.1", host, "Xä: a")),
    // RFC 9112 §3: the request line
    BadMessage("two spaces", message("GET  / HTTP/1.1", host)),
    BadMessage("two spaces before the version", message("GET /  HTTP/1.1", host)),
    BadMessage("space at the end", message("GET / HTTP/1.1 ", host)),
    BadMessage("no version", message("GET /", host)),
    BadMessage("HTTP/0.9", message("GET / HTTP/0.9", host)),
    BadMessage("HTTP/2.0", message("GET / HTTP/2.0", host)),
    BadMessage("HTTP/1.2", message("GET / HTTP/1.2", host)),
    BadMessage("version in lower case", message("GET / http/1.1", host)),
    BadMessage("the HTTP/2 preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
    BadMessage("TLS", "\u{16}\u{3}\u{1}\u{0}hello"),
    BadMessage("unknown method", message("FROBNICATE / HTTP/1.1", host)),
    BadMessage("method in lower case", message("get / HTTP/1.1", host)),
    BadMessage("RTSP", message("GET / RTSP/1.1", host)),
    BadMessage("empty request line", "\r\n\r\nGET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"),
    BadMessage("a response", message("HTTP/1.1 200 OK", host)),
    // RFC 9112 §3.2: targets and Host
    BadMessage("CONNECT", message("CONNECT 127.0.0.1:80 HTTP/1.1", "Host: 127.0.0.1:80")),
    BadMessage("no Host", message("GET / HTTP/1.1", "Accept: */*")),
    BadMessage("two Hosts", message("GET / HTTP/1.1", host, host)),
    BadMessage("two different Hosts", message("GET / HTTP/1.1", host, "Host: evil.example")),
    BadMessage("Host list", message("GET / HTTP/1.1", "Host: 127.0.0.1, evil.example")),
    BadMessage("Host with user", message("GET / HTTP/1.1", "Host: evil@127.0.0.1")),
    BadMessage("Host with path", message("GET / HTTP/1.1", "Host: 127.0.0.1/x")),
    BadMessage("Host empty", message("GET / HTTP/1.1", "Host:")),
    BadMessage("Host with a large port", message("GET / HTTP/1.1", "Host: 127.0.0.1:65536")),
    BadMessage("Host with a bad port", message("GET / HTTP/1.1", "Host: 127.0.0.1:80a")),
    BadMessage("Host with an open bracket", message("GET / HTTP/1.1", "Host: [::1")),
    BadMessage("absolute target of another host", message("GET http://evil.example/ HTTP/1.1", host)),
    BadMessage("absolute target of another port", message("GET http://127.0.0.1:1/ HTTP/1.1", host)),
    BadMessage("absolute target with user", message("GET http://a@127.0.0.1:7701/ HTTP/1.1", host)),
    BadMessage("absolute target of another scheme", message("GET https://127.0.0.1:7701/ HTTP/1.1", host)),
    BadMessage("asterisk with GET", message("GET * HTTP/1.1", host)),
    BadMessage("fragment", message("GET /a#b HTTP/1.1", host)),
    BadMessage("target without a slash", message("GET index.html HTTP/1.1", host)),
    // RFC 9110 §7.6.1: what Connection must not name
    BadMessage(
        "Connection names Content-Length",
        message("POST / HTTP/1.1", host, "Connection: content-length", "Content-Length: 5", body: "hello")
    ),
    BadMessage("Connection names Host", message("GET / HTTP/1.1", host, "Connection: close, Host")),
    BadMessage(
        "Connection names Transfer-Encoding",
        message(
            "POST / HTTP/1.1",
            host,
            "Connection: Transfer-Encoding",
            "Transfer-Encoding: chunked",
            body: "0\r\n\r\n"
        )
    ),
    // Whom we answer
    BadMessage("foreign Host", message("GET / HTTP/1.1", "Host: evil.example"), .foreignHost),
    BadMessage("foreign Host with our port", message("GET / HTTP/1.1", "Host: evil.example:7701"), .foreignHost),
    BadMessage("Host that begins like ours", message("GET / HTTP/1.1", "Host: 127.0.0.1.evil.example"), .foreignHost),
    BadMessage("Host below localhost", message("GET / HTTP/1.1", "Host: x.localhost"), .foreignHost),
    BadMessage("Host as a number", message("GET / HTTP/1.1", "Host: 2130706433"), .foreignHost),
    BadMessage("foreign Origin", message("GET / HTTP/1.1", host, "Origin: http://evil.example"), .foreignOrigin),
    BadMessage("null Origin", message("GET / HTTP/1.1", host, "Origin: null"), .foreignOrigin),
    BadMessage("empty Origin", message("GET / HTTP/1.1", host, "Origin:"), .foreignOrigin),
    BadMessage(
        "two Origins",
        message("GET / HTTP/1.1", host, "Origin: http://127.0.0.1", "Origin: http://evil.example"),
        .foreignOrigin
    ),
    BadMessage("Origin with a path", message("GET / HTTP/1.1", host, "Origin: http://127.0.0.1/x"), .foreignOrigin),
    BadMessage("Origin of another scheme", message("GET / HTTP/1.1", host, "Origin: file://localhost"), .foreignOrigin),
    BadMessage(
        "Origin that begins like ours",
        message("GET / HTTP/1.1", host, "Origin: http://localhost.evil.example"),
        .foreignOrigin
    ),
]

let malformedBodies: [BadMessage] = [
    BadMessage("chunk size empty", chunked("\r\nhello\r\n0\r\n\r\n"), isBody: true),
    BadMessage("chunk size of a letter", chunked("g\r\nhello\r\n0\r\n\r\n"), isBody: true),
    BadMessage("chunk size with 0x", chunked("0x5\r\nhello\r\n0\r\n\r\n"), isBody: true),
    BadMessage("chunk size with a sign", chunked("+5\r\nhello\r\n0\r\n\r\n"), isBody: true),
    BadMessage("chunk size negative", chunked("-5\r\nhello\r\n0\r\n\r\n"), isBody: true),
    BadMessage("chunk size with a space before", chunked(" 5\r\nhello\r\n0\r\n\r\n"), isBody: true),
    BadMessage("chunk size with a space behind", chunked("5 \r\nhello\r\n0\r\n\r\n"), isBody: true),
    BadMessage("chunk size with an underscore", chunked("1_0\r\nhello\r\n0\r\n\r\n"), isBody: true),
    BadMessage("chunk size too large", chunked("10000000000000005\r\nhello\r\n0\r\n\r\n"), isBody: true),
    BadMessage("chunk size with bare LF", chunked("5\nhello\r\n0\r\n\r\n"), isBody: true),
    BadMessage("chunk size with bare CR", chunked("5\rhello\r\n0\r\n\r\n"), isBody: true),
    BadMessage("chunk data without its line end", chunked("5\r\nhello0\r\n\r\n" + hidden), isBody: true),
    BadMessage("chunk data with bare LF", chunked("5\r\nhello\n0\r\n\r\n"), isBody: true),
    BadMessage("chunk data too long", chunked("5\r\nhello!\r\n0\r\n\r\n"), isBody: true),
    BadMessage("chunk extension without a semicolon", chunked("5 a=b\r\nhello\r\n0\r\n\r\n"), isBody: true),
    BadMessage("chunk size with spaces only behind", chunked("5\t \r\nhello\r\n0\r\n\r\n"), isBody: true),
    BadMessage("LF in a chunk extension", chunked("5;a\nb\r\nhello\r\n0\r\n\r\n"), isBody: true),
    BadMessage("CR in a chunk extension", chunked("5;a\rb\r\nhello\r\n0\r\n\r\n"), isBody: true),
    BadMessage("NUL in a chunk extension", chunked("5;a\u{0}\r\nhello\r\n0\r\n\r\n"), isBody: true),
    BadMessage(
        "endless chunk extension",
        chunked("5;" + String(repeating: "a", count: 5000) + "\r\nhello\r\n0\r\n\r\n"),
        isBody: true
    ),
    BadMessage("bare LF at the end", chunked("0\r\n\n"), isBody: true),
    BadMessage("bare CR at the end", chunked("0\r\n\rX"), isBody: true),
    BadMessage("trailer with bare LF", chunked("0\r\nX: a\n\r\n"), isBody: true),
    BadMessage("trailer without a colon", chunked("0\r\nX\r\n\r\n"), isBody: true),
    BadMessage("folded trailer", chunked("0\r\nX: a\r\n b\r\n\r\n"), isBody: true),
    BadMessage("trailer Content-Length", chunked("0\r\nContent-Length: 5\r\n\r\n"), isBody: true),
    BadMessage("trailer Transfer-Encoding", chunked("0\r\nTransfer-Encoding: chunked\r\n\r\n"), isBody: true),
    BadMessage("trailer Host", chunked("0\r\nHost: evil.example\r\n\r\n"), isBody: true),
    BadMessage("trailer Postern-Peer", chunked("0\r\npostern-PEER: did:key:zMallory\r\n\r\n"), isBody: true),
    BadMessage("trailer Postern_Peer", chunked("0\r\nPostern_Peer: did:key:zMallory\r\n\r\n"), isBody: true),
    BadMessage(
        "endless trailers",
        chunked("0\r\n" + String(repeating: "X: a\r\n", count: 2000) + "\r\n"),
        isBody: true
    ),
]

@Suite struct MalformedRequestTests {
    @Test(arguments: malformedHeads)
    func `a malformed head is refused and nothing of it reaches the agent`(bad: BadMessage) {
        let passage = Passage.reach()
        passage.ask(bad.text)
        #expect(passage.error?.code == bad.code)
        #expect(passage.forwardedText == "")
        #expect(passage.answerToRejectedRequest == .respond(toHead: false))
    }

    @Test(arguments: malformedHeads)
    func `a malformed head is refused however it is cut`(bad: BadMessage) {
        let bytes = Array(bad.text.utf8)
        for cut in 1..<bytes.count {
            let passage = Passage.reach()
            passage.ask(Array(bytes[..<cut]))
            passage.ask(Array(bytes[cut...]))
            #expect(passage.error?.code == bad.code, "cut at \(cut)")
            #expect(passage.forwardedText == "", "cut at \(cut)")
        }
        let passage = Passage.reach()
        for byte in bytes { passage.ask([byte]) }
        #expect(passage.error?.code == bad.code)
        #expect(passage.forwardedText == "")
    }

    @Test(arguments: malformedHeads)
    func `the exposing end refuses it as well, but for whom it names`(bad: BadMessage) {
        guard bad.code == .badRequest else { return }
        let passage = Passage.expose()
        passage.ask(bad.text)
        #expect(passage.error?.code == bad.code)
        #expect(passage.forwardedText == "")
    }

    @Test(arguments: malformedBodies)
    func `a malformed body is refused where it goes wrong, however it is cut`(bad: BadMessage) {
        let bytes = Array(bad.text.utf8)
        let stride = max(1, bytes.count / 200)
        for cut in Swift.stride(from: 0, to: bytes.count, by: stride) {
            let passage = Passage.reach()
            passage.ask(Array(bytes[..<cut]))
            passage.ask(Array(bytes[cut...]))
            #expect(passage.error?.code == bad.code, "cut at \(cut)")
            #expect(!passage.forwardedText.contains("hidden"), "cut at \(cut)")
            #expect(passage.answerToRejectedRequest == .respond(toHead: false), "cut at \(cut)")
        }
    }

    @Test func `a head that is too large is refused with 431`() {
        let passage = Passage.reach()
        passage.ask("GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX: ")
        for _ in 0..<70 { passage.ask(String(repeating: "a", count: 1000)) }
        #expect(passage.error?.code == .headersTooLarge)
        #expect(passage.error?.status == 431)
        #expect(passage.forwardedText == "")
    }

    @Test func `too many headers are refused with 431, the greatest number is not`() {
        let most = Passage.reach()
        most.ask("GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n" + String(repeating: "X: a\r\n", count: 199) + "\r\n")
        #expect(most.error == nil)
        #expect(most.outstandingCount == 1)
        let more = Passage.reach()
        more.ask("GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n" + String(repeating: "X: a\r\n", count: 200) + "\r\n")
        #expect(more.error?.code == .headersTooLarge)
    }

    @Test func `the largest head passes, one byte more does not`() {
        let start = "GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX: "
        let room = 65536 - start.utf8.count - 4
        let most = Passage.reach()
        most.ask(start + String(repeating: "a", count: room) + "\r\n\r\n")
        #expect(most.error == nil)
        let more = Passage.reach()
        more.ask(start + String(repeating: "a", count: room + 1) + "\r\n\r\n")
        #expect(more.error?.code == .headersTooLarge)
    }

    @Test func `a request refused behind an unanswered one waits for that answer`() {
        let passage = Passage.reach()
        passage.ask(message("GET /1 HTTP/1.1", "Host: 127.0.0.1"))
        passage.ask(message("GET /2 HTTP/1.1", "Host: evil.example"))
        #expect(passage.error?.code == .foreignHost)
        #expect(passage.answerToRejectedRequest == .wait)
        #expect(!passage.forwardedText.contains("/2"))
    }

    @Test func `a refused HEAD request is answered without a body`() {
        let passage = Passage.reach()
        passage.ask(message("HEAD / HTTP/1.1", "Host: evil.example"))
        #expect(passage.answerToRejectedRequest == .respond(toHead: true))
        let response = String(decoding: passage.error?.response(toHead: true) ?? [], as: UTF8.self)
        #expect(response.hasSuffix("\r\n\r\n"))
        #expect(response.contains("content-length: "))
    }
}
