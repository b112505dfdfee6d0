import OverlayWire

/// What a frame in a sent packet means for the stream or session when the packet is acknowledged or lost.
enum SentFrame {
    case ack(largest: PacketNumber)
    case stream(slot: UInt32, generation: UInt32, offset: UInt64, count: UInt32, isFin: Bool)
    case resetStream(slot: UInt32, generation: UInt32)
    case stopSending(slot: UInt32, generation: UInt32)
    case maxStreamData(slot: UInt32, generation: UInt32)
    case maxData
    case maxStreams
    case candidates
    case newIndex(sequence: UInt64)
    case observedAddress
    /// The only frame of a packet of this size that was sent to see whether it arrives (RFC 8899).
    case sizeProbe(pathSerial: UInt32, byteCount: UInt32)
}

/// A packet that was sent and whose fate is open.
struct SentPacket {
    enum Fate {
        /// Nothing in it has to arrive: it is not tracked.
        case untracked
        case outstanding
        case settled
    }

    var fate: Fate
    var sentAt: Instant
    /// Bytes that count as in flight (RFC 9002 §2).
    var byteCount: Int
    var firstFrame: Int
    var frameCount: Int
    /// Which path it took: only packets of the current one count for congestion control.
    var pathSerial: UInt32
    /// Whether the sender had nothing more to send when it left (RFC 9002 §7.8).
    var isAppLimited: Bool
    /// Whether it left with ECT(0) (RFC 9000 §13.4).
    var isMarked = false
}

/// Sent packets by number, and their frames, in two rings: the oldest go first, nothing is allocated per packet.
struct SentPackets {
    private var packets = RingQueue<SentPacket>()
    private var frames = RingQueue<SentFrame>()
    /// The number of the first packet in the ring.
    private(set) var lowest: UInt64
    /// How many frames left the front of the ring before.
    private var firstFrame = 0
    private var openFrames = 0

    /// `next`: the number of the first packet that will be filed.
    init(next: UInt64) {
        lowest = next
    }

    /// The number behind the last filed packet.
    var next: UInt64 { lowest + UInt64(packets.count) }
    /// Packets in the ring.
    var count: Int { packets.count }

    /// Notes a frame of the packet that is being built.
    mutating func add(_ frame: SentFrame) {
        frames.append(frame)
        openFrames += 1
    }

    /// Files the packet with number ``next`` and the frames noted since the last.
    mutating func file(
        sentAt: Instant,
        byteCount: Int,
        isTracked: Bool,
        pathSerial: UInt32,
        isAppLimited: Bool,
        isMarked: Bool = false
    ) {
        packets.append(
            SentPacket(
                fate: isTracked ? .outstanding : .untracked,
                sentAt: sentAt,
                byteCount: byteCount,
                firstFrame: firstFrame + frames.count - openFrames,
                frameCount: openFrames,
                pathSerial: pathSerial,
                isAppLimited: isAppLimited,
                isMarked: isMarked
            )
        )
        openFrames = 0
        dropSettledFront()
    }

    /// The packet `number`, if it is in the ring and its fate is open.
    func outstanding(_ number: UInt64) -> SentPacket? {
        guard number >= lowest, number < next else { return nil }
        let packet = packets[Int(number - lowest)]
        switch packet.fate {
        case .outstanding: return packet
        case .untracked, .settled: return nil
        }
    }

    /// Whether `number` is in the ring and its fate is known.
    func isSettled(_ number: UInt64) -> Bool {
        guard number >= lowest, number < next else { return false }
        switch packets[Int(number - lowest)].fate {
        case .settled: return true
        case .untracked, .outstanding: return false
        }
    }

    /// When `number` left, if it is in the ring, was not settled before and took the path with this serial.
    func departure(of number: UInt64, pathSerial: UInt32) -> Instant? {
        guard number >= lowest, number < next, !isSettled(number) else { return nil }
        let packet = packets[Int(number - lowest)]
        return packet.pathSerial == pathSerial ? packet.sentAt : nil
    }

    /// Ends the story of `number`; its frames stay readable until ``dropSettledFront()``.
    mutating func settle(_ number: UInt64) {
        packets[Int(number - lowest)].fate = .settled
    }

    func frame(_ position: Int, of packet: SentPacket) -> SentFrame {
        frames[packet.firstFrame - firstFrame + position]
    }

    /// Whether the packet is a probe for the path's size: its loss is no sign of congestion, and nobody misses it.
    func isSizeProbe(_ packet: SentPacket) -> Bool {
        guard packet.frameCount == 1, case .sizeProbe = frame(0, of: packet) else { return false }
        return true
    }

    /// Gives back what lies before the oldest outstanding packet.
    mutating func dropSettledFront() {
        while let packet = packets.first {
            switch packet.fate {
            case .outstanding: return
            case .untracked, .settled: break
            }
            _ = packets.popFirst()
            lowest += 1
            for _ in 0..<packet.frameCount { _ = frames.popFirst() }
            firstFrame += packet.frameCount
        }
    }
}
