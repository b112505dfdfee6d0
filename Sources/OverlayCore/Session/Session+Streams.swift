import OverlayWire
import PosternModel

// What the application does with streams.
extension Session {
    func handle(_ slot: Int) -> StreamHandle {
        StreamHandle(peer: peer.handle, slot: UInt32(slot), generation: streams[slot].generation)
    }

    /// Opens a stream of ours. It costs no round trip: the first frame carries the port.
    func openStream(port: VirtualPort, shared: inout Shared, at now: Instant) -> StreamHandle {
        let ordinal = flow.openedStreams
        flow.openedStreams += 1
        let slot = streams.insert(
            Stream(
                id: StreamID(ordinal << 1 | (opensEvenStreams ? 0 : 1)),
                port: port,
                send: SendHalf(limit: flow.peerStreamWindow, opensStream: true),
                receive: ReceiveHalf(window: shared.settings.streamWindow, at: now),
                isKnown: true
            )
        )
        schedule(slot)
        return handle(slot)
    }

    /// Puts the stream into a queue if a frame about it waits.
    func schedule(_ slot: Int) {
        let isDue = streams[slot].isBlocked ? streams[slot].hasFrameWithoutCredit : streams[slot].hasFrame
        guard isDue, !streams[slot].isQueued else { return }
        streams[slot].isQueued = true
        queues.append(
            .init(slot: UInt32(slot), generation: streams[slot].generation),
            isSmall: hasSmallWrite(slot)
        )
    }

    /// Credit came, or room for streams: those that were put aside take part again.
    func unblockStreams() {
        while let entry = queues.popBlocked() {
            let slot = Int(entry.slot)
            guard streams.contains(slot, generation: entry.generation) else { continue }
            streams[slot].isBlocked = false
            schedule(slot)
        }
    }

    func write(_ source: RawSpan, to slot: Int, shared: inout Shared) throws(StreamError) -> Int {
        switch streams[slot].send.phase {
        case .open: break
        case .finishing, .resetting, .done: throw .notWritable
        }
        let maximum = writableBytes(slot, shared: shared)
        let before = streams[slot].send.heldBytes
        let count = streams[slot].send.write(source, 0..<source.byteCount, maximum: maximum, pool: &shared.pool)
        countMemory(slot, since: before)
        if count < source.byteCount, !streams[slot].send.wantsRoom {
            streams[slot].send.wantsRoom = true
            if streams[slot].send.bufferedBytes == 0 { shared.starved.append(handle(slot)) }
        }
        schedule(slot)
        return count
    }

    /// Bytes that wait unsent on one stream at most, however small the congestion window is.
    static let smallestBacklog = 256 << 10

    /// Bytes of one stream that may wait to be sent: half of the congestion window keeps the path full until the
    /// application has written more, and no more than that is in the way of what it decides next.
    private var backlog: Int { max(Self.smallestBacklog, (path?.congestion.window ?? 0) / 2) }

    /// Bytes that the stream takes from the application now. What is in flight does not count against the backlog, but
    /// like all that is held against `NodeSettings.sendBuffer` and the memory that is left, to the stream and to the
    /// session. A stream that holds nothing gets a little, however much the others of its session hold.
    func writableBytes(_ slot: Int, shared: borrowing Shared) -> Int {
        let held = streams[slot].send.bufferedBytes
        let unsent = Int(streams[slot].send.unsentBytes)
        let ofSession = max(shared.sessionShare - flow.heldMemory, held == 0 ? Int(WindowPace.smallest) : 0)
        return max(0, min(backlog - unsent, min(shared.settings.sendBuffer, shared.streamShare) - held, ofSession))
    }

    /// Counts the memory that the sending half of the stream took or gave back since it held `before` bytes.
    func countMemory(_ slot: Int, since before: Int) {
        flow.heldMemory += streams[slot].send.heldBytes - before
    }

    /// Tells that a write can go on, once there is room for half of what may wait.
    func tellWritable(_ slot: Int, shared: inout Shared) {
        guard streams[slot].send.wantsRoom, !streams[slot].isEndTold else { return }
        let backlog = backlog
        guard streams[slot].send.unsentBytes <= UInt64(backlog / 2) else { return }
        let worthwhile = min(backlog, shared.settings.sendBuffer, shared.streamShare) / 2
        guard writableBytes(slot, shared: shared) >= max(worthwhile, 1) else {
            // Nothing of its own will free memory any more.
            if streams[slot].send.bufferedBytes == 0 { shared.starved.append(handle(slot)) }
            return
        }
        streams[slot].send.wantsRoom = false
        shared.events.append(.streamWritable(handle(slot)))
    }

    func finish(_ slot: Int) {
        streams[slot].send.finish()
        schedule(slot)
    }

    /// Aborts both halves.
    func reset(_ slot: Int, code: ErrorCode, shared: inout Shared, at now: Instant) {
        let before = streams[slot].send.heldBytes
        streams[slot].send.reset(code, pool: &shared.pool)
        countMemory(slot, since: before)
        stopReceiving(slot, code: code, shared: &shared, at: now)
        endStream(slot, .reset(code), shared: &shared)
        schedule(slot)
    }

    /// Reads no more: what comes is dropped, and the peer is told.
    func stopReceiving(_ slot: Int, code: ErrorCode, shared: inout Shared, at now: Instant) {
        let unread = streams[slot].receive.highest - streams[slot].receive.read
        let wasOpen =
            switch streams[slot].receive.phase {
            case .open: true
            case .stopped, .done: false
            }
        if streams[slot].receive.stop(pool: &shared.pool) {
            streams[slot].pendingStop = code
            streams[slot].stopCode = code
        }
        if wasOpen { consume(unread, shared: &shared, at: now) }
        completeIfFinished(slot, shared: &shared)
        schedule(slot)
    }

    func read(
        _ slot: Int,
        into writer: inout PacketWriter,
        shared: inout Shared,
        at now: Instant
    ) -> ReadResult {
        let count = streams[slot].receive.read(into: &writer, pool: &shared.pool)
        let isAtEnd = streams[slot].receive.isAtEnd
        streams[slot].isReadableTold = streams[slot].receive.readableBytes > 0
        if count > 0 {
            consume(UInt64(count), shared: &shared, at: now)
            grant(slot, shared: &shared, at: now)
        }
        completeIfFinished(slot, shared: &shared)
        return ReadResult(byteCount: count, isAtEnd: isAtEnd)
    }

    /// How long credit takes to be of use. What packets wait in queues of a busy machine is no distance: windows that
    /// grew with it would only make the queues longer.
    private var roundTrip: Interval {
        guard let measured = path?.roundTrip, measured.hasSample else { return RoundTripEstimator.initial }
        return min(measured.smoothed, measured.minimum * 2 + .milliseconds(1))
    }

    /// Bytes of the stream were read: its credit may grow.
    private func grant(_ slot: Int, shared: inout Shared, at now: Instant) {
        guard streams[slot].receive.isCreditLow else { return }
        let unread = streams[slot].receive.highest - streams[slot].receive.read
        let bounds = ReceiveHalf.WindowBounds(
            known: flow.window,
            maximum: shared.settings.maxStreamWindow,
            room: min(flow.room(forStreamWith: unread), UInt64(shared.streamShare))
        )
        guard streams[slot].receive.grant(bounds, roundTrip: roundTrip, at: now) else { return }
        streams[slot].isCreditDue = true
        schedule(slot)
    }

    /// Bytes left memory: the session's credit may grow.
    func consume(_ byteCount: UInt64, shared: inout Shared, at now: Instant) {
        flow.consume(byteCount)
        grantData(shared: &shared, at: now)
    }

    /// Raises the credit of the session if enough of it was used.
    func grantData(shared: inout Shared, at now: Instant) {
        guard flow.isCreditLow else { return }
        let memory = UInt64(shared.sessionShare)
        if flow.grantData(memory: memory, roundTrip: roundTrip, at: now) { control.isMaxDataDue = true }
    }

    /// Tells the end when both halves came to theirs, and forgets the stream when nothing can happen any more.
    func completeIfFinished(_ slot: Int, shared: inout Shared) {
        if streams[slot].send.isDone, streams[slot].receive.isDone {
            endStream(slot, .finished, shared: &shared)
        }
        guard streams[slot].isOver else { return }
        let isOurs = streams[slot].id.isEven == opensEvenStreams
        streams.remove(slot)
        streamEndedAt = max(heardAt, sentAt)
        if !isOurs, flow.closePeerStream() { control.isMaxStreamsDue = true }
    }

    /// Tells the application the end of a stream, once.
    func endStream(_ slot: Int, _ end: StreamEnd, shared: inout Shared) {
        guard !streams[slot].isEndTold else { return }
        streams[slot].isEndTold = true
        if streams[slot].isKnown { shared.events.append(.streamEnded(handle(slot), end)) }
    }

    /// Ends all streams because the session ends.
    func endStreams(_ end: StreamEnd, shared: inout Shared) {
        for slot in streams.usedSlots { endStream(slot, end, shared: &shared) }
    }

    /// Tells that bytes or the end can be read, once until the next read.
    func tellReadable(_ slot: Int, shared: inout Shared) {
        guard streams[slot].isKnown, !streams[slot].isReadableTold, !streams[slot].isEndTold else { return }
        guard streams[slot].receive.readableBytes > 0 || streams[slot].receive.isAtEnd else { return }
        guard case .open = streams[slot].receive.phase else { return }
        streams[slot].isReadableTold = true
        shared.events.append(.streamReadable(handle(slot)))
    }

    /// The session turned out to be begun by the peer: what was sent with our own handshake is sent again. Should the
    /// peer have got that one too, it takes the bytes once: streams keep their numbers.
    func restartStreams() {
        flow.restartSending()
        for slot in streams.usedSlots {
            streams[slot].send.restart(limit: flow.peerStreamWindow)
            schedule(slot)
        }
    }
}
