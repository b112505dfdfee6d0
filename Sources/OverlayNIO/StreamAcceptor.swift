package import NIOCore
package import PosternModel

/// Where the streams of peers go that are for services: the gateway.
package protocol StreamAcceptor: AnyObject {
    /// A peer opened a stream to a port for services; nil refuses it.
    func accept(_ stream: OverlayStream, from peer: NodeKey, port: VirtualPort) -> (any OverlayStreamHandler)?

    /// A datagram of a peer came to a port that was opened for them.
    func receive(_ datagram: ByteBuffer, from peer: NodeKey, port: VirtualPort)

    /// The session with `peer` changed.
    func noteSession(with peer: NodeKey, _ change: SessionChange)

    /// The right of `peer` to be here has ended; the overlay has cut its streams already.
    func endStreams(of peer: NodeKey)

    /// What gives peers access has changed: each of their streams is decided again.
    func reviewStreams()
}
