import PosternModel
import Testing

@Suite("JSON writer")
struct JSONWriterTests {
    @Test func `RFC 8785 §3.2.2: the example document has its canonical form`() throws {
        let text = #"""
            {
              "numbers": [333333333.33333329, 1E30, 4.50, 2e-3, 0.000000000000000000000000001],
              "string": "\u20ac$\u000F\u000aA'\u0042\u0022\u005c\\\"\/",
              "literals": [null, true, false]
            }
            """#
        let expected =
            #"{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],"#
            + #""string":"€$\u000f\nA'B\"\\\\\"/"}"#
        #expect(try JSONValue(parsing: text).canonicalText == expected)
    }

    @Test func `RFC 8785 §3.2.3: members are sorted by UTF-16 code units`() throws {
        let text = #"""
            {
              "\u20ac": "Euro Sign",
              "\r": "Carriage Return",
              "\ufb33": "Hebrew Letter Dalet With Dagesh",
              "1": "One",
              "\ud83d\ude00": "Emoji: Grinning Face",
              "\u0080": "Control",
              "\u00f6": "Latin Small Letter O With Diaeresis"
            }
            """#
        let value = try JSONValue(parsing: text)
        let sorted = try JSONValue(parsing: value.canonicalText)
        #expect(
            sorted.object?.members.map(\.value.string) == [
                "Carriage Return", "One", "Control", "Latin Small Letter O With Diaeresis", "Euro Sign",
                "Emoji: Grinning Face", "Hebrew Letter Dalet With Dagesh",
            ]
        )
    }

    @Test(
        arguments: [
            (0x0000_0000_0000_0000, "0"), (0x8000_0000_0000_0000, "0"), (0x0000_0000_0000_0001, "5e-324"),
            (0x8000_0000_0000_0001, "-5e-324"), (0x7fef_ffff_ffff_ffff, "1.7976931348623157e+308"),
            (0xffef_ffff_ffff_ffff, "-1.7976931348623157e+308"), (0x4340_0000_0000_0000, "9007199254740992"),
            (0xc340_0000_0000_0000, "-9007199254740992"), (0x4430_0000_0000_0000, "295147905179352830000"),
            (0x44b5_2d02_c7e1_4af5, "9.999999999999997e+22"), (0x44b5_2d02_c7e1_4af6, "1e+23"),
            (0x44b5_2d02_c7e1_4af7, "1.0000000000000001e+23"), (0x444b_1ae4_d6e2_ef4e, "999999999999999700000"),
            (0x444b_1ae4_d6e2_ef4f, "999999999999999900000"), (0x444b_1ae4_d6e2_ef50, "1e+21"),
            (0x3eb0_c6f7_a0b5_ed8c, "9.999999999999997e-7"), (0x3eb0_c6f7_a0b5_ed8d, "0.000001"),
            (0x41b3_de43_5555_5553, "333333333.3333332"), (0x41b3_de43_5555_5554, "333333333.33333325"),
            (0x41b3_de43_5555_5555, "333333333.3333333"), (0x41b3_de43_5555_5556, "333333333.3333334"),
            (0x41b3_de43_5555_5557, "333333333.33333343"), (0xbecb_f647_612f_3696, "-0.0000033333333333333333"),
            (0x4314_3ff3_c1cb_0959, "1424953923781206.2"),
        ] as [(UInt64, String)]
    )
    func `RFC 8785 §B: numbers are written as ECMAScript does`(_ bits: UInt64, _ text: String) throws {
        let value = JSONValue.double(Double(bitPattern: bits))
        #expect(value.canonicalText == text)
        #expect(try JSONValue(parsing: text).double == Double(bitPattern: bits))
    }

    @Test(arguments: [
        (0, "0"), (-1, "-1"), (9_007_199_254_740_991, "9007199254740991"), (Int64.max, "9223372036854775807"),
    ])
    func `integers are written with all their digits`(_ integer: Int64, _ text: String) throws {
        #expect(JSONValue.integer(integer).canonicalText == text)
        #expect(try JSONValue(parsing: text).integer == integer)
    }

    @Test func `doubles of every size come back as they were`() throws {
        var state: UInt64 = 7
        for _ in 0..<20_000 {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            let value = Double(bitPattern: state)
            guard value.isFinite else { continue }
            let text = JSONValue.double(value).canonicalText
            #expect(try JSONValue(parsing: text).double == value)
        }
    }

    @Test func `control characters are escaped, nothing else is`() {
        let text = JSONValue.string("\u{0}\u{1f}\u{8}\t\n\u{c}\r\"\\/\u{7f}é\u{2028}😀").canonicalText
        #expect(text == "\"\\u0000\\u001f\\b\\t\\n\\f\\r\\\"\\\\/\u{7f}é\u{2028}😀\"")
    }

    @Test func `the compact form keeps the members' order, the canonical one sorts`() {
        let value: JSONValue = ["b": [1, nil], "a": ["d": true, "c": 0.5]]
        #expect(value.compactText == #"{"b":[1,null],"a":{"d":true,"c":0.5}}"#)
        #expect(value.canonicalText == #"{"a":{"c":0.5,"d":true},"b":[1,null]}"#)
    }

    @Test func `members are set, replaced in place and removed`() {
        var object = JSONObject()
        object["a"] = 1
        object["b"] = 2
        object["a"] = "x"
        object["c"] = nil
        #expect(object.keys == ["a", "b"])
        #expect(object["a"] == "x")
        object["a"] = nil
        #expect(JSONValue.object(object).compactText == #"{"b":2}"#)
    }

    @Test func `values are asked for by kind`() {
        #expect(JSONValue.double(3).integer == 3)
        #expect(JSONValue.double(3.5).integer == nil)
        #expect(JSONValue.double(1e300).integer == nil)
        #expect(JSONValue.double(18_014_398_509_481_984).integer == nil)
        #expect(JSONValue.integer(3).double == 3)
        #expect(JSONValue.string("3").integer == nil)
        #expect(JSONValue.string("x").double == nil)
        #expect(JSONValue.integer(1).bool == nil)
        #expect(JSONValue.null.string == nil)
        #expect(JSONValue.null.array == nil)
        #expect(JSONValue.null.object == nil)
    }
}
