import OverlayWire

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
        let isSmall = streams[slot].send.unsentBytes <= UInt64(SendQueues.smallWrite)
        queues.append(.init(slot: slot, generation: streams[slot].generation), isSmall: isSmall)
    }

    /// Credit came, or room for streams: those that were put aside take part again.
    func unblockStreams() {
        while let entry = queues.popBlocked() {
            guard streams.contains(entry.slot, generation: entry.generation) else { continue }
            streams[entry.slot].isBlocked = false
            schedule(entry.slot)
        }
    }

    func write(_ source: RawSpan, to slot: Int, shared: inout Shared) throws(StreamError) -> Int {
        switch streams[slot].send.phase {
        case .open: break
        case .finishing, .resetting, .done: throw .notWritable
        }
        let range = 0..<source.byteCount
        let maximum = shared.settings.sendBuffer
        let count = streams[slot].send.write(source, range, maximum: maximum, pool: &shared.pool)
        if count < source.byteCount {
            let isStarved = !streams[slot].send.wantsRoom && streams[slot].send.bufferedBytes <= maximum / 2
            streams[slot].send.wantsRoom = true
            if isStarved { shared.starved.append(handle(slot)) }
        }
        schedule(slot)
        return count
    }

    func finish(_ slot: Int) {
        streams[slot].send.finish()
        schedule(slot)
    }

    /// Aborts both halves.
    func reset(_ slot: Int, code: ErrorCode, shared: inout Shared) {
        streams[slot].send.reset(code, pool: &shared.pool)
        stopReceiving(slot, code: code, shared: &shared)
        endStream(slot, .reset(code), shared: &shared)
        schedule(slot)
    }

    /// Reads no more: what comes is dropped, and the peer is told.
    func stopReceiving(_ slot: Int, code: ErrorCode, shared: inout Shared) {
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
        if wasOpen { consume(unread) }
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
            consume(UInt64(count))
            let roundTrip = path?.roundTrip.smoothed ?? RoundTripEstimator.initial
            let maximum = shared.settings.maxStreamWindow
            if streams[slot].receive.grant(roundTrip: roundTrip, maximum: maximum, at: now) != nil {
                streams[slot].isCreditDue = true
                schedule(slot)
            }
        }
        completeIfFinished(slot, shared: &shared)
        return ReadResult(byteCount: count, isAtEnd: isAtEnd)
    }

    /// Bytes left memory: the session's credit may grow.
    func consume(_ byteCount: UInt64) {
        flow.consume(byteCount)
        if flow.grantData() { control.isMaxDataDue = true }
    }

    /// Tells the end when both halves came to theirs, and forgets the stream when nothing can happen any more.
    func completeIfFinished(_ slot: Int, shared: inout Shared) {
        if streams[slot].send.isDone, streams[slot].receive.isDone {
            endStream(slot, .finished, shared: &shared)
        }
        guard streams[slot].isOver else { return }
        let isOurs = streams[slot].id.isEven == opensEvenStreams
        streams.remove(slot)
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
