import OverlayCore
import OverlayWire
import PosternModel

/// The node's calls on streams and datagrams, with arrays for buffers.
extension Host {
    /// What can be read now and whether the stream ends behind it; nil when the node refuses.
    func read(_ handle: StreamHandle, atMost byteCount: Int, at now: Instant) -> (bytes: [UInt8], isEnd: Bool)? {
        var isEnd = false
        var isRefused = false
        let bytes = PacketWriter.bytes(capacity: byteCount) { writer in
            do {
                isEnd = try node.read(handle, into: &writer, at: now).isAtEnd
            } catch {
                isRefused = true
            }
        }
        return isRefused ? nil : (bytes, isEnd)
    }

    /// How many of `bytes` the node took.
    func write(_ bytes: [UInt8], to handle: StreamHandle, at now: Instant) -> Int {
        (try? node.write(bytes.span.bytes, to: handle, at: now)) ?? 0
    }

    /// The next datagram that arrived.
    func takeDatagram() -> (datagram: ReceivedDatagram, bytes: [UInt8])? {
        guard let size = node.nextDatagramSize else { return nil }
        var datagram: ReceivedDatagram?
        let bytes = PacketWriter.bytes(capacity: size) { datagram = node.takeDatagram(into: &$0) }
        return datagram.map { ($0, bytes) }
    }
}
