import PosternModel
import TestSupport
import Testing

@testable import GatewayCore

/// Cards as they pass through the exposing end.
@Suite struct CardExchangeTests {
    private static let card = #"{"name":"a","url":"http://127.0.0.1:9999/rpc"}"#
    private static let moved = #"{"name":"a","url":"http://127.0.0.1:7701/rpc"}"#
    private static let path = "/.well-known/agent-card.json"

    private func get(_ path: String, _ lines: String...) -> String {
        (["GET \(path) HTTP/1.1", "Host: 127.0.0.1:7701"] + lines).map { $0 + "\r\n" }.joined() + "\r\n"
    }

    private func response(_ body: [UInt8], _ lines: String...) -> [UInt8] {
        let head = (["HTTP/1.1 200 OK", "Content-Length: \(body.count)"] + lines).map { $0 + "\r\n" }.joined() + "\r\n"
        return Array(head.utf8) + body
    }

    /// What a client gets that asks for `path` when the agent answers `text`.
    private func answer(to path: String, _ text: String = card, _ lines: String...) -> String {
        let passage = Passage.expose()
        passage.ask(get(path))
        return passage.answer(message("HTTP/1.1 200 OK", "Content-Length: \(text.utf8.count)", body: text))
    }

    @Test(arguments: [
        "/.well-known/agent-card.json", "/.well-known/agent.json", "/agents/a/.well-known/agent-card.json",
        "/extendedAgentCard", "/tenant/extendedAgentCard", "/v1/card", "/a/v1/card?x=1",
        "/agent/authenticatedExtendedCard", "/.well-known/agent-card.json?v=2",
    ])
    func `a card is changed wherever cards stand`(path: String) {
        #expect(answer(to: path).hasSuffix("\r\n\r\n" + Self.moved))
    }

    @Test(arguments: [
        "/", "/agent-card.json", "/.well-known/agent-card.json/x", "/v1/cards", "/x?/v1/card", "/v1/message:send",
    ])
    func `nothing else is`(path: String) {
        #expect(answer(to: path).hasSuffix("\r\n\r\n" + Self.card))
    }

    @Test func `the length is that of the changed card`() {
        let text = answer(to: Self.path, #"{"url":"http://localhost:9999"}"#)
        #expect(
            text
                == message("HTTP/1.1 200 OK", "Content-Length: 32", body: #"{"url":"http://127.0.0.1:7701"}"#)
                .replacing("Content-Length: 32", with: "Content-Length: 31")
        )
    }

    @Test(arguments: [
        ("HTTP/1.1 404 Not Found", card), ("HTTP/1.1 200 OK", "<html>127.0.0.1:9999</html>"), ("HTTP/1.1 200 OK", ""),
        ("HTTP/1.1 200 OK", #"{"url":"http://127.0.0.1:9999"#), ("HTTP/1.1 200 OK", #"["http://127.0.0.1:9999"]"#),
        ("HTTP/1.1 500 Oops", card), ("HTTP/1.1 206 Partial Content", card),
    ])
    func `an error, and what is not JSON, passes as it is`(status: String, body: String) {
        let passage = Passage.expose()
        passage.ask(get(Self.path))
        let text = message(status, "Content-Length: \(body.utf8.count)", "X: y", body: body)
        #expect(passage.answer(text) == text)
    }

    @Test func `the agent is asked for the whole card, uncompressed and unconditionally`() {
        let passage = Passage.expose(name: nil)
        let asked = passage.ask(
            get(
                Self.path,
                "Accept-Encoding: gzip, br",
                "If-Modified-Since: Mon, 30 Nov 2026 17:00:00 GMT",
                "Range: bytes=0-9",
                "If-None-Match: \"v1\"",
                "X-Own: 1",
                "Accept: */*"
            )
        )
        #expect(asked.contains("Accept-Encoding: identity\r\n"))
        #expect(asked.contains("X-Own: 1\r\nAccept: */*\r\n"))
        for field in ["If-Modified-Since", "Range", "If-None-Match"] { #expect(!asked.contains(field)) }
    }

    @Test(arguments: [#""v1""#, #"W/"v1""#, #""a,b""#, #""""#])
    func `a tag of the changed card is another, and a condition with it is one with the agent's own`(tag: String) throws
    {
        let passage = Passage.expose()
        passage.ask(get(Self.path))
        let first = passage.answer(
            String(decoding: response(Array(Self.card.utf8), "ETag: \(tag)", "Last-Modified: x"), as: UTF8.self)
        )
        let line = try #require(first.split(separator: "\r\n").first { $0.hasPrefix("ETag: ") })
        let changed = line.dropFirst(6)
        #expect(changed != tag && changed.hasSuffix(tag.hasPrefix("W/") ? tag.dropFirst(3) : tag.dropFirst(1)))
        #expect(!first.contains("Last-Modified"))
        let again = passage.ask(get(Self.path, "If-None-Match: \"x\", \(changed), \(tag)"))
        #expect(again.contains("If-None-Match: \(tag)\r\n"))
        let unchanged = passage.answer(message("HTTP/1.1 304 Not Modified", "ETag: \(tag)"))
        #expect(unchanged == message("HTTP/1.1 304 Not Modified", "ETag: \(changed)"))
    }

    @Test func `a tag got under another name of ours is not this card's`() throws {
        let passage = Passage.expose()
        passage.ask(get(Self.path))
        let first = passage.answer(message("HTTP/1.1 200 OK", "Content-Length: 2", "ETag: \"v\"", body: "{}"))
        let line = try #require(first.split(separator: "\r\n").first { $0.hasPrefix("ETag: ") })
        let other = message("GET \(Self.path) HTTP/1.1", "Host: localhost:7701", "If-None-Match: \(line.dropFirst(6))")
        #expect(!passage.ask(other).contains("If-None-Match"))
        #expect(passage.ask(get(Self.path, "If-None-Match: *")).contains("If-None-Match: *\r\n"))
    }

    @Test func `HEAD tells the changed card's tag and no length`() {
        let passage = Passage.expose()
        passage.ask(message("HEAD \(Self.path) HTTP/1.1", "Host: 127.0.0.1:7701"))
        let text = passage.answer(message("HTTP/1.1 200 OK", "Content-Length: 49", "ETag: \"v\"", "X: y"))
        #expect(text.contains("X: y") && !text.contains("Content-Length") && !text.contains("\"v\""))
    }

    @Test(arguments: ["gzip", "deflate"])
    func `a card that is compressed all the same is decompressed`(coding: String) {
        let passage = Passage.expose()
        passage.ask(get(Self.path))
        let body = coding == "gzip" ? CompressedCard.gzip : CompressedCard.deflate
        let text = String(
            decoding: passage.answer(response(body, "Content-Encoding: \(coding)", "Content-Digest: x")),
            as: UTF8.self
        )
        #expect(text == message("HTTP/1.1 200 OK", "Content-Length: \(Self.moved.utf8.count)", body: Self.moved))
    }

    @Test func `a compressed card that is damaged, or of another coding, passes as it is`() {
        for (coding, body) in [("gzip", Array(CompressedCard.gzip.dropLast(9))), ("br", CompressedCard.gzip)] {
            let passage = Passage.expose()
            passage.ask(get(Self.path))
            let text = response(body, "Content-Encoding: \(coding)")
            #expect(passage.answer(text) == text)
        }
    }

    @Test func `a card beyond the limit is refused`() {
        let passage = Passage.expose()
        passage.ask(get(Self.path))
        passage.answer(message("HTTP/1.1 200 OK", "Content-Length: \(DocumentExchange.limit + 1)"))
        passage.answer([UInt8](repeating: 0x20, count: DocumentExchange.limit + 1))
        #expect(passage.error == .cardTooLarge)
        #expect(passage.returned.isEmpty)
        #expect(passage.answerToLoss(.unavailable) == .respond(toHead: false))
    }

    // MARK: What only some readers read

    @Test func `a byte order mark is passed over, and the last of two members counts`() {
        let twice = #"{"url":"https://other.example/","name":"a","url":"http://127.0.0.1:9999/rpc"}"#
        let both = #"{"url":"http://127.0.0.1:7701/rpc","name":"a"}"#
        for (sent, expected) in [("\u{feff}" + Self.card, Self.moved), (twice, both)] {
            #expect(answer(to: Self.path, sent).hasSuffix("\r\n\r\n" + expected))
        }
    }

    @Test func `a card that grows beyond the limit when it is decoded is refused`() {
        let passage = Passage.expose()
        passage.ask(get(Self.path))
        passage.answer(response(CompressedCard.bomb, "Content-Encoding: gzip"))
        #expect(passage.error == .cardTooLarge && passage.returned.isEmpty)
    }

    @Test(arguments: ["", "<html>", #"["a"]"#, "{\"name\": \u{fffd}"])
    func `where signed cards are refused, what cannot be read is as well`(body: String) {
        let passage = Passage.expose(signedCards: .reject)
        passage.ask(get(Self.path))
        passage.answer(message("HTTP/1.1 200 OK", "Content-Length: \(body.utf8.count)", body: body))
        #expect(body.isEmpty ? passage.error == nil : passage.error == .cardUnreadable && passage.returned.isEmpty)
    }

    @Test func `so is what is coded otherwise, a part, a stream, and a lead to another place`() {
        for line in ["Content-Encoding: br", "Content-Type: text/event-stream"] {
            let passage = Passage.expose(signedCards: .reject)
            passage.ask(get(Self.path))
            passage.answer(response(Array(Self.card.utf8), line))
            #expect(passage.error == .cardUnreadable, "\(line)")
        }
        let part = Passage.expose(signedCards: .reject)
        part.ask(get(Self.path))
        part.answer(message("HTTP/1.1 206 Partial Content", "Content-Length: 9", body: #"{"name":""#))
        #expect(part.error == .cardUnreadable)
        let elsewhere = Passage.expose(signedCards: .reject)
        elsewhere.ask(get(Self.path))
        let redirect = message("HTTP/1.1 302 Found", "X: y", "Location: /card", "Content-Length: 0")
        #expect(elsewhere.answer(redirect) == redirect.replacing("Location: /card\r\n", with: ""))
    }

    @Test func `the extended card of a call is not passed unread either`() {
        for (line, body) in [("Content-Encoding: br", "x"), ("X: y", "<html>"), ("X: y", "[]")] {
            let passage = Passage.expose(signedCards: .reject)
            passage.ask(call(#"{"method":"GetExtendedAgentCard"}"#))
            passage.answer(response(Array(body.utf8), line))
            #expect(passage.error == .cardUnreadable, "\(line)")
        }
    }

    // MARK: JSON-RPC

    private func call(_ body: String) -> String {
        message("POST /rpc HTTP/1.1", "Host: 127.0.0.1:7701", "Content-Length: \(body.utf8.count)", body: body)
    }

    private static let result = #"{"jsonrpc":"2.0","id":1,"result":\#(card)}"#

    @Test(arguments: [
        "GetExtendedAgentCard", "agent/getAuthenticatedExtendedCard", "agent/authenticatedExtendedCard",
        #"agent\/getAuthenticatedExtendedCard"#, #"\u0047etExtendedAgentCard"#,
    ])
    func `the extended card is changed in the result of a call`(method: String) {
        let passage = Passage.expose()
        passage.ask(call(#"{"jsonrpc":"2.0","params":{"method":"x"},"id":1,"method":"\#(method)"}"#))
        let text = passage.answer(
            message("HTTP/1.1 200 OK", "Content-Length: \(Self.result.utf8.count)", body: Self.result)
        )
        #expect(text.hasSuffix(#"{"jsonrpc":"2.0","id":1,"result":\#(Self.moved)}"#))
    }

    @Test(arguments: [
        #"{"method":"SendMessage","params":{"method":"GetExtendedAgentCard"}}"#, #"{"id":1}"#, "not JSON",
        #"["GetExtendedAgentCard"]"#, #"{"method":"getextendedagentcard"}"#,
    ])
    func `other results pass as they come`(body: String) {
        let passage = Passage.expose()
        #expect(passage.ask(call(body)).hasSuffix(body))
        let head = message("HTTP/1.1 200 OK", "Content-Length: \(Self.result.utf8.count)")
        #expect(passage.answer(head) == head)
        #expect(passage.answer(Self.result) == Self.result)
    }

    @Test func `an error in place of the card passes as it is`() {
        let passage = Passage.expose()
        passage.ask(call(#"{"method":"GetExtendedAgentCard"}"#))
        let text = message("HTTP/1.1 200 OK", "Content-Length: 20", body: #"{"error":{"code":1}}"#)
        #expect(passage.answer(text) == text)
    }
}

/// The card of the tests, as Python's zlib compresses it.
private enum CompressedCard {
    /// 1052672 blanks as gzip.
    static let bomb =
        [
            0x1f, 0x8b, 0x08, 0x00, 0x00, 0x00, 0x00, 0x00, 0x02, 0x03, 0xed, 0xc1, 0x81, 0x00, 0x00, 0x00,
            0x00, 0xc3, 0x20, 0x95, 0xf9, 0x53, 0xde, 0xe0, 0x04, 0x55, 0x01,
        ] + [UInt8](repeating: 0, count: 1019) + [0x7c, 0x03, 0x43, 0xdd, 0xe3, 0xda, 0x00, 0x10, 0x10, 0x00]
    static let gzip =
        [
            0x1f, 0x8b, 0x08, 0x00, 0x00, 0x00, 0x00, 0x00, 0x02, 0x03, 0xab, 0x56, 0xca, 0x4b, 0xcc, 0x4d,
            0x55, 0xb2, 0x52, 0x4a, 0x54, 0xd2, 0x51, 0x2a, 0x2d, 0xca, 0x01, 0xb2, 0x32, 0x4a, 0x4a, 0x0a,
            0xac, 0xf4, 0xf5, 0x0d, 0x8d, 0xcc, 0xf5, 0x0c, 0x80, 0xd0, 0xd0, 0xca, 0x12, 0x08, 0xf4, 0x8b,
            0x0a, 0x92, 0x95, 0x6a, 0x01, 0x79, 0x4a, 0x81, 0x05, 0x2e, 0x00, 0x00, 0x00,
        ] as [UInt8]
    static let deflate =
        [
            0x78, 0x9c, 0xab, 0x56, 0xca, 0x4b, 0xcc, 0x4d, 0x55, 0xb2, 0x52, 0x4a, 0x54, 0xd2, 0x51, 0x2a,
            0x2d, 0xca, 0x01, 0xb2, 0x32, 0x4a, 0x4a, 0x0a, 0xac, 0xf4, 0xf5, 0x0d, 0x8d, 0xcc, 0xf5, 0x0c,
            0x80, 0xd0, 0xd0, 0xca, 0x12, 0x08, 0xf4, 0x8b, 0x0a, 0x92, 0x95, 0x6a, 0x01, 0x30, 0xf0, 0x0c,
            0x9d,
        ] as [UInt8]
}
