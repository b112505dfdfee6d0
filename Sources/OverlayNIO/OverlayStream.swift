package import NIOCore
import OverlayCore
package import OverlayWire
package import PosternModel

/// One bidirectional stream to a peer: a thin object over a handle of the core. Confined to the node's event loop.
///
/// After the stream has ended, writes are dropped and reads give nothing.
package final class OverlayStream {
    /// The node at the other end.
    package let peer: NodeKey
    /// The virtual port that the stream was opened to.
    package let port: VirtualPort
    /// False while more bytes wait than ``OverlayNode/Settings/streamHighWater``; the handler hears when it is true
    /// again.
    package private(set) var isWritable = true
    /// Whether the peer finished and everything was read.
    package private(set) var isAtEnd = false

    /// Where the stream lives.
    var eventLoop: any EventLoop { node.eventLoop }

    let handle: StreamHandle
    var handler: (any OverlayStreamHandler)?
    private let node: OverlayNode
    private var sending = Sending.open
    /// Bytes that the core had no room for, oldest first.
    private var waiting = WaitingBytes()

    /// How far the sending half is.
    private enum Sending {
        case open
        /// Finished by us; waiting bytes go first.
        case finishing
        /// Nothing more can be written: finished, stopped, reset or ended.
        case closed
    }

    init(node: OverlayNode, handle: StreamHandle, peer: NodeKey, port: VirtualPort) {
        self.node = node
        self.handle = handle
        self.peer = peer
        self.port = port
    }

    /// Sends `bytes`, after everything written before. All of it is taken: what exceeds the peer's window waits here,
    /// and
    /// ``isWritable`` tells when to stop. Packets leave at the end of the event loop's turn.
    package func write(_ bytes: ByteBuffer) {
        guard case .open = sending, bytes.readableBytes > 0 else { return }
        var rest = bytes
        if waiting.isEmpty {
            guard let count = node.write(bytes, to: handle) else { return closeSending() }
            rest.moveReaderIndex(forwardBy: count)
        }
        guard rest.readableBytes > 0 else { return }
        waiting.append(rest.compacted)
        node.waitingMemory.add(rest.readableBytes)
        if waiting.byteCount > min(node.settings.streamHighWater, node.waitingMemory.share) { isWritable = false }
    }

    /// What has arrived, at most `limit` bytes; nil when there is nothing now. Reading grants the peer credit to send
    /// more, not reading holds it back.
    package func read(atMost limit: Int = 65_536) -> ByteBuffer? {
        node.read(handle, atMost: limit, isAtEnd: &isAtEnd)
    }

    /// Bytes that a read would give now.
    package var readableByteCount: Int {
        node.readableByteCount(of: handle)
    }

    /// Ends the sending half after what was written. The peer reads all of it, then the end.
    package func finish() {
        guard case .open = sending else { return }
        if waiting.isEmpty {
            sending = .closed
            node.finish(handle)
        } else {
            sending = .finishing
        }
    }

    /// Aborts both halves now. What was not delivered is lost; the handler hears the end.
    package func reset(_ code: ErrorCode) {
        closeSending()
        node.reset(handle, code)
    }

    /// Tells the peer that what it still sends will not be read.
    package func stopReading(_ code: ErrorCode) {
        node.stopReading(handle, code)
    }

    /// The core has room again: passes on what waits, then tells the handler.
    func roomAppeared() {
        let before = waiting.byteCount
        let isOpen = waiting.drain { node.write($0, to: handle) }
        node.waitingMemory.add(waiting.byteCount - before)
        guard isOpen else { return closeSending() }
        if waiting.isEmpty, case .finishing = sending {
            sending = .closed
            node.finish(handle)
        }
        let mark = min(node.settings.streamLowWater, node.waitingMemory.share / 4)
        guard !isWritable, waiting.isEmpty || waiting.byteCount <= mark, case .open = sending else { return }
        isWritable = true
        handler?.streamWritable(self)
    }

    /// The peer reads no more.
    func stopped(_ code: ErrorCode) {
        closeSending()
        handler?.streamStopped(self, code)
    }

    /// The stream is over.
    func ended(_ end: StreamEnd) {
        closeSending()
        let last = handler
        handler = nil
        last?.streamEnded(self, end)
    }

    private func closeSending() {
        sending = .closed
        node.waitingMemory.add(-waiting.byteCount)
        waiting = WaitingBytes()
    }
}
