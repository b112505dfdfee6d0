/// Follows the chunked coding of RFC 9112 §7.1 by its exact grammar: what differs from it by one byte is refused, as
/// the next reader may take that byte otherwise. Chunk data is skipped, not looked at.
struct ChunkedFraming {
    enum Outcome: Equatable {
        /// All bytes belong to the body, which goes on.
        case incomplete
        /// The body ends before this offset.
        case complete(end: Int)
        case malformed(HeadFault)
    }

    private enum State: Equatable {
        case size
        case extensions
        case sizeLineFeed
        case data
        case dataCarriageReturn
        case dataLineFeed
        case lineStart
        case trailerName
        case trailerValue
        case trailerLineFeed
        case endLineFeed
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
    private var name: [UInt8] = []

    /// Follows the body through `bytes` from `start` on.
    mutating func scan(_ bytes: Span<UInt8>, from start: Int) -> Outcome {
        var position = start
        while position < bytes.count {
            if state == .data {
                let step = Int(min(remaining, UInt64(bytes.count - position)))
                remaining -= UInt64(step)
                position += step
                if remaining == 0 { state = .dataCarriageReturn }
                continue
            }
            if let fault = take(bytes[position]) { return .malformed(fault) }
            position += 1
            if isComplete { return .complete(end: position) }
        }
        return .incomplete
    }

    private var isComplete = false

    /// Takes one byte of framing; returns why it is refused.
    private mutating func take(_ octet: UInt8) -> HeadFault? {
        switch state {
        case .size: return takeSize(octet)
        case .extensions:
            extensionCount += 1
            if octet == ASCII.carriageReturn {
                state = .sizeLineFeed
            } else if ASCII.isControl(octet) || extensionCount > Self.extensionLimit {
                return .chunk
            }
        case .sizeLineFeed:
            guard octet == ASCII.lineFeed else { return .chunk }
            remaining = size
            state = size == 0 ? .lineStart : .data
            size = 0
            digitCount = 0
        case .data: preconditionFailure("chunk data is skipped by scan")
        case .dataCarriageReturn:
            guard octet == ASCII.carriageReturn else { return .chunk }
            state = .dataLineFeed
        case .dataLineFeed:
            guard octet == ASCII.lineFeed else { return .chunk }
            state = .size
        case .lineStart, .trailerName, .trailerValue, .trailerLineFeed, .endLineFeed: return takeTrailer(octet)
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
        guard digitCount > 0 else { return .chunk }
        switch octet {
        case ASCII.carriageReturn: state = .sizeLineFeed
        case UInt8(ascii: ";"): state = .extensions
        case _: return .chunk
        }
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
            name.removeAll(keepingCapacity: true)
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
            isComplete = true
        case .size, .extensions, .sizeLineFeed, .data, .dataCarriageReturn, .dataLineFeed:
            preconditionFailure("only states of the trailer section come here")
        }
        return nil
    }

    private mutating func takeTrailerName(_ octet: UInt8) -> HeadFault? {
        if octet == UInt8(ascii: ":") {
            state = .trailerValue
            return name.isEmpty || isForbidden() ? .trailer : nil
        }
        guard ASCII.isTokenOctet(octet) else { return .trailer }
        name.append(octet)
        return nil
    }

    // RFC 9110 §6.5.1: fields for framing, routing and authentication have no place behind a body.
    private func isForbidden() -> Bool {
        switch KnownField(name.span, name.indices) {
        case .host, .contentLength, .transferEncoding, .connection, .keepAlive, .proxyConnection, .te, .upgrade,
            .postern, .authorization, .expect:
            true
        case .origin, .location, .other: false
        }
    }
}
