import NIOCore
import OverlayNIO

/// What a side of a proxied connection brought and the connection has not been told of yet.
struct PendingInput {
    enum Loss {
        /// Both halves are done, in order.
        case closed
        case lost(LinkEnd)
    }

    /// Bytes that cannot be passed on now. They count as memory in use until they are taken.
    private(set) var held: ByteBuffer?
    /// The end came, behind what is held.
    var hasEnded = false
    /// The link is gone, behind the end.
    var loss: Loss?
    private let memory: WaitingMemory

    /// - Parameter memory: where what is held counts.
    init(memory: WaitingMemory) {
        self.memory = memory
    }

    var isHolding: Bool { held != nil }
    var isEnding: Bool { hasEnded || loss != nil }

    /// Keeps `bytes`, behind those that are kept.
    mutating func hold(_ bytes: ByteBuffer) {
        memory.add(bytes.readableBytes)
        var bytes = bytes
        if held?.writeBuffer(&bytes) == nil { held = bytes.compacted }
    }

    /// The bytes that were kept.
    mutating func take() -> ByteBuffer? {
        guard let bytes = held.take() else { return nil }
        memory.add(-bytes.readableBytes)
        return bytes
    }

    /// Forgets everything.
    mutating func clear() {
        _ = take()
        hasEnded = false
        loss = nil
    }
}
