import Logging
import PosternModel
import SidecarCore
import Testing

@testable import postern

@Suite struct TextTableTests {
    @Test func `columns are as wide as their longest text, and the last one is not padded`() {
        var table = TextTable(["NAME", "STATE"])
        #expect(!table.hasRows)
        table.add(["a", "connected"])
        table.add(["researcher", "-"])
        #expect(table.hasRows)
        #expect(table.text == "NAME        STATE\na           connected\nresearcher  -")
    }
}

@Suite struct ShownTests {
    @Test(
        arguments: [
            (nil, "-"), (.null, "-"), ("text", "text"), (true, "yes"), (false, "no"), (7, "7"), (1.5, "1.50"),
            (0.049, "0.05"), (-1.25, "-1.25"), ([], "-"), (["a", "b"], "a,b"), (["k": 1], "{\"k\":1}"),
        ] as [(JSONValue?, String)]
    )
    func `values are shown as people read them`(value: JSONValue?, text: String) {
        #expect(Shown.text(value) == text)
    }

    @Test func `a path is named by its kind, and direct ones by their family`() throws {
        let direct: JSONValue = ["kind": "direct", "transport": "udp", "family": "ipv6"]
        let relay: JSONValue = ["kind": "relay", "transport": "udp", "family": nil]
        #expect(Shown.path(try PathDocument(decoding: direct)) == "direct ipv6")
        #expect(Shown.path(try PathDocument(decoding: relay)) == "relay")
        #expect(Shown.path(nil) == "none")
        #expect(Shown.milliseconds(0.123) == "0.12 ms" && Shown.milliseconds(nil) == "-")
    }
}

@Suite struct LineLogHandlerTests {
    private let time = Timestamp(seconds: 1_795_000_000)

    private func line(_ message: Logger.Message, _ metadata: Logger.Metadata, isJSON: Bool) -> String {
        var handler = LineLogHandler(label: "test", isJSON: isJSON, levels: LogSwitch(level: .info))
        handler[metadataKey: "node"] = "a"
        let event = LogEvent(
            level: .warning,
            message: message,
            metadata: metadata,
            source: nil,
            file: "",
            function: "",
            line: 1
        )
        return handler.line(for: event, at: time)
    }

    @Test func `text has time, level, message and the sorted details`() {
        #expect(line("lost", ["peer": "b", "code": "3"], isJSON: false) == "\(time) WARNING lost code=3 node=a peer=b")
    }

    @Test func `what strangers wrote stays on its line`() {
        let text = line("lost", ["reason": "x\nREADY {}\u{1b}[31m"], isJSON: false)
        #expect(!text.contains("\n") && !text.contains("\u{1b}"))
    }

    @Test func `JSON is one object, in which details never replace what the line says itself`() throws {
        let text = line("lost", ["level": "none", "peer": "b"], isJSON: true)
        let object = try JSONValue(parsing: text)
        #expect(object["time"] == .string(time.description) && object["level"] == "warning")
        #expect(object["message"] == "lost" && object["peer"] == "b" && object["node"] == "a")
    }

    @Test func `the level changes while the handler is in use`() {
        let levels = LogSwitch(level: .info)
        let handler = LineLogHandler(label: "test", isJSON: false, levels: levels)
        levels.level = .debug
        #expect(handler.logLevel == .debug)
        #expect(Logger.Level(configured: "error") == .error && Logger.Level(configured: "?") == .info)
    }
}

@Suite struct CommandFailureTests {
    @Test func `the document of a failure is that of INTERFACE`() {
        let failure = CommandFailure(.notRunning, code: "not-running", message: "none", hint: "start it")
        #expect(failure.document == ["error": ["code": "not-running", "message": "none", "hint": "start it"]])
        #expect(failure.status.rawValue == 3)
    }

    @Test func `each mistake of a configuration is told with its place`() {
        let place = Problem.Location(file: "a.yaml", line: 3, key: "expose[0].port")
        let problem = Problem(code: "c", message: "read x", hint: nil, at: place)
        let failure = CommandFailure(.wrongUsage, code: "c", message: "m", hint: "h", problems: [problem])
        let first = failure.document["error"]?["problems"]?.array?.first
        #expect(first == ["file": "a.yaml", "line": 3, "key": "expose[0].port", "message": "read x", "hint": nil])
    }
}
