import GatewayCore
import NIOCore
import OverlayCore
import OverlayNIO
import OverlayWire

/// What the TCP connection tells.
extension Coupling: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    func channelActive(context: ChannelHandlerContext) {
        self.context = context
        switch side {
        case .reach(let port): beginReaching(port)
        case .expose: connectSucceeded()
        }
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        takeFromChannel(Self.unwrapInboundIn(data))
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        switch phase {
        case .open: pull(channelDirection)
        case .closing: context.read()
        case .closed: break
        }
        flush()
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        isChannelWritable = context.channel.isWritable
        guard isChannelWritable else { return }
        pull(streamDirection)
        flush()
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        guard case ChannelEvent.inputClosed? = event as? ChannelEvent else { return }
        switch phase {
        case .open:
            self[channelDirection].sourceHasEnded = true
            if self[channelDirection].inbox == nil { endFlow(channelDirection) }
        case .closing:
            // Both halves are done. Before our last byte is sent, the close that waits for it closes both.
            if isOutputClosed { context.close(promise: nil) }
        case .closed: break
        }
        flush()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        hasFailed = true
        context.close(promise: nil)
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        retireIfDone()
    }

    func channelInactive(context: ChannelHandlerContext) {
        self.context = nil
        switch phase {
        case .open: channelLost()
        // Nobody is left to whom the stream could bring anything.
        case .closing where isChannelNear, .closed where isChannelNear: stream?.reset(.aborted)
        case .closing, .closed: break
        }
        retireIfDone()
    }

    /// The connection is gone although the coupling is not at its end.
    private func channelLost() {
        // NIO tells the end of the other side by this alone when our half is closed already.
        if isOutputClosed, !hasFailed, !self[channelDirection].sourceHasEnded { pull(lastOf: channelDirection) }
        if self[channelDirection].sourceHasEnded, isOutputClosed {
            // What the stream has no room for yet goes out before the end does.
            if self[channelDirection].inbox == nil { phase = .closed }
        } else if isChannelNear {
            breakUp()
        } else if responses.sourceHasEnded {
            // The agent closed for good after its last response: the peer's client is told that nobody reads any more.
            closeNear()
        } else {
            lose(
                Refusal(
                    .upstreamBroken,
                    "the agent broke the connection",
                    peer: exposure?.service.name,
                    hint: "look into the agent's log for the reason"
                )
            )
        }
    }
}

extension Coupling {
    /// The source of `direction` is gone in order: what it gave is taken, then its end.
    private func pull(lastOf direction: Direction) {
        self[direction].sourceHasEnded = true
        pull(direction)
    }
}

/// What the overlay's stream tells.
extension Coupling: OverlayStreamHandler {
    func streamReadable(_ stream: OverlayStream) {
        switch phase {
        case .open: pull(streamDirection)
        case .closing, .closed: while stream.read() != nil {}
        }
        flush()
    }

    func streamWritable(_ stream: OverlayStream) {
        pull(channelDirection)
        flush()
    }

    func streamStopped(_ stream: OverlayStream, _ code: ErrorCode) {
        switch side {
        case .expose: breakUp()
        case .reach:
            isStopped = true
            if case .open = phase, responses.sinkIsFinished { finish(.responses) }
        }
    }

    func streamEnded(_ stream: OverlayStream, _ end: StreamEnd) {
        self.stream = nil
        if case .open = phase {
            switch (side, end) {
            case (.reach, _): streamFailed(end)
            case (.expose, .finished): break
            case (.expose, .reset), (.expose, .sessionLost), (.expose, .unreachable): breakUp()
            }
        }
        flush()
        retireIfDone()
    }
}
