/// Follows a response of type `text/event-stream` (HTML §9.2.5), to know where a comment may be put into it: between
/// two events, and between two chunks.
struct EventStream {
    /// A comment, and an empty line that ends no event.
    static let comment: StaticString = ": keep-alive\n\n"
    /// The same as a chunk.
    static let chunk: StaticString = "e\r\n: keep-alive\n\n\r\n"

    /// Nil when the stream ends with its connection.
    private var chunks: ChunkedFraming?
    /// Whether nothing stands in the current line yet.
    private var isAtLineStart = true
    /// Whether the last line was empty, so that the next byte begins an event.
    private var isBetweenEvents = true
    private var lastWasReturn = false

    init(isChunked: Bool) {
        chunks = isChunked ? ChunkedFraming() : nil
    }

    /// Whether a comment may be put in now.
    var hasRoomForComment: Bool { isBetweenEvents && (chunks?.isBetweenChunks ?? true) }

    /// What to put in.
    var commentBytes: StaticString { chunks == nil ? Self.comment : Self.chunk }

    /// The bytes in `range` are passed on.
    mutating func note(_ bytes: Span<UInt8>, _ range: Range<Int>) {
        guard var framing = chunks.take() else { return noteContent(bytes, range) }
        var contents: [Range<Int>] = []
        framing.forEachContent(of: bytes.extracting(range)) { contents.append($0) }
        chunks = framing
        for content in contents {
            noteContent(bytes, range.lowerBound + content.lowerBound..<range.lowerBound + content.upperBound)
        }
    }

    // A line ends with CR LF, LF or CR.
    private mutating func noteContent(_ bytes: Span<UInt8>, _ range: Range<Int>) {
        for position in range {
            let octet = bytes[position]
            let endsLine = octet == ASCII.lineFeed || octet == ASCII.carriageReturn
            defer { lastWasReturn = octet == ASCII.carriageReturn }
            if octet == ASCII.lineFeed, lastWasReturn { continue }
            isBetweenEvents = endsLine && isAtLineStart
            isAtLineStart = endsLine
        }
    }
}
