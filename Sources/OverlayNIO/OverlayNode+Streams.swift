package import NIOCore
import OverlayCore
import OverlayWire
package import PosternModel

extension OverlayNode {
    /// Opens a stream to `port` of a peer. Nothing is awaited: what is written at once leaves with the opening, and
    /// rides in the first handshake message when there is no session yet. Fails when the peer is unknown or the node
    /// stopped.
    package func openStream(
        to key: NodeKey,
        port: VirtualPort,
        handler: any OverlayStreamHandler
    ) throws(OverlayError) -> OverlayStream {
        guard case .running = phase else { throw .notRunning }
        guard let peer = core.peer(with: key) else { throw .unknownPeer }
        let handle: StreamHandle
        do {
            handle = try core.openStream(to: peer, port: port, at: now)
        } catch {
            throw .refused(error)
        }
        note(peer, key)
        let stream = OverlayStream(node: self, handle: handle, peer: key, port: port)
        stream.handler = handler
        insert(stream)
        needsTurn()
        return stream
    }

    /// Sends an unreliable datagram. It is dropped when there is no session, when the core's queue is full, or when it
    /// does not fit into one packet.
    package func sendDatagram(_ bytes: ByteBuffer, to key: NodeKey, port: VirtualPort) {
        guard case .running = phase, let peer = core.peer(with: key) else { return }
        // A datagram that cannot be sent is lost, as any may be; the core counts it.
        try? core.sendDatagram(bytes.readableBytesSpan, to: peer, port: port, at: now)
        needsTurn()
    }

    /// Takes datagrams for `port` from now on: the observer gets them. Those for other ports are dropped and counted.
    package func openDatagramPort(_ port: VirtualPort) {
        core.openDatagramPort(port)
    }

    /// Takes datagrams for `port` no more.
    package func closeDatagramPort(_ port: VirtualPort) {
        core.closeDatagramPort(port)
    }

    // MARK: For OverlayStream

    /// Bytes of `bytes` that the core took, or nil when the stream takes no more.
    func write(_ bytes: ByteBuffer, to handle: StreamHandle) -> Int? {
        guard case .running = phase else { return nil }
        needsTurn()
        return try? core.write(bytes.readableBytesSpan, to: handle, at: now)
    }

    func read(_ handle: StreamHandle, atMost limit: Int, isAtEnd: inout Bool) -> ByteBuffer? {
        guard case .running = phase else { return nil }
        let size = min(core.readableByteCount(handle), limit)
        var result: ReadResult?
        let buffer: ByteBuffer
        switch size {
        case ...smallReads.capacity:
            buffer = smallReads.take { result = core.read(handle, size, into: &$0, at: now) }
        case (largeReads.capacity / 2)...largeReads.capacity:
            buffer = largeReads.take { result = core.read(handle, size, into: &$0, at: now) }
        case _:
            var exact = ByteBufferAllocator().buffer(capacity: size)
            result = core.read(handle, size, into: &exact, at: now)
            buffer = exact
        }
        guard let result else { return nil }
        if result.isAtEnd { isAtEnd = true }
        // Reading gives the peer credit, which is to be told.
        needsTurn()
        return result.byteCount > 0 ? buffer : nil
    }

    func readableByteCount(of handle: StreamHandle) -> Int {
        guard case .running = phase else { return 0 }
        return core.readableByteCount(handle)
    }

    func finish(_ handle: StreamHandle) {
        guard case .running = phase else { return }
        core.finish(handle, at: now)
        needsTurn()
    }

    func reset(_ handle: StreamHandle, _ code: ErrorCode) {
        guard case .running = phase else { return }
        core.reset(handle, code: code, at: now)
        needsTurn()
    }

    func stopReading(_ handle: StreamHandle, _ code: ErrorCode) {
        guard case .running = phase else { return }
        core.stopReading(handle, code: code, at: now)
        needsTurn()
    }

    // MARK: Slots

    /// The stream of `handle`, if it lives.
    func stream(_ handle: StreamHandle) -> OverlayStream? {
        let peer = Int(handle.peer.slot)
        let slot = Int(handle.slot)
        if peer < peers.count, let streams = peers[peer]?.streams, slot < streams.count {
            if let stream = streams[slot], stream.handle == handle { return stream }
        }
        return leaving.isEmpty ? nil : leaving[handle]
    }

    func insert(_ stream: OverlayStream) {
        note(stream.handle.peer, stream.peer)
        let peer = Int(stream.handle.peer.slot)
        let slot = Int(stream.handle.slot)
        let missing = slot + 1 - (peers[peer]?.streams.count ?? 0)
        if missing > 0 { peers[peer]?.streams.append(contentsOf: repeatElement(nil, count: missing)) }
        peers[peer]?.streams[slot] = stream
    }

    func removeStream(_ handle: StreamHandle) -> OverlayStream? {
        guard let stream = stream(handle) else { return nil }
        if leaving.removeValue(forKey: handle) == nil {
            peers[Int(handle.peer.slot)]?.streams[Int(handle.slot)] = nil
        }
        return stream
    }
}

extension Node {
    /// Reads `byteCount` bytes at most into the free space of `buffer`; nil when the stream is gone.
    mutating func read(
        _ handle: StreamHandle,
        _ byteCount: Int,
        into buffer: inout ByteBuffer,
        at now: Instant
    ) -> ReadResult? {
        var result: ReadResult?
        buffer.writeWithUnsafeMutableBytes(minimumWritableBytes: max(byteCount, 1)) { memory in
            var writer = PacketWriter(memory)
            writer.limit = min(byteCount, memory.count)
            result = try? read(handle, into: &writer, at: now)
            return writer.count
        }
        return result
    }

    /// Takes the next datagram, of `byteCount` bytes, into the free space of `buffer`.
    mutating func takeDatagram(_ byteCount: Int, into buffer: inout ByteBuffer) -> ReceivedDatagram? {
        var result: ReceivedDatagram?
        buffer.writeWithUnsafeMutableBytes(minimumWritableBytes: max(byteCount, 1)) { memory in
            var writer = PacketWriter(memory)
            result = takeDatagram(into: &writer)
            return writer.count
        }
        return result
    }
}
