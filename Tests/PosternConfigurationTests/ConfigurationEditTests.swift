import PosternModel
import TestSupport
import Testing

@testable import PosternConfiguration

/// A text before and after a service was added to `expose`, or taken away.
struct Edited: CustomTestStringConvertible, Sendable {
    let what: String
    let before: String
    let after: String
    var testDescription: String { what }
}

@Suite struct ConfigurationEditTests {
    private static let entry = """
          - service: tools
            port: 80
            kind: mcp
            upstream: http://127.0.0.1:9000
            allow: [trusted]

        """

    private static let other = """
          - service: other
            port: 81
            kind: mcp
            upstream: http://127.0.0.1:9001

        """

    private static let flow =
        #"{service: tools, port: 80, kind: mcp, upstream: "http://127.0.0.1:9000", allow: [trusted]}"#

    private static let shapes = [
        Edited(what: "an empty file", before: "", after: "expose:\n\(entry)"),
        Edited(what: "comments only", before: "# mine\n", after: "# mine\nexpose:\n\(entry)"),
        Edited(what: "no such key", before: "name: a\n", after: "name: a\nexpose:\n\(entry)"),
        Edited(what: "no line end", before: "name: a", after: "name: a\nexpose:\n\(entry)"),
        Edited(what: "blank lines at the end", before: "name: a\n\n\n", after: "name: a\nexpose:\n\(entry)\n\n"),
        Edited(
            what: "a commented example",
            before: "# what\n#expose:\n#  - service: x\n\n# next\nname: a\n",
            after: "# what\n#expose:\n#  - service: x\nexpose:\n\(entry)\n# next\nname: a\n"
        ),
        Edited(
            what: "an example in the middle of something else",
            before: "log:\n#expose:\n  level: info\n",
            after: "log:\n#expose:\n  level: info\nexpose:\n\(entry)"
        ),
        Edited(what: "nothing behind the key", before: "expose:\nname: a\n", after: "expose:\n\(entry)name: a\n"),
        Edited(
            what: "a word for nothing and a comment",
            before: "expose: ~  # none yet\nname: a\n",
            after: "expose:   # none yet\n\(entry)name: a\n"
        ),
        Edited(what: "null", before: "expose: null\n", after: "expose:\n\(entry)"),
        Edited(what: "empty brackets", before: "expose: []\nname: a\n", after: "expose:\n\(entry)name: a\n"),
        Edited(
            what: "empty brackets and a comment",
            before: "expose: [ ]   # nobody\n",
            after: "expose:    # nobody\n\(entry)"
        ),
        Edited(
            what: "brackets over two lines",
            before: "expose: [\n]\nname: a\n",
            after: "expose: [\(flow)\n]\nname: a\n"
        ),
        Edited(
            what: "one element in brackets",
            before: "expose: [{service: other, port: 81, kind: tcp, upstream: '127.0.0.1:1'}] # it's one\n",
            after: "expose: [{service: other, port: 81, kind: tcp, upstream: '127.0.0.1:1'}, \(flow)] # it's one\n"
        ),
        Edited(
            what: "a comma behind the last in brackets",
            before: "expose: [\n  {service: other, port: 81, kind: tcp, upstream: \"127.0.0.1:1\"}, # ]\n]\n",
            after: "expose: [\n  {service: other, port: 81, kind: tcp, upstream: \"127.0.0.1:1\"}, \(flow) # ]\n]\n"
        ),
        Edited(
            what: "a list before other keys",
            before: "expose:\n\(other)name: a\n",
            after: "expose:\n\(other)\(entry)name: a\n"
        ),
        Edited(
            what: "comments behind and below the entry",
            before: "expose:\n\(other)    allow: [trusted]  # all\n\n  # later\n  #- service: x\n\n# end\nname: a\n",
            after:
                "expose:\n\(other)    allow: [trusted]  # all\n\(entry)\n  # later\n  #- service: x\n\n# end\nname: a\n"
        ),
        Edited(
            what: "a list that is not indented",
            before: "expose:\n- {service: other, port: 81, kind: tcp, upstream: \"127.0.0.1:1\"}\nname: a\n",
            after: """
                expose:
                - {service: other, port: 81, kind: tcp, upstream: "127.0.0.1:1"}
                - service: tools
                  port: 80
                  kind: mcp
                  upstream: http://127.0.0.1:9000
                  allow: [trusted]
                name: a

                """
        ),
        Edited(
            what: "a list without a line end, indented by four",
            before: "expose:\n    -   service: other\n        port: 81\n        kind: tcp\n        upstream: \"h:1\"\n"
                + "        insecure: true",
            after: "expose:\n    -   service: other\n        port: 81\n        kind: tcp\n        upstream: \"h:1\"\n"
                + "        insecure: true\n    - service: tools\n      port: 80\n      kind: mcp\n"
                + "      upstream: http://127.0.0.1:9000\n      allow: [trusted]\n"
        ),
        Edited(
            what: "line ends of another system",
            before: "name: a\r\nexpose:\r\nlog: {level: info}\r\n",
            after: "name: a\r\nexpose:\r\n" + entry.replacing("\n", with: "\r\n") + "log: {level: info}\r\n"
        ),
        Edited(
            what: "letters of several bytes before it",
            before: "name: a # größer 👍\nexpose: [] # ö\n",
            after: "name: a # größer 👍\nexpose:  # ö\n\(entry)"
        ),
        Edited(
            what: "a dash on a line of its own",
            before: "expose:\n  -\n    service: other\n    port: 81\n    kind: tcp\n    upstream: \"127.0.0.1:1\"\n",
            after:
                "expose:\n  -\n    service: other\n    port: 81\n    kind: tcp\n    upstream: \"127.0.0.1:1\"\n\(entry)"
        ),
        Edited(
            what: "a document with its marks",
            before: "---\nexpose:\n\(other)...\n",
            after: "---\nexpose:\n\(other)\(entry)...\n"
        ),
    ]

    private static var tools: ListEntry {
        var entry = ListEntry()
        entry.set("service", "tools")
        entry.set("port", 80)
        entry.set("kind", "mcp")
        entry.set("upstream", "http://127.0.0.1:9000")
        entry.set("allow", ["trusted"])
        return entry
    }

    @Test(arguments: shapes)
    func `an entry is added and nothing else changes`(shape: Edited) throws {
        let changed = try #require(ConfigurationEdit(shape.before).adding(Self.tools, to: "expose"))
        #expect(changed == shape.after)
    }

    @Test(arguments: shapes)
    func `what was added is taken away again, and the rest says what it said`(shape: Edited) throws {
        let before = try SidecarConfiguration.read(shape.before, path: nil, surroundings: surroundings).settings
        let added = try SidecarConfiguration.read(shape.after, path: nil, surroundings: surroundings).settings
        let position = try #require(added.expose.firstIndex { $0.service.name == "tools" })
        let changed = try #require(ConfigurationEdit(shape.after).removing(position, from: "expose"))
        #expect(try SidecarConfiguration.read(changed, path: nil, surroundings: surroundings).settings == before)
        let comments = { (text: String) in text.split(separator: "\n").compactMap { $0.firstIndex(of: "#") }.count }
        #expect(comments(changed) == comments(shape.before))
    }

    @Test func `the last entry leaves an empty list, and one in the middle its neighbours`() {
        let one = "expose:  # mine\n\(Self.other)name: a\n"
        #expect(ConfigurationEdit(one).removing(0, from: "expose") == "expose: []  # mine\nname: a\n")
        let three =
            "expose:\n\(Self.other)  # two\n\(Self.entry)  # three\n"
            + "  - {service: c, port: 9, kind: tcp, upstream: \"h:1\"}\n"
        #expect(
            ConfigurationEdit(three).removing(1, from: "expose")
                == "expose:\n\(Self.other)  # two\n  # three\n  - {service: c, port: 9, kind: tcp, upstream: \"h:1\"}\n"
        )
        let flow = "reach: [{peer: a, port: 1}, {peer: b, port: 2}, {peer: c, port: 3},]\n"
        #expect(
            ConfigurationEdit(flow).removing(0, from: "reach") == "reach: [{peer: b, port: 2}, {peer: c, port: 3},]\n"
        )
        #expect(
            ConfigurationEdit(flow).removing(2, from: "reach") == "reach: [{peer: a, port: 1}, {peer: b, port: 2},]\n"
        )
        #expect(ConfigurationEdit(flow).removing(3, from: "reach") == nil)
        #expect(ConfigurationEdit(flow).removing(0, from: "expose") == nil)
    }

    @Test(arguments: [
        "{name: a}\n", "{name: a, expose: []}\n", "base: &b []\nexpose: *b\nother: *b\n", "expose: {a: 1}\n", "- a\n",
    ])
    func `a text that cannot be changed so is refused`(text: String) {
        #expect(ConfigurationEdit(text).adding(Self.tools, to: "expose") == nil)
    }

    @Test(arguments: [
        "trusted", "80", "true", "no", "~", "a: b", "a #b", "1e3", "2026-12-01", "", "-", "x\"y\\", "ö", "did:key:z6Mk",
        "12:30",
    ])
    func `a text stays the text that it is, in lines and in brackets`(text: String) throws {
        var entry = ListEntry()
        entry.set("service", text)
        entry.set("allow", [text, text])
        for yaml in ["x:\n" + entry.lines(indentation: 2).joined(separator: "\n"), "x: [\(entry.flow)]"] {
            let changed = try #require(ConfigurationEdit(yaml).removing(0, from: "x"))
            #expect(changed == "x: []" || changed == "x: []\n")
            let again = try #require(ConfigurationEdit("name: a\n").adding(entry, to: "x"))
            #expect(Source.topLevelText("name", in: again) == "a")
        }
    }
}

@Suite struct ConfigurationDraftTests {
    private func draft(_ text: String) throws -> ConfigurationDraft {
        try ConfigurationDraft(text: text, path: "/etc/postern.yaml", surroundings: surroundings)
    }

    private func entry(_ upstream: String, port: Int = 80) -> ListEntry {
        var entry = ListEntry()
        entry.set("service", "tools")
        entry.set("port", port)
        entry.set("kind", "http")
        entry.set("upstream", upstream)
        return entry
    }

    @Test func `a change is in the text and in the settings`() throws {
        var draft = try draft("name: a\n")
        try draft.expose(entry("http://127.0.0.1:1"))
        #expect(draft.settings.expose.map(\.service.name) == ["tools"] && draft.text.hasSuffix("http://127.0.0.1:1\n"))
        try draft.unexpose(0)
        #expect(draft.settings.expose.isEmpty && draft.text == "name: a\nexpose: []\n")
    }

    @Test func `a mistake in what was asked for changes nothing and names the key, not a line that is not there`()
        throws
    {
        var draft = try draft("name: a\n")
        let problem = #expect(throws: Problem.self) { try draft.expose(self.entry("http://127.0.0.1:1/mcp")) }
        #expect(problem?.location == nil && problem?.message.hasPrefix("upstream: ") == true)
        #expect(problem?.hint?.contains("omit the path") == true)
        #expect(draft.text == "name: a\n" && draft.settings.expose.isEmpty)
    }

    @Test func `a mistake that was there before is told with its line`() {
        #expect(throws: ConfigurationFailure.self) { try self.draft("name: a\nnaem: b\n") }
    }

    @Test func `what cannot be edited is said with what to write`() throws {
        var draft = try draft("{name: a}")
        let problem = #expect(throws: Problem.self) { try draft.expose(self.entry("http://127.0.0.1:1")) }
        #expect(problem?.code == "not-editable" && problem?.hint?.contains("- {service: tools") == true)
    }
}

@Suite struct StateDirectoryOfFileTests {
    @Test(
        arguments: [
            ("state: /a\n", "/a"), ("naem: x\nstate: \"/b\" # here\n", "/b"), ("expose: [\nstate: /c\n", "/c"),
            ("log: {state: /d}\n", nil), ("expose: [\n", nil), ("", nil),
        ] as [(String, String?)]
    )
    func `the state directory is found whatever else is in the file`(text: String, state: String?) {
        #expect(Source.topLevelText("state", in: text) == state)
    }
}
