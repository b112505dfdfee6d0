import GatewayCore
import NIOCore
import OverlayNIO

/// How bytes go through a coupling. The hot path: no allocation, no future, and an unchanged buffer is passed on as
/// it is.
extension Coupling {
    /// Whether bytes of `direction` can be taken now.
    func canCarry(_ direction: Direction) -> Bool {
        guard case .open = phase else { return false }
        if direction == .requests, heldRefusal != nil || exchange.holdsRequests { return false }
        if isFromChannel(direction) {
            if let stream { return stream.isWritable }
        } else {
            if context != nil { return isChannelWritable }
        }
        return self[direction].outbox.isEmpty
    }

    /// Takes what the source of `direction` has, as far as the sink has room, or asks the source for it.
    func pull(_ direction: Direction) {
        while let inbox = self[direction].inbox {
            guard canCarry(direction) else { return }
            self[direction].inbox = nil
            carry(inbox, direction)
        }
        if isFromChannel(direction) {
            if self[direction].sourceHasEnded {
                endFlow(direction)
            } else if canCarry(direction) {
                context?.read()
            }
        } else {
            pullStream(direction)
        }
    }

    private func pullStream(_ direction: Direction) {
        guard let stream else { return }
        while self[direction].inbox == nil, canCarry(direction), let bytes = stream.read() {
            carry(bytes, direction)
            // The end comes with the last bytes, or is told when it comes alone.
            guard stream.readableByteCount > 0 else { break }
        }
        if stream.isAtEnd, self[direction].inbox == nil { endFlow(direction) }
    }

    /// Takes bytes that the TCP connection pushed.
    func takeFromChannel(_ bytes: ByteBuffer) {
        let direction = channelDirection
        guard case .open = phase else { return }
        if self[direction].inbox != nil {
            var bytes = bytes
            self[direction].inbox?.writeBuffer(&bytes)
        } else if canCarry(direction) {
            carry(bytes, direction)
        } else {
            self[direction].inbox = bytes
        }
    }

    /// Lets the exchange decide about `bytes` and sends on what it says.
    func carry(_ bytes: ByteBuffer, _ direction: Direction) {
        guard case .open = phase else { return }
        let verdict: Exchange.Verdict
        switch direction {
        case .requests: verdict = exchange.receiveRequests(bytes.readableBytesUInt8Span)
        case .responses: verdict = exchange.receiveResponses(bytes.readableBytesUInt8Span)
        }
        emit(bytes, direction)
        switch verdict {
        case .forward(let consumed):
            if consumed < bytes.readableBytes {
                self[direction].inbox = bytes.getSlice(
                    at: bytes.readerIndex + consumed,
                    length: bytes.readableBytes - consumed
                )
            }
        case .refuse(let refusal):
            switch direction {
            case .requests: refuseRequest(refusal)
            case .responses: lose(refusal)
            }
        }
        switch direction {
        case .requests: noteRequest()
        case .responses: noteResponse()
        }
    }

    /// Sends what the plan says about `bytes`.
    private func emit(_ bytes: ByteBuffer, _ direction: Direction) {
        let plan = gateway.workspace.plan
        switch plan.pieces.count {
        case 0: return
        case 1:
            if case .input(let range) = plan.pieces[0] {
                if range.count == bytes.readableBytes {
                    send(bytes, direction)
                } else if let slice = bytes.getSlice(at: bytes.readerIndex + range.lowerBound, length: range.count) {
                    send(slice, direction)
                }
                return
            }
        case _: break
        }
        // A rewritten head and a small body leave together; a large body stays where it is.
        if plan.byteCount <= Self.coalescingLimit {
            send(gateway.rewrites.take { plan.write(of: bytes, to: &$0) }, direction)
            return
        }
        for piece in plan.pieces {
            switch piece {
            case .replacement(let range):
                send(gateway.rewrites.take { $0.writeBytes(plan.replacements[range]) }, direction)
            case .input(let range):
                guard let slice = bytes.getSlice(at: bytes.readerIndex + range.lowerBound, length: range.count) else {
                    continue
                }
                send(slice, direction)
            }
        }
    }

    /// Bytes of rewritten messages up to which they are copied into one buffer.
    static let coalescingLimit = 4096

    /// Gives `bytes` to the sink of `direction`, or keeps them until it is open.
    func send(_ bytes: ByteBuffer, _ direction: Direction) {
        if isFromChannel(direction) {
            if let stream { return stream.write(bytes) }
        } else if let context {
            context.write(Self.wrapOutboundOut(bytes), promise: nil)
            needsFlush = true
            return
        }
        self[direction].outbox.append(bytes)
        if direction == .requests { openFar() }
    }

    /// The sink of `direction` is open: gives it what has waited.
    func openSink(_ direction: Direction) {
        let waiting = self[direction].outbox
        self[direction].outbox = []
        for bytes in waiting { send(bytes, direction) }
        if self[direction].sinkIsFinished { finish(direction) }
    }

    /// Sends what was written to the TCP connection; the stream does so by itself at the end of the loop's turn.
    func flush() {
        guard needsFlush else { return }
        needsFlush = false
        context?.flush()
    }

    private func noteRequest() {
        awaitsResponse = exchange.holdsRequests
        endIfDone()
        guard case .reach = side else { return }
        reach.lastRequest = .now()
        if gateway.hasSilentPeers { watchPeer() }
    }

    /// After every part of a response: what had to wait for its end may go on.
    private func noteResponse() {
        if let heldRefusal, case .open = phase {
            self.heldRefusal = nil
            refuseRequest(heldRefusal)
        } else if awaitsResponse, !exchange.holdsRequests {
            awaitsResponse = false
            pull(.requests)
        }
        endIfDone()
    }
}

extension ForwardPlan {
    /// Writes what is to be sent of `input` to `output`.
    fileprivate func write(of input: ByteBuffer, to output: inout ByteBuffer) {
        for piece in pieces {
            switch piece {
            case .replacement(let range):
                output.writeBytes(replacements[range])
            case .input(let range):
                output.writeWithUnsafeMutableBytes(minimumWritableBytes: range.count) { target in
                    input.withUnsafeReadableBytes { target.copyMemory(from: .init(rebasing: $0[range])) }
                    return range.count
                }
            }
        }
    }
}
