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
