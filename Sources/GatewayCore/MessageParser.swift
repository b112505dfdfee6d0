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
    func readHead(_ bytes: Span<UInt8>, skipsBody: Bool, into head: inout MessageHead) -> Bool {
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
struct MessageHead {
    fileprivate(set) var facts = postern_head()
    fileprivate var fields: [postern_field]

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
    func value(_ index: Int) -> Range<Int> {
        let start = Int(fields[index].value_start)
        return start..<start + Int(fields[index].value_count)
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
}
