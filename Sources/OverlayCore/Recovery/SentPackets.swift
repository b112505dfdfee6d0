import OverlayWire
import PosternModel

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

/// A packet that was sent and whose fate may be open.
struct SentPacket {
    enum Fate: UInt8 {
        /// Nothing in it has to arrive: it is not tracked.
        case untracked
        case outstanding
        /// Outstanding, and what was in it left once more in a probe.
        case repeated
        case lost
        case acknowledged
    }

    var sentAt: Instant
    /// What had been delivered on its path when it left.
    var stamp: DeliveryRate.Stamp
    fileprivate(set) var fate: Fate
    private let size: UInt16
    fileprivate(set) var frameCount: UInt16
    /// Whether it left with ECT(0) (RFC 9000 §13.4).
    let isMarked: Bool
    /// Which path it took: only packets of the current one count for congestion control.
    var pathSerial: UInt32
    /// This many packets behind it are known not to be outstanding.
    fileprivate var settledBehind: UInt32 = 0
    fileprivate var firstFrame: Int

    /// Bytes that count as in flight (RFC 9002 §2).
    var byteCount: Int { Int(size) }

    init(
        sentAt: Instant,
        byteCount: Int,
        isTracked: Bool,
        isMarked: Bool = false,
        pathSerial: UInt32,
        stamp: DeliveryRate.Stamp
    ) {
        self.sentAt = sentAt
        self.stamp = stamp
        fate = isTracked ? .outstanding : .untracked
        self.isMarked = isMarked
        size = UInt16(clamping: byteCount)
        frameCount = 0
        self.pathSerial = pathSerial
        firstFrame = 0
    }

    /// Whether it is larger than what a path begins with.
    var isLarge: Bool { byteCount > PacketLayout.basePathSize }

    /// Whether it is no larger than what is sent on a path that does not carry that.
    var isSmall: Bool { byteCount <= PacketLayout.smallestPathSize }

    /// Whether it is still to be acknowledged or declared lost.
    var isOutstanding: Bool {
        switch fate {
        case .outstanding, .repeated: true
        case .untracked, .lost, .acknowledged: false
        }
    }
}

/// Sent packets by number, and their frames, in two rings: the oldest go first, nothing is allocated per packet.
///
/// The ring begins with the oldest outstanding packet. What an ACK frame has told once is not walked through again: the
/// first packet of a range remembers how far the range goes up.
struct SentPackets: ~Copyable {
    private var packets = RingQueue<SentPacket>()
    private var frames = RingQueue<SentFrame>()
    /// The number of the first packet in the ring.
    private(set) var lowest: UInt64
    /// How many frames left the front of the ring before.
    private var firstFrame = 0
    private var openFrames = 0
    /// Packets that were looked at, ever: the work of acknowledgements and loss detection.
    private(set) var visits = 0

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
    mutating func file(_ packet: SentPacket) {
        var packet = packet
        packet.firstFrame = firstFrame + frames.count - openFrames
        packet.frameCount = UInt16(clamping: openFrames)
        packets.append(packet)
        openFrames = 0
    }

    /// The packet `number`, if it is in the ring.
    subscript(number: UInt64) -> SentPacket? {
        guard number >= lowest, number < next else { return nil }
        return packets[Int(number - lowest)]
    }

    /// Bytes that are outstanding of what took the path with this serial. Looks at every packet.
    func outstandingBytes(on pathSerial: UInt32) -> Int {
        (0..<packets.count).reduce(0) { sum, position in
            let packet = packets[position]
            return packet.isOutstanding && packet.pathSerial == pathSerial ? sum + packet.byteCount : sum
        }
    }

    /// The packet `number`, if it is outstanding.
    func outstanding(_ number: UInt64) -> SentPacket? {
        guard let packet = self[number], packet.isOutstanding else { return nil }
        return packet
    }

    /// The oldest packet in the ring, once ``dropSettledFront()`` was called the oldest outstanding one.
    mutating func oldest() -> SentPacket? {
        visits += 1
        return packets.first
    }

    /// When `number` left, if it is in the ring, its fate was open and it took the path with this serial.
    func departure(of number: UInt64, pathSerial: UInt32) -> Instant? {
        guard let packet = self[number], packet.pathSerial == pathSerial else { return nil }
        switch packet.fate {
        case .untracked, .outstanding, .repeated: return packet.sentAt
        case .lost, .acknowledged: return nil
        }
    }

    /// Ends the story of `number`; its frames stay readable until ``dropSettledFront()``.
    mutating func settle(_ number: UInt64, as fate: SentPacket.Fate) {
        packets[Int(number - lowest)].fate = fate
    }

    /// Acknowledges what is outstanding in `range`; `body` gets each such packet, the oldest first: what a stream is
    /// told then joins what it knows, without a set of what lies above.
    mutating func acknowledge(_ range: ClosedRange<UInt64>, _ body: (borrowing SentPackets, SentPacket) -> Void) {
        guard range.upperBound >= lowest, range.lowerBound < next else { return }
        let top = Int(min(range.upperBound, next - 1) - lowest)
        let bottom = Int(max(range.lowerBound, lowest) - lowest)
        var position = bottom
        while position <= top {
            visits += 1
            let packet = packets[position]
            switch packet.fate {
            case .outstanding, .repeated:
                packets[position].fate = .acknowledged
                body(self, packet)
            case .untracked:
                packets[position].fate = .acknowledged
            case .lost, .acknowledged:
                break
            }
            position += 1 + Int(packet.settledBehind)
        }
        packets[bottom].settledBehind = max(packets[bottom].settledBehind, UInt32(clamping: top - bottom))
    }

    /// Calls `body` with each frame of a packet in the ring.
    func forEachFrame(of packet: SentPacket, _ body: (SentFrame) -> Void) {
        let start = packet.firstFrame - firstFrame
        for position in start..<start + Int(packet.frameCount) { body(frames[position]) }
    }

    /// Whether the packet is a probe for the path's size: its loss is no sign of congestion, and nobody misses it.
    func isSizeProbe(_ packet: SentPacket) -> Bool {
        guard packet.frameCount == 1, case .sizeProbe = frames[packet.firstFrame - firstFrame] else { return false }
        return true
    }

    /// Gives back what lies before the oldest outstanding packet. True when an acknowledged packet was among it.
    @discardableResult
    mutating func dropSettledFront() -> Bool {
        var hasAcknowledged = false
        while let packet = packets.first {
            switch packet.fate {
            case .outstanding, .repeated: return hasAcknowledged
            case .acknowledged: hasAcknowledged = true
            case .untracked, .lost: break
            }
            _ = packets.popFirst()
            lowest += 1
            for _ in 0..<packet.frameCount { _ = frames.popFirst() }
            firstFrame += Int(packet.frameCount)
        }
        return hasAcknowledged
    }
}
