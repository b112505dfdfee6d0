import PosternModel
import Testing

@Suite struct TimestampTests {
    @Test(arguments: [
        ("1970-01-01T00:00:00Z", 0), ("2000-02-29T23:59:59Z", 951_868_799), ("2026-11-23T10:47:10Z", 1_795_430_830),
        ("1969-12-31T23:59:59Z", -1), ("2100-03-01T00:00:00Z", 4_107_542_400), ("1900-03-01T00:00:00Z", -2_203_891_200),
    ])
    func `a civil time is the known number of seconds, both ways`(text: String, seconds: Int64) {
        #expect(Timestamp(text) == Timestamp(seconds: seconds))
        #expect(Timestamp(seconds: seconds).description == text)
    }

    @Test func `fractions keep nanoseconds and are written in groups of three`() {
        for (text, nanoseconds) in [("0.001Z", 1_000_000), ("0.000000001Z", 1), ("0.123456Z", 123_456_000)] {
            let value = Timestamp(nanoseconds: Int64(nanoseconds))
            #expect(value.description == "1970-01-01T00:00:0" + text)
            #expect(Timestamp(value.description) == value)
        }
        #expect(Timestamp(nanoseconds: -1).description == "1969-12-31T23:59:59.999999999Z")
    }

    @Test func `every hour of four hundred years comes back as it was written`() {
        var seconds: Int64 = -5_000_000_000
        while seconds < 9_000_000_000 {
            #expect(Timestamp(Timestamp(seconds: seconds).description) == Timestamp(seconds: seconds))
            seconds += 3_600 * 997
        }
    }

    @Test(arguments: [
        "", "Z", "2026-11-23", "2026-11-23T10:47:10", "2026-11-23T10:47:10+00:00", "2026-02-29T00:00:00Z",
        "2026-13-01T00:00:00Z", "2026-00-01T00:00:00Z", "2026-01-00T00:00:00Z", "2026-01-01T24:00:00Z",
        "2026-01-01T00:60:00Z", "2026-01-01T00:00:60Z", "2026-01-01T00:00:00.Z", "2026-01-01T00:00:00.1234567890Z",
        "2026-01-01 00:00:00Z", "2026-01-01T00:00:00z", "9999-01-01T00:00:00Z", "2026-01-01T00:00:00,5Z",
    ])
    func `text that is no such time is refused`(text: String) {
        #expect(Timestamp(text) == nil)
    }
}

@Suite struct Base64URLTests {
    @Test func `bytes of every length come back, and have one text only`() {
        for count in 0...67 {
            let bytes = (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 37 &+ 201) }
            #expect(Base64URL.decode(Base64URL.encode(bytes)) == bytes)
        }
        // RFC 4648 §10 and §5
        #expect(Base64URL.encode(Array("foobar".utf8)) == "Zm9vYmFy")
        #expect(Base64URL.encode([0xfb, 0xff]) == "-_8")
        for text in ["A", "Zg==", "Zh", "Z+", "Zm 9", "Zg\n"] { #expect(Base64URL.decode(text) == nil, "\(text)") }
    }
}

@Suite struct PlainTextTests {
    @Test func `a stranger's text can neither drive a terminal nor turn the line around (S3)`() {
        #expect(PlainText.clean("a\u{1b}[2Jb\u{202e}c\nd\u{200b}e", limit: 100) == "a [2Jb c d e")
        for scalar in [
            "\u{61c}", "\u{200f}", "\u{2067}", "\u{2060}", "\u{206a}", "\u{180e}", "\u{ad}", "\u{e0041}", "\u{fff9}",
        ] {
            let shown = PlainText.clean("a" + scalar + "b", limit: 100)
            #expect(shown.hasSuffix(" b") && !shown.contains(scalar), "UAX 9 and all other format characters")
        }
        #expect(PlainText.clean(String(repeating: "é", count: 10), limit: 5) == "éé")
    }

    @Test func `a label is what can stand in a host name`() {
        #expect(HostName.label(from: "My Agent!! 2") == "my-agent-2")
        #expect(HostName.label(from: "--") == nil)
        #expect(HostName.label(from: String(repeating: "a", count: 80))?.utf8.count == 63)
    }
}
