import OverlayWire
import PosternModel

/// The receiving half of a stream (RFC 9000 §3.2 in meaning): bytes from the peer until the application has them.
struct ReceiveHalf {
    /// Where the half is in its life.
    enum Phase {
        /// Bytes may come.
        case open
        /// The application wants no more; bytes are counted and dropped until the peer ends.
        case stopped
        /// The application has everything, or knows that it will not get it.
        case done
    }

    private(set) var phase = Phase.open
    /// The end of what the application has read.
    private(set) var read: UInt64 = 0
    /// The end of the highest byte that arrived.
    private(set) var highest: UInt64 = 0
    /// The final size, once the peer told it.
    private(set) var finalSize: UInt64?
    private var wasReset = false
    /// The credit that the peer has.
    private(set) var limit: UInt64
    /// How far ahead of the application the peer may send.
    private var pace: WindowPace
    private var arrived = RangeSet()
    /// The end of what arrived without a gap.
    private var contiguous: UInt64 = 0
    private var buffer = BlockBuffer()

    /// The most gaps in what arrived; what would make another counts as lost.
    static let maximumGaps = 256

    init(window: UInt64, at now: Instant) {
        pace = WindowPace(window: window, at: now)
        limit = window
    }

    /// Why a frame cannot be taken.
    enum Refusal: Error {
        /// Beyond the credit.
        case flowControl
        /// Bytes behind the end, or two ends.
        case invalid
        /// No memory, or too many gaps: the packet is dropped as if it were lost.
        case noMemory
    }

    var isDone: Bool {
        switch phase {
        case .done: true
        case .open, .stopped: false
        }
    }

    /// Bytes that can be read now.
    var readableBytes: Int {
        switch phase {
        case .open: Int(contiguous - read)
        case .stopped, .done: 0
        }
    }

    /// Whether everything was read and nothing will come. A half that was reset never gets there.
    var isAtEnd: Bool { finalSize == read && !wasReset }

    /// Bytes of memory held.
    var heldBytes: Int { buffer.heldBytes }

    // MARK: From the peer

    /// Takes the bytes of a STREAM frame. Returns by how much the highest offset grew, for the session's flow control.
    mutating func receive(
        _ frame: StreamFrame,
        in payload: RawSpan,
        pool: inout BlockPool
    ) throws(Refusal) -> UInt64 {
        let end = frame.offset + UInt64(frame.data.count)
        guard end <= limit else { throw .flowControl }
        if let finalSize, end > finalSize || (frame.isFin && end != finalSize) { throw .invalid }
        if frame.isFin, end < highest { throw .invalid }
        switch phase {
        case .open:
            try store(frame, end: end, in: payload, pool: &pool)
        case .stopped, .done:
            break
        }
        if frame.isFin { finalSize = end }
        let growth = end > highest ? end - highest : 0
        highest = max(highest, end)
        if case .stopped = phase, finalSize != nil { phase = .done }
        return growth
    }

    private mutating func store(
        _ frame: StreamFrame,
        end: UInt64,
        in payload: RawSpan,
        pool: inout BlockPool
    ) throws(Refusal) {
        let start = max(frame.offset, contiguous)
        guard start < end else { return }
        guard start == contiguous || arrived.ranges.count < Self.maximumGaps || arrived.touches(start..<end) else {
            throw .noMemory
        }
        // The last blocks are for what can be read at once: it frees them again.
        let spare = start == contiguous ? 0 : pool.totalBlocks / BlockPool.reserveShare
        guard buffer.reserve(start..<end, from: read, sparing: spare, pool: &pool) else { throw .noMemory }
        // What came first counts: only the gaps are filled.
        arrived.forEachGap(in: start..<end) { gap in
            let source = frame.data.lowerBound + Int(gap.lowerBound - frame.offset)
            buffer.store(payload, source..<source + gap.count, at: gap.lowerBound, pool: pool)
        }
        if start <= contiguous {
            contiguous = max(contiguous, end)
            while let next = arrived.first, next.lowerBound <= contiguous {
                contiguous = max(contiguous, next.upperBound)
                arrived.remove(next)
            }
        } else {
            arrived.insert(start..<end)
        }
    }

    /// Takes a RESET_STREAM. Returns by how much the highest offset grew.
    mutating func receiveReset(finalSize size: UInt64, pool: inout BlockPool) throws(Refusal) -> UInt64 {
        guard size <= limit else { throw .flowControl }
        guard size >= highest, finalSize == nil || finalSize == size else { throw .invalid }
        let growth = size - highest
        highest = size
        finalSize = size
        wasReset = true
        end(pool: &pool)
        return growth
    }

    // MARK: From the application

    /// Appends what can be read to `writer`, as far as it has room, and returns how much.
    mutating func read(into writer: inout PacketWriter, pool: inout BlockPool) -> Int {
        let count = min(readableBytes, writer.remaining)
        if count > 0 {
            buffer.load(from: read, count: count, into: &writer, pool: pool)
            read += UInt64(count)
            buffer.release(below: read, end: highest, pool: &pool)
        }
        if isAtEnd, case .open = phase { end(pool: &pool) }
        return count
    }

    /// The application reads no more. True when the peer has to be told.
    mutating func stop(pool: inout BlockPool) -> Bool {
        guard case .open = phase else { return false }
        buffer.releaseAll(pool: &pool)
        arrived.removeAll()
        phase = finalSize == nil ? .stopped : .done
        return finalSize == nil
    }

    /// Nothing more comes: gives memory back.
    mutating func end(pool: inout BlockPool) {
        phase = .done
        buffer.releaseAll(pool: &pool)
        arrived.removeAll()
    }

    // MARK: Flow control

    /// How large a window may be.
    struct WindowBounds {
        /// What is known to fit the session's pace: the first step from the initial window goes there.
        var known: UInt64
        /// The most that it grows to.
        var maximum: UInt64
        /// Bytes that the stream may hold at this moment, by what memory is free.
        var room: UInt64
    }

    /// Whether so much of the window was read that ``grant(_:roundTrip:at:)`` may have something to grant.
    var isCreditLow: Bool { WindowPace.isDue(left: limit - read, of: pace.window) }

    /// Raises the credit of the peer; true when that is worth a frame: an eighth of the window was read. A reader that
    /// keeps pace gets a larger window (RFC 9000 §4.2 leaves this open).
    mutating func grant(_ bounds: WindowBounds, roundTrip: Interval, at now: Instant) -> Bool {
        guard case .open = phase, finalSize == nil else { return false }
        let room = max(bounds.room, WindowPace.smallest)
        guard WindowPace.isDue(left: limit - read, of: min(pace.window, room)) else { return false }
        pace.granted(floor: bounds.known, maximum: bounds.maximum, roundTrip: roundTrip, at: now)
        limit = read + min(pace.window, room)
        return true
    }
}
