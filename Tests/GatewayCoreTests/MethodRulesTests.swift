import Foundation
import PosternModel
import TestSupport
import Testing

@testable import GatewayCore

/// RULES J: which methods peers may call.
@Suite struct MethodRulesTests {
    private static func rules(allow: [String]? = nil, deny: [String] = []) -> MethodRules {
        MethodRules(allow: allow?.map { MethodPattern($0)! }, deny: deny.map { MethodPattern($0)! })
    }

    private static func expose(allow: [String]? = nil, deny: [String] = [], kind: ServiceKind = .mcp) -> Passage {
        let service = ExposedService(
            service: Service(name: "tools", port: VirtualPort(80), kind: kind),
            upstream: .loopback(9000),
            methods: rules(allow: allow, deny: deny)
        )
        return Passage(
            .expose(ExposePolicy(service, did: "did:key:zAlice", peerName: nil, network: nil, callbackPort: 7777))
        )
    }

    private static func post(_ body: String, _ lines: String..., path: String = "/mcp") -> String {
        let head = ["POST \(path) HTTP/1.1", "Host: 127.0.0.1:7701", "Content-Length: \(body.utf8.count)"] + lines
        return head.map { $0 + "\r\n" }.joined() + "\r\n" + body
    }

    private static let noDelete = ["tools/call:delete_*"]

    @Test(
        arguments: [
            ("tools/call", "tools/call", nil, true), ("tools/call", "tools/call", "x", true),
            ("tools/*", "tools/list", nil, true),
            ("*", "", nil, true), ("tools/*", "tool", nil, false), ("*/list", "tools/list", nil, true),
            ("a*b*c", "aXbYbZc", nil, true),
            ("a*b*c", "aXbYbZ", nil, false), ("tools/call:delete_*", "tools/call", "delete_x", true),
            ("tools/call:delete_*", "tools/call", "read", false), ("tools/call:delete_*", "tools/call", nil, false),
            ("tools/call:a:b", "tools/call", "a:b", true), ("Tools/call", "tools/call", nil, false),
            ("**", "x", nil, true),
        ] as [(String, String, String?, Bool)]
    )
    func `a pattern means what it says`(pattern: String, method: String, name: String?, expected: Bool) throws {
        #expect(try #require(MethodPattern(pattern)).matches(method, name: name) == expected)
    }

    @Test(arguments: ["", ":", "a:", ":a", "a b", "a\n", "ä", "a\"", "a\\"])
    func `what is no pattern is refused`(text: String) {
        #expect(MethodPattern(text) == nil)
    }

    @Test func `deny beats allow, allow denies all else, and a renamed method is meant by either name`() {
        let both = Self.rules(allow: ["tools/*"], deny: Self.noDelete)
        #expect(both.allow("tools/call", name: "read") && both.allow("tools/list", name: nil))
        #expect(!both.allow("tools/call", name: "delete_all") && !both.allow("initialize", name: nil))
        #expect(!Self.rules(deny: ["tasks/cancel"]).allow("CancelTask", name: nil))
        #expect(!Self.rules(deny: ["CancelTask"]).allow("tasks/cancel", name: nil))
        #expect(Self.rules(allow: ["SendMessage"]).allow("message/send", name: nil))
        #expect(!Self.rules(allow: []).allow("x", name: nil) && Self.rules().allow("x", name: nil))
    }

    @Test(arguments: [
        #"["delete_all",{}]"#, "null", "{}", #"{"arguments":{"name":"read"}}"#, "",
    ])
    func `a call without the name that a rule asks for is refused`(parameters: String) throws {
        let member = parameters.isEmpty ? "" : #","params":"# + parameters
        for rule in ["tools/call:delete_*", "*:delete_*"] {
            let passage = Self.expose(deny: [rule])
            passage.ask(Self.post(#"{"jsonrpc":"2.0","id":7,"method":"tools/call""# + member + "}"))
            #expect(try #require(passage.error).json.contains(#""id":7,"error":{"code":-32011"#))
        }
        let other = Self.expose(deny: ["*:delete_*"])
        other.ask(Self.post(#"{"jsonrpc":"2.0","id":7,"method":"tools/list""# + member + "}"))
        #expect(other.error == nil, "it has no name to ask for")
    }

    @Test(arguments: [
        #"{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"delete_all"}}"#,
        #"{"params":{"arguments":{},"name":"delete_\u0061ll"},"meth\u006fd":"tools\/call","id":7,"jsonrpc":"2.0"}"#,
    ])
    func `a denied call is answered with its id and never reaches the agent`(body: String) throws {
        for step in [body.utf8.count + 500, 1, 7] {
            let passage = Self.expose(deny: Self.noDelete)
            var rest = Array(Self.post(body).utf8)[...]
            while !rest.isEmpty {
                passage.ask(Array(rest.prefix(step)))
                rest = rest.dropFirst(step)
            }
            let error = try #require(passage.error)
            #expect(error.code == .methodRefused && error.status == 200 && passage.forwarded.isEmpty)
            let answer = try JSONValue(parsing: error.json)
            #expect(answer["id"] == 7 && answer["error"]?["code"] == -32_011)
            #expect(passage.answerToRejectedRequest == .respond(toHead: false))
        }
    }

    @Test(arguments: [
        #"{"id":1,"method":"tools/call","params":{"name":"read"}}"#, #"{"id":1,"method":"tools/list"}"#,
        #"{"method":"notifications/initialized"}"#, #"{"id":1,"result":{"method":"tools/call"}}"#,
        #"{"error":{},"id":1}"#,
        #"[{"id":1,"method":"ping"},{"id":2,"result":{}}]"#,
        #"{"id":1,"method":"tools/call","params":{"arguments":{"name":"delete_x"},"name":"read"}}"#,
    ])
    func `every other call passes byte for byte, wherever it is cut`(body: String) {
        let text = Self.post(body)
        for cut in 0..<text.utf8.count {
            let passage = Self.expose(deny: Self.noDelete)
            passage.ask(Array(text.utf8.prefix(cut)))
            passage.ask(Array(text.utf8.dropFirst(cut)))
            #expect(passage.error == nil && passage.forwardedText.hasSuffix("\r\n\r\n" + body), "cut at \(cut)")
        }
    }

    @Test(arguments: [
        "", " ", "{", "[]", "{}", "null", "\"tools/list\"", "{\"method\":\"a\"} {}", "\u{feff}{\"method\":\"a\"}",
        "{\"id\":1}",
        #"{"method":"a","method":"tools/call"}"#, #"{"Method":"tools/call","method":"a"}"#,
        #"{"method":"a","PARAMS":{}}"#,
        #"{"method":"a","param\u017f":{}}"#, #"{"method":["tools/call"]}"#, #"[{"method":"a"},[{"method":"b"}]]"#,
        #"{"method":"tools/call","params":{"name":"read","name":"delete_x"}}"#,
        #"{"method":"tools/call","params":{"name":"read","Name":"x"}}"#,
        #"{"method":"\ud800"}"#, "{'method':'a'}", "{\"method\":\"a\",}", "{\"method\":\"a\"}\0",
    ])
    func `what two parsers could take for different calls is refused`(body: String) {
        guard !body.isEmpty else { return }
        let passage = Self.expose(deny: Self.noDelete)
        passage.ask(Self.post(body))
        #expect(passage.error?.code == .methodRefused && passage.forwarded.isEmpty)
    }

    @Test(arguments: [
        ["Content-Encoding: gzip"], ["Content-Type: application/json; charset=utf-16"],
        ["Content-Type: a/b; charset=\"utf-7\""],
        ["Content-Type: application/json", "Content-Type: application/json"], ["Expect: 100-continue"],
    ])
    func `a body that only the agent could read is refused`(lines: [String]) {
        let passage = Self.expose(deny: Self.noDelete)
        let body = #"{"method":"ping"}"#
        let head = ["POST /mcp HTTP/1.1", "Host: a:1", "Content-Length: \(body.utf8.count)"] + lines
        passage.ask(head.map { $0 + "\r\n" }.joined() + "\r\n" + body)
        #expect(passage.error?.code == .methodRefused && passage.forwarded.isEmpty)
    }

    @Test func `a mirrored header is held to the rules as well (2026-07-28)`() {
        let body = #"{"id":1,"method":"tools/call","params":{"name":"read"}}"#
        for line in ["Mcp-Name: delete_x", "Mcp-Method: resources/read"] {
            let passage = Self.expose(allow: ["tools/*"], deny: Self.noDelete)
            passage.ask(Self.post(body, line))
            #expect(passage.error?.code == .methodRefused)
        }
        let passage = Self.expose(allow: ["tools/*"], deny: Self.noDelete)
        passage.ask(Self.post(body, "Mcp-Name: read", "Mcp-Method: tools/call"))
        #expect(passage.error == nil)
    }

    @Test func `a large body passes once its call is known, and never becomes whole if it turns out to be another`() {
        let large = String(repeating: "x", count: 2 * MethodGate.limit)
        let good = #"{"id":1,"method":"tools/call","params":{"name":"read","arguments":"\#(large)"}}"#
        let passage = Self.expose(deny: Self.noDelete)
        passage.ask(Self.post(good))
        #expect(passage.error == nil && passage.forwardedText.hasSuffix(good))
        for end in [#"","name":"delete_x"}}"#, #""},"method":"x"}"#, #""}}}"#, #""}} {"#] {
            let bad = #"{"id":1,"method":"tools/call","params":{"name":"read","arguments":"\#(large)"# + end
            let passage = Self.expose(deny: Self.noDelete)
            let text = Array(Self.post(bad).utf8)
            for start in stride(from: 0, to: text.count, by: 1 << 16) {
                passage.ask(Array(text[start...].prefix(1 << 16)))
            }
            #expect(passage.error?.code == .methodRefused && passage.forwarded.count < text.count)
        }
        let late = Self.expose(deny: Self.noDelete)
        let text = Array(Self.post(#"{"params":{"arguments":"\#(large)"},"method":"ping"}"#).utf8)
        for start in stride(from: 0, to: text.count, by: 1 << 16) { late.ask(Array(text[start...].prefix(1 << 16))) }
        #expect(late.error?.code == .methodRefused && late.forwarded.isEmpty)
    }

    @Test func `chunks are no hiding place`() {
        let body = #"{"method":"tools/call","params":{"name":"delete_x"}}"#
        let chunks = body.map { "1;x\r\n\($0)\r\n" }.joined() + "0\r\n\r\n"
        let passage = Self.expose(deny: Self.noDelete)
        passage.ask(message("POST /mcp HTTP/1.1", "Host: a:1", "Transfer-Encoding: chunked", body: chunks))
        #expect(passage.error?.code == .methodRefused && passage.forwarded.isEmpty)
        let good = Self.expose(deny: ["x"])
        good.ask(message("POST /mcp HTTP/1.1", "Host: a:1", "Transfer-Encoding: chunked", body: chunks))
        #expect(good.error == nil && good.forwardedText.hasSuffix("0\r\n\r\n"))
    }

    @Test func `a batch with one refused call is refused whole, and a notification with 403`() throws {
        let passage = Self.expose(deny: Self.noDelete)
        passage.ask(
            Self.post(#"[{"id":1,"method":"ping"},{"id":"b","method":"tools/call","params":{"name":"delete_x"}}]"#)
        )
        let error = try #require(passage.error)
        let answers = try #require(JSONValue(parsing: error.json).array)
        #expect(answers.map { $0["id"] } == [1, "b"] && passage.forwarded.isEmpty)
        let notified = Self.expose(deny: ["notifications/*"])
        notified.ask(Self.post(#"{"method":"notifications/cancelled"}"#))
        #expect(notified.error?.status == 403)
    }

    @Test(arguments: [
        ("GET", "/tasks/1", "GetTask"), ("GET", "/v1/tasks/1?x=1", "GetTask"), ("GET", "/tasks", "ListTasks"),
        ("POST", "/message:send", "SendMessage"), ("POST", "/tenant/message%3Astream", "SendStreamingMessage"),
        ("POST", "/tasks/1:cancel", "CancelTask"), ("POST", "/v1/tasks/1:subscribe", "SubscribeToTask"),
        ("GET", "/tasks/1:subscribe", "SubscribeToTask"), ("GET", "/extendedAgentCard", "GetExtendedAgentCard"),
        ("GET", "/v1/card", "GetExtendedAgentCard"),
        ("POST", "/tasks/1/pushNotificationConfigs", "CreateTaskPushNotificationConfig"),
        ("GET", "/tasks/1/pushNotificationConfigs", "ListTaskPushNotificationConfigs"),
        ("GET", "/tasks/1/pushNotificationConfigs/2", "GetTaskPushNotificationConfig"),
        ("DELETE", "/tasks/1/pushNotificationConfigs/2", "DeleteTaskPushNotificationConfig"),
    ])
    func `a path of A2A calls its method`(verb: String, target: String, method: String) {
        #expect(MethodNames.method(verb, target) == method)
        let refused = Self.expose(deny: [method], kind: .a2a)
        refused.ask(message("\(verb) \(target) HTTP/1.1", "Host: a:1", "Content-Length: 2", body: "{}"))
        #expect(refused.error?.code == .methodRefused && refused.error?.status == 403 && refused.forwarded.isEmpty)
        let passed = Self.expose(deny: ["x"], kind: .a2a)
        passed.ask(message("\(verb) \(target) HTTP/1.1", "Host: a:1", "Content-Length: 2", body: "{}"))
        #expect(passed.error == nil && passed.forwardedText.hasSuffix("{}"))
    }

    // MARK: tools/list

    private static let list =
        #"{"id":1,"result":{"tools":[{"name":"read"},{"name":"delete_x"},{"x":1}],"nextCursor":"c"}}"#
    private static let left = #"{"id":1,"result":{"tools":[{"name":"read"}],"nextCursor":"c"}}"#

    @Test func `denied tools leave the list, in one message and in a stream`() {
        let json = Self.expose(deny: Self.noDelete)
        json.ask(Self.post(#"{"id":1,"method":"tools/list"}"#))
        let answer = json.answer(message("HTTP/1.1 200 OK", "Content-Length: \(Self.list.utf8.count)", body: Self.list))
        #expect(answer.hasSuffix("\r\n\r\n" + Self.left))
        let stream = Self.expose(deny: Self.noDelete)
        stream.ask(Self.post(#"{"id":1,"method":"tools/list"}"#))
        let events = ": ping\r\n\r\nevent: message\r\nid: 1\r\ndata: \(Self.list)\r\n\r\n"
        let returned = stream.answer(
            message(
                "HTTP/1.1 200 OK",
                "Content-Type: text/event-stream",
                "Content-Length: \(events.utf8.count)",
                body: events
            )
        )
        #expect(returned.hasSuffix(events.replacing(Self.list, with: Self.left)))
    }

    @Test(arguments: ["\n", "\r\n", "\r"])
    func `they leave it however its events are written`(end: String) {
        let lines = [#"{"id":1,"result":{"tools":[{"name":"read"},"#, #"{"name":"delete_x"}],"nextCursor":"c"}}"#]
        let written = ["id: 1"] + lines.map { "data: " + $0 } + ["event: message", "", "data: next", ""]
        let expected = ["id: 1", "data: \(Self.left)", "event: message", "", "data: next", ""]
        let body = written.map { $0 + end }.joined()
        let stream = Self.expose(deny: Self.noDelete)
        stream.ask(Self.post(#"{"id":1,"method":"tools/list"}"#))
        let head = ["HTTP/1.1 200 OK", "Content-Type: text/event-stream", "Content-Length: \(body.utf8.count)"]
        let text = head.map { $0 + "\r\n" }.joined() + "\r\n" + body
        #expect(stream.answer(text).hasSuffix("\r\n\r\n" + expected.map { $0 + end }.joined()))
    }

    @Test func `other answers pass as they come`() {
        let passage = Self.expose(deny: Self.noDelete)
        passage.ask(Self.post(#"{"id":1,"method":"resources/list"}"#))
        let head = message("HTTP/1.1 200 OK", "Content-Length: \(Self.list.utf8.count)")
        #expect(passage.answer(head) == head)
    }

    // MARK: Python as an oracle

    @Test(.enabled(if: ProcessInfo.processInfo.environment["POSTERN_TEST_PYTHON"]?.isEmpty == false, "no Python"))
    func `no body that passes calls anything else in Python's parser`() throws {
        var generator = SeededGenerator(seed: 20_261_130)
        let bodies = (0..<20_000).map { _ in CallMutation.make(&generator) }
        let verdicts = try PythonJSON.calls(of: bodies)
        var passed = 0
        for (body, verdict) in zip(bodies, verdicts) {
            var reader = CallReader()
            reader.read(body.span)
            guard reader.isComplete else { continue }
            passed += 1
            let ours = reader.calls.map { "\($0.method ?? "-") \($0.name ?? "-")" }
            #expect(verdict == ours, "\(String(decoding: body, as: UTF8.self))")
        }
        #expect(passed > 2000 && passed < 18_000)
    }
}

/// Calls that were changed a little, at random places.
private enum CallMutation {
    private static let seeds = [
        #"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"read","arguments":{"a":[1,2.5,null]}}}"#,
        #"[{"method":"a","params":{"name":"x"}},{"id":2,"result":{"method":"b"}}]"#,
        #"{"meth\u006fd":"a\/b","params":{"n\u0061me":"\ud83d\ude00"},"id":"x"}"#,
    ]
    private static let pieces = [
        #""method":"evil","#, #""Method":"evil","#, #""params":{"name":"evil"},"#, #""name":"evil","#, #"\u006d"#,
        #"\ud800"#, "\"",
        "\\", "{", "}", "[", "]", ",", ":", " ", "\n", "\t", "\0", "NaN", "Infinity", "-", "1e5", "0", "true", "null",
        "/**/", "'",
        "\u{feff}", "\u{212a}", "\u{17f}", "é", "//", "\u{2028}",
    ]

    static func make(_ generator: inout some RandomNumberGenerator) -> [UInt8] {
        var bytes = Array(seeds.randomElement(using: &generator)!.utf8)
        for _ in 0..<Int.random(in: 0...3, using: &generator) {
            let place = Int.random(in: 0...bytes.count, using: &generator)
            switch Int.random(in: 0..<4, using: &generator) {
            case 0: bytes.insert(contentsOf: pieces.randomElement(using: &generator)!.utf8, at: place)
            case 1: if place < bytes.count { bytes[place] = UInt8.random(in: 0...255, using: &generator) }
            case 2: bytes.removeSubrange(place..<min(place + Int.random(in: 0...9, using: &generator), bytes.count))
            default:
                let start = Int.random(in: 0...bytes.count, using: &generator)
                bytes.insert(contentsOf: bytes[start..<min(start + 20, bytes.count)], at: place)
            }
        }
        return bytes
    }
}

/// What Python's `json` reads in bodies.
private enum PythonJSON {
    private static let script = """
        import json, sys
        def name(call):
            params = call.get("params")
            return params["name"] if isinstance(params, dict) and isinstance(params.get("name"), str) else "-"
        for line in sys.stdin:
            try:
                value = json.loads(bytes.fromhex(line.strip()))
                calls = value if isinstance(value, list) else [value]
                texts = [f'{call.get("method", "-")} {name(call)}' for call in calls]
                print(json.dumps([text.encode("utf-8", "replace").decode() for text in texts]))
            except Exception as error:
                print(json.dumps([f"! {error}"]))
        """

    static func calls(of bodies: [[UInt8]]) throws -> [[String]] {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: ProcessInfo.processInfo.environment["POSTERN_TEST_PYTHON"] ?? "")
        process.arguments = ["-c", script]
        let (input, output) = (Pipe(), Pipe())
        process.standardInput = input
        process.standardOutput = output
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("postern-\(UUID().uuidString)")
        let lines = bodies.map { $0.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined() + "\n" }.joined()
        try Data(lines.utf8).write(to: folder)
        defer { try? FileManager.default.removeItem(at: folder) }
        process.standardInput = try FileHandle(forReadingFrom: folder)
        try process.run()
        let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        return try text.split(separator: "\n").map { try JSONDecoder().decode([String].self, from: Data($0.utf8)) }
    }
}
