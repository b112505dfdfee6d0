import OverlayWire

/// The sending half of a stream (RFC 9000 §3.1 in meaning): bytes from the application until the peer has them.
struct SendHalf {
    /// Where the half is in its life.
    enum Phase {
        /// The application may write.
        case open
        /// The application wrote the last byte.
        case finishing
        /// A RESET_STREAM with this code is on its way.
        case resetting(ErrorCode)
        /// The peer has everything, or knows that it will not get it.
        case done
    }

    private(set) var phase = Phase.open
    /// The end of what the application wrote.
    private(set) var written: UInt64 = 0
    /// The end of what was sent at least once.
    private(set) var sent: UInt64 = 0
    /// Everything below is acknowledged.
    private(set) var acknowledged: UInt64 = 0
    /// The credit that the peer gave (RFC 9000 §4.1).
    var limit: UInt64
    /// Whether the application waits for room.
    var wantsRoom = false
    /// Whether the frame that opens the stream was sent; it is repeated with every frame at offset 0.
    private var isOpeningSent: Bool
    private var isOpeningLost = false
    private var isFinSent = false
    private var isFinAcknowledged = false
    private var isResetSent = false
    private var acknowledgedAbove = RangeSet()
    private var lost = RangeSet()
    private var buffer = BlockBuffer()

    /// `opensStream`: the first frame has to carry the virtual port.
    init(limit: UInt64, opensStream: Bool) {
        self.limit = limit
        isOpeningSent = !opensStream
    }

    /// What the next frame can carry.
    struct Chunk {
        var offset: UInt64
        var count: Int
        var isFin: Bool
        var isNew: Bool
    }

    var isDone: Bool {
        switch phase {
        case .done: true
        case .open, .finishing, .resetting: false
        }
    }

    /// Bytes that wait in memory, acknowledged or not yet sent.
    var bufferedBytes: Int { Int(written - acknowledged) }

    /// Bytes of pool memory that the half holds.
    var heldBytes: Int { buffer.heldBytes }

    /// Bytes that were written and never sent.
    var unsentBytes: UInt64 { written - sent }

    /// Whether a frame of this half waits to be sent: lost bytes, new bytes within the stream's credit, the opening or
    /// the end. New bytes also need the session's credit, which is not looked at here.
    var hasFrame: Bool {
        switch phase {
        case .open, .finishing:
            hasRepeat || hasNewBytes || needsFin
        case .resetting:
            !isResetSent
        case .done:
            false
        }
    }

    /// Whether something waits that needs no credit of the session.
    var hasFrameWithoutCredit: Bool {
        switch phase {
        case .open, .finishing: hasRepeat || (needsFin && sent == written)
        case .resetting: !isResetSent
        case .done: false
        }
    }

    /// Whether bytes wait for credit of the stream.
    var isBlocked: Bool { sent < written && sent >= limit }

    private var hasRepeat: Bool { !lost.isEmpty || isOpeningLost || !isOpeningSent }
    private var hasNewBytes: Bool { sent < written && sent < limit }
    private var needsFin: Bool {
        switch phase {
        case .finishing: !isFinSent && sent == written
        case .open, .resetting, .done: false
        }
    }

    // MARK: From the application

    /// Takes at most `maximum` bytes of `range`, as many as the pool has memory for, and returns how many.
    mutating func write(_ source: RawSpan, _ range: Range<Int>, maximum: Int, pool: inout BlockPool) -> Int {
        let count = min(range.count, maximum)
        guard count > 0 else { return 0 }
        // Who has nothing waiting is let through before all memory is used.
        let spare = bufferedBytes == 0 ? 0 : pool.totalBlocks / BlockPool.reserveShare
        let end = written + UInt64(count)
        guard buffer.reserve(written..<end, from: acknowledged, sparing: spare, pool: &pool) else { return 0 }
        buffer.store(source, range.lowerBound..<range.lowerBound + count, at: written, pool: pool)
        written += UInt64(count)
        return count
    }

    /// The application wrote its last byte.
    mutating func finish() {
        switch phase {
        case .open: phase = .finishing
        case .finishing, .resetting, .done: break
        }
    }

    /// Drops what waits and tells the peer, unless it has everything already.
    mutating func reset(_ code: ErrorCode, pool: inout BlockPool) {
        switch phase {
        case .open, .finishing:
            phase = .resetting(code)
            dropBuffer(pool: &pool)
        case .resetting, .done:
            break
        }
    }

    /// The session is gone: gives memory back.
    mutating func abandon(pool: inout BlockPool) {
        phase = .done
        dropBuffer(pool: &pool)
    }

    private mutating func dropBuffer(pool: inout BlockPool) {
        buffer.releaseAll(pool: &pool)
        lost.removeAll()
        isOpeningLost = false
    }

    // MARK: To the wire

    /// The code of a RESET_STREAM that waits to be sent.
    var pendingReset: ErrorCode? {
        switch phase {
        case .resetting(let code): isResetSent ? nil : code
        case .open, .finishing, .done: nil
        }
    }

    mutating func markResetSent() { isResetSent = true }

    /// The next chunk of at most `maximum` bytes, of which at most `credit` may be new: lost bytes come first.
    func nextChunk(maximum: Int, credit: UInt64) -> Chunk? {
        if let range = lost.first {
            let count = min(maximum, Int(range.upperBound - range.lowerBound))
            return count > 0 ? chunk(at: range.lowerBound, count: count, isNew: false) : nil
        }
        if isOpeningLost { return chunk(at: 0, count: 0, isNew: false) }
        let count = min(UInt64(max(0, maximum)), written - sent, limit > sent ? limit - sent : 0, credit)
        guard count > 0 || !isOpeningSent || needsFin else { return nil }
        return chunk(at: sent, count: Int(count), isNew: true)
    }

    private func chunk(at offset: UInt64, count: Int, isNew: Bool) -> Chunk {
        let isFin =
            switch phase {
            case .finishing: offset + UInt64(count) == written && (isNew || isFinSent)
            case .open, .resetting, .done: false
            }
        return Chunk(offset: offset, count: count, isFin: isFin, isNew: isNew)
    }

    /// Appends the bytes of `chunk` to `writer` and notes that they were sent.
    mutating func send(_ chunk: Chunk, into writer: inout PacketWriter, pool: borrowing BlockPool) {
        if chunk.count > 0 { buffer.load(from: chunk.offset, count: chunk.count, into: &writer, pool: pool) }
        let end = chunk.offset + UInt64(chunk.count)
        if chunk.isNew { sent = end } else { lost.remove(chunk.offset..<end) }
        if chunk.offset == 0 {
            isOpeningSent = true
            isOpeningLost = false
        }
        if chunk.isFin { isFinSent = true }
    }

    // MARK: From the peer

    /// The peer has `range`, and the end if `isFin`.
    mutating func acknowledge(_ range: Range<UInt64>, isFin: Bool, pool: inout BlockPool) {
        switch phase {
        case .resetting, .done: return
        case .open, .finishing: break
        }
        if isFin { isFinAcknowledged = true }
        lost.remove(range)
        if range.lowerBound == 0 { isOpeningLost = false }
        if range.lowerBound <= acknowledged {
            acknowledged = max(acknowledged, range.upperBound)
            while let next = acknowledgedAbove.first, next.lowerBound <= acknowledged {
                acknowledged = max(acknowledged, next.upperBound)
                acknowledgedAbove.remove(next)
            }
        } else {
            acknowledgedAbove.insert(range)
        }
        buffer.release(below: acknowledged, end: written, pool: &pool)
        if isFinAcknowledged, acknowledged == written { phase = .done }
    }

    /// The packet with `range` was lost.
    mutating func lose(_ range: Range<UInt64>, isFin: Bool) {
        switch phase {
        case .resetting, .done: return
        case .open, .finishing: break
        }
        if range.lowerBound == 0, acknowledged == 0 { isOpeningLost = true }
        if isFin, !isFinAcknowledged { isFinSent = false }
        let start = max(range.lowerBound, acknowledged)
        guard start < range.upperBound else { return }
        acknowledgedAbove.forEachGap(in: start..<range.upperBound) { lost.insert($0) }
    }

    /// The RESET_STREAM arrived.
    mutating func acknowledgeReset() {
        switch phase {
        case .resetting: phase = .done
        case .open, .finishing, .done: break
        }
    }

    mutating func loseReset() { isResetSent = false }

    /// Nothing that was sent counts: the stream begins again in a new session.
    mutating func restart(limit newLimit: UInt64) {
        limit = newLimit
        sent = 0
        isOpeningSent = false
        isOpeningLost = false
        isFinSent = false
        isResetSent = false
        lost.removeAll()
    }
}
