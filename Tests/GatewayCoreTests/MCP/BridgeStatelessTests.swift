import PosternModel
import TestSupport
import Testing

@testable import GatewayCore

@Suite struct BridgeStatelessTests {
    private static let probe = "server/discover"

    @Test func `the program is asked for its era first, and requests wait for the answer`() {
        var world = BridgeWorld()
        let first = world.call("7", "tools/list")
        #expect(first.count == 2 && first[0] == "start 1 for alice" && first[1].contains(Self.probe))
        #expect(world.call("7", "ping").isEmpty)
        let known = world.says(1, #"{"jsonrpc":"2.0","id":0,"result":{"supportedVersions":["2026-07-28"]}}"#)
        #expect(known.count == 2)
        #expect(known[0].contains(#""id":1,"method":"tools/list""#))
        #expect(known[1].contains(#""id":2,"method":"ping""#))
        #expect(world.says(1, #"{"id":2,"result":{}}"#) == [#"#2 200 {"id":7,"result":{}}"#])
        #expect(world.says(1, #"{"result":1,"id":1}"#) == [#"#1 200 {"result":1,"id":7}"#])
    }

    @Test(arguments: [
        #"{"id":0,"error":{"code":-32601,"message":"x"}}"#, #"{"id":0,"error":{"code":-32602,"message":"x"}}"#,
        #"{"id":0,"result":{"supportedVersions":["2025-11-25"]}}"#,
    ])
    func `a program of the other era is told by the versions that it speaks, once and for all`(answer: String) {
        var world = BridgeWorld()
        _ = world.call("7", "tools/list")
        let refused = world.says(1, answer)
        #expect(refused.count == 2 && refused[1] == "stop 1")
        #expect(refused[0].hasPrefix("#1 400 ") && refused[0].contains("-32022") && refused[0].contains(#""id":7"#))
        #expect(refused[0].contains(#""supported":["2025-11-25""#))
        let again = world.call("8", "tools/list", of: BridgeWorld.bob)
        #expect(again.count == 1 && again[0].contains("-32022"))
        #expect(world.post(BridgeWorld.initialize).count == 2)
    }

    @Test func `each peer has its own program`() {
        var world = BridgeWorld.stateless()
        #expect(world.call("1", "ping", of: BridgeWorld.bob)[0] == "start 2 for bob")
        #expect(world.call("1", "ping").count == 1)
    }

    @Test func `ids, tokens and subscriptions are ours to the program and the client's to the client`() {
        var world = BridgeWorld.stateless()
        let sent = world.call(#""x""#, "tools/call", #","progressToken":"p""#)
        #expect(sent.count == 1 && sent[0].contains(#""id":2"#) && sent[0].contains(#""progressToken":2"#))
        _ = world.call(#""x""#, "subscriptions/listen")
        let progress = #"{"method":"notifications/progress","params":{"progressToken":2,"progress":1}}"#
        #expect(world.says(1, progress) == ["#2 events", "#2 > \(progress.replacing(":2,", with: #":"p","#))"])
        let note = #"{"method":"n","params":{"_meta":{"io.modelcontextprotocol/subscriptionId":3}}}"#
        #expect(world.says(1, note) == ["#3 events", "#3 > \(note.replacing(":3}", with: #":"x"}"#))"])
        #expect(world.says(1, #"{"method":"notifications/message"}"#).isEmpty)
        #expect(world.bridge.statistics.dropped == 1)
        #expect(world.says(1, #"{"id":2,"result":{}}"#) == [#"#2 > {"id":"x","result":{}}"#, "#2 end"])
        let log = #"{"method":"notifications/message"}"#
        #expect(world.says(1, log) == ["#3 > \(log)"])
    }

    @Test func `a client that leaves cancels its request`() {
        var world = BridgeWorld.stateless()
        _ = world.call("9", "tools/call")
        let cancelled = world.leaves(2)
        #expect(cancelled.count == 1 && cancelled[0].contains("notifications/cancelled"))
        #expect(cancelled[0].contains(#""requestId":2"#))
        #expect(world.says(1, #"{"id":2,"result":{}}"#).isEmpty)
        #expect(world.leaves(2).isEmpty)
    }

    @Test func `a client that leaves before the era is known is forgotten`() {
        var world = BridgeWorld()
        _ = world.call("7", "tools/list")
        #expect(world.leaves(1).isEmpty)
        #expect(world.says(1, #"{"id":0,"result":{"supportedVersions":["2026-07-28"]}}"#).isEmpty)
    }

    @Test(arguments: [(-32_601, 404), (-32_602, 400), (-32_022, 400), (-32_020, 400), (-32_603, 200), (1, 200)])
    func `an error of the program has the status that the revision gives it`(code: Int, status: Int) {
        var world = BridgeWorld.stateless()
        _ = world.call("5", "a")
        let answer = world.says(1, #"{"id":2,"error":{"code":\#(code),"message":"m"}}"#)
        #expect(answer == [#"#2 \#(status) {"id":5,"error":{"code":\#(code),"message":"m"}}"#])
    }

    /// What the fields say, where the body calls the tool `t`, and which of them is named.
    struct Disagreement: Sendable {
        let version: String
        let method: String?
        let name: String?
        let field: String
    }

    static let disagreements = [
        Disagreement(version: "2025-11-25", method: "tools/call", name: "t", field: "MCP-Protocol-Version"),
        Disagreement(version: "2026-07-28", method: "ping", name: "t", field: "Mcp-Method"),
        Disagreement(version: "2026-07-28", method: nil, name: "t", field: "Mcp-Method"),
        Disagreement(version: "2026-07-28", method: "tools/call", name: "u", field: "Mcp-Name"),
        Disagreement(version: "2026-07-28", method: "tools/call", name: nil, field: "Mcp-Name"),
        Disagreement(version: "2026-07-28", method: "tools/call", name: "=?base64?dQ==?=", field: "Mcp-Name"),
    ]

    @Test(arguments: disagreements)
    func `fields that do not say what the body says are refused`(said: Disagreement) {
        var world = BridgeWorld.stateless()
        let meta = #""_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28"}"#
        let body = #"{"id":1,"method":"tools/call","params":{"name":"t",\#(meta)}}"#
        var request = Bridge.Request(.post, version: said.version, method: said.method, body: Array(body.utf8))
        request.name = said.name
        let refused = world.ask(request)
        #expect(refused.count == 1 && refused[0].hasPrefix("#2 400 ") && refused[0].contains("-32020"))
        #expect(refused[0].contains(said.field))
        (request.version, request.method) = ("2026-07-28", "tools/call")
        for same in ["t", "=?base64?dA==?="] {
            request.name = same
            #expect(world.ask(request)[0].hasPrefix("1 < "))
        }
    }

    @Test func `notifications of clients and questions of programs do not exist in this era`() {
        var world = BridgeWorld.stateless()
        let body = Array(#"{"method":"notifications/cancelled"}"#.utf8)
        #expect(world.ask(Bridge.Request(.post, version: "2026-07-28", body: body)) == ["#2 202 "])
        let refused = world.says(1, #"{"id":4,"method":"roots/list"}"#)
        #expect(refused.count == 1 && refused[0].hasPrefix("1 < ") && refused[0].contains("-32601"))
    }

    @Test func `a program that crashes answers all calls, and the next request starts another`() {
        var world = BridgeWorld.stateless()
        _ = world.call("1", "a")
        let ended = world.ends(1, .exited(.signal(11)))
        #expect(ended.count == 1 && ended[0].hasPrefix("#2 502 ") && ended[0].contains("signal 11"))
        #expect(ended[0].contains(#""id":1"#) && ended[0].contains("-32010"))
        #expect(world.call("2", "a")[0] == "start 2 for alice")
        let early = world.ends(2, .exited(.status(1)))
        #expect(early.count == 1 && early[0].hasPrefix("#3 502 "))
    }
}
