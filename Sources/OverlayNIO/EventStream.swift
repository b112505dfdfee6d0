import NIOCore
package import OverlayCore
package import OverlayWire
package import PosternModel

/// A stream of events from one node to another: JSON documents, one a line, for as long as both live. Either end is
/// confined to its node's event loop.
package enum EventStream {
    /// The end that tells. Events wait here while the other node does not read, up to a bound.
    package final class Writer: OverlayStreamHandler {
        private let stream: OverlayStream
        private let bound: Int
        private let ended: (Writer) -> Void
        /// Small: a hub has one for each node, and hardly ever has to wait.
        private var waiting = CircularBuffer<JSONValue>(initialCapacity: 1)
        private var isOver = false

        /// The node that listens.
        package var peer: NodeKey { stream.peer }

        /// `ended` is called once, when the stream is over. A node that lets more than `bound` events wait loses it.
        package init(_ stream: OverlayStream, bound: Int, ended: @escaping (Writer) -> Void) {
            self.stream = stream
            self.bound = bound
            self.ended = ended
        }

        /// Sends `event`, after those before it.
        package func tell(_ event: JSONValue) {
            guard !isOver else { return }
            waiting.append(event)
            writeWaiting()
            if waiting.count > bound { close(.overLimit) }
        }

        /// Ends the stream; `ended` is told when that has happened.
        package func close(_ code: ErrorCode) {
            stream.reset(code)
        }

        package func streamReadable(_ stream: OverlayStream) {
            // The listener has nothing to say; its end of the stream is the end.
            while stream.read() != nil {}
            if stream.isAtEnd { stream.finish() }
        }

        package func streamWritable(_ stream: OverlayStream) { writeWaiting() }

        package func streamEnded(_ stream: OverlayStream, _ end: StreamEnd) {
            isOver = true
            waiting.removeAll()
            ended(self)
        }

        private func writeWaiting() {
            while stream.isWritable, let event = waiting.popFirst() {
                stream.write(ByteBuffer(bytes: event.compactBytes + [UInt8(ascii: "\n")]))
            }
        }
    }

    /// The end that listens.
    package final class Reader: OverlayStreamHandler {
        private let limit: Int
        private let told: (Reader, JSONValue?) -> Void
        private let ended: (Reader) -> Void
        private var stream: OverlayStream?
        private var rest: [UInt8] = []

        /// Opens a stream to `port` of the node `key` and listens. `told` gets each event, or nil for a line that is
        /// no JSON; a line of more than `limit` bytes ends the stream. `ended` is called once, when it is over.
        package static func open(
            to key: NodeKey,
            port: VirtualPort,
            on node: OverlayNode,
            limit: Int,
            told: @escaping (Reader, JSONValue?) -> Void,
            ended: @escaping (Reader) -> Void
        ) throws(OverlayError) -> Reader {
            let reader = Reader(limit: limit, told: told, ended: ended)
            reader.stream = try node.openStream(to: key, port: port, handler: reader)
            return reader
        }

        private init(
            limit: Int,
            told: @escaping (Reader, JSONValue?) -> Void,
            ended: @escaping (Reader) -> Void
        ) {
            self.limit = limit
            self.told = told
            self.ended = ended
        }

        /// Ends the stream; `ended` is told when that has happened.
        package func close() {
            stream?.reset(.none)
        }

        package func streamReadable(_ stream: OverlayStream) {
            while let bytes = stream.read() {
                rest += bytes.readableBytesView
                var start = 0
                while let end = rest[start...].firstIndex(of: UInt8(ascii: "\n")) {
                    told(self, try? JSONValue(parsing: Array(rest[start..<end])))
                    start = end + 1
                }
                rest.removeFirst(start)
                guard rest.count <= limit else { return stream.reset(.overLimit) }
            }
            if stream.isAtEnd { stream.finish() }
        }

        package func streamWritable(_ stream: OverlayStream) {}

        package func streamEnded(_ stream: OverlayStream, _ end: StreamEnd) {
            self.stream = nil
            ended(self)
        }
    }
}
