import Testing

@testable import GatewayCore

/// The scanner looks at eight octets at a time: what it finds must not depend on where in them it stands.
struct HeadScannerTests {
    private static let start = "GET / HTTP/1.1\r\n"

    private static func scan(_ line: [UInt8]) -> HeadScanner.Outcome {
        let head = Array(start.utf8) + line + Array("\r\n\r\n".utf8)
        var scanner = HeadScanner()
        return scanner.scan(head.span, limits: .defaults)
    }

    @Test(arguments: 0...255) func `an octet is text or not, wherever it stands in a line`(octet: Int) {
        let octet = UInt8(octet)
        for offset in 1..<20 {
            var line = [UInt8](repeating: UInt8(ascii: "a"), count: 20)
            line[offset] = octet
            let expected: HeadScanner.Outcome =
                switch octet {
                case ASCII.tab, 0x20..<ASCII.delete, 0x80...: .complete(end: Self.start.utf8.count + 24)
                case ASCII.carriageReturn: .malformed(.bareCarriageReturn)
                case ASCII.lineFeed: .malformed(.bareLineFeed)
                case 0: .malformed(.null)
                case _: .malformed(.controlCharacter)
                }
            #expect(Self.scan(line) == expected, "at \(offset)")
        }
    }

    @Test func `the first of several faults is the one that counts`() {
        for first in 0..<8 {
            for second in first + 1..<16 {
                var line = [UInt8](repeating: UInt8(ascii: "a"), count: 24)
                line[1 + first] = 0
                line[1 + second] = ASCII.delete
                #expect(Self.scan(line) == .malformed(.null))
                line[1 + first] = ASCII.delete
                line[1 + second] = 0
                #expect(Self.scan(line) == .malformed(.controlCharacter))
            }
        }
    }

    @Test(arguments: 0..<40) func `a line of any length ends where it ends`(count: Int) {
        let line = Array(("a:" + String(repeating: "b", count: count)).utf8)
        #expect(Self.scan(line) == .complete(end: Self.start.utf8.count + line.count + 4))
    }
}

/// The classification looks at eight octets at a time as well.
struct FieldNameTests {
    @Test(arguments: 0...255) func `an octet may stand in a name or not, wherever it stands`(octet: Int) {
        let octet = UInt8(octet)
        let isToken =
            switch octet {
            case 0x30...0x39, 0x41...0x5a, 0x61...0x7a: true
            case _: "!#$%&'*+-.^_`|~".utf8.contains(octet)
            }
        #expect(ASCII.isTokenOctet(octet) == isToken)
        for offset in 0..<20 {
            var name = [UInt8](repeating: UInt8(ascii: "a"), count: 20)
            name[offset] = octet
            #expect(name.span.isToken(0..<20) == isToken, "at \(offset)")
        }
    }

    @Test func `eight octets are made lower case as each of them is`() {
        for octet in 0...255 as ClosedRange<UInt8> {
            for place in 0..<8 as Range<UInt64> {
                let word = UInt64(octet) << (8 * place)
                #expect(ASCII.lowercase(word) == UInt64(ASCII.lowercase(octet)) << (8 * place))
            }
        }
    }

    @Test(arguments: [
        ("te", KnownField.te), ("HOST", .host), ("Origin", .origin), ("expect", .expect), ("Upgrade", .upgrade),
        ("LOCATION", .location), ("Connection", .connection), ("Keep-Alive", .keepAlive),
        ("authorization", .authorization), ("Sec-Fetch-Site", .secFetchSite), ("Cookie", .cookie),
        ("Postern-Error", .posternError),
        ("Content-Length", .contentLength),
        ("Proxy-Connection", .proxyConnection), ("Transfer-Encoding", .transferEncoding), ("Postern_Error", .postern),
    ])
    func `a name is known in any case of letters, and with any octet changed it is another`(
        text: String,
        field: KnownField
    ) {
        let padding = Array("GET / HTTP/1.1\r\n".utf8)
        func classify(_ name: [UInt8]) -> KnownField {
            KnownField((padding + name).span, padding.count..<padding.count + name.count)
        }
        let name = Array(text.utf8)
        #expect(classify(name) == field)
        #expect(KnownField(name.span, name.indices) == field)
        #expect(classify(Array(text.lowercased().utf8)) == field)
        #expect(classify(Array(text.uppercased().utf8)) == field)
        for offset in name.indices {
            var other = name
            other[offset] = UInt8(ascii: "q")
            #expect(classify(other) != field || field == .postern, "at \(offset)")
        }
    }
}
