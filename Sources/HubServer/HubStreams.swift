import HubCore
import HubProtocol
import NIOCore
import OverlayCore
import OverlayNIO
import OverlayWire
import PosternModel

/// One request on port 1: gathers the text and hands it over when the client has finished.
final class HubRequestStream: OverlayStreamHandler {
    private let limit: Int
    private let finished: (OverlayStream, [UInt8]) -> Void
    private var text: [UInt8] = []
    private var isDone = false

    /// `finished` is called at most once, with the whole text.
    init(limit: Int, finished: @escaping (OverlayStream, [UInt8]) -> Void) {
        self.limit = limit
        self.finished = finished
    }

    func streamReadable(_ stream: OverlayStream) {
        while !isDone {
            if let bytes = stream.read() {
                text += bytes.readableBytesView
                guard text.count <= limit else {
                    isDone = true
                    return stream.reset(.overLimit)
                }
            } else {
                guard stream.isAtEnd else { return }
                isDone = true
                finished(stream, text)
                text = []
            }
        }
    }

    func streamWritable(_ stream: OverlayStream) {}

    func streamEnded(_ stream: OverlayStream, _ end: StreamEnd) { isDone = true }
}

/// The event stream of one node on port 2. Events wait here while the node does not read, up to a bound.
final class HubWatchStream: OverlayStreamHandler {
    private let stream: OverlayStream
    private let bound: Int
    private let ended: (HubWatchStream) -> Void
    private var waiting = CircularBuffer<HubEvent>()
    private var isOver = false

    /// The node that watches.
    var node: NodeKey { stream.peer }

    /// `ended` is called once, when the stream is over. A node that lets more than `bound` events wait loses it.
    init(stream: OverlayStream, bound: Int, ended: @escaping (HubWatchStream) -> Void) {
        self.stream = stream
        self.bound = bound
        self.ended = ended
    }

    func tell(_ event: HubEvent) {
        guard !isOver else { return }
        waiting.append(event)
        writeWaiting()
        if waiting.count > bound { close(.overLimit) }
    }

    /// Ends the stream, with ``ended`` told when that has happened.
    func close(_ code: ErrorCode) {
        stream.reset(code)
    }

    func streamReadable(_ stream: OverlayStream) {
        // The client has nothing to say; its end of the stream is the end.
        while stream.read() != nil {}
        if stream.isAtEnd { stream.finish() }
    }

    func streamWritable(_ stream: OverlayStream) { writeWaiting() }

    func streamEnded(_ stream: OverlayStream, _ end: StreamEnd) {
        isOver = true
        waiting.removeAll()
        ended(self)
    }

    private func writeWaiting() {
        while stream.isWritable, let event = waiting.popFirst() {
            stream.write(ByteBuffer(bytes: event.document.compactBytes + [UInt8(ascii: "\n")]))
        }
    }
}
