import Testing

@testable import GatewayCore

@Suite struct JSONTokenizerTests {
    /// What the tokens of `bytes` say, given in pieces of `step`; nil when they are not one whole document.
    static func read(_ bytes: [UInt8], step: Int = .max) -> [String]? {
        var tokenizer = JSONTokenizer()
        var tokens: [String] = []
        var rest = bytes[...]
        do {
            while !rest.isEmpty {
                let part = Array(rest.prefix(step))
                rest = rest.dropFirst(part.count)
                var position = 0
                while let token = try tokenizer.next(part.span, &position) {
                    let text = String(decoding: tokenizer.text, as: UTF8.self)
                    switch token {
                    case .beginObject: tokens.append("{")
                    case .endObject: tokens.append("}")
                    case .beginArray: tokens.append("[")
                    case .endArray: tokens.append("]")
                    case .key: tokens.append(text + ":")
                    case .string: tokens.append("'" + text)
                    case .scalar: tokens.append(text)
                    }
                }
            }
        } catch {
            return nil
        }
        return tokenizer.isComplete ? tokens : nil
    }

    private func read(_ text: String, step: Int = .max) -> [String]? { Self.read(Array(text.utf8), step: step) }

    private static let document =
        #" {"a" : [1, -0.5e+3 ,true,false , null,"x\"\\\/\b\f\n\r\té€😀é\ud83d\ude00"], "b":{ },"c":[ ]} "#

    @Test func `a document is read alike in pieces of any size`() throws {
        let whole = try #require(read(Self.document))
        #expect(
            whole == [
                "{", "a:", "[", "1", "-0.5e+3", "true", "false", "null",
                "'x\"\\/\u{8}\u{c}\n\r\té€😀é😀", "]", "b:", "{",
                "}",
                "c:", "[", "]", "}",
            ]
        )
        for step in 1..<20 { #expect(read(Self.document, step: step) == whole) }
    }

    @Test func `no beginning of a document is whole`() {
        let text = Self.document.dropLast()
        for count in 0..<text.utf8.count { #expect(Self.read(Array(text.utf8.prefix(count))) == nil, "\(count)") }
    }

    @Test(arguments: [
        "", " ", "{", "}", "[", "]", "[1,]", "[,1]", "{\"a\"}", "{\"a\":}", "{\"a\":1,}", "{,}", "{a:1}", "{'a':1}",
        "[1 2]",
        "01", "-", "1.", ".5", "1e", "1e+", "+1", "0x1", "--1", "1.2.3", "NaN", "Infinity", "nul", "nulll", "True",
        "tru e",
        "\"", "\"\\x\"", "\"\\u12\"", "\"\\u12g4\"", "\"\t\"", "\"\n\"", "1 1", "{} {}", "[}", "{]", "[1}", "// x\n1",
        "/**/1",
        "\u{feff}1", "\"\\ud800\"", "\"\\ud800x\"", "\"\\ud800\\n\"", "\"\\udc00\"", "\"\\ud800\\ud800\"", "'a'",
    ])
    func `what RFC 8259 does not allow is refused`(text: String) {
        #expect(read(text) == nil)
        #expect(read(text, step: 1) == nil)
    }

    @Test(
        arguments: [
            [0x80], [0xc0, 0x80], [0xc1, 0xbf], [0xe0, 0x80, 0x80], [0xed, 0xa0, 0x80], [0xf0, 0x80, 0x80, 0x80],
            [0xf4, 0x90, 0x80, 0x80], [0xf5, 0x80, 0x80, 0x80], [0xff], [0xc3], [0xe2, 0x82], [0xc3, 0x28],
        ] as [[UInt8]]
    )
    func `a string that is not UTF-8 is refused`(bytes: [UInt8]) {
        #expect(Self.read([0x22] + bytes + [0x22]) == nil)
    }

    @Test func `numbers end where they end`() {
        for number in ["0", "-0", "10", "0.5", "1E5", "1e-5", "0e0", "123456789012345678901234567890"] {
            #expect(read(number + " ") == [number] && read("[\(number)]", step: 1) == ["[", number, "]"])
        }
    }

    @Test func `nesting has a limit`() {
        for (depth, isGood) in [(JSONTokenizer.depthLimit, true), (JSONTokenizer.depthLimit + 1, false)] {
            let text = String(repeating: "[", count: depth) + String(repeating: "]", count: depth)
            #expect((read(text) != nil) == isGood)
        }
    }

    @Test func `a long string is read and not kept`() throws {
        var tokenizer = JSONTokenizer(textLimit: 8)
        var position = 0
        let text = Array("\"123456789\"".utf8)
        #expect(try tokenizer.next(text.span, &position) == .string)
        #expect(tokenizer.text == Array("12345678".utf8) && !tokenizer.isTextWhole)
    }
}
