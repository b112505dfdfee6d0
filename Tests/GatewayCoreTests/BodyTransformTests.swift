import Testing

@testable import GatewayCore

/// Transforms every body of one direction alike, and remembers what it saw.
// Unchecked: confined to one test.
private final class ScriptedBodies: BodyPolicy, Exchange, BodyInspector, BodyEditor, @unchecked Sendable {
    enum Way {
        case inspect
        case collect(limit: Int, BodyTransform.Overflow)
    }

    private let way: Way
    private let transformsRequests: Bool
    private let edit: ([UInt8]) -> [UInt8]?
    private(set) var seen: [UInt8] = []
    private(set) var contents: [String] = []

    init(_ way: Way, requests: Bool, edit: @escaping ([UInt8]) -> [UInt8]? = { _ in nil }) {
        self.way = way
        transformsRequests = requests
        self.edit = edit
    }

    private var transform: BodyTransform {
        switch way {
        case .inspect: .inspect(self)
        case .collect(let limit, let overflow): .collect(self, limit: limit, overflow: overflow)
        }
    }

    func exchange(_ head: MessageHead, _ bytes: Span<UInt8>, host: Range<Int>) -> (any Exchange)? { self }

    var requestBody: BodyTransform { transformsRequests ? transform : .pass }
    func receive(response head: ResponseHead) -> BodyTransform? { transformsRequests ? nil : transform }
    func edit(request field: HeadField) -> FieldEdit { .keep }
    func edit(response field: HeadField) -> FieldEdit { .keep }

    func inspect(_ content: Span<UInt8>) { for index in content.indices { seen.append(content[index]) } }

    func replacement(for content: [UInt8]) -> [UInt8]? {
        contents.append(String(decoding: content, as: UTF8.self))
        return edit(content)
    }

    var seenText: String { String(decoding: seen, as: UTF8.self) }
}

private let tooLarge = GatewayError(.overLimit, "the body is too large", hint: "send less")
private let counted = message("POST /a HTTP/1.1", "Host: 127.0.0.1", "Content-Length: 5", "X: y", body: "hello")
private let chunked = message(
    "POST /a HTTP/1.1",
    "Host: 127.0.0.1",
    "Transfer-Encoding: chunked",
    "X: y",
    body: "3\r\nhel\r\n2\r\nlo\r\n0\r\nT: 1\r\n\r\n"
)
private let request = message("GET / HTTP/1.1", "Host: 127.0.0.1")

@Suite struct BodyTransformTests {
    /// Feeds `text` cut at every place; `check` gets the passage and where it was cut.
    private func cutEverywhere(_ text: String, _ make: () -> Passage, _ check: (Passage, Int) -> Void) {
        let bytes = Array(text.utf8)
        for cut in 0..<bytes.count {
            let passage = make()
            passage.ask(Array(bytes[..<cut]))
            passage.ask(Array(bytes[cut...]))
            check(passage, cut)
        }
    }

    @Test(arguments: [counted, chunked])
    func `an inspector sees the content, and the message passes as it comes`(text: String) {
        var bodies = ScriptedBodies(.inspect, requests: true)
        cutEverywhere(text) {
            bodies = ScriptedBodies(.inspect, requests: true)
            return Passage.reach(bodies: bodies)
        } _: { passage, cut in
            #expect(passage.forwardedText == text, "cut at \(cut)")
            #expect(bodies.seenText == "hello", "cut at \(cut)")
        }
    }

    @Test(arguments: [counted, chunked])
    func `nothing of a collected message passes before it is whole`(text: String) {
        let bodies = ScriptedBodies(.collect(limit: 100, .pass), requests: true)
        let passage = Passage.reach(bodies: bodies)
        for byte in text.utf8.dropLast() { passage.ask([byte]) }
        #expect(passage.forwardedText == "")
        passage.ask([UInt8](text.utf8.suffix(1)))
        #expect(bodies.contents == ["hello"])
        #expect(passage.forwardedText == text)
    }

    @Test(arguments: [counted, chunked])
    func `a replaced body has its own length, whatever framed it before, and the next message follows`(text: String) {
        cutEverywhere(text + request) {
            Passage.reach(
                bodies: ScriptedBodies(.collect(limit: 100, .pass), requests: true) { $0 + Array(" there".utf8) }
            )
        } _: { passage, cut in
            let edited = message(
                "POST /a HTTP/1.1",
                "Host: 127.0.0.1",
                "X: y",
                "Content-Length: 11",
                body: "hello there"
            )
            #expect(passage.forwardedText == edited + request, "cut at \(cut)")
            #expect(passage.outstandingCount == 2)
        }
    }

    @Test func `a message at the limit is collected, one byte more overflows`() {
        for (limit, isCollected) in [(5, true), (4, false)] {
            let passing = ScriptedBodies(.collect(limit: limit, .pass), requests: true) { _ in Array("x".utf8) }
            let passage = Passage.reach(bodies: passing)
            passage.ask(counted)
            #expect(passage.forwardedText.hasSuffix(isCollected ? "\r\n\r\nx" : "\r\n\r\nhello"))
            let rejecting = Passage.reach(
                bodies: ScriptedBodies(.collect(limit: limit, .reject(tooLarge)), requests: true)
            )
            rejecting.ask(counted)
            #expect(rejecting.error == (isCollected ? nil : tooLarge))
            #expect(rejecting.outstandingCount == (isCollected ? 1 : 0))
        }
    }

    @Test func `what all connections of a loop withhold is bounded, and given back with each message`() {
        let scratch = HeadScratch(withheldLimit: 8)
        func withholding() -> Passage {
            let bodies = ScriptedBodies(.collect(limit: 100, .reject(tooLarge)), requests: true)
            let passage = Passage.reach(bodies: bodies, scratch: scratch)
            passage.ask(counted.replacing("hello", with: "hell"))
            return passage
        }
        let first = withholding()
        var second: Passage? = withholding()
        #expect(first.error == nil && second?.error == nil && scratch.withheld.byteCount == 8)
        #expect(withholding().error == tooLarge)
        second = nil
        #expect(scratch.withheld.byteCount == 4 && withholding().error == nil)
        first.ask("o")
        #expect(first.error == nil && scratch.withheld.byteCount == 0)
    }

    @Test func `a rejected collection is answered, behind earlier responses if there are some`() {
        let bodies = ScriptedBodies(.collect(limit: 4, .reject(tooLarge)), requests: true)
        let alone = Passage.reach(bodies: bodies)
        alone.ask(counted)
        #expect(alone.answerToRejectedRequest == .respond(toHead: false))
        let second = Passage.reach(bodies: bodies)
        second.ask(request + counted)
        #expect(second.answerToRejectedRequest == .wait)
        #expect(second.forwardedText == request)
    }

    @Test func `a request whose client waits for 100 is never collected`() {
        let text = counted.replacing("X: y", with: "Expect: 100-continue")
        let bodies = ScriptedBodies(.collect(limit: 100, .pass), requests: true) { _ in [] }
        let passing = Passage.reach(bodies: bodies)
        passing.ask(text)
        #expect(passing.forwardedText == text)
        #expect(bodies.contents.isEmpty)
        let rejecting = Passage.reach(bodies: ScriptedBodies(.collect(limit: 100, .reject(tooLarge)), requests: true))
        rejecting.ask(text)
        #expect(rejecting.error == tooLarge)
        #expect(rejecting.answerToRejectedRequest == .respond(toHead: false))
    }

    @Test(arguments: [
        message("HTTP/1.1 200 OK", "Content-Length: 4", body: "card"),
        message("HTTP/1.1 200 OK", "Transfer-Encoding: chunked", body: "4;x\r\ncard\r\n0\r\n\r\n"),
        message("HTTP/1.1 200 OK", body: "card"),
    ])
    func `a collected response is edited, also when its end is that of the connection`(text: String) {
        let bodies = ScriptedBodies(.collect(limit: 100, .pass), requests: false) { $0 + Array("!".utf8) }
        let passage = Passage.reach(bodies: bodies)
        passage.ask(request)
        for byte in text.utf8 { passage.answer([byte]) }
        #expect(passage.endResponses() == nil)
        #expect(passage.returnedText == message("HTTP/1.1 200 OK", "Content-Length: 5", body: "card!"))
        #expect(passage.outstandingCount == 0)
    }

    @Test func `an agent that is lost while its response is withheld can still be told of`() {
        let passage = Passage.reach(bodies: ScriptedBodies(.collect(limit: 100, .pass), requests: false))
        passage.ask(request)
        passage.answer(message("HTTP/1.1 200 OK", "Content-Length: 9", body: "card"))
        #expect(passage.returnedText == "")
        #expect(passage.endResponses()?.code == .upstreamBroken)
        #expect(passage.answerToLoss(.closed) == .respond(toHead: false))
    }
}
