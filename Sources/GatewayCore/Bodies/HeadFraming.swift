/// Gives a head that was withheld with its body the framing of what is sent in place of that.
enum HeadFraming {
    /// How the body is framed that is sent.
    enum Frame {
        /// Another content of this many bytes, in no coding.
        case length(Int)
        /// The same coding, of a length that nobody knows yet (RFC 9112 §7.1).
        case chunks
    }

    /// Appends `head`, whatever framed its message before, and without what was true of its former content only.
    static func append(_ head: [UInt8], framedBy frame: Frame, to output: inout [UInt8]) {
        var start = 0
        while let end = head[start...].firstIndex(of: ASCII.lineFeed).map({ $0 + 1 }), end - start > 2 {
            let colon = head[start..<end].firstIndex(of: UInt8(ascii: ":")) ?? start
            let name = start..<(start == 0 ? start : colon)
            if !describesContent(head.span, name, frame) { output.append(contentsOf: head[start..<end]) }
            start = end
        }
        switch frame {
        case .length(let count): output.append(contentsOf: "Content-Length: \(count)\r\n\r\n".utf8)
        case .chunks: output.append(contentsOf: "Transfer-Encoding: chunked\r\n\r\n".utf8)
        }
    }

    /// Whether the message may have chunks: HTTP/1.0 has none (RFC 9112 §6.1).
    static func canBeChunked(_ head: [UInt8]) -> Bool {
        let line = head.prefix { $0 != ASCII.carriageReturn }
        let version = Array("HTTP/1.1".utf8)
        return line.starts(with: "HTTP/".utf8) ? line.starts(with: version) : line.suffix(version.count) == version[...]
    }

    /// Whether the field of this name frames the content, or says how its bytes were coded (RFC 9110 §6.6, §8.4;
    /// RFC 9530).
    private static func describesContent(_ head: Span<UInt8>, _ name: Range<Int>, _ frame: Frame) -> Bool {
        if case .length = frame, head.matches(name, "content-encoding") { return true }
        return head.matches(name, "content-length") || head.matches(name, "transfer-encoding")
            || head.matches(name, "trailer") || head.matches(name, "content-digest")
            || head.matches(name, "repr-digest") || head.matches(name, "digest") || head.matches(name, "content-md5")
    }
}
