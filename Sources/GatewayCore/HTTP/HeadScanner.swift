/// Finds the end of a message's head and refuses what two readers could read differently: llhttp is lenient about some
/// of it, and agents behind us are lenient about more.
///
/// It may be called again with the same bytes and more behind them; no byte is looked at twice.
struct HeadScanner {
    enum Outcome: Equatable {
        case incomplete
        /// The head ends before `end`, the offset behind its empty line.
        case complete(end: Int)
        case malformed(HeadFault)
    }

    /// The next byte to look at.
    private var position = 0
    private var lineStart = 0
    /// Lines that ended so far, without the empty one.
    private(set) var lineCount = 0

    /// Looks through `bytes`, which begin with the head's first byte.
    mutating func scan(_ bytes: Span<UInt8>, limits: HeadLimits) -> Outcome {
        let count = min(bytes.count, limits.byteCount)
        // Locals for the length of the call: they stay in registers.
        var (position, lineStart, lineCount) = (self.position, self.lineStart, self.lineCount)
        defer { (self.position, self.lineStart, self.lineCount) = (position, lineStart, lineCount) }
        while position < count {
            // RFC 9112 §5.2: a line that begins with white space is an obsolete fold, or hides a field from some
            // readers.
            if position == lineStart, bytes[position] == ASCII.space || bytes[position] == ASCII.tab {
                return .malformed(.foldedLine)
            }
            position = bytes.endOfText(from: position, below: count)
            guard position < count else { break }
            switch bytes[position] {
            case ASCII.carriageReturn:
                guard position + 1 < count else { return incompleteOrTooLarge(bytes.count, limits) }
                guard bytes[position + 1] == ASCII.lineFeed else { return .malformed(.bareCarriageReturn) }
                if position == lineStart { return .complete(end: position + 2) }
                lineCount += 1
                guard lineCount <= limits.fieldCount + 1 else { return .malformed(.tooLarge) }
                position += 2
                lineStart = position
            case ASCII.tab:
                guard lineCount > 0 else { return .malformed(.controlCharacter) }
                position += 1
            // RFC 9112 §2.2: a recipient may take a lone LF for a line's end; one that does not sees another message.
            case ASCII.lineFeed: return .malformed(.bareLineFeed)
            case 0: return .malformed(.null)
            case _: return .malformed(.controlCharacter)
            }
        }
        return incompleteOrTooLarge(bytes.count, limits)
    }

    private func incompleteOrTooLarge(_ available: Int, _ limits: HeadLimits) -> Outcome {
        available >= limits.byteCount ? .malformed(.tooLarge) : .incomplete
    }
}

/// How large the head of a message may be.
package struct HeadLimits: Hashable, Sendable {
    /// Start line, fields and the empty line, in bytes. Default 64 KiB, at least 256.
    package var byteCount: Int
    /// Number of fields. Default 200.
    package var fieldCount: Int

    package init(byteCount: Int, fieldCount: Int) {
        self.byteCount = byteCount
        self.fieldCount = fieldCount
    }

    package static let defaults = HeadLimits(byteCount: 65536, fieldCount: 200)
}

/// Why a head or the framing of a body is refused.
enum HeadFault: Error, Hashable {
    case bareLineFeed
    case bareCarriageReturn
    case foldedLine
    case null
    case controlCharacter
    case tooLarge
    case startLine
    case version
    case fieldName
    case unparseable
    case transferEncoding
    case contentLength
    case lengthAndChunks
    case host
    case target
    case connectMethod
    case nominatedField
    case chunk
    case trailer
    case foreignHost
    case foreignOrigin
    case overLimit

    /// The fault in words.
    var text: String {
        switch self {
        case .bareLineFeed: "a line ends with LF instead of CRLF"
        case .bareCarriageReturn: "a CR stands alone"
        case .foldedLine: "a header line begins with white space"
        case .null: "the head contains a NUL byte"
        case .controlCharacter: "the head contains a control character"
        case .tooLarge: "the head is too large"
        case .startLine: "the start line is malformed"
        case .version: "the version is not HTTP/1.0 or HTTP/1.1"
        case .fieldName: "a header name is malformed"
        case .unparseable: "the head cannot be parsed"
        case .transferEncoding: "Transfer-Encoding is not exactly `chunked`"
        case .contentLength: "Content-Length is repeated or not a number"
        case .lengthAndChunks: "Content-Length and Transfer-Encoding are both present"
        case .host: "Host is missing, repeated or malformed"
        case .target: "the request target is malformed or contradicts Host"
        case .connectMethod: "CONNECT is not offered here"
        case .nominatedField: "Connection names a field that must not be removed"
        case .chunk: "a chunk is malformed"
        case .trailer: "a trailer is malformed or not allowed"
        case .foreignHost: "Host names another machine"
        case .foreignOrigin: "Origin names another machine"
        case .overLimit: "there are too many requests"
        }
    }

    /// What a client is told whose request has this fault.
    var requestError: GatewayError {
        switch self {
        case .foreignHost:
            GatewayError(
                .foreignHost,
                "this port answers for the local machine only, not for the host that the request names",
                hint: "use 127.0.0.1 as the host in the client's URL"
            )
        case .foreignOrigin:
            GatewayError(
                .foreignOrigin,
                "a web page of another origin tried to use this service",
                hint: "if it may, name its origin in `origins` of the reach entry"
            )
        case .overLimit: .tooManyRequests
        case .tooLarge:
            GatewayError(
                .headersTooLarge,
                "the request's headers are too large",
                hint: "send at most 64 KiB in 200 headers"
            )
        case .bareLineFeed, .bareCarriageReturn, .foldedLine, .null, .controlCharacter, .startLine, .version,
            .fieldName, .unparseable, .transferEncoding, .contentLength, .lengthAndChunks, .host, .target,
            .connectMethod, .nominatedField, .chunk, .trailer:
            .badRequest(text)
        }
    }
}
