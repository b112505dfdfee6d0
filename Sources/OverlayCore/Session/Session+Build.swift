import OverlayCrypto
import OverlayWire
import PosternModel

// What is sent: one packet at a time, sealed.
extension Session {
    /// What a packet may hold.
    enum Content {
        /// Everything that waits.
        case all
        /// Acknowledgements and the peer's own relayed packets only: the window or the pacer forbids more.
        case acknowledgements
        /// A PING, and acknowledgements: the peer has been silent for long.
        case ping
    }

    /// Writes the header of the next packet and returns where the packet begins. `index`: if not that of the path in
    /// use.
    private func begin(_ writer: inout PacketWriter, epoch: KeyEpoch, size: Int, index: ReceiverIndex? = nil) -> Int {
        let start = writer.count
        writer.limit = start + size - PacketLayout.tagSize
        writer.append(PacketType.protected.rawValue)
        writer.append(bigEndian: (index ?? epoch.peerIndex).rawValue)
        writer.append(bigEndian: UInt32(truncatingIfNeeded: recovery.packets.next))
        return start
    }

    /// Seals the packet that begins at `start` and files it.
    private func end(
        _ writer: inout PacketWriter,
        from start: Int,
        epoch: KeyEpoch,
        isTracked: Bool,
        isMarked: Bool = false,
        shared: inout Shared,
        at now: Instant
    ) {
        let number = recovery.packets.next
        defer { recovery.skipIfDue { shared.random.nextUInt64() } }
        writer.limit += PacketLayout.tagSize
        epoch.sealer.seal(PacketNumber(number), in: &writer, from: start)
        if shared.settings.tracesSeals {
            shared.seals.append(Seal(keySerial: epoch.serial, packetNumber: number))
        }
        let byteCount = writer.count - start
        recovery.file(
            sentAt: now,
            byteCount: byteCount,
            isTracked: isTracked,
            isMarked: isMarked,
            path: path
        )
        epoch.sealedBytes += UInt64(byteCount)
        bytesSent += UInt64(byteCount)
        sentAt = now
        shared.statistics.packetsSent += 1
        shared.statistics.bytesSent += UInt64(byteCount)
    }

    /// Appends one packet of at most `size` bytes for the path in use. False when nothing waits that `content` allows.
    func writePacket(
        to writer: inout PacketWriter,
        size: Int,
        content: Content,
        shared: inout Shared,
        at now: Instant
    ) -> Bool {
        guard let epoch = sendEpoch else { return false }
        let mayElicit =
            switch content {
            case .all: true
            case .acknowledgements, .ping: false
            }
        let isPing =
            switch content {
            case .ping: true
            case .all, .acknowledgements: false
            }
        let hasContent = mayElicit && hasContentToSend
        guard hasContent || isPing || received.isAckDue else { return false }
        let start = begin(&writer, epoch: epoch, size: size)
        if received.hasNews, let largest = received.writeAck(to: &writer, at: now) {
            recovery.add(.ack(largest: largest))
        }
        let acknowledgementsEnd = writer.count
        if isPing { writer.append(FrameType.ping) }
        if hasContent {
            writeControl(to: &writer, epoch: epoch, shared: &shared, at: now)
            writeDatagrams(to: &writer, shared: &shared)
            writeStreams(to: &writer, shared: &shared)
            if recovery.probesOwed > 0, writer.count == acknowledgementsEnd { writer.append(FrameType.ping) }
        }
        guard writer.count > start + PacketLayout.Protected.payload else {
            writer.truncate(to: start)
            writer.limit = writer.capacity
            return false
        }
        let isTracked = writer.count > acknowledgementsEnd
        if shared.settings.padsPackets {
            let wanted = PaddedSize.of(writer.count - start + PacketLayout.tagSize, limit: size)
            writer.appendZeros(start + wanted - PacketLayout.tagSize - writer.count)
        }
        let isMarked = path?.ecn.isMarking ?? false
        end(&writer, from: start, epoch: epoch, isTracked: isTracked, isMarked: isMarked, shared: &shared, at: now)
        if isMarked { path?.ecn.sent(isTracked: isTracked) }
        writer.limit = writer.capacity
        return true
    }

    /// Whether anything waits that elicits an acknowledgement. Queues can hold streams that ended meanwhile.
    var hasContentToSend: Bool {
        !control.isEmpty || !queues.isEmpty || !datagrams.isEmpty || recovery.probesOwed > 0
    }

    /// Whether something waits to be sent, were it only an acknowledgement or a challenge.
    var hasMore: Bool {
        hasContentToSend || received.isAckDue || !pendingResponses.isEmpty || !probes.isEmpty || !relayQueue.isEmpty
            || uncommon?.hasMore == true
    }

    // MARK: Frames

    private func writeControl(
        to writer: inout PacketWriter,
        epoch: KeyEpoch,
        shared: inout Shared,
        at now: Instant
    ) {
        if control.isPingDue, writer.remaining >= 1 {
            writer.append(FrameType.ping)
            control.isPingDue = false
        }
        if control.isMaxDataDue, writer.remaining >= 9 {
            writer.appendLimit(FrameType.maxData, flow.maxData)
            recovery.add(.maxData)
            control.isMaxDataDue = false
        }
        if control.isMaxStreamsDue, writer.remaining >= 9 {
            writer.appendLimit(FrameType.maxStreams, flow.maxStreams)
            recovery.add(.maxStreams)
            control.isMaxStreamsDue = false
        }
        while let sequence = control.newIndices.first, writer.remaining >= 13 {
            control.newIndices.removeFirst()
            guard let index = epoch.index(sequence: sequence) else { continue }
            writer.appendNewIndex(sequence: sequence, index)
            recovery.add(.newIndex(sequence: sequence))
        }
        if control.isObservedDue {
            guard let endpoint = path?.addresses.remote, !endpoint.isDetour else {
                control.isObservedDue = false
                return
            }
            guard writer.remaining >= 28 else { return }
            shared.candidatesSequence += 1
            writer.appendObservedAddress(sequence: shared.candidatesSequence, endpoint)
            recovery.add(.observedAddress)
            control.isObservedDue = false
        }
        writeCandidates(to: &writer, shared: &shared)
        writePunch(to: &writer, at: now)
        writeAttests(to: &writer)
    }

    /// Tells the peer where we are, if it may know.
    private func writeCandidates(to writer: inout PacketWriter, shared: inout Shared) {
        guard control.areCandidatesDue else { return }
        let isAllowed = shared.settings.usesDirectPaths && peer.sharesCandidates
        guard isAllowed, !shared.localCandidates.isEmpty else {
            control.areCandidatesDue = false
            return
        }
        let endpoints = shared.localCandidates.prefix(Frame.Limits.candidates).map(\.endpoint)
        guard writer.remaining >= 10 + endpoints.count * 19 else { return }
        shared.candidatesSequence += 1
        writer.appendCandidates(sequence: shared.candidatesSequence, endpoints)
        recovery.add(.candidates)
        control.areCandidatesDue = false
    }

    /// What a DATAGRAM frame has before its bytes, at most.
    static let datagramHead = 6

    private func writeDatagrams(to writer: inout PacketWriter, shared: inout Shared) {
        guard !datagrams.isEmpty else { return }
        dropLargeDatagrams(shared: &shared)
        while let datagram = datagrams.first, writer.remaining >= datagram.byteCount + Self.datagramHead {
            _ = datagrams.popFirst()
            shared.pool.withSpan(datagram.block, count: datagram.byteCount) {
                writer.appendDatagram(port: datagram.port, $0)
            }
            shared.pool.giveBack(datagram.block)
        }
    }

    /// The smallest room in which a STREAM frame is begun.
    private static let smallestStreamFrame = 32

    /// Fills the packet with streams in turn.
    func writeStreams(to writer: inout PacketWriter, shared: inout Shared) {
        while writer.remaining >= Self.smallestStreamFrame, let (entry, isSmall) = queues.popFirst() {
            let slot = Int(entry.slot)
            guard streams.contains(slot, generation: entry.generation) else { continue }
            guard !isSmall || hasSmallWrite(slot) else {
                // More was written since it was put there.
                queues.append(entry, isSmall: false)
                continue
            }
            streams[slot].isQueued = false
            let start = writer.count
            writeStreamControl(slot, to: &writer)
            while writer.remaining >= Self.smallestStreamFrame, writeChunk(slot, to: &writer, shared: &shared) {}
            queues.sent(writer.count - start, isSmall: isSmall)
            requeue(slot, isSmall: isSmall, shared: &shared)
        }
    }

    /// Fills message 1 with bytes of streams, and nothing else (`Protocol.md` §4.5): a stream that has more to tell
    /// waits.
    func writeEarlyStreams(to writer: inout PacketWriter, shared: inout Shared) {
        var waiting: [SendQueues.Entry] = []
        while writer.remaining >= Self.smallestStreamFrame, let (entry, _) = queues.popFirst() {
            let slot = Int(entry.slot)
            guard streams.contains(slot, generation: entry.generation) else { continue }
            if streams[slot].send.pendingReset == nil, streams[slot].pendingStop == nil, !streams[slot].isCreditDue {
                while writer.remaining >= Self.smallestStreamFrame, writeChunk(slot, to: &writer, shared: &shared) {}
            }
            waiting.append(entry)
        }
        for entry in waiting {
            streams[Int(entry.slot)].isQueued = false
            requeue(Int(entry.slot), isSmall: hasSmallWrite(Int(entry.slot)), shared: &shared)
        }
    }

    /// Whether what waits on the stream is a small write.
    func hasSmallWrite(_ slot: Int) -> Bool {
        streams[slot].send.unsentBytes <= UInt64(SendQueues.smallWrite)
    }

    /// Puts a stream back into turn if it has more to send, or aside if it waits for credit. The rest of a small write
    /// is one still, the end of bulk is not.
    private func requeue(_ slot: Int, isSmall: Bool, shared: inout Shared) {
        guard streams[slot].hasFrame else { return }
        let waitsForStreams = isOurs(slot) && streams[slot].id.ordinal >= flow.peerMaxStreams
        let waitsForCredit = flow.sendCredit == 0 && !streams[slot].hasFrameWithoutCredit
        let entry = SendQueues.Entry(slot: UInt32(slot), generation: streams[slot].generation)
        if !waitsForStreams, !waitsForCredit {
            streams[slot].isQueued = true
            queues.append(entry, isSmall: isSmall)
        } else if !streams[slot].isBlocked {
            streams[slot].isBlocked = true
            if waitsForCredit { shared.statistics.creditStalls += 1 }
            queues.block(entry)
        }
    }

    private func isOurs(_ slot: Int) -> Bool { streams[slot].id.isEven == opensEvenStreams }

    private func writeStreamControl(_ slot: Int, to writer: inout PacketWriter) {
        let id = streams[slot].id
        guard !isOurs(slot) || id.ordinal < flow.peerMaxStreams else { return }
        let generation = streams[slot].generation
        if let code = streams[slot].send.pendingReset, writer.remaining >= 25 {
            writer.appendResetStream(id, code: code, finalSize: streams[slot].send.sent)
            streams[slot].send.markResetSent()
            recovery.add(.resetStream(slot: UInt32(slot), generation: generation))
        }
        if let code = streams[slot].pendingStop, writer.remaining >= 17 {
            writer.appendStopSending(id, code: code)
            streams[slot].pendingStop = nil
            recovery.add(.stopSending(slot: UInt32(slot), generation: generation))
        }
        if streams[slot].isCreditDue, writer.remaining >= 17 {
            writer.appendMaxStreamData(id, streams[slot].receive.limit)
            streams[slot].isCreditDue = false
            recovery.add(.maxStreamData(slot: UInt32(slot), generation: generation))
        }
    }

    /// Appends one STREAM frame; false when the stream has none to send now.
    private func writeChunk(_ slot: Int, to writer: inout PacketWriter, shared: inout Shared) -> Bool {
        let id = streams[slot].id
        switch streams[slot].send.phase {
        case .open, .finishing: break
        case .resetting, .done: return false
        }
        guard !isOurs(slot) || id.ordinal < flow.peerMaxStreams else { return false }
        let credit = flow.sendCredit
        guard let wanted = streams[slot].send.nextChunk(maximum: 0xffff, credit: credit) else { return false }
        let opensStream = wanted.offset == 0 && isOurs(slot)
        let head = 1 + Varint.size(id.rawValue) + (opensStream ? 2 : Varint.size(wanted.offset))
        // Without a length the frame fills the packet; with one, two bytes hold it.
        let fillsPacket = wanted.count >= writer.remaining - head
        let room = fillsPacket ? writer.remaining - head : writer.remaining - head - 2
        guard let chunk = streams[slot].send.nextChunk(maximum: room, credit: credit) else { return false }
        writer.appendStreamHead(
            id,
            offset: chunk.offset,
            port: opensStream ? streams[slot].port : nil,
            isFin: chunk.isFin,
            byteCount: fillsPacket ? nil : chunk.count
        )
        streams[slot].send.send(chunk, into: &writer, pool: shared.pool)
        if chunk.isNew {
            flow.send(chunk.count)
            if streams[slot].send.isBlocked { shared.statistics.creditStalls += 1 }
            tellWritable(slot, shared: &shared)
        }
        recovery.add(
            .stream(
                slot: UInt32(slot),
                generation: streams[slot].generation,
                offset: chunk.offset,
                count: UInt32(chunk.count),
                isFin: chunk.isFin
            )
        )
        return true
    }

    // MARK: Packets of their own

    /// Appends a packet of `size` bytes with challenges or responses (RFC 9000 §8.2.1). On another path than the one in
    /// use it has another index.
    func writePathPacket(
        _ type: UInt8,
        tokens: [UInt64],
        delay: Interval? = nil,
        size: Int,
        on addresses: AddressPair,
        to writer: inout PacketWriter,
        shared: inout Shared,
        at now: Instant
    ) -> Bool {
        guard let epoch = sendEpoch else { return false }
        let index = addresses == path?.addresses ? nil : epoch.probingIndex
        let start = begin(&writer, epoch: epoch, size: size, index: index)
        if let delay {
            for token in tokens { writer.append(delayedChallenge: token, delay: UInt64(delay.milliseconds)) }
        } else {
            for token in tokens { writer.appendPathToken(type, token) }
        }
        writer.appendZeros(writer.remaining)
        end(&writer, from: start, epoch: epoch, isTracked: false, shared: &shared, at: now)
        writer.limit = writer.capacity
        return true
    }

    /// Appends a packet of `size` bytes that shows by its acknowledgement that the path carries them (RFC 8899 §4.1,
    /// RFC 9000 §14.4).
    func writeSizeProbe(size: Int, to writer: inout PacketWriter, shared: inout Shared, at now: Instant) -> Bool {
        guard let epoch = sendEpoch, let path, writer.remaining >= size else { return false }
        let start = begin(&writer, epoch: epoch, size: size)
        writer.append(FrameType.ping)
        writer.appendZeros(writer.remaining)
        path.mtu.sentProbe(recovery.packets.next)
        recovery.add(.sizeProbe(pathSerial: path.serial, byteCount: UInt32(size)))
        end(&writer, from: start, epoch: epoch, isTracked: true, shared: &shared, at: now)
        path.pacer.spend(size)
        writer.limit = writer.capacity
        return true
    }

    /// Appends a packet that carries one relayed packet. It is neither acknowledged nor counted against the window: the
    /// session inside sees to that.
    func writeRelayedPacket(to writer: inout PacketWriter, shared: inout Shared, at now: Instant) -> Bool {
        guard let epoch = sendEpoch, let packet = relayQueue.popFirst() else { return false }
        let size = PacketLayout.Protected.overhead + 5 + packet.byteCount
        let start = begin(&writer, epoch: epoch, size: size)
        writer.appendRelayHead(packet.relay.channel)
        shared.pool.load(packet.block, at: 0, count: packet.byteCount, into: &writer)
        shared.pool.giveBack(packet.block)
        end(&writer, from: start, epoch: epoch, isTracked: false, shared: &shared, at: now)
        writer.limit = writer.capacity
        relayedBytes += UInt64(packet.byteCount)
        if relayedSince <= heardAt { relayedSince = now }
        shared.statistics.relayedPackets += 1
        return true
    }

    /// Appends a packet that closes the session.
    func writeClose(
        code: ErrorCode,
        reason: String,
        size: Int,
        to writer: inout PacketWriter,
        shared: inout Shared,
        at now: Instant
    ) -> Bool {
        guard let epoch = sendEpoch else { return false }
        let start = begin(&writer, epoch: epoch, size: size)
        writer.appendClose(code: code, reason: reason)
        end(&writer, from: start, epoch: epoch, isTracked: false, shared: &shared, at: now)
        writer.limit = writer.capacity
        return true
    }
}
