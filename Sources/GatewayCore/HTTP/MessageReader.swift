/// Reads the messages of one direction of a connection: finds heads, and follows bodies to their end without keeping
/// them. llhttp and the strict readers of this target both read every byte of heads and of chunked framing; a message
/// on which they differ is refused.
struct MessageReader: ~Copyable {
    /// How the body of the current message ends.
    enum Framing {
        case none
        /// After this many bytes.
        case length(UInt64)
        case chunked
        /// With the connection (responses only).
        case untilClose

        var hasBody: Bool {
            switch self {
            case .none: false
            case .length, .chunked, .untilClose: true
            }
        }

        var isChunked: Bool {
            switch self {
            case .chunked: true
            case .none, .length, .untilClose: false
            }
        }
    }

    enum Step {
        /// All input was taken and held back: the head goes on.
        case incompleteHead
        /// A head stands in the input.
        case head(Range<Int>)
        /// A head that began in former input ends before this offset; `takeHeldHead` has it.
        case heldHead(end: Int)
        /// These offsets of the input are body or its framing; `ends` says that the message ends with them.
        case body(Range<Int>, ends: Bool)
        /// What stands before this offset of the input is a chunk extension, which ends here.
        case chunkExtension(end: Int)
        case malformed(HeadFault)
    }

    private enum Phase {
        case head
        case length(UInt64)
        case chunked(ChunkedFraming)
        case untilClose
    }

    private let direction: MessageParser.Direction
    private let limits: HeadLimits
    private var phase = Phase.head
    private var scanner = HeadScanner()
    /// The part of a head that came in former input.
    private var held: [UInt8] = []
    private var parser: MessageParser?
    private var hasSkippedEmptyLine = false

    init(_ direction: MessageParser.Direction, limits: HeadLimits) {
        self.direction = direction
        self.limits = limits
    }

    /// Whether no message has begun, as far as bytes tell.
    var isBetweenMessages: Bool {
        switch phase {
        case .head: held.isEmpty
        case .length, .chunked, .untilClose: false
        }
    }

    /// Whether the head of the current message was read and its end was not.
    var isInBody: Bool {
        switch phase {
        case .head: false
        case .length, .chunked, .untilClose: true
        }
    }

    /// Whether the end of the connection is the end of the message.
    var endsWithConnection: Bool {
        switch phase {
        case .untilClose: true
        case .head, .length, .chunked: false
        }
    }

    /// Reads on at `start`, which is before the input's end.
    mutating func step(_ input: Span<UInt8>, from start: Int) -> Step {
        switch phase {
        case .head: return stepHead(input, from: start)
        case .length(let remaining):
            let count = Int(min(remaining, UInt64(input.count - start)))
            let ends = remaining == UInt64(count)
            phase = ends ? .head : .length(remaining - UInt64(count))
            // llhttp and we agreed about the length when the body began.
            return .body(start..<start + count, ends: ends)
        case .chunked(var framing):
            switch framing.scan(input, from: start) {
            case .body(let end):
                phase = .chunked(framing)
                return agreed(input, start..<end, ends: false)
            case .chunkExtension(let end):
                phase = .chunked(framing)
                return .chunkExtension(end: end)
            case .complete(let end):
                phase = .head
                return agreed(input, start..<end, ends: true)
            case .malformed(let fault): return .malformed(fault)
            }
        case .untilClose: return .body(start..<input.count, ends: false)
        }
    }

    /// The head that `heldHead` told of. Give its storage back with `reuse`.
    mutating func takeHeldHead() -> [UInt8] {
        let bytes = held
        held = []
        return bytes
    }

    mutating func reuse(_ storage: consuming [UInt8]) {
        storage.removeAll(keepingCapacity: true)
        held = storage
    }

    /// Parses a whole head and classifies its fields.
    mutating func parse(_ bytes: Span<UInt8>, skipsBody: Bool, into head: MessageHead) -> HeadFault? {
        let parser = parser ?? MessageParser(direction)
        self.parser = parser
        let lineCount = scanner.lineCount
        scanner = HeadScanner()
        hasSkippedEmptyLine = false
        guard parser.readHead(bytes, skipsBody: skipsBody, into: head) else { return head.fault(bytes) }
        guard head.isVersion10 || head.isVersion11 else { return .version }
        return head.classify(bytes, lineCount: lineCount)
    }

    /// Begins the body of the message whose head was parsed. Returns false when llhttp expects another kind of body.
    mutating func beginBody(_ framing: Framing, of head: MessageHead) -> Bool {
        switch framing {
        case .none: return head.isComplete
        case .length(let count):
            phase = .length(count)
            return !head.isComplete && head.hasContentLength && head.contentLength == count
        case .chunked:
            phase = .chunked(ChunkedFraming())
            return !head.isComplete && head.isChunked
        case .untilClose:
            phase = .untilClose
            return !head.isComplete && !head.isChunked && !head.hasContentLength
        }
    }

    private mutating func stepHead(_ input: Span<UInt8>, from start: Int) -> Step {
        if !held.isEmpty { return stepHeldHead(input, from: start) }
        var start = start
        // RFC 9112 §2.2: at least one empty line before the request line is ignored.
        if direction == .requests, !hasSkippedEmptyLine, input.count - start >= 2,
            input[start] == ASCII.carriageReturn, input[start + 1] == ASCII.lineFeed
        {
            hasSkippedEmptyLine = true
            start += 2
            if start == input.count { return .body(start..<start, ends: false) }
        }
        switch scanner.scan(input.extracting(start..<input.count), limits: limits) {
        case .incomplete:
            held.append(contentsOf: input, start..<input.count)
            return .incompleteHead
        case .complete(let end):
            return scanner.lineCount == 0 ? .malformed(.startLine) : .head(start..<start + end)
        case .malformed(let fault): return .malformed(fault)
        }
    }

    private mutating func stepHeldHead(_ input: Span<UInt8>, from start: Int) -> Step {
        let before = held.count
        let room = limits.byteCount - before
        held.append(contentsOf: input, start..<min(input.count, start + room))
        if direction == .requests, before == 1, !hasSkippedEmptyLine, held.count >= 2,
            held[0] == ASCII.carriageReturn, held[1] == ASCII.lineFeed
        {
            held.removeAll(keepingCapacity: true)
            scanner = HeadScanner()
            hasSkippedEmptyLine = true
            let next = start + 1
            return next == input.count ? .body(next..<next, ends: false) : stepHead(input, from: next)
        }
        var scanner = scanner
        let outcome = scanner.scan(held.span, limits: limits)
        self.scanner = scanner
        switch outcome {
        case .incomplete: return .incompleteHead
        case .complete(let end):
            guard scanner.lineCount > 0 else { return .malformed(.startLine) }
            held.removeLast(held.count - end)
            return .heldHead(end: start + end - before)
        case .malformed(let fault): return .malformed(fault)
        }
    }

    /// The step, if llhttp reads the same.
    private func agreed(_ input: Span<UInt8>, _ range: Range<Int>, ends: Bool) -> Step {
        guard let parser, parser.readBody(input, range) == ends else { return .malformed(.chunk) }
        return .body(range, ends: ends)
    }
}
