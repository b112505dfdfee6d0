import GatewayCore
import Logging
import NIOCore
import OverlayNIO
import OverlayWire
import PosternModel

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// How a coupling ends: in order, by an error that can still be told, or broken.
extension Coupling {
    // MARK: In order

    /// The source of `direction` gave its last byte and the exchange has it.
    func endFlow(_ direction: Direction) {
        guard case .open = phase, !self[direction].sinkIsFinished else { return }
        self[direction].sourceHasEnded = true
        switch direction {
        case .requests:
            if let refusal = exchange.endRequests() { return refuseRequest(refusal) }
            if isFarOpen || isConnecting || !requests.outbox.isEmpty {
                finish(.requests)
            } else {
                // A client that connected and left without asking for anything.
                closeNear()
            }
        case .responses:
            if let refusal = exchange.endResponses() { return lose(refusal, wasClosed: true) }
            if exchange.carriesRawBytes {
                finish(.responses)
            } else {
                // Nothing can be answered any more: what the client may still send needs no other half.
                finish(.requests)
                closeNear()
            }
        }
    }

    private var isFarOpen: Bool { isChannelNear ? stream != nil : context != nil }

    /// Writes the end behind everything that was sent in `direction`.
    func finish(_ direction: Direction) {
        self[direction].sinkIsFinished = true
        if isFromChannel(direction) {
            stream?.finish()
        } else if context != nil {
            closeOutput(all: isStopped && direction == .responses)
        }
    }

    /// Closes the sending half of the TCP connection behind what was written: NIO drops unsent bytes when both halves
    /// are closed, so the end waits for them.
    private func closeOutput(all: Bool) {
        guard let context else { return }
        needsFlush = false
        let written = context.eventLoop.makePromise(of: Void.self)
        context.writeAndFlush(Self.wrapOutboundOut(ByteBuffer()), promise: written)
        written.futureResult.assumeIsolated().whenSuccess {
            self.isOutputClosed = true
            context.close(mode: all ? .all : .output, promise: nil)
            if case .closing = self.phase { self.lingerOnChannel() }
        }
    }

    // MARK: Errors that can be told

    /// The client's request is not to be forwarded.
    func refuseRequest(_ refusal: Refusal) {
        guard case .open = phase else { return }
        if case .reach(let port) = side, reach.kind == nil, refusal.code == .badRequest {
            // Not HTTP, and nobody knows what the service speaks.
            gateway.log.debug("connection is not HTTP", metadata: ["peer": "\(port.service.peer)"])
            return breakUp()
        }
        switch exchange.answerToRefusedRequest {
        case .respond(let toHead):
            phase = .closing
            breakFar()
            respond(refusal, toHead: toHead)
        case .wait: heldRefusal = refusal
        case .close:
            phase = .closing
            breakFar()
            closeNear()
        case .abort: breakUp()
        }
    }

    /// The far side is lost, or cannot be had.
    ///
    /// - Parameter wasClosed: it closed in order.
    func lose(_ refusal: Refusal, wasClosed: Bool = false) {
        guard case .open = phase else { return }
        let answer = exchange.answerToLoss(wasClosed: wasClosed)
        phase = .closing
        breakFar()
        switch answer {
        case .respond(let toHead): respond(refusal, toHead: toHead)
        case .wait, .close: closeNear()
        case .abort: breakNear()
        }
    }

    private func respond(_ refusal: Refusal, toHead: Bool) {
        guard !responses.sinkIsFinished else { return breakNear() }
        gateway.noteRefusal()
        let bytes = ByteBuffer(bytes: refusal.response(toHead: toHead))
        gateway.log.debug("answered with an error", metadata: ["code": "\(refusal.code.rawValue)"])
        send(bytes, .responses)
        closeNear()
    }

    /// Ends the near side behind what was sent to it; what it still sends is dropped.
    func closeNear() {
        phase = .closing
        reach.cancel()
        requests.inbox = nil
        if !responses.sinkIsFinished { finish(.responses) }
        if isChannelNear {
            if context == nil { retireIfDone() } else { lingerOnChannel() }
        } else {
            stream?.stopReading(.none)
        }
    }

    // MARK: Broken

    /// Breaks the far side: it sees an abort, not an end.
    private func breakFar() {
        if isChannelNear { breakStream() } else { breakChannel() }
    }

    /// Breaks the near side: the client sees that what it got is incomplete.
    private func breakNear() {
        phase = .closed
        reach.cancel()
        if isChannelNear { breakChannel() } else { breakStream() }
        retireIfDone()
    }

    /// Breaks both sides.
    func breakUp() {
        phase = .closed
        breakFar()
        breakNear()
    }

    private func breakStream() {
        stream?.reset(.aborted)
    }

    /// Closes the TCP connection with a reset instead of an end.
    private func breakChannel() {
        guard let context else { return }
        needsFlush = false
        if let options = context.channel as? any SocketOptionProvider {
            options.setSoLinger(linger(l_onoff: 1, l_linger: 0)).whenFailure { _ in }
        }
        context.close(promise: nil)
    }

    // MARK: From above

    /// Time is up.
    func cut() {
        guard case .closed = phase else { return breakUp() }
    }

    /// Trust in the peer ended: a client whose request is not answered yet is told so, everything else breaks.
    func cutForTrust() {
        switch (side, phase) {
        case (.reach, .open) where reach.kind?.isHTTP == true:
            lose(trustEnded)
            flush()
        case (.reach, _), (.expose, _):
            cut()
        }
    }

    /// No further request is taken; ends as soon as nothing is under way.
    func drain() {
        guard case .open = phase else { return }
        isDraining = true
        endIfDone()
    }

    /// Ends in order when nothing is under way and no request is to follow: at a drain, and for a client that asked for
    /// it with its last request, even when the agent keeps its connection (RFC 9112 §9.6).
    func endIfDone() {
        guard case .open = phase, exchange.isIdle else { return }
        guard isDraining || (isChannelNear && exchange.isComplete) else { return }
        if isChannelNear { stream?.finish() } else { finish(.requests) }
        closeNear()
        flush()
    }
}
