import PosternModel
import SidecarCore
import Testing

@testable import postern

@Suite struct SystemFindingsTests {
    @Test func `a clock from before this program was made is broken`() {
        #expect(SystemFindings.clock(Timestamp(seconds: 0)).state == .broken)
        #expect(SystemFindings.clock(.now).state == .ok)
    }

    @Test(arguments: [(200, Finding.State.broken), (1_024, .warning), (65_536, .ok)])
    func `few open files are told by how few they are`(limit: Int, state: Finding.State) {
        #expect(SystemFindings.descriptors(limit).state == state)
    }

    @Test(arguments: [(212_992, Finding.State.warning), (4 << 20, .ok), (nil, nil)] as [(Int?, Finding.State?)])
    func `small buffers are told`(largest: Int?, state: Finding.State?) {
        #expect(SystemFindings.buffers(largest: largest)?.state == state)
    }

    @Test(
        arguments: [
            ([:], nil), (["HTTPS_PROXY": "p"], nil), (["http_proxy": "p"], .warning),
            (["ALL_PROXY": "p", "no_proxy": "example.net"], .warning), (["HTTP_PROXY": "p", "NO_PROXY": "*"], .ok),
            (["HTTP_PROXY": "p", "no_proxy": "localhost, 127.0.0.1"], .ok), (["HTTP_PROXY": ""], nil),
        ] as [([String: String], Finding.State?)]
    )
    func `a proxy that would get local calls is told`(variables: [String: String], state: Finding.State?) {
        #expect(SystemFindings.proxies { variables[$0] }?.state == state)
    }

    @Test(
        arguments: [
            (0, Finding.State.broken), (2 << 20, .warning), (1 << 30, .ok), (nil, nil),
        ] as [(UInt64?, Finding.State?)]
    )
    func `a full disk is told`(free: UInt64?, state: Finding.State?) {
        #expect(StateFindings.room(free, at: "/s")?.state == state)
    }

    @Test func `no IPv6 is no fault`() {
        #expect(SystemFindings.ipv6(false).state == .note && SystemFindings.ipv6(true).state == .ok)
    }
}

@Suite struct HubFindingsTests {
    private func hub(full: Bool = false, clockMs: Int64? = nil) throws -> StatusDocument.Hub {
        let did = "did:key:z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2doK"
        return try StatusDocument.Hub(decoding: [
            "url": .string("postern://h:1/\(did)"), "connected": true, "transport": "udp", "rttMs": 1.5, "home": true,
            "full": .bool(full), "closed": false, "draining": false,
            "configured": true, "clockMs": clockMs.map { .integer($0) } ?? .null,
        ])
    }

    @Test func `a clock that is off the hub's is told, whichever way`() throws {
        #expect(HubFindings.connected(try hub(clockMs: 900)).map(\.state) == [.ok])
        for (offset, word) in [(Int64(300_000), "behind"), (-300_000, "ahead of")] {
            let findings = HubFindings.connected(try hub(clockMs: offset))
            #expect(findings.map(\.state) == [.ok, .broken])
            #expect(findings.last?.what.contains("300 s \(word)") == true)
        }
    }

    @Test func `a hub without room is told`() throws {
        #expect(HubFindings.connected(try hub(full: true)).map(\.check) == ["hub", "hub"])
    }
}

@Suite struct HTTPAnswerTests {
    @Test func `an answer is read as far as it came, and anything else is none`() throws {
        let text = "HTTP/1.1 200 OK\r\nMcp-Session-Id: abc\r\n\r\ndata: {\"jsonrpc\": \"2.0\"}"
        let answer = try #require(HTTPAnswer(Array(text.utf8)))
        #expect(answer.status == 200 && answer.field("mcp-session-id") == "abc" && answer.speaksJSONRPC)
        #expect(!answer.refusesHost && !answer.isAgentCard && answer.field("postern-error") == nil)
        for other in ["", "SSH-2.0-x\r\n\r\n", "HTTP/1.1 200", "HTTP/1.1\r\n\r\n", "HTTP/1.1 abc\r\n\r\n"] {
            #expect(HTTPAnswer(Array(other.utf8)) == nil)
        }
    }
}

@Suite struct ServiceTests {
    @Test func `a service manager is there when it says so`() {
        #expect(Supervisor { _ in nil } == nil)
        #expect(Supervisor { ["NOTIFY_SOCKET": "relative"][$0] } == nil)
        let variables = ["NOTIFY_SOCKET": "@x", "WATCHDOG_USEC": "30000000"]
        #expect(Supervisor { variables[$0] }?.watchdogInterval == .seconds(15))
        let others = variables.merging(["WATCHDOG_PID": "1"]) { first, _ in first }
        #expect(Supervisor { others[$0] }?.watchdogInterval == nil)
    }

    @Test(arguments: [
        ("/usr/bin/postern", "/usr/bin/postern"), ("/a b/c", "\"/a b/c\""), ("/50%", "/50%%"), ("/$x", "/$$x"),
        ("/a\"b", "\"/a\\\"b\""),
    ])
    func `paths are words of systemd's command lines`(path: String, word: String) {
        #expect(SystemdUnit.quoted(path) == word)
    }

    @Test func `a system service keeps its state where systemd does`() {
        let unit = SystemdUnit(scope: .system(user: "u"), program: "/p", config: "/c", state: "/var/lib/postern")
        #expect(unit.text.contains("StateDirectory=postern\n") && unit.text.contains("\nUser=u\n"))
        let other = SystemdUnit(scope: .user, program: "/p", config: "/c", state: "/home/u/s")
        #expect(!other.text.contains("StateDirectory=") && !other.text.contains("User="))
        #expect(other.text.contains("WantedBy=default.target") && !other.text.contains("Environment="))
    }

    @Test func `a unit names the file with the passphrase of the key`() {
        var unit = SystemdUnit(scope: .user, program: "/p", config: "/c", state: "/s")
        unit.passphraseFile = "/home/u/$a b"
        #expect(unit.text.contains("\nEnvironment=\"POSTERN_PASSPHRASE_FILE=/home/u/$a b\"\nExecStart="))
    }
}

@Suite struct WordsTests {
    @Test(
        arguments: [
            (["stauts"], "status"), (["trust", "aprove", "x"], "approve"), (["--json", "dcotor"], "doctor"),
            (["status"], nil), (["trust", "list", "stauts"], nil), (["wallpaper"], nil), ([], nil),
        ] as [([String], String?)]
    )
    func `a word that is no command leads to the one that was meant`(words: [String], command: String?) {
        #expect(Postern.suggestion(for: words) == command)
    }

    @Test(
        arguments: [
            ("message/send", ServiceKind.a2a, "SendMessage"), ("SendMesage", .a2a, "SendMessage?"),
            ("tools/lsit", .mcp, "tools/list?"), ("SendMessage", .a2a, nil), ("tools/list", .mcp, nil),
            ("message/send", .http, nil),
        ] as [(String, ServiceKind, String?)]
    )
    func `a method with another name is told by it`(method: String, kind: ServiceKind, hint: String?) {
        let told = CallCommand.hint(for: method, kind: kind)
        #expect((told == nil) == (hint == nil) && told?.hasSuffix(hint ?? "") ?? true)
    }

    @Test(arguments: [
        ("9000", true, "http://127.0.0.1:9000"), ("localhost:9000", true, "http://localhost:9000"),
        ("https://h:1", true, "https://h:1"), ("22", false, "127.0.0.1:22"), ("h:22", false, "h:22"),
    ])
    func `an upstream is understood without what is understood by itself`(text: String, isHTTP: Bool, upstream: String)
    {
        #expect(ExposeCommand.upstream(text, isHTTP: isHTTP) == upstream)
    }

    @Test func `sizes and ages have units`() {
        #expect(
            [0, 1_023, 1_536, 5 << 20, 3 << 40].map(Shown.bytes) == [
                "0 B", "1023 B", "1.50 KiB", "5.00 MiB", "3072.00 GiB",
            ]
        )
        let now = Timestamp(seconds: 1_000_000)
        let ages = [0, 60, 600, 7_200, 800_000].map { Shown.age(of: Timestamp(seconds: 1_000_000 - $0), at: now) }
        #expect(ages == ["now", "60 s ago", "10 min ago", "2 h ago", "9 days ago"])
        #expect(Shown.age(of: nil, at: now) == "never")
    }

    @Test(
        arguments: [
            (["services": ["tools"]], ["services": ["planner"]], "tools → planner"), (nil, ["services": "all"], "all"),
            (nil, nil, "-"), (["a": 1, "b": 2], nil, "a 1 b 2 → -"),
        ] as [(JSONValue?, JSONValue?, String)]
    )
    func `a change is shown from what to what`(old: JSONValue?, new: JSONValue?, text: String) {
        #expect(AuditListCommand.change(old, new) == text)
    }

    @Test(arguments: [("none", "[]"), ("all", "[\"*\"]"), ("a,b", "[\"a\",\"b\"]"), ("*", "[\"*\"]")])
    func `services are listed, all or none`(argument: String, json: String) throws {
        let list = try #require(ServiceList(argument: argument))
        #expect(JSONValue(encoding: list.services).compactText == json)
    }
}

@Suite struct PeerFindingsTests {
    private let peer = PeerName("b")!

    private func path(packetSize: Int, problem: String?) throws -> PathDocument {
        try PathDocument(decoding: [
            "kind": "direct", "transport": "udp", "family": "ipv4", "packetSize": .integer(Int64(packetSize)),
            "problem": problem.map { .string($0) } ?? .null,
        ])
    }

    @Test func `a path that carries too little is broken, with its size`() throws {
        #expect(PeerFindings.packets(on: try path(packetSize: 1_452, problem: nil), to: peer).isEmpty)
        let small = try path(packetSize: 900, problem: "carries less than 1200 bytes")
        let findings = PeerFindings.packets(on: small, to: peer)
        #expect(findings.map(\.state) == [.broken] && findings[0].what.contains("900 bytes"))
    }

    @Test func `a peer of another version is told, and one that says none is not`() {
        #expect(PeerFindings.version(of: peer, nil) == nil)
        #expect(PeerFindings.version(of: peer, Postern.version)?.state == .ok)
        let other = PeerFindings.version(of: peer, "9.9.9")
        #expect(other?.state == .warning && other?.what.contains("9.9.9") == true)
    }

    @Test func `a hub that answers over WebSocket alone is told`() throws {
        let did = "did:key:z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2doK"
        let url = try HubURL("postern://h:1/\(did)")
        #expect(HubFindings.answering(url, over: .udp, 1.5).state == .ok)
        let finding = HubFindings.answering(url, over: .websocket, 1.5)
        #expect(finding.state == .warning && finding.what.contains("not over UDP"))
    }
}
