/// Follows the chunked coding of RFC 9112 §7.1 by its exact grammar: what differs from it by one byte is refused, as
/// the next reader may take that byte otherwise. Chunk data is skipped, not looked at.
struct ChunkedFraming {
    enum Outcome: Equatable {
        /// The bytes before this offset belong to the body, which goes on.
        case body(end: Int)
        /// The bytes before this offset are a chunk extension. Extensions are for one hop only.
        case chunkExtension(end: Int)
        /// The body ends before this offset.
        case complete(end: Int)
        case malformed(HeadFault)
    }

    private enum State: Equatable {
        case size
        /// White space between a size and the semicolon of its extension.
        case sizeSpace
        case extensions
        case sizeCarriageReturn
        case sizeLineFeed
        case data
        case dataCarriageReturn
        case dataLineFeed
        case lineStart
        case trailerName
        case trailerValue
        case trailerLineFeed
        case endLineFeed
        case complete
    }

    private static let extensionLimit = 4096
    private static let trailerLimit = 8192
    /// Fifteen digits are 2^60: no sum of a size and a position overflows.
    private static let digitLimit = 15

    private var state = State.size
    private var digitCount = 0
    private var size: UInt64 = 0
    /// Bytes of chunk data still to come.
    private var remaining: UInt64 = 0
    private var extensionCount = 0
    private var trailerCount = 0
    private var name = TrailerName()

    /// Whether the last byte was the last of a chunk, or there was none yet.
    var isBetweenChunks: Bool { state == .size && digitCount == 0 }

    /// Follows the body through `bytes` from `start` on, as far as the next change between what belongs to the body and
    /// what is a chunk extension.
    mutating func scan(_ bytes: Span<UInt8>, from start: Int) -> Outcome {
        var position = start
        while position < bytes.count {
            switch state {
            case .data:
                let step = Int(min(remaining, UInt64(bytes.count - position)))
                remaining -= UInt64(step)
                position += step
                if remaining == 0 { state = .dataCarriageReturn }
                continue
            case .size where digitCount > 0 && Self.beginsExtension(bytes[position]):
                state = .sizeSpace
                if position > start { return .body(end: position) }
                return scanExtension(bytes, from: position)
            case .sizeSpace, .extensions: return scanExtension(bytes, from: position)
            case .size, .sizeCarriageReturn, .sizeLineFeed, .dataCarriageReturn, .dataLineFeed, .lineStart,
                .trailerName, .trailerValue,
                .trailerLineFeed, .endLineFeed, .complete:
                break
            }
            if let fault = take(bytes[position]) { return .malformed(fault) }
            position += 1
            if state == .complete { return .complete(end: position) }
        }
        return .body(end: position)
    }

    /// Tells where the content stands in `bytes`, which are chunks without extensions that `scan` has accepted.
    mutating func forEachContent(of bytes: Span<UInt8>, _ body: (Range<Int>) -> Void) {
        var position = 0
        while position < bytes.count {
            if state == .data {
                let end = position + Int(min(remaining, UInt64(bytes.count - position)))
                body(position..<end)
                remaining -= UInt64(end - position)
                position = end
                if remaining == 0 { state = .dataCarriageReturn }
            } else {
                guard take(bytes[position]) == nil else { return }
                position += 1
            }
        }
    }

    private static func beginsExtension(_ octet: UInt8) -> Bool {
        octet == UInt8(ascii: ";") || octet == ASCII.space || octet == ASCII.tab
    }

    // RFC 9112 §7.1.1: *( BWS ";" BWS chunk-ext-name [ BWS "=" BWS chunk-ext-val ] ). A recipient ignores what it does
    // not know; no quoted value holds a line end.
    private mutating func scanExtension(_ bytes: Span<UInt8>, from start: Int) -> Outcome {
        var position = start
        while position < bytes.count, bytes[position] != ASCII.carriageReturn {
            let octet = bytes[position]
            extensionCount += 1
            guard !ASCII.isControl(octet), extensionCount <= Self.extensionLimit else { return .malformed(.chunk) }
            if state == .sizeSpace {
                guard Self.beginsExtension(octet) else { return .malformed(.chunk) }
                if octet == UInt8(ascii: ";") { state = .extensions }
            }
            position += 1
        }
        if position < bytes.count {
            guard state == .extensions else { return .malformed(.chunk) }
            state = .sizeCarriageReturn
        }
        return .chunkExtension(end: position)
    }

    /// Takes one byte of framing; returns why it is refused.
    private mutating func take(_ octet: UInt8) -> HeadFault? {
        switch state {
        case .size: return takeSize(octet)
        case .sizeCarriageReturn:
            guard octet == ASCII.carriageReturn else { return .chunk }
            state = .sizeLineFeed
        case .sizeLineFeed:
            guard octet == ASCII.lineFeed else { return .chunk }
            remaining = size
            state = size == 0 ? .lineStart : .data
            size = 0
            digitCount = 0
        case .dataCarriageReturn:
            guard octet == ASCII.carriageReturn else { return .chunk }
            state = .dataLineFeed
        case .dataLineFeed:
            guard octet == ASCII.lineFeed else { return .chunk }
            state = .size
        case .lineStart, .trailerName, .trailerValue, .trailerLineFeed, .endLineFeed: return takeTrailer(octet)
        case .data, .sizeSpace, .extensions, .complete: preconditionFailure("scan takes the bytes of these states")
        }
        return nil
    }

    private mutating func takeSize(_ octet: UInt8) -> HeadFault? {
        if let digit = ASCII.hexadecimal(octet) {
            digitCount += 1
            guard digitCount <= Self.digitLimit else { return .chunk }
            size = size << 4 | UInt64(digit)
            return nil
        }
        guard digitCount > 0, octet == ASCII.carriageReturn else { return .chunk }
        state = .sizeLineFeed
        return nil
    }

    private mutating func takeTrailer(_ octet: UInt8) -> HeadFault? {
        trailerCount += 1
        guard trailerCount <= Self.trailerLimit else { return .trailer }
        switch state {
        case .lineStart:
            if octet == ASCII.carriageReturn {
                state = .endLineFeed
                return nil
            }
            name = TrailerName()
            state = .trailerName
            return takeTrailerName(octet)
        case .trailerName: return takeTrailerName(octet)
        case .trailerValue:
            if octet == ASCII.carriageReturn {
                state = .trailerLineFeed
            } else if ASCII.isControl(octet) {
                return .trailer
            }
        case .trailerLineFeed:
            guard octet == ASCII.lineFeed else { return .trailer }
            state = .lineStart
        case .endLineFeed:
            guard octet == ASCII.lineFeed else { return .trailer }
            state = .complete
        case .size, .sizeSpace, .extensions, .sizeCarriageReturn, .sizeLineFeed, .data, .dataCarriageReturn,
            .dataLineFeed, .complete:
            preconditionFailure("only states of the trailer section come here")
        }
        return nil
    }

    private mutating func takeTrailerName(_ octet: UInt8) -> HeadFault? {
        if octet == UInt8(ascii: ":") {
            state = .trailerValue
            return name.isEmpty || name.isForbidden ? .trailer : nil
        }
        guard ASCII.isTokenOctet(octet) else { return .trailer }
        name.append(octet)
        return nil
    }
}

/// The name of a trailer, as far as it matters: the fields that the gateway acts on have short names. Stored in place,
/// so that a framing is copied without counting references.
private struct TrailerName {
    private var octets = InlineArray<18, UInt8>(repeating: 0)
    private var count = 0

    var isEmpty: Bool { count == 0 }

    mutating func append(_ octet: UInt8) {
        guard count < octets.count else { return }
        octets[count] = octet
        count += 1
    }

    // RFC 9110 §6.5.1: fields for framing, routing and authentication have no place behind a body. A name that is cut
    // at 18 octets is longer than any of them but ours, which are known by how they begin.
    var isForbidden: Bool {
        switch KnownField(octets.span, 0..<count) {
        case .host, .contentLength, .transferEncoding, .connection, .keepAlive, .proxyConnection, .te, .upgrade,
            .posternError, .postern, .authorization, .expect:
            true
        case .origin, .location, .secFetchSite, .cookie, .setCookie, .other: false
        }
    }
}
