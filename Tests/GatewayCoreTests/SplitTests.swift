import Testing

@testable import GatewayCore

private let head = ["Host: 127.0.0.1:7701", "Accept: text/event-stream"]

private let wholeRequests: [String] = [
    message("GET /x HTTP/1.1", head[0], head[1]),
    message("POST /x HTTP/1.1", head[0], "Content-Length: 11", body: "hello\r\n\r\nGE"),
    message("POST /x HTTP/1.1", head[0], "Transfer-Encoding: chunked", body: "5\r\nhello\r\n1\r\n\r\r\n0\r\n\r\n"),
    message(
        "POST /x HTTP/1.1",
        head[0],
        "Transfer-Encoding: chunked",
        body: "0a\r\n0\r\n\r\nGET /\r\n0\r\nX-Sum: 1\r\n\r\n"
    ),
    message("GET /1 HTTP/1.1", head[0]) + message("POST /2 HTTP/1.1", head[0], "Content-Length: 2", body: "ab")
        + message("GET /3 HTTP/1.1", head[0]),
]

@Suite struct SplitTests {
    @Test(arguments: wholeRequests)
    func `requests pass the same however they are cut`(text: String) {
        let bytes = Array(text.utf8)
        for first in 0..<bytes.count {
            let end = Passage.reach()
            end.ask(Array(bytes[..<first]))
            end.ask(Array(bytes[first...]))
            #expect(end.error == nil, "cut at \(first)")
            #expect(end.forwardedText == text, "cut at \(first)")
        }
        let end = Passage.reach()
        for byte in bytes { end.ask([byte]) }
        #expect(end.forwardedText == text)
    }

    @Test(arguments: wholeRequests)
    func `rewritten requests come out the same however they are cut`(text: String) {
        let bytes = Array(text.utf8)
        let whole = Passage.expose()
        whole.ask(bytes)
        #expect(whole.error == nil)
        for first in 0..<bytes.count {
            let end = Passage.expose()
            end.ask(Array(bytes[..<first]))
            end.ask(Array(bytes[first...]))
            #expect(end.forwarded == whole.forwarded, "cut at \(first)")
        }
    }

    @Test func `bytes of a passthrough service are not looked at`() {
        let end = Passage(.passthrough)
        #expect(end.ask("PRI * HTTP/2.0\r\n\r\n\u{0}") == "PRI * HTTP/2.0\r\n\r\n\u{0}")
        #expect(end.answer("\u{0}\u{1}") == "\u{0}\u{1}")
        #expect(end.endRequests() == nil)
        #expect(end.endResponses() == nil)
        #expect(end.answerToLoss(.unavailable) == .abort)
    }

    @Test func `a body of many megabytes is forwarded as the bytes that came`() {
        let end = Passage.reach()
        end.ask(message("POST / HTTP/1.1", "Host: 127.0.0.1", "Content-Length: 8388608"))
        let part = [UInt8](repeating: 0x0a, count: 65536)
        for _ in 0..<128 {
            #expect(end.ask(part) == part)
            #expect(end.pieces == [.input(0..<65536)])
        }
        #expect(end.ask(message("GET / HTTP/1.1", "Host: 127.0.0.1")) != "")
        #expect(end.outstandingCount == 2)
    }
}
