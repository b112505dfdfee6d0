import PosternModel
import TestSupport
import Testing

@testable import GatewayCore

/// RULES P: receivers of push notifications on their way to an agent and back, at both ends.
@Suite struct CallbackTests {
    private static let id = String(repeating: "0123456789abcdef", count: 2)
    private static let overlay = "http://\(id).callback.postern.alt/"
    private static let receiver = "http://127.0.0.1:4321/hook?a=b"
    private static let did = "did:key:z6MkmM42vxfqZQsv4ehtTjFFxQ4sQKS2w6WR7emozFAn5cxu"
    private static let local = "http://127.0.0.1:7777/\(did.dropFirst(8))/\(id)"

    /// Knows one receiver.
    private struct OneReceiver: CallbackMapping {
        func forward(_ url: String) -> String? { url == receiver ? overlay : nil }
        func giveBack(_ url: String) -> String? { url == overlay ? receiver : nil }
    }

    private static func reach() -> Passage {
        Passage(.reach(ReachPolicy(names: OwnNames(), offersUpgrade: false, callbacks: OneReceiver())))
    }

    private static func expose(push: Bool = true, port: UInt16? = 7777) -> Passage {
        let service = ExposedService(
            service: Service(name: "planner", port: VirtualPort(80), kind: .a2a),
            upstream: .loopback(9999),
            push: push
        )
        return Passage(.expose(ExposePolicy(service, did: did, peerName: nil, network: nil, callbackPort: port)))
    }

    private static func post(_ body: String, _ path: String = "/rpc") -> String {
        message("POST \(path) HTTP/1.1", "Host: 127.0.0.1:7701", "Content-Length: \(body.utf8.count)", body: body)
    }

    private static func answer(_ body: String) -> String {
        message("HTTP/1.1 200 OK", "Content-Length: \(body.utf8.count)", body: body)
    }

    private static func body(_ text: String) -> String {
        text.split(separator: "\r\n\r\n", maxSplits: 1).last.map(String.init) ?? ""
    }

    /// Each registration, with the path that it goes to; `URL` stands for the receiver.
    private static let registrations: [(String, String)] = [
        (
            "/rpc",
            #"{"method":"SendMessage","params":{"message":{"parts":[]},"#
                + #""configuration":{"taskPushNotificationConfig":{"url":"URL"}}}}"#
        ),
        (
            "/rpc",
            #"{"params":{"configuration":{"taskPushNotificationConfig":{"token":"t","url":"URL"}}},"#
                + #""method":"SendStreamingMessage"}"#
        ),
        ("/rpc", #"{"method":"message/send","params":{"configuration":{"pushNotificationConfig":{"url":"URL"}}}}"#),
        ("/rpc", #"{"method":"CreateTaskPushNotificationConfig","params":{"taskId":"t","url":"URL","token":"x"}}"#),
        (
            "/rpc",
            #"{"method":"tasks/pushNotificationConfig/set","params":{"taskId":"t","#
                + #""pushNotificationConfig":{"url":"URL"}}}"#
        ),
        ("/message:send", #"{"message":{},"configuration":{"taskPushNotificationConfig":{"url":"URL"}}}"#),
        ("/v1/message:stream", #"{"message":{},"configuration":{"push_notification_config":{"url":"URL"}}}"#),
        ("/tasks/t/pushNotificationConfigs", #"{"url" : "URL", "token":"x"}"#),
        ("/v1/tasks/t/pushNotificationConfigs?x=1", #"{"config":{"pushNotificationConfig":{"url":"URL"}}}"#),
    ]

    /// A message of more than a megabyte whose receiver stands behind most of it.
    private static func large(_ url: String) -> String {
        let part = String(repeating: "0123456789abcdef", count: 80_000)
        return #"{"method":"SendMessage","params":{"message":{"parts":[{"raw":"\#(part)","url":"\#(receiver)"}]},"#
            + #""configuration":{"taskPushNotificationConfig":{"url":"\#(url)"}}}}"#
    }

    /// The content of a message in chunks.
    private static func dechunked(_ text: String) -> String {
        var (rest, content) = (body(text)[...], "")
        while let end = rest.firstRange(of: "\r\n"), let count = Int(rest[..<end.lowerBound], radix: 16), count > 0 {
            content += rest[end.upperBound...].prefix(count)
            // A line end is one character.
            rest = rest[end.upperBound...].dropFirst(count + 1)
        }
        return content
    }

    @Test(arguments: [false, true])
    func `a receiver in a long message is found while it passes`(isChunked: Bool) {
        let asked = Self.large(Self.receiver)
        let request =
            isChunked
            ? message(
                "POST /rpc HTTP/1.1",
                "Host: 127.0.0.1:7701",
                "Content-Type: application/json",
                "Transfer-Encoding: chunked",
                body: String(asked.utf8.count, radix: 16) + "\r\n" + asked + "\r\n0\r\n\r\n"
            )
            : message(
                "POST /rpc HTTP/1.1",
                "Host: 127.0.0.1:7701",
                "Content-Type: application/a2a+json; charset=utf-8",
                "Content-Length: \(asked.utf8.count)",
                body: asked
            )
        let reach = Self.reach()
        var forwarded = ""
        var rest = request[...]
        while !rest.isEmpty {
            forwarded += reach.ask(String(rest.prefix(60_000)))
            rest = rest.dropFirst(60_000)
        }
        #expect(forwarded.contains("Transfer-Encoding: chunked\r\n") && !forwarded.contains("Content-Length"))
        // Too long to be shown.
        let isRight = Self.dechunked(forwarded) == Self.large(Self.overlay)
        #expect(isRight)
    }

    @Test(arguments: ["Content-Type: text/plain", "Content-Type: application/json\r\nContent-Encoding: gzip"])
    func `a long message that is no plain JSON passes as it came`(fields: String) {
        let body = Self.large(Self.receiver)
        let request = message(
            "POST /rpc HTTP/1.1",
            "Host: 127.0.0.1:7701",
            fields,
            "Content-Length: \(body.utf8.count)",
            body: body
        )
        let isSame = Self.body(Self.reach().ask(request)) == body
        #expect(isSame)
    }

    @Test(arguments: registrations)
    func `a receiver is found wherever its message comes apart`(path: String, text: String) {
        let content = Array(text.replacing("URL", with: Self.receiver).utf8)
        let mapping = OneReceiver()
        for cut in 0...content.count {
            let stream = JSONStringStream(named: ["url"]) { mapping.forward($0.text) }
            var output: [UInt8] = []
            stream.edit(content.span.extracting(0..<cut), into: &output)
            stream.edit(content.span.extracting(cut..<content.count), into: &output)
            stream.finish(into: &output)
            #expect(String(decoding: output, as: UTF8.self) == text.replacing("URL", with: Self.overlay))
        }
    }

    @Test func `what is not JSON passes as it comes`() {
        let long = "{\"url\":\"\(String(repeating: "u", count: 9_000))\",\"url\":\"\(Self.receiver)\"} and more"
        for cut in stride(from: 0, through: long.utf8.count, by: 97) {
            let stream = JSONStringStream(named: ["url"]) { _ in "other" }
            var output: [UInt8] = []
            for part in [Array(long.utf8)[..<cut], Array(long.utf8)[cut...]] {
                stream.edit(Array(part).span, into: &output)
            }
            stream.finish(into: &output)
            let expected = long.replacing("\"\(Self.receiver)\"", with: "\"other\"")
            #expect(String(decoding: output, as: UTF8.self) == expected)
        }
    }

    @Test(arguments: registrations)
    func `a registered receiver becomes an address of the next hop, and nothing else changes`(
        path: String,
        text: String
    ) {
        let asked = text.replacing("URL", with: Self.receiver)
        let forwarded = Self.reach().ask(Self.post(asked, path))
        #expect(Self.body(forwarded) == text.replacing("URL", with: Self.overlay))
        let exposed = Self.expose().ask(Self.post(Self.body(forwarded), path))
        #expect(Self.body(exposed) == text.replacing("URL", with: Self.local))
        #expect(exposed.contains("Content-Length: \(Self.body(exposed).utf8.count)\r\n"))
    }

    @Test(arguments: [
        (
            "/rpc",
            #"{"method":"SendMessage","params":{"message":{"configuration":{"pushNotificationConfig":{"url":"URL"}}}}}"#
        ),
        (
            "/rpc",
            #"{"method":"SendMessage","params":{"url":"URL","message":{"parts":[{"url":"URL"},"#
                + #"{"data":{"url":"URL"}}]}}}"#
        ),
        ("/rpc", #"{"method":"SendMessage","params":{"metadata":{"pushNotificationConfig":{"url":"URL"}}}}"#),
        ("/rpc", #"{"method":"SendMessage","params":{"configuration":{"pushNotificationConfig":["URL"]}}}"#),
        ("/rpc", #"{"url":"URL","method":"GetTask"}"#), ("/rpc", "URL"), ("/rpc", #"{"url":"URL""#),
        ("/message:send", #"{"url":"URL"}"#),
    ])
    func `what a user says is never taken for a receiver`(path: String, text: String) {
        let asked = Self.post(text.replacing("URL", with: Self.receiver), path)
        #expect(Self.reach().ask(asked) == asked)
    }

    @Test func `numbers, escapes and spaces of the rest stay as they are written`() {
        let text =
            #"{ "method":"SendMessage", "params" : {"x":1.0,"big":123456789012345678901234567890,"#
            + #""s":"\u00e9\/", "configuration":{"pushNotificationConfig":{"url":"URL"}}}}"#
        let asked = text.replacing("URL", with: #"http:\/\/127.0.0.1:4321\/hook?a=b"#)
        #expect(Self.body(Self.reach().ask(Self.post(asked))) == text.replacing("URL", with: Self.overlay))
    }

    @Test func `a receiver that is not ours to map is left to the agent`() {
        let text = #"{"method":"CreateTaskPushNotificationConfig","params":{"url":"https://hooks.example.com/x"}}"#
        #expect(Self.reach().ask(Self.post(text)) == Self.post(text))
        for passage in [Self.expose(push: false), Self.expose(port: nil)] {
            let ours = text.replacing("https://hooks.example.com/x", with: Self.overlay)
            #expect(Self.body(passage.ask(Self.post(ours))) == ours)
        }
        for url in [
            "http://127.0.0.1:1/x", Self.overlay + "x", "http://short.callback.postern.alt/", Self.overlay.uppercased(),
        ] {
            let other = text.replacing("https://hooks.example.com/x", with: url)
            #expect(Self.body(Self.expose().ask(Self.post(other))) == other)
        }
    }

    @Test(arguments: [
        ("CreateTaskPushNotificationConfig", #"{"id":1,"result":{"taskId":"t","url":"URL"}}"#),
        ("GetTaskPushNotificationConfig", #"{"id":1,"result":{"url":"URL","token":"x"}}"#),
        ("ListTaskPushNotificationConfigs", #"{"id":1,"result":{"configs":[{"url":"URL"},{"url":"http://other/"}]}}"#),
        ("tasks/pushNotificationConfig/get", #"{"id":1,"result":{"pushNotificationConfig":{"url":"URL"}}}"#),
        ("tasks/pushNotificationConfig/list", #"{"id":1,"result":[{"pushNotificationConfig":{"url":"URL"}}]}"#),
    ])
    func `the client sees the receiver that it registered`(method: String, text: String) {
        let call = Self.post(#"{"id":1,"method":"\#(method)","params":{"id":"t"}}"#)
        let exposed = Self.expose()
        exposed.ask(call)
        let reply = exposed.answer(Self.answer(text.replacing("URL", with: Self.local)))
        #expect(Self.body(reply) == text.replacing("URL", with: Self.overlay))
        let reached = Self.reach()
        reached.ask(call)
        #expect(Self.body(reached.answer(Self.answer(Self.body(reply)))) == text.replacing("URL", with: Self.receiver))
    }

    @Test func `also by GET`() {
        let passage = Self.reach()
        passage.ask(message("GET /tasks/t/pushNotificationConfigs/c HTTP/1.1", "Host: 127.0.0.1:7701"))
        #expect(
            Self.body(passage.answer(Self.answer(#"{"url":"\#(Self.overlay)"}"#))) == #"{"url":"\#(Self.receiver)"}"#
        )
    }

    @Test func `other answers stream`() {
        let passage = Self.reach()
        passage.ask(Self.post(#"{"method":"SendMessage","params":{}}"#))
        let head = message("HTTP/1.1 200 OK", "Content-Length: 99")
        #expect(passage.answer(head) == head)
    }

    // MARK: Delivery

    @Test func `a callback goes to the peer that its path names, and to nobody else`() {
        let route = CallbackRoute()
        let passage = Passage(.reach(ReachPolicy(forwardingCallbacksTo: route)))
        let target = Self.local.dropFirst("http://127.0.0.1:7777".count)
        let asked = message(
            "POST \(target) HTTP/1.1",
            "Host: 127.0.0.1:7777",
            "Connection: keep-alive",
            "Authorization: Bearer x",
            "X-A2A-Notification-Token: t",
            "Content-Length: 2",
            body: "{}"
        )
        #expect(
            passage.ask(asked)
                == message(
                    "POST /\(Self.id) HTTP/1.1",
                    "Host: 127.0.0.1:7777",
                    "Connection: close",
                    "Authorization: Bearer x",
                    "X-A2A-Notification-Token: t",
                    "Content-Length: 2",
                    body: "{}"
                )
        )
        #expect(route.peer == NodeKey(did: Self.did))
    }

    @Test func `at the client's end the id alone says where it leads`() {
        let route = CallbackRoute()
        let passage = Passage(
            .expose(ExposePolicy(deliveringCallbacksTo: route) { $0.text == Self.id ? Self.receiver : nil })
        )
        let asked = message(
            "POST /\(Self.id) HTTP/1.1",
            "Host: 127.0.0.1:7777",
            "Connection: close",
            "Postern-Peer: x",
            "A: b",
            "Content-Length: 2",
            body: "{}"
        )
        #expect(
            passage.ask(asked)
                == message(
                    "POST /hook?a=b HTTP/1.1",
                    "Host: 127.0.0.1:4321",
                    "Connection: close",
                    "A: b",
                    "Content-Length: 2",
                    body: "{}"
                )
        )
        #expect(route.receiver == .loopback(4321))
        #expect(
            passage.answer(message("HTTP/1.1 418 Teapot", "Content-Length: 0"))
                == message("HTTP/1.1 418 Teapot", "Content-Length: 0")
        )
    }

    @Test(arguments: [
        "POST /\(String(repeating: "f", count: 32)) HTTP/1.1", "GET /\(id) HTTP/1.1", "POST / HTTP/1.1",
        "POST /\(id)/ HTTP/1.1",
        "POST /\(id)?x HTTP/1.1", "POST /\(id.uppercased()) HTTP/1.1", "PUT /\(id) HTTP/1.1", "OPTIONS * HTTP/1.1",
        "POST http://127.0.0.1:7777/\(id) HTTP/1.1",
    ])
    func `whatever else a peer asks is refused, and no receiver is named`(line: String) {
        let route = CallbackRoute()
        let passage = Passage(
            .expose(ExposePolicy(deliveringCallbacksTo: route) { $0.text == Self.id ? Self.receiver : nil })
        )
        passage.ask(message(line, "Host: 127.0.0.1:7777", "Content-Length: 0"))
        #expect(passage.error == .noSuchCallback && passage.forwarded.isEmpty && route.receiver == nil)
        #expect(passage.answerToRejectedRequest == .respond(toHead: false))
    }

    @Test(arguments: [
        "GET /x/\(id) HTTP/1.1", "POST /\(id) HTTP/1.1", "POST /z6Mk/\(id) HTTP/1.1",
        "POST /\(did.dropFirst(8))/x HTTP/1.1",
    ])
    func `an agent that calls anything else is refused`(line: String) {
        let route = CallbackRoute()
        let passage = Passage(.reach(ReachPolicy(forwardingCallbacksTo: route)))
        passage.ask(message(line, "Host: 127.0.0.1:7777", "Content-Length: 0"))
        #expect(passage.error == .noSuchCallback && passage.forwarded.isEmpty && route.peer == nil)
    }

    @Test func `ids are 128 random bits`() {
        var generator = SeededGenerator(seed: 1)
        let ids = (0..<100).map { _ in CallbackID(using: &generator) }
        #expect(
            Set(ids).count == 100
                && ids.allSatisfy { CallbackID($0.text) == $0 && CallbackID(overlayURL: $0.overlayURL) == $0 }
        )
    }
}
