package import OverlayWire
package import PosternModel

// Datagrams: unreliable, by port (requirement R5).
extension Node {
    /// Takes datagrams for `port` from now on. Those for other ports are dropped and counted.
    package mutating func openDatagramPort(_ port: VirtualPort) {
        guard port.rawValue != 0 else { return }
        shared.datagramPorts.insert(port)
    }

    /// Takes datagrams for `port` no more. What has arrived can still be taken.
    package mutating func closeDatagramPort(_ port: VirtualPort) {
        shared.datagramPorts.remove(port)
    }

    /// Sends a datagram: it arrives whole, or not at all (requirement R5). The oldest waiting one goes when
    /// `NodeSettings.maxDatagrams` wait.
    package mutating func sendDatagram(
        _ bytes: RawSpan,
        to handle: PeerHandle,
        port: VirtualPort,
        at now: Instant
    ) throws(StreamError) {
        guard let peer = peer(handle) else { throw .unknownPeer }
        guard let session = peer.session, session.isEstablished else { throw .notConnected }
        guard port.rawValue != 0, bytes.byteCount <= Self.maximumDatagramSize else { throw .invalidDatagram }
        guard let block = shared.keep(bytes, 0..<bytes.byteCount) else {
            shared.statistics.datagramsDropped += 1
            return
        }
        if session.datagrams.count >= shared.settings.maxDatagrams, let oldest = session.datagrams.popFirst() {
            shared.pool.giveBack(oldest.block)
            shared.statistics.datagramsDropped += 1
        }
        session.datagrams.append(.init(port: port, block: block, byteCount: bytes.byteCount))
        settle(peer)
    }

    /// The largest datagram that fits into a packet on every path, in bytes.
    package static let maximumDatagramSize =
        PacketLayout.relayedPathSize - PacketLayout.Protected.overhead - 64

    /// Bytes of the datagram that ``takeDatagram(into:)`` gives next; nil when none waits.
    package var nextDatagramSize: Int? { shared.datagrams.first?.datagram.byteCount }

    /// Appends the bytes of the next datagram that arrived to `writer`. Nil when none waits, or `writer` has not the
    /// room of ``nextDatagramSize``: then it goes on waiting.
    package mutating func takeDatagram(into writer: inout PacketWriter) -> ReceivedDatagram? {
        guard let size = nextDatagramSize, size <= writer.remaining else { return nil }
        guard let next = shared.datagrams.popFirst() else { return nil }
        shared.pool.load(next.block, at: 0, count: size, into: &writer)
        shared.pool.giveBack(next.block)
        return next.datagram
    }
}
