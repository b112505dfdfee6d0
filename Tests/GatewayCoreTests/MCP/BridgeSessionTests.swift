import PosternModel
import TestSupport
import Testing

@testable import GatewayCore

@Suite struct BridgeSessionTests {
    @Test func `initialize starts a program, and its answer brings the session`() {
        var world = BridgeWorld()
        #expect(world.post(BridgeWorld.initialize) == ["start 1 for alice", "1 < \(BridgeWorld.initialize)"])
        #expect(world.says(1, BridgeWorld.welcome) == ["#1 200 S1 \(BridgeWorld.welcome)"])
        let note = #"{"jsonrpc":"2.0","method":"notifications/initialized"}"#
        #expect(world.post(note, session: "S1") == ["1 < \(note)", "#2 202 "])
    }

    @Test func `a message on several lines is one for the program`() {
        var world = BridgeWorld.inSession()
        let text = "{\"jsonrpc\": \"2.0\",\r\n  \"method\": \"a\"\n}"
        #expect(world.post(text, session: "S1").first == "1 < {\"jsonrpc\": \"2.0\",    \"method\": \"a\" }")
    }

    @Test func `another peer's use of a session is unknown`() {
        var world = BridgeWorld.inSession()
        let text = #"{"jsonrpc":"2.0","id":2,"method":"ping"}"#
        #expect(world.post(text, session: "S1", of: BridgeWorld.bob)[0].hasPrefix("#2 404 "))
        #expect(world.ask(Bridge.Request(.get, session: "S1"), of: BridgeWorld.bob)[0].hasPrefix("#3 404 "))
        #expect(world.ask(Bridge.Request(.delete, session: "S1"), of: BridgeWorld.bob)[0].hasPrefix("#4 404 "))
        #expect(world.post(text, session: "S9")[0].hasPrefix("#5 404 "))
        #expect(world.post(text, session: "S1") == ["1 < \(text)"])
    }

    @Test(arguments: [
        ("", "#2 400"), ("[]", "#2 400"), ("{}", "#2 400"), ("{", "#2 400"), ("1", "#2 400"),
        (#"[{"jsonrpc":"2.0","method":"a"}]"#, "#2 400"),
        (#"{"jsonrpc":"2.0","id":1,"id":2,"method":"a"}"#, "#2 400"),
        (#"{"jsonrpc":"2.0","id":2,"method":"ping"}"#, "#2 400"),
    ])
    func `what is no message, or names no session, is refused`(text: String, answer: String) {
        var world = BridgeWorld.inSession()
        #expect(world.post(text)[0].hasPrefix(answer))
        #expect(world.bridge.exchanges.isEmpty)
    }

    @Test func `a second request with an open id is refused, and the first is answered`() {
        var world = BridgeWorld.inSession()
        let text = #"{"jsonrpc":"2.0","id":"a","method":"ping"}"#
        #expect(world.post(text, session: "S1") == ["1 < \(text)"])
        let refused = world.post(text, session: "S1")
        #expect(refused.count == 1 && refused[0].contains("-32600") && refused[0].contains(#""id":"a""#))
        let answer = #"{"jsonrpc":"2.0","id":"a","result":{}}"#
        #expect(world.says(1, answer) == ["#2 200 \(answer)"])
        #expect(world.post(text, session: "S1") == ["1 < \(text)"])
    }

    @Test func `the number 1 and the text 1 are different ids`() {
        var world = BridgeWorld.inSession()
        _ = world.post(#"{"id":1,"method":"ping"}"#, session: "S1")
        _ = world.post(#"{"id":"1","method":"ping"}"#, session: "S1")
        #expect(world.says(1, #"{"id":"\u0031","result":{}}"#) == [#"#3 200 {"id":"\u0031","result":{}}"#])
        #expect(world.says(1, #"{"id":1,"result":{}}"#) == [#"#2 200 {"id":1,"result":{}}"#])
    }

    @Test func `progress goes to the request that waits for it, everything else to the stream`() {
        var world = BridgeWorld.inSession()
        _ = world.post(#"{"id":2,"method":"tools/call","params":{"_meta":{"progressToken":"p"}}}"#, session: "S1")
        #expect(world.ask(Bridge.Request(.get, session: "S1")) == ["#3 events"])
        let progress = #"{"method":"notifications/progress","params":{"progressToken":"p","progress":1}}"#
        #expect(world.says(1, progress) == ["#2 events", "#2 > \(progress)"])
        let log = #"{"method":"notifications/message","params":{}}"#
        let question = #"{"id":1,"method":"roots/list"}"#
        #expect(world.says(1, log) == ["#3 > \(log)"])
        #expect(world.says(1, question) == ["#3 > \(question)"])
        let reply = #"{"id":1,"result":{"roots":[]}}"#
        #expect(world.post(reply, session: "S1") == ["1 < \(reply)", "#4 202 "])
        let answer = #"{"id":2,"result":{}}"#
        #expect(world.says(1, answer) == ["#2 > \(answer)", "#2 end"])
    }

    @Test func `without a stream messages wait, and no more than may`() {
        var limits = ProgramLimits.defaults
        limits.waitingMessages = 2
        var world = BridgeWorld.inSession(limits: limits)
        let texts = (0..<3).map { #"{"method":"n\#($0)"}"# }
        for text in texts { #expect(world.says(1, text).isEmpty) }
        #expect(world.bridge.statistics.dropped == 1)
        let stream = world.ask(Bridge.Request(.get, session: "S1"))
        #expect(stream == ["#2 events", "#2 > \(texts[0])", "#2 > \(texts[1])"])
    }

    @Test func `a later stream takes the place of an earlier one`() {
        var world = BridgeWorld.inSession()
        _ = world.ask(Bridge.Request(.get, session: "S1"))
        #expect(world.ask(Bridge.Request(.get, session: "S1")) == ["#2 end", "#3 events"])
        #expect(world.leaves(2).isEmpty)
        #expect(world.says(1, #"{"method":"n"}"#) == [#"#3 > {"method":"n"}"#])
        #expect(world.leaves(3).isEmpty)
        #expect(world.says(1, #"{"method":"n"}"#).isEmpty)
    }

    @Test func `a client that takes no events gets its answer, and no stream`() {
        var world = BridgeWorld.inSession()
        #expect(world.ask(Bridge.Request(.get, session: "S1", takesEvents: false))[0].hasPrefix("#2 406 "))
        let text = #"{"id":2,"method":"a","params":{"_meta":{"progressToken":5}}}"#
        _ = world.ask(Bridge.Request(.post, session: "S1", takesEvents: false, body: Array(text.utf8)))
        #expect(world.says(1, #"{"method":"notifications/progress","params":{"progressToken":5}}"#).isEmpty)
        #expect(world.says(1, #"{"id":2,"result":1}"#) == [#"#3 200 {"id":2,"result":1}"#])
    }

    @Test func `a client that leaves cancels nothing in this era`() {
        var world = BridgeWorld.inSession()
        _ = world.post(#"{"id":2,"method":"a"}"#, session: "S1")
        #expect(world.leaves(2).isEmpty)
        #expect(world.post(#"{"id":2,"method":"a"}"#, session: "S1")[0].contains("-32600"))
        #expect(world.says(1, #"{"id":2,"result":1}"#).isEmpty)
        #expect(world.bridge.statistics.dropped == 1)
    }

    @Test func `a session whose beginning nobody waits for ends`() {
        var world = BridgeWorld()
        _ = world.post(BridgeWorld.initialize)
        #expect(world.leaves(1) == ["stop 1"])
        #expect(world.bridge.sessions.isEmpty && world.bridge.children.isEmpty)
    }

    @Test func `DELETE ends the session and all that waits, without a word`() {
        var world = BridgeWorld.inSession()
        _ = world.post(#"{"id":2,"method":"a"}"#, session: "S1")
        _ = world.ask(Bridge.Request(.get, session: "S1"))
        let ended = world.ask(Bridge.Request(.delete, session: "S1"))
        #expect(ended == ["#2 events", "#2 end", "#3 end", "stop 1", "#4 200 "])
        #expect(world.post(#"{"id":3,"method":"a"}"#, session: "S1")[0].hasPrefix("#5 404 "))
        #expect(world.ask(Bridge.Request(.delete))[0].hasPrefix("#6 400 "))
        #expect(world.ask(Bridge.Request(.other))[0].hasPrefix("#7 405 "))
    }

    @Test func `a program that crashes answers its calls with its status, and then there is no session`() {
        var world = BridgeWorld.inSession()
        _ = world.post(#"{"id":2,"method":"a"}"#, session: "S1")
        _ = world.ask(Bridge.Request(.get, session: "S1"))
        let ended = world.ends(1, .exited(.status(3)))
        #expect(ended.count == 2 && ended[0].hasPrefix(#"#2 200 {"jsonrpc":"2.0","id":2,"error":{"code":-32010"#))
        #expect(ended[0].contains("exit status 3"))
        #expect(ended[1] == "#3 end")
        #expect(world.post(#"{"id":3,"method":"a"}"#, session: "S1")[0].hasPrefix("#4 404 "))
        #expect(world.says(1, #"{"method":"n"}"#).isEmpty)
    }

    @Test func `a program that cannot be started says why`() {
        var world = BridgeWorld()
        _ = world.post(BridgeWorld.initialize)
        let ended = world.ends(1, .notStarted("No such file or directory"))
        #expect(ended.count == 1 && ended[0].contains("cannot be started: No such file or directory"))
        #expect(world.bridge.sessions.isEmpty)
    }

    @Test func `a program without sessions is told by the versions that it speaks`() {
        var world = BridgeWorld()
        _ = world.post(BridgeWorld.initialize)
        let answer = world.says(1, #"{"id":1,"error":{"code":-32601,"message":"x"}}"#)
        #expect(answer.count == 2 && answer[0].hasPrefix("#1 400 ") && answer[0].contains("-32022"))
        #expect(answer[0].contains(#""supported":["2026-07-28"]"#))
        #expect(answer[1] == "stop 1")
        #expect(world.bridge.sessions.isEmpty)
    }

    @Test func `eight programs for a peer, thirty-two for all, five starts a minute`() {
        var world = BridgeWorld()
        for _ in 0..<5 { #expect(world.post(BridgeWorld.initialize).count == 2) }
        let refused = world.post(BridgeWorld.initialize)
        #expect(refused.count == 1 && refused[0].hasPrefix("#6 503 ") && refused[0].contains("too often"))
        #expect(world.post(BridgeWorld.initialize, of: BridgeWorld.bob).count == 2)
        world.now = Instant(nanoseconds: 60_000_000_000)
        for _ in 0..<3 { #expect(world.post(BridgeWorld.initialize).count == 2) }
        #expect(world.post(BridgeWorld.initialize)[0].contains("as many programs"))
        var limits = ProgramLimits.defaults
        limits.perService = 1
        var small = BridgeWorld(limits: limits)
        _ = small.post(BridgeWorld.initialize)
        #expect(small.post(BridgeWorld.initialize, of: BridgeWorld.bob)[0].contains("as many programs"))
    }

    @Test func `a session that nobody uses ends after half an hour, and one that somebody waits on does not`() {
        var world = BridgeWorld.inSession()
        _ = world.post(BridgeWorld.initialize, of: BridgeWorld.bob)
        _ = world.says(2, BridgeWorld.welcome)
        _ = world.ask(Bridge.Request(.get, session: "S2"), of: BridgeWorld.bob)
        #expect(world.bridge.nextDeadline == Instant(nanoseconds: 1_800_000_000_000))
        world.now = Instant(nanoseconds: 1_799_999_999_999)
        world.bridge.advance(to: world.now)
        #expect(world.actions().isEmpty)
        world.now = Instant(nanoseconds: 1_800_000_000_000)
        world.bridge.advance(to: world.now)
        #expect(world.actions() == ["stop 1"])
        #expect(world.post(#"{"id":3,"method":"a"}"#, session: "S1")[0].contains(" 404 "))
        #expect(world.bridge.nextDeadline == nil)
    }

    @Test func `the end of a trust ends the programs of that peer alone`() {
        var world = BridgeWorld.inSession()
        _ = world.post(BridgeWorld.initialize, of: BridgeWorld.bob)
        world.bridge.end(BridgeWorld.alice)
        #expect(world.actions() == ["stop 1"])
        world.bridge.endAll()
        #expect(world.actions().last == "stop 2")
        #expect(world.post(BridgeWorld.initialize)[0].contains("no longer offered"))
    }

    @Test func `open requests of a session are bounded, and lines that are no message are counted`() {
        var limits = ProgramLimits.defaults
        limits.openCalls = 1
        var world = BridgeWorld.inSession(limits: limits)
        _ = world.post(#"{"id":2,"method":"a"}"#, session: "S1")
        #expect(world.post(#"{"id":3,"method":"a"}"#, session: "S1")[0].hasPrefix("#3 503 "))
        #expect(world.says(1, "Listening…").isEmpty)
        #expect(world.bridge.statistics.malformed == 1)
    }
}
