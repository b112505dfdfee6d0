import GatewayCore
import NIOCore
import OverlayCore
import OverlayNIO
import OverlayWire

/// A stream of the overlay as one side of a proxied connection: a peer's, or the one to a peer's service.
final class StreamLink: OverlayStreamHandler {
    /// What is done with what comes.
    private enum Mode {
        case passing
        case discarding
        /// Nobody is told of it any more.
        case detached
    }

    private let side: ProxyConnection.Side
    private let proxy: ProxyHandler
    private var stream: OverlayStream?
    private var mode = Mode.passing
    private var hasToldEnd = false

    init(_ side: ProxyConnection.Side, of proxy: ProxyHandler) {
        self.side = side
        self.proxy = proxy
    }

    func attach(_ stream: OverlayStream) {
        self.stream = stream
    }

    // MARK: What the proxy wants

    func read() {
        guard let stream else { return }
        while proxy.wantsInput(from: side), let bytes = stream.read() {
            proxy.forward(bytes, from: side)
            // The end comes with the last bytes, or is told when it comes alone.
            guard stream.readableByteCount > 0 else { break }
        }
        if stream.isAtEnd, !hasToldEnd {
            hasToldEnd = true
            proxy.ended(side)
        }
    }

    /// Sends `bytes`. Returns whether there is room for more.
    func write(_ bytes: ByteBuffer) -> Bool {
        guard let stream else { return true }
        stream.write(bytes)
        return stream.isWritable
    }

    func finish() {
        stream?.finish()
    }

    func reset() {
        mode = .detached
        stream?.reset(.aborted)
    }

    func discard() {
        mode = .discarding
        switch side {
        // The peer's client is told that nobody reads it any more.
        case .downstream: stream?.stopReading(.none)
        // The peer's agent may say what it has to say.
        case .upstream: while stream?.read() != nil {}
        }
    }

    // MARK: What the stream tells

    func streamReadable(_ stream: OverlayStream) {
        switch mode {
        case .passing:
            proxy.pump(side)
            proxy.settle()
        case .discarding: while stream.read() != nil {}
        case .detached: break
        }
    }

    func streamWritable(_ stream: OverlayStream) {
        if mode != .detached { proxy.setBlocked(side, false) }
    }

    func streamStopped(_ stream: OverlayStream, _ code: ErrorCode) {
        if mode != .detached { proxy.stopped(side) }
    }

    func streamEnded(_ stream: OverlayStream, _ end: StreamEnd) {
        self.stream = nil
        guard mode != .detached else { return }
        mode = .detached
        switch end {
        case .finished: proxy.closed(side)
        case .reset, .sessionLost, .unreachable: proxy.lost(side, .streamEnded(end))
        }
    }
}
