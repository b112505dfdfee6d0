import Foundation
import Logging
import PosternModel
import SidecarCore
import Synchronization
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
        var handler = LineLogHandler(
            label: "test",
            isJSON: isJSON,
            levels: LogSwitch(level: .info),
            writer: LineLogHandler.writer(isJSON: isJSON)
        )
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
        let handler = LineLogHandler(
            label: "test",
            isJSON: false,
            levels: levels,
            writer: LineLogHandler.writer(isJSON: false)
        )
        levels.level = .debug
        #expect(handler.logLevel == .debug)
        #expect(Logger.Level(configured: "error") == .error && Logger.Level(configured: "?") == .info)
    }
}

private final class Lines: Sendable {
    let all = Mutex<[String]>([])
}

@Suite struct LogLimiterTests {
    private func kind(_ peer: String, _ message: String = "a reached service is not available") -> LogLimiter.Kind? {
        LogLimiter.Kind(level: .info, message: message, metadata: ["peer": "\(peer)", "error": "always another"])
    }

    @Test func `of one kind about one subject five lines a minute are written, and the others are counted`() throws {
        var limiter = LogLimiter()
        let start = ContinuousClock.now
        let (alice, bob) = (try #require(kind("alice")), try #require(kind("bob")))
        var written = 0
        for second in 0..<59 where limiter.admit(alice, at: start + .seconds(second)) { written += 1 }
        #expect(written == 5)
        let isBobHeard = limiter.admit(bob, at: start)
        #expect(isBobHeard)
        let early = limiter.finish(at: start + .seconds(59))
        #expect(early.isEmpty)
        let over = limiter.finish(at: start + .seconds(60))
        #expect(over.map(\.dropped) == [54] && over.first?.kind == alice)
        let isAliceHeard = limiter.admit(alice, at: start + .seconds(60))
        #expect(isAliceHeard)
    }

    @Test func `every line for debugging is written`() {
        #expect(LogLimiter.Kind(level: .debug, message: "session", metadata: [:]) == nil)
    }

    @Test func `a log that nobody reads holds nobody up, and the lines that it costs are counted`() {
        let stuck = DispatchSemaphore(value: 0)
        let written = Lines()
        let writer = LogWriter(
            write: { line in
                stuck.wait()
                stuck.signal()
                written.all.withLock { $0.append(line) }
            },
            format: { _, message, _ in message }
        )
        let line = String(repeating: "x", count: 1000)
        for _ in 0..<5000 { writer.append(nil) { line } }
        stuck.signal()
        writer.drain(within: 10)
        writer.append(nil) { "last" }
        writer.drain(within: 10)
        let lines = written.all.withLock { $0 }
        let count = lines.count { $0 == line }
        #expect((1000..<5000).contains(count))
        // They are told each time that there is room again.
        let told = lines.compactMap { $0.firstMatch(of: #/^(\d+) lines? of the log w/#).flatMap { Int($0.1) } }
        #expect(told.reduce(0, +) == 5000 - count)
        #expect(lines.contains("last"))
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

    @Test func `people read what to do behind each mistake, and once where no more is known than the place`() {
        func failure(_ hints: String?...) -> CommandFailure {
            let place = Problem.Location(file: "a.yaml", line: 3, key: "k")
            let problems = hints.map { Problem(code: "c", message: "read x", hint: $0, at: place) }
            return CommandFailure(.wrongUsage, code: "c", message: "m", hint: "h", problems: problems)
        }
        let (place, general) = ("a.yaml:3: k: read x", failure(nil).lines.last ?? "")
        #expect(general.hasPrefix("hint: correct the file"))
        #expect(failure("write y").lines == [place, "hint: write y"])
        #expect(failure(nil, "write y", nil).lines == [place, place, "hint: write y", place, general])
        let other = CommandFailure(.failed, code: "c", message: "m", hint: "h")
        #expect(other.lines == ["error: m", "hint: h"])
    }
}
