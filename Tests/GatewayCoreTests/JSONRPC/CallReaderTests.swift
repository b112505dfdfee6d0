import Testing

@testable import GatewayCore

@Suite struct CallReaderTests {
    private typealias Call = CallReader.Call

    private func read(_ text: String, step: Int = .max) -> CallReader {
        var reader = CallReader()
        var rest = Array(text.utf8)[...]
        while !rest.isEmpty {
            let part = Array(rest.prefix(step))
            rest = rest.dropFirst(part.count)
            reader.read(part.span)
        }
        return reader
    }

    @Test(arguments: [
        (
            #"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"a"}}"#,
            Call(method: "tools/call", id: "1", name: "a")
        ),
        (
            #"{"params":{"arguments":{"name":"x"},"name":"a"},"method":"m","id":"q\"\n"}"#,
            Call(method: "m", id: #""q\"\n""#, name: "a")
        ),
        (#"{"meth\u006fd":"t\u006fols","params":{"n\u0061me":"\u0061"}}"#, Call(method: "tools", id: nil, name: "a")),
        (#"{"method":"m","params":["name","x"],"id":null}"#, Call(method: "m", id: "null", name: nil)),
        (
            #"{"result":{"method":"x","params":{"name":"y"}},"id":7}"#,
            Call(method: nil, id: "7", name: nil, isResponse: true)
        ),
        (
            #"{"x":{"params":{"name":"y"}},"method":"m","params":{"a":{"name":"z"}}}"#,
            Call(method: "m", id: nil, name: nil)
        ),
    ])
    func `a call is read wherever its members stand`(text: String, call: CallReader.Call) {
        for step in [Int.max, 1, 7] {
            let reader = read(text, step: step)
            #expect(reader.calls == [call] && reader.isComplete && !reader.isBatch)
            #expect(reader.method == call.method)
        }
    }

    @Test func `a batch is several calls`() {
        let reader = read(#"[{"method":"a","id":1,"params":{"name":"x"}}, {"method":"b"},{"id":2,"result":{}}]"#)
        #expect(
            reader.calls == [
                Call(method: "a", id: "1", name: "x"), Call(method: "b", id: nil, name: nil),
                Call(method: nil, id: "2", name: nil, isResponse: true),
            ]
        )
        #expect(reader.isBatch && reader.isComplete && reader.method == nil)
    }

    @Test(
        arguments: [
            (#"{"method":"a","method":"b"}"#, .duplicate("method")),
            (#"{"method":"a","meth\u006fd":"b"}"#, .duplicate("method")),
            (#"{"method":"a","x":1,"x":2}"#, .duplicate("x")),
            (#"{"params":{"name":"a","name":"b"}}"#, .duplicate("name")),
            (#"{"method":"a","params":{},"params":{"name":"b"}}"#, .duplicate("params")),
            (#"{"Method":"a"}"#, .ambiguous("method")), (#"{"PARAMS":{}}"#, .ambiguous("params")),
            (#"{"ID":1}"#, .ambiguous("id")),
            (#"{"param\u017f":{}}"#, .ambiguous("params")), (#"{"j\u017fonrpc":1}"#, .ambiguous("jsonrpc")),
            (#"{"params":{"NAME":"a"}}"#, .ambiguous("name")), (#"{"method":1}"#, .type("method")),
            (#"{"method":["a"]}"#, .type("method")),
            (#"{"method":{"a":1}}"#, .type("method")), (#"{"params":{"name":1}}"#, .type("params.name")),
            (#"{"params":{"name":["a"]}}"#, .type("params.name")), (#"{"id":{}}"#, .type("id")),
            ("[[{}]]", .notACall), ("[1]", .notACall), ("\"a\"", .notACall), ("null", .notACall),
            (#"["method","a"]"#, .notACall),
            ("{\"method\":\"a\"} x", .malformed(.syntax)), ("{\"method\":\"a\"}{}", .malformed(.syntax)),
            ("{\"method\":\"\\ud800\"}", .malformed(.text)),
        ] as [(String, CallReader.Fault)]
    )
    func `what two readers could take for different calls is a fault`(text: String, fault: CallReader.Fault) {
        for step in [Int.max, 1] {
            let reader = read(text, step: step)
            #expect(reader.fault == fault)
            #expect(!reader.isComplete && reader.method == nil)
        }
    }

    @Test func `members of values that nobody asks for may be anything`() {
        let reader = read(
            #"{"method":"m","params":{"arguments":{"a":1,"a":2,"Name":3,"METHOD":[]},"_meta":{"name":1}}}"#
        )
        #expect(reader.isComplete && reader.method == "m")
    }

    @Test func `an unfinished call is not complete`() {
        #expect(!read(#"{"method":"m""#).isComplete)
        #expect(read(#"{"method":"m""#).calls == [Call(method: "m", id: nil, name: nil)])
    }

    @Test func `what is longer than any name is a fault`() {
        let long = String(repeating: "x", count: 5000)
        #expect(read(#"{"method":"\#(long)"}"#).fault == .tooLong)
        #expect(read(#"{"\#(long)":1}"#).fault == .tooLong)
        #expect(read(#"{"params":{"arguments":"\#(long)"}}"#).fault == nil)
        let many = (0..<300).map { "\"k\($0)\":0" }.joined(separator: ",")
        #expect(read("{\(many)}").fault == .tooLong)
        let calls = [String](repeating: "{}", count: CallReader.batchLimit + 1).joined(separator: ",")
        #expect(read("[\(calls)]").fault == .notACall)
    }
}
