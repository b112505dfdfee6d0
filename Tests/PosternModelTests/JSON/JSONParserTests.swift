import PosternModel
import Testing

@Suite("JSON parser")
struct JSONParserTests {
    private func reason(_ text: String, limits: JSONLimits = .defaults) -> JSONError.Reason? {
        do throws(JSONError) {
            _ = try JSONValue(parsing: text, limits: limits)
            return nil
        } catch {
            return error.reason
        }
    }

    @Test func `every kind of value is read`() throws {
        let text = """
            {"null": null, "yes": true, "no": false, "integer": -12, "double": 2.5e-3,
             "text": "a\\u00e9\\n\\ud83d\\ude00",
             "array": [1, [], {}, ""], "object": {"b": 1, "a": 2}}
            """
        let value = try JSONValue(parsing: text)
        #expect(value["null"] == .null)
        #expect(value["yes"]?.bool == true)
        #expect(value["no"]?.bool == false)
        #expect(value["integer"]?.integer == -12)
        #expect(value["double"]?.double == 0.0025)
        #expect(value["text"]?.string == "aé\n😀")
        #expect(value["array"]?.array == [1, [], [:], ""])
        #expect(value["object"]?.object?.keys == ["b", "a"])
        #expect(value["missing"] == nil)
        #expect(value["text"]?["deeper"] == nil)
    }

    @Test(
        arguments: [
            ("0", .integer(0)), ("-0", .integer(0)), ("9223372036854775807", .integer(.max)),
            ("-9223372036854775808", .integer(.min)), ("9223372036854775808", .double(9_223_372_036_854_775_808)),
            ("1.0", .double(1)), ("1e3", .double(1000)), ("1E+3", .double(1000)), ("-1.5e-3", .double(-0.0015)),
            ("5e-324", .double(.leastNonzeroMagnitude)), ("1.7976931348623157e308", .double(.greatestFiniteMagnitude)),
        ] as [(String, JSONValue)]
    )
    func `numbers keep their kind and value`(_ text: String, _ value: JSONValue) throws {
        #expect(try JSONValue(parsing: text) == value)
    }

    @Test(arguments: ["-", "01", "-01", "1.", ".5", "1e", "1e+", "+1", "0x10", "1.e1", "- 1", "Infinity", "NaN", "1_0"])
    func `what is no number is refused`(_ text: String) {
        #expect(reason(text) != nil)
    }

    @Test func `a number beyond a double is refused`() {
        #expect(reason("1e309") == .numberOutOfRange)
        #expect(reason("-1" + String(repeating: "0", count: 400)) == .numberOutOfRange)
    }

    @Test(arguments: [
        "", " ", "{", "[", "\"", "[1", "[1,", "{\"a\"", "{\"a\":", "{\"a\":1", "{\"a\":1,", "tru", "\"\\", "\"\\u00",
        "-",
    ])
    func `a text that ends too early is refused`(_ text: String) {
        #expect(reason(text) == .unexpectedEnd || reason(text) == .malformedNumber)
    }

    @Test(arguments: [
        "[1,]", "{\"a\":1,}", "{,}", "[,]", "{a:1}", "{'a':1}", "[1 2]", "{\"a\" 1}", "{1:2}", "True", "nul!",
        "\u{feff}1",
        "// c\n1", "\"\t\"", "\"\u{1}\"", "}", "]", ":",
    ])
    func `a byte out of place is refused`(_ text: String) {
        guard case .unexpectedByte = reason(text) else {
            Issue.record("\(text) gave \(String(describing: reason(text)))")
            return
        }
    }

    @Test(arguments: ["1 2", "{} []", "null,", "\"a\"b"])
    func `something behind the document is refused`(_ text: String) {
        #expect(reason(text) == .trailingBytes)
    }

    @Test(arguments: [
        "\"\\x41\"", "\"\\ud800\"", "\"\\udc00\"", "\"\\ud800\\u0041\"", "\"\\ud800\\n\"", "\"\\u12g4\"", "\"\\'\"",
    ])
    func `an escape that is not defined and half a surrogate pair are refused`(_ text: String) {
        #expect(reason(text) == .invalidEscape)
    }

    @Test(arguments: [[0xff], [0xc3], [0xc0, 0x80], [0xed, 0xa0, 0x80], [0xf4, 0x90, 0x80, 0x80]] as [[UInt8]])
    func `a string that is not UTF-8 is refused`(_ bytes: [UInt8]) {
        let quote = UInt8(ascii: "\"")
        #expect(throws: JSONError(reason: .invalidText, offset: 1, line: 1, column: 2)) {
            _ = try JSONValue(parsing: [quote] + bytes + [quote])
        }
    }

    @Test func `the same key twice is refused, however it is written`() throws {
        #expect(reason("{\"a\":1,\"a\":2}") == .duplicateKey("a"))
        #expect(reason("{\"a\":1,\"\\u0061\":2}") == .duplicateKey("a"))
        #expect(reason("{\"a\":{\"b\":1},\"c\":{\"b\":1}}") == nil)
        // Also in an object with many members.
        let many = (0..<20).map { "\"k\($0)\":0" }.joined(separator: ",")
        #expect(reason("{\(many)}") == nil)
        #expect(reason("{\(many),\"k3\":1}") == .duplicateKey("k3"))
        #expect(reason("{\(many),\"x\":1,\"x\":2}") == .duplicateKey("x"))
        // Canonically equivalent keys are different keys.
        #expect(reason("{\(many),\"\u{e9}\":1,\"e\u{301}\":2}") == nil)
        let value = try JSONValue(parsing: "{\"\u{e9}\":1,\"e\u{301}\":2}")
        #expect(value["\u{e9}"] == 1)
        #expect(value["e\u{301}"] == 2)
    }

    @Test func `nesting is read up to the limit and refused beyond`() {
        for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
            let fits =
                String(repeating: open, count: 64) + (open == "[" ? "" : "1") + String(repeating: close, count: 64)
            #expect(reason(fits) == nil)
            #expect(reason(String(repeating: open, count: 65)) == .tooDeep)
            #expect(reason(String(repeating: open, count: 100_000)) == .tooDeep)
        }
        #expect(reason("[[]]", limits: JSONLimits(depth: 1, byteCount: 100)) == .tooDeep)
    }

    @Test func `a text longer than the limit is refused`() {
        let limits = JSONLimits(depth: 4, byteCount: 10)
        #expect(reason("[1,2,3,45]", limits: limits) == nil)
        #expect(reason("[1,2,3,456]", limits: limits) == .tooLong)
    }

    @Test func `an error says where`() {
        #expect(throws: JSONError(reason: .unexpectedByte(UInt8(ascii: "!")), offset: 12, line: 2, column: 6)) {
            _ = try JSONValue(parsing: "{\"a\":1\n,\"b\":!}")
        }
        let error = JSONError(reason: .unexpectedByte(0x21), offset: 12, line: 2, column: 6)
        #expect("\(error)" == "line 2, column 6: unexpected character '!'")
    }

    @Test func `each truncation of a document is refused or a document`() {
        let text = Array("{\"a\":[1,2.5e3,\"x\\ud83d\\ude00y\",{\"b\":null}],\"c\":true}".utf8)
        for count in 0..<text.count {
            #expect(throws: JSONError.self) { _ = try JSONValue(parsing: Array(text.prefix(count))) }
        }
    }

    @Test func `arbitrary bytes never trap`() {
        let alphabet = Array("{}[]\":,\\u0dtrueflsn -+.eE19 \u{e9}\n\t".utf8) + [0xff, 0x80, 0x00]
        var state: UInt64 = 42
        for _ in 0..<20_000 {
            var bytes: [UInt8] = []
            for _ in 0..<24 {
                state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
                bytes.append(alphabet[Int(state >> 33) % alphabet.count])
            }
            guard let value = try? JSONValue(parsing: bytes) else { continue }
            #expect((try? JSONValue(parsing: value.compactBytes))?.canonicalBytes == value.canonicalBytes)
        }
    }
}
