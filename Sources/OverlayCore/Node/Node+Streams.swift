package import OverlayWire
package import PosternModel

// Streams.
extension Node {
    /// Opens a stream to a virtual port of the peer. It can be written at once: without a session, what is written now
    /// travels with the handshake.
    package mutating func openStream(
        to handle: PeerHandle,
        port: VirtualPort,
        at now: Instant
    ) throws(StreamError) -> StreamHandle {
        guard !isClosing else { throw .closing }
        guard let peer = peer(handle), peer.isAdmitted || peer.session != nil else { throw .unknownPeer }
        let session = session(with: peer, at: now)
        switch session.phase {
        case .closing: throw .closing
        case .connecting, .established: break
        }
        let stream = session.openStream(port: port, shared: &shared, at: now)
        settle(peer)
        return stream
    }

    /// Takes as many of `bytes` as the stream's buffer allows and returns how many; `.streamWritable` tells when the
    /// rest can follow.
    package mutating func write(
        _ bytes: RawSpan,
        to handle: StreamHandle,
        at now: Instant
    ) throws(StreamError) -> Int {
        let session = try session(of: handle)
        let count = try session.write(bytes, to: Int(handle.slot), shared: &shared)
        wake(session.peer)
        return count
    }

    /// Ends our half behind what was written.
    package mutating func finish(_ handle: StreamHandle, at now: Instant) {
        guard let session = try? session(of: handle) else { return }
        session.finish(Int(handle.slot))
        wake(session.peer)
    }

    /// Aborts both halves at both ends.
    package mutating func reset(_ handle: StreamHandle, code: ErrorCode, at now: Instant) {
        guard let session = try? session(of: handle) else { return }
        session.reset(Int(handle.slot), code: code, shared: &shared, at: now)
        wake(session.peer)
    }

    /// Reads no more: the peer is told to send no more.
    package mutating func stopReading(_ handle: StreamHandle, code: ErrorCode, at now: Instant) {
        guard let session = try? session(of: handle) else { return }
        session.stopReceiving(Int(handle.slot), code: code, shared: &shared, at: now)
        wake(session.peer)
    }

    /// Appends what has arrived to `writer`, as far as it has room. Reading gives the peer new credit; not reading is
    /// back-pressure.
    package mutating func read(
        _ handle: StreamHandle,
        into writer: inout PacketWriter,
        at now: Instant
    ) throws(StreamError) -> ReadResult {
        let session = try session(of: handle)
        let result = session.read(Int(handle.slot), into: &writer, shared: &shared, at: now)
        if session.hasContentToSend { wake(session.peer) }
        feedStarved()
        return result
    }

    /// Bytes that can be read now; 0 for a stream that ended.
    package func readableByteCount(_ handle: StreamHandle) -> Int {
        guard let session = try? session(of: handle) else { return 0 }
        return session.streams[Int(handle.slot)].receive.readableBytes
    }

    /// The session of a living stream.
    private func session(of handle: StreamHandle) throws(StreamError) -> Session {
        guard let peer = peer(handle.peer), let session = peer.session else { throw .unknownStream }
        guard session.streams.contains(Int(handle.slot), generation: handle.generation) else { throw .unknownStream }
        return session
    }
}
