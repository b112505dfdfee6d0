internal import CLLHTTP

/// llhttp, one message at a time. The only place of this target that hands memory to C: spans for the length of a call,
/// and a table of fields that the parser fills up to its capacity.
final class MessageParser {
    enum Direction {
        case requests
        case responses
    }

    private let parser: OpaquePointer

    /// A parser for messages of one direction.
    init(_ direction: Direction) {
        guard let parser = postern_parser_create(direction == .responses) else {
            preconditionFailure("out of memory")
        }
        self.parser = parser
    }

    deinit {
        postern_parser_destroy(parser)
    }

    /// Parses `bytes`, which are one whole head, into `head`. Returns false when llhttp refuses them.
    ///
    /// - Parameter skipsBody: the response has no body, whatever its head says (RFC 9112 §6.3 rule 1).
    func readHead(_ bytes: Span<UInt8>, skipsBody: Bool, into head: MessageHead) -> Bool {
        let parser = parser
        return bytes.withUnsafeBufferPointer { input in
            head.fields.withUnsafeMutableBufferPointer { fields in
                postern_parser_head(
                    parser,
                    input.baseAddress,
                    input.count,
                    skipsBody,
                    &head.facts,
                    fields.baseAddress,
                    fields.count
                )
            }
        }
    }

    /// Parses body bytes. Returns nil when llhttp refuses them, else whether they end the message.
    func readBody(_ bytes: Span<UInt8>, _ range: Range<Int>) -> Bool? {
        var isComplete = false
        let parser = parser
        let isGood = bytes.extracting(range).withUnsafeBufferPointer { input in
            postern_parser_body(parser, input.baseAddress, input.count, &isComplete)
        }
        return isGood ? isComplete : nil
    }
}

/// A parsed head: offsets into the bytes that it was parsed from. One is reused for all messages of a loop.
final class MessageHead {
    /// One field that the gateway acts on.
    struct Line {
        let field: KnownField
        /// Its place among all fields of the head.
        let index: Int
        /// Where its value stands, without white space around it.
        let value: Range<Int>
    }

    fileprivate(set) var facts = postern_head()
    fileprivate var fields: [postern_field]
    /// The fields that the gateway acts on, in the order of the head.
    private(set) var lines: [Line] = []

    init(limits: HeadLimits) {
        fields = Array(repeating: postern_field(), count: limits.fieldCount)
    }

    var fieldCount: Int { Int(facts.field_count) }

    /// Where the name of a field stands.
    func name(_ index: Int) -> Range<Int> {
        let start = Int(fields[index].name_start)
        return start..<start + Int(fields[index].name_count)
    }

    /// Where the value of a field stands, white space at its ends included.
    private func value(_ index: Int) -> Range<Int> {
        let start = Int(fields[index].value_start)
        return start..<start + Int(fields[index].value_count)
    }

    /// A whole field, from its name's first byte behind its line end.
    func line(_ index: Int, headCount: Int) -> Range<Int> {
        let end = index + 1 < fieldCount ? name(index + 1).lowerBound : headCount - 2
        return name(index).lowerBound..<end
    }

    /// Where the request target stands.
    var target: Range<Int> {
        let start = Int(facts.target_start)
        return start..<start + Int(facts.target_count)
    }

    var status: Int { Int(facts.status) }
    var contentLength: UInt64 { facts.content_length }
    var isHeadRequest: Bool { facts.is_head_request }
    var isConnectRequest: Bool { facts.is_connect_request }
    var isOptionsRequest: Bool { facts.is_options_request }
    var isChunked: Bool { facts.is_chunked }
    var hasContentLength: Bool { facts.has_content_length }
    var keepsAlive: Bool { facts.keeps_alive }
    /// Whether llhttp took the message for one without a body.
    var isComplete: Bool { facts.is_complete }
    var isVersion10: Bool { facts.http_major == 1 && facts.http_minor == 0 }
    var isVersion11: Bool { facts.http_major == 1 && facts.http_minor == 1 }

    /// Goes through the fields once: checks the shape of each, and notes those that the gateway acts on.
    ///
    /// - Parameter lineCount: lines that the scanner saw, the start line among them.
    func classify(_ bytes: Span<UInt8>, lineCount: Int) -> HeadFault? {
        // Held here for the length of the call, so that it is ours alone without a check for each line.
        var lines: [Line] = []
        swap(&lines, &self.lines)
        defer { swap(&lines, &self.lines) }
        Self.empty(&lines)
        // A field per line, each beginning where its line does: llhttp saw the lines that the scanner saw.
        guard fieldCount == lineCount - 1 else { return .unparseable }
        let fields = fields
        for index in 0..<fieldCount {
            let start = Int(fields[index].name_start)
            let name = start..<start + Int(fields[index].name_count)
            guard bytes[name.lowerBound - 1] == ASCII.lineFeed, bytes[name.upperBound] == UInt8(ascii: ":") else {
                return .fieldName
            }
            let field = KnownField(bytes, name)
            // A name that reads like a known one is a token.
            guard field.isWholeName || bytes.isToken(name) else { return .fieldName }
            if field != .other { lines.append(line(field, index, bytes)) }
        }
        return nil
    }

    // One by one, because there are few: emptying an array at once costs more.
    private static func empty(_ lines: inout [Line]) {
        while lines.popLast() != nil {}
    }

    /// Notes every field, because `Connection` nominates some of those that the gateway does not act on otherwise.
    func noteAllFields(_ bytes: Span<UInt8>) {
        Self.empty(&lines)
        for index in 0..<fieldCount { lines.append(line(KnownField(bytes, name(index)), index, bytes)) }
    }

    private func line(_ field: KnownField, _ index: Int, _ bytes: Span<UInt8>) -> Line {
        Line(field: field, index: index, value: bytes.trimmed(value(index)))
    }

    /// Why llhttp refused this head, as far as its bytes tell.
    func fault(_ bytes: Span<UInt8>) -> HeadFault {
        guard fieldCount > 0 else { return .startLine }
        var hasLength = false
        var hasEncoding = false
        for index in 0..<fieldCount {
            let field = KnownField(bytes, name(index))
            if field == .contentLength { hasLength = true }
            if field == .transferEncoding { hasEncoding = true }
        }
        switch (hasLength, hasEncoding) {
        case (true, true): return .lengthAndChunks
        case (true, false): return .contentLength
        case (false, true): return .transferEncoding
        case (false, false): return .unparseable
        }
    }
}
