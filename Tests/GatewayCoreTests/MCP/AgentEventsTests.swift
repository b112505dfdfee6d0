import PosternModel
import TestSupport
import Testing

@testable import GatewayCore

/// Streams of events that clients of the transport of 2024-11-05 ask for.
@Suite struct AgentEventsTests {
    private static let chunked = ["Content-Type: text/event-stream", "Transfer-Encoding: chunked"]

    private func expose(deny: [String]? = nil) -> Passage {
        let service = ExposedService(
            service: Service(name: "tools", port: VirtualPort(80), kind: .mcp),
            upstream: .loopback(9000),
            methods: deny.map { MethodRules(allow: nil, deny: $0.compactMap { MethodPattern($0) }) }
        )
        let passage = Passage(.expose(ExposePolicy(service, did: "did:key:zAlice", peerName: nil, network: nil)))
        passage.ask(message("GET /sse HTTP/1.1", "Host: localhost:7701", "Accept: text/event-stream"))
        return passage
    }

    private func head(_ lines: [String] = chunked) -> String {
        (["HTTP/1.1 200 OK"] + lines).map { $0 + "\r\n" }.joined() + "\r\n"
    }

    private func chunk(_ text: String) -> String { String(text.utf8.count, radix: 16) + "\r\n\(text)\r\n" }

    @Test(arguments: [
        ("http://127.0.0.1:9000/messages/?session_id=1", "http://localhost:7701/messages/?session_id=1"),
        ("http://localhost:9000/m", "http://localhost:7701/m"), ("/messages/?session_id=1", "/messages/?session_id=1"),
        ("https://other.example/m", "https://other.example/m"),
    ])
    func `the address to which a client posts leads back through us`(sent: String, expected: String) {
        let passage = expose()
        #expect(passage.answer(head()) == head(), "the head does not wait for the first event")
        let event = { (place: String) in "event: endpoint\r\ndata: \(place)\r\n\r\n" }
        #expect(passage.answer(chunk(event(sent))) == chunk(event(expected)))
    }

    @Test func `it does so in pieces, behind a comment, and what follows passes as it comes`() {
        let passage = expose()
        passage.answer(head())
        #expect(passage.answer(chunk(": hi\n\n")) == chunk(": hi\n\n"))
        #expect(passage.answer(chunk("event: endpoint\nda")).isEmpty)
        #expect(
            passage.answer(chunk("ta: http://127.0.0.1:9000/m\n\nda"))
                == chunk("event: endpoint\ndata: http://localhost:7701/m\n\nda")
        )
        let later = "ta: 1\n\nevent: endpoint\ndata: http://127.0.0.1:9000/m\n\n"
        #expect(passage.answer(chunk(later)) == chunk(later))
    }

    @Test func `a stream that ends with its connection stays one, and one of a known length goes on in chunks`() {
        let passage = expose()
        let sent = head(["Content-Type: text/event-stream"])
        #expect(passage.answer(sent) == sent)
        #expect(passage.answer("data: 1\n\nda") == "data: 1\n\nda")
        #expect(passage.endResponses() == nil)
        #expect(passage.returnedText == sent + "data: 1\n\nda")
        let counted = expose()
        #expect(counted.answer(head(["Content-Type: text/event-stream", "Content-Length: 9"])) == head(Self.chunked))
        #expect(counted.answer("data: 1\n\n") == chunk("data: 1\n\n") + "0\r\n\r\n")
    }

    @Test func `denied tools leave a list that comes in the stream`() {
        let passage = expose(deny: ["tools/call:delete_*"])
        passage.answer(head())
        passage.answer(chunk("event: endpoint\ndata: /m\n\n"))
        let list = #"{"id":1,"result":{"tools":[{"name":"read"},{"name":"delete_x"}]}}"#
        let left = #"{"id":1,"result":{"tools":[{"name":"read"}]}}"#
        #expect(passage.answer(chunk("data: \(list)\n\n")) == chunk("data: \(left)\n\n"))
        #expect(passage.answer(chunk("data: {\"id\":2}\n\n")) == chunk("data: {\"id\":2}\n\n"))
    }

    @Test func `other responses to GET pass as they come`() {
        let json = ["Content-Type: application/json", "Content-Length: 2"]
        for lines in [json, Self.chunked + ["Content-Encoding: gzip"]] {
            let passage = expose()
            #expect(passage.answer(head(lines)) == head(lines))
        }
    }
}
